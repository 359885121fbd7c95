"""phivault: a backend for protected health information."""
