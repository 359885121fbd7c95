"""Fixtures: the embedded PostgreSQL."""
