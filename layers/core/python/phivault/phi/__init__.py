"""Data classes and the element catalogue."""
