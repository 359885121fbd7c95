"""What persons may ask for: their data erased."""
