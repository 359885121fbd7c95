"""The phivault command."""
