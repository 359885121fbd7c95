"""A key, a context and elements that unit tests of the envelope share."""

from __future__ import annotations

import pytest

from phivault.crypto.element import Element, SealContext
from phivault.crypto.subject_key import SubjectKey

TENANT, SUBJECT = "t-1", "Patient/p-1"


@pytest.fixture
def key() -> SubjectKey:
    return SubjectKey(TENANT, SUBJECT, 3, bytes(range(32)))


@pytest.fixture
def context() -> SealContext:
    return SealContext(TENANT, SUBJECT, "Patient", "p-1", 7)


@pytest.fixture
def elements() -> list[Element]:
    return [
        Element("gender", "identifying", b'"female"'),
        Element("name", "identifying", b'[{"family":"family-of-the-patient","given":["given"]}]'),
        Element("active", "administrative", b"true"),
    ]
