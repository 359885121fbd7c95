"""A list over subjects of whom no key is known: how often KMS is called, how many calls at a time, and what it takes.

Each call of KMS is made to last longer by 15 ms: on this machine it has no way to go.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from phivault import bootstrap
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from tests.bench._measure import Figure
from tests.bench._records_stage import TENANT, Stage, stage
from tests.bench._records_turns import ratio, turns
from tests.support.fhir import patient

SUBJECTS = 48
AT_ONCE = 16
TURNS = 7
LASTS_SECONDS = 0.015


class Counted:
    """Calls that unwrap, and the most that were under way at a time."""

    def __init__(self) -> None:
        self.calls = self.most = self._under_way = 0
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._lock:
            self.calls += 1
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1


def figures() -> Iterator[Figure]:
    with stage() as here:
        made = {"request": {"method": "POST", "url": "Patient"}, "resource": patient()}
        here.ask(here.transaction([made] * SUBJECTS))
        page = here.event("GET", "/v1/fhir/{type}", query={"_count": str(SUBJECTS)}, type="Patient")
        subjects = [f"Patient/{entry['resource']['id']}" for entry in here.ask(page)["entry"]]
        if len(subjects) != SUBJECTS:
            raise RuntimeError("The page doesn't hold all of them")
        with _counting() as counted:
            here.forget_keys()
            here.ask(page)
            yield Figure(f"calls to unwrap a key of a list over {SUBJECTS} cold subjects", counted.calls, SUBJECTS)
            yield Figure("the most of them at a time", counted.most, AT_ONCE)
            counted.calls = 0
            here.ask(page)
            yield Figure("the same of the same list again", counted.calls, 0)
            yield from _times(here, subjects, counted)


def _times(here: Stage, subjects: list[str], counted: Counted) -> Iterator[Figure]:
    page = here.event("GET", "/v1/fhir/{type}", query={"_count": str(SUBJECTS)}, type="Patient")
    spent: dict[str, list[int]] = {"one by one": [], "at once": [], "list": []}

    def cold(name: str) -> None:
        here.forget_keys()
        counted.calls = 0
        keys = bootstrap.subject_keys()
        if name == "one by one":
            for subject in subjects:
                keys.for_unsealing(TENANT, subject, 1)
        elif name == "at once":
            keys.warm_versions(TENANT, [(subject, 1) for subject in subjects])
        else:
            here.ask(page)
        spent[name].append(counted.calls)

    taken = turns({name: partial(cold, name) for name in spent}, TURNS)
    if any(statistics.median(calls) != SUBJECTS for calls in spent.values()):
        raise RuntimeError("Not every way needed every key")
    yield Figure("time of the keys at once / one by one", ratio(taken, ["at once"], ["one by one"], "wall"))
    yield Figure("time of the whole list / of the keys one by one", ratio(taken, ["list"], ["one by one"], "wall"))


@contextmanager
def _counting() -> Iterator[Counted]:
    counted, unwrap = Counted(), KmsKeyWrapper.unwrap

    def longer(wrapper: KmsKeyWrapper, tenant: str, subject: str, wrapped: bytes) -> bytes:
        with counted.one():
            time.sleep(LASTS_SECONDS)
            return unwrap(wrapper, tenant, subject, wrapped)

    with patch.object(KmsKeyWrapper, "unwrap", longer):
        yield counted
