"""Subject keys and sealed values."""
