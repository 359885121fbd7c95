"""That the taint test (tests/attacks/stack/test_taint.py) finds what it looks for, and says where it doesn't belong."""

from __future__ import annotations

import base64
import gzip

import pytest

from tests.support.taint import Found, Taints


@pytest.fixture
def planted() -> Taints:
    return Taints()


def test_a_row_where_none_belongs_is_found(planted: Taints) -> None:
    value, found = planted.mark("fhir Patient name"), Found()
    found.add(found.clear, planted.within(f"Ms {value}".encode()), "dynamodb AccessState PLACE#0/1 family")
    assert found.undeclared(planted) == ["dynamodb AccessState PLACE#0/1 family holds ['fhir Patient name'] clear"]
    assert found.unseen(planted) == [
        "fhir Patient name isn't found in postgres phi.history envelope",
        "fhir Patient name isn't found in postgres phi.resources envelope",
    ]


@pytest.mark.parametrize("write", ["plain", "upper", "hex", "base64", "gzip", "cut"])
def test_a_value_is_found_however_it_is_written(planted: Taints, write: str) -> None:
    value = planted.mark("fhir Patient name")
    written = {
        "plain": f"…{value}…".encode(),
        "upper": value.upper().encode(),
        "hex": b"\\x" + value.encode().hex().encode(),
        "base64": base64.b64encode(b"it is " + value.encode() + b"."),
        "gzip": b"\0" * 40 + gzip.compress(b"it is " + value.encode()),
        "cut": value[:-3].encode(),
    }[write]
    assert planted.within(written) == ({"?"} if write == "cut" else {value})


def test_a_value_that_is_sealed_where_it_should_be_is_no_finding(planted: Taints) -> None:
    value, found = planted.mark("fhir Patient name"), Found()
    for table in ("resources", "history"):
        found.add(found.sealed, {value}, f"postgres phi.{table} envelope")
    assert (found.undeclared(planted), found.unseen(planted)) == ([], [])


def test_a_value_in_clear_where_it_should_be_sealed_is_found(planted: Taints) -> None:
    value, found = planted.mark("fhir Patient name"), Found()
    found.add(found.clear, {value}, "postgres phi.resources envelope")
    assert found.undeclared(planted) == ["postgres phi.resources envelope holds ['fhir Patient name'] clear"]


def test_an_id_may_stand_where_ids_do_and_nowhere_else(planted: Taints) -> None:
    id, found = planted.also("0b0f8f1e-1111-4111-8111-0123456789ab", "path route id"), Found()
    found.add(found.clear, planted.within(f"T#t#P#{id}".encode()), "dynamodb AccessState T#t#P#p/USER#u pk")
    assert found.undeclared(planted) == []
    found.add(found.clear, {id}, "log function message")
    assert found.undeclared(planted) == ["log function message holds ['path route id'] clear"]


def test_a_value_of_no_field_belongs_nowhere(planted: Taints) -> None:
    value, found = planted.mark(), Found()
    found.add(found.clear, {value}, "dynamodb AccessState T#t#P#p/USER#u pk")
    assert found.undeclared(planted) == [f"dynamodb AccessState T#*#P#*/USER#* pk holds {value} clear"]
