"""Fixtures: AWS endpoints on this machine."""
