"""The steps that show the product's security at work, played by ``phivault demo`` and ``/test-security``."""
