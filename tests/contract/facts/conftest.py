"""Both stores of facts, each with a hand that writes into it what the product's own verbs write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from phivault.access.facts import FactStore
from phivault.access.roles import Role
from phivault.adapters import fact_rows
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_facts import DynamoFacts
from phivault.adapters.session_rows import items
from tests.support.facts import Given, MemoryFacts

NOW = 1_700_000_000


class Written(Protocol):
    """A store of tenant ``t`` and its hand. Everything is about user ``user``; ``at`` is the time that it is there."""

    at: float

    @property
    def store(self) -> FactStore: ...

    def membership(self, patient: str, *, sensitive: bool) -> None: ...

    def given(
        self,
        patient: str,
        kind: str,
        classes: Sequence[str],
        *,
        id: str = "1",
        purposes: Sequence[str] = (),
        starts: float = 0,
        until: float = 4e9,
    ) -> None: ...

    def broken_glass(self, patient: str, until: float) -> None: ...

    def review_due(self, id: str, due: float) -> None: ...

    def restricted(self, patient: str, purposes: Sequence[str]) -> None: ...

    def approved(self, project: str, starts: float, until: float) -> None: ...

    def ended(self, patient: str) -> None: ...


@dataclass
class InMemory:
    at: float = NOW
    store: MemoryFacts = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryFacts(now=lambda: self.at)

    def membership(self, patient: str, *, sensitive: bool) -> None:
        if sensitive:
            self.store.members["t", patient, "user"] = Role.CLINICIAN
        else:
            self.store.plain_members.add(("t", patient, "user"))

    def given(self, patient: str, kind: str, classes: Sequence[str], *, id: str = "1", **terms: Any) -> None:
        purposes = frozenset(terms.pop("purposes", ()))
        given = Given(frozenset(classes), purposes, **terms, delegated=kind == fact_rows.DELEGATE)
        self.store.given.setdefault(("t", patient, "user"), []).append(given)

    def broken_glass(self, patient: str, until: float) -> None:
        self.store.glass["t", patient, "user"] = until

    def review_due(self, id: str, due: float) -> None:
        self.store.reviews.setdefault(("t", "user"), []).append(due)

    def restricted(self, patient: str, purposes: Sequence[str]) -> None:
        self.store.restrictions["t", patient] = frozenset(purposes)

    def approved(self, project: str, starts: float, until: float) -> None:
        self.store.approved_for.setdefault(("t", "user"), []).append((project, starts, until))

    def ended(self, patient: str) -> None:
        self.store.leave("t", patient, "user")


@dataclass
class InDynamo:
    """Its rows are written here by the keys of fact_rows and the words of its documentation."""

    table: str
    at: float = NOW
    store: DynamoFacts = field(init=False)

    def __post_init__(self) -> None:
        self.store = DynamoFacts(self.table, now=lambda: self.at)

    def membership(self, patient: str, *, sensitive: bool) -> None:
        care = {"role": "clinician", "since": "2023-11-14T22:13:20Z", "by": "other", "sensitive": sensitive}
        self._related(patient, "care", care)

    def given(self, patient: str, kind: str, classes: Sequence[str], *, id: str = "1", **terms: Any) -> None:
        value = {
            "kind": kind,
            "classes": list(classes),
            "purposes": list(terms.get("purposes", ())),
            "starts": int(terms.get("starts", 0)),
            "until": int(terms.get("until", 4_000_000_000)),
        }
        self._related(patient, f"grant#{id}", value)

    def broken_glass(self, patient: str, until: float) -> None:
        self._related(patient, "break_glass", {"id": "glass", "until": int(until)})

    def review_due(self, id: str, due: float) -> None:
        self._set(fact_rows.standing_key("t", "user"), f"review#{id}", int(due))

    def restricted(self, patient: str, purposes: Sequence[str]) -> None:
        value = {"purposes": list(purposes), "since": "2023-11-14T22:13:20Z", "by": "other", "ground": "gdpr-18"}
        self._set(fact_rows.patient_key("t", patient), "restriction", value)

    def approved(self, project: str, starts: float, until: float) -> None:
        value = {"project": project, "starts": int(starts), "until": int(until)}
        self._set(fact_rows.standing_key("t", "user"), f"project#grant-{project}-{int(starts)}", value)

    def ended(self, patient: str) -> None:
        client("dynamodb").delete_item(TableName=self.table, Key=items(fact_rows.user_key("t", patient, "user")))

    def _related(self, patient: str, name: str, value: Any) -> None:
        self._set(fact_rows.user_key("t", patient, "user"), name, value)
        reverse = fact_rows.patient_of_key("t", "user", patient)
        client("dynamodb").put_item(TableName=self.table, Item=items(reverse))

    def _set(self, key: dict[str, Any], name: str, value: Any) -> None:
        client("dynamodb").update_item(
            TableName=self.table,
            Key=items(key),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues=items({":value": value}),
        )


@pytest.fixture(params=["memory", "dynamodb"])
def written(request: pytest.FixtureRequest) -> Written:
    if request.param == "memory":
        return InMemory()
    new_table: Callable[[dict[str, Any]], str] = request.getfixturevalue("new_table")
    return InDynamo(new_table(TABLE))


@pytest.fixture
def facts(written: Written) -> FactStore:
    return written.store
