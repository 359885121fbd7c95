"""Migration 0013: what the checks of resources accept is what those of 0002 accepted."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from local.postgres import Postgres

BEFORE = {
    "tenant_id": "^[A-Za-z0-9._-]{1,64}$",
    "type": "^[A-Z][A-Za-z]{0,63}$",
    "id": "^[A-Za-z0-9.-]{1,64}$",
    "subject": "^(Tenant|(Patient|RelatedPerson|User)/[A-Za-z0-9._-]{1,128})$",
}
PLAIN = {"tenant_id": "t", "type": "Patient", "id": "p", "subject": "Patient/p"}
PIECES = ("", "a", "A", "Patient", "0", ".", "-", "_", "/", " ", "\n", "\t", "$", "^", "é", "ſ", "a" * 63, "a" * 64)
TEXTS = [
    *(one + other for one in PIECES for other in PIECES),
    *(kind + "/" + "x" * size for kind in ("Patient", "RelatedPerson", "User", "Person") for size in (0, 1, 128, 129)),
    *("T" + "a" * size for size in (62, 63, 64)),
    *("Tenant", "Tenant/x", "Tenant\n", "xTenant", "Patient/x\n", "Patient/x/y", "Patient//", "patient/x", "Patient/é"),
]


@pytest.fixture
def admin(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.admin_dsn) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("column", BEFORE)
def test_a_text_is_accepted_if_it_was_before(admin: psycopg.Connection[Any], column: str) -> None:
    accepted = {}
    for text in TEXTS:
        [(before,)] = admin.execute('SELECT %s COLLATE "C" ~ %s', (text, BEFORE[column])).fetchall()
        accepted[text] = before
        assert _is_taken(admin, column, text) is before, repr(text)
    assert set(accepted.values()) == {True, False}


def _is_taken(admin: psycopg.Connection[Any], column: str, text: str) -> bool:
    row = PLAIN | {"tenant_id": f"checks-{secrets.token_hex(8)}", column: text}
    try:
        with admin.transaction(force_rollback=True):
            admin.execute(
                "INSERT INTO phi.resources (tenant_id, type, id, version, subject, at, envelope)"
                " VALUES (%(tenant_id)s, %(type)s, %(id)s, 1, %(subject)s, now(), 'x')",
                row,
            )
    except psycopg.errors.CheckViolation:
        return False
    return True
