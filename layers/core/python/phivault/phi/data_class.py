"""Data classes: how protected an element is, and so who may see it."""

from __future__ import annotations

from enum import StrEnum


class DataClass(StrEnum):
    """Ordered from least to most protective; an unknown element is SENSITIVE."""

    ADMINISTRATIVE = "administrative"
    DEIDENTIFIED = "deidentified"
    CONTACT = "contact"
    IDENTIFYING = "identifying"
    CLINICAL = "clinical"
    SENSITIVE = "sensitive"
