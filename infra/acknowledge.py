"""Findings that stay, each on one resource and with its reason. The templates and the validation report carry them."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import Construct


def acknowledge(construct: Construct, reason: str, *rules: str) -> None:
    """Accept the named rules' findings on this construct, and on nothing else than it and what it consists of."""
    for rule in rules:
        Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
