"""User attributes as administrators may set them."""

from __future__ import annotations

import re
import uuid

from local.cognito.errors import invalid_parameter
from local.cognito.pool import Pool

STANDARD = frozenset({"email", "email_verified", "phone_number", "phone_number_verified"}) | frozenset(
    {"name", "given_name", "family_name", "locale", "zoneinfo"}
)
MAXIMUM_LENGTH = 2048
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def parse(pool: Pool, given: list[dict[str, str]]) -> dict[str, str]:
    """The AttributeType list as a mapping: raises InvalidParameterException. An empty value means removal."""
    attributes = {item["Name"]: item.get("Value") or "" for item in given}
    for name, value in attributes.items():
        _check(pool, name, value)
    return attributes


def check_email(value: str) -> None:
    if not _EMAIL.fullmatch(value):
        raise invalid_parameter("Username should be an email.")


def listed(sub: str, attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in {"sub": sub, **attributes}.items()]


def new_sub() -> str:
    return str(uuid.uuid4())


def _check(pool: Pool, name: str, value: str) -> None:
    if name == "sub":
        raise invalid_parameter("Cannot modify the non-mutable attribute sub")
    if name not in STANDARD | pool.custom_attributes:
        raise invalid_parameter("Attributes did not conform to the schema: an attribute is not in the schema")
    if len(value) > MAXIMUM_LENGTH:
        raise invalid_parameter("Attributes did not conform to the schema: an attribute is too long")
    if name == "phone_number" and value and not _E164.fullmatch(value):
        raise invalid_parameter("Invalid phone number format.")
    if name == "email" and not _EMAIL.fullmatch(value):
        raise invalid_parameter("Invalid email address format.")
    if name in ("email_verified", "phone_number_verified") and value not in ("true", "false"):
        raise invalid_parameter(f"Invalid value for attribute {name}.")
