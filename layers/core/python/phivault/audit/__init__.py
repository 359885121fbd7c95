"""Audit events, their canonical bytes and the recorder."""
