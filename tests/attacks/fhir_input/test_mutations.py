"""Valid resources with anything put anywhere: refused by our errors or accepted, never a crash."""

from __future__ import annotations

import copy
import json
from typing import Any

import carebundle
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.errors import PhivaultError
from phivault.records.bundle import parse
from phivault.records.json_members import split
from phivault.records.references import references, resolve
from phivault.records.subject import subject_of
from phivault.records.validate import validate

BODY = carebundle.to_json(carebundle.generate_bundle(profile="ckd_stage3", seed=7))
RESOURCES = list({entry["resource"]["resourceType"]: entry["resource"] for entry in json.loads(BODY)["entry"]}.values())
STRANGE = st.sampled_from(
    [None, True, 0, -1, 2**31, 10**40, 1.5, 1e-30, "", " ", "x", "P1D", "9999-12-31", "0001", "0000", "T", "urn:",
     "http://[", "http://a:999999/", "Patient/1", "#", [], {}, [None], [[]], {"x": 1}, {"resourceType": "Patient"},
     {"reference": {}}, {"reference": "Patient/1"}, {"extension": []}, {"extension": [{"url": "x"}]},
     "2020-01-01T00:00:60Z", "9999-12-31T23:59:60-14:00", "🏥" * 50]
).map(copy.deepcopy)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_mutated_resource_gives_our_errors_only(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(RESOURCES)))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(resource)))
        holder[key] = data.draw(STRANGE)
        if isinstance(holder, dict) and isinstance(key, str) and data.draw(st.booleans()):
            holder["_" + key] = data.draw(STRANGE)
    kind = (
        RESOURCES[0]["resourceType"] if not isinstance(resource.get("resourceType"), str) else resource["resourceType"]
    )
    text = json.dumps(resource).encode()
    for call in (
        lambda: validate(kind, split(text)),
        lambda: references(split(text)),
        lambda: subject_of(kind, "x", split(text)),
        lambda: resolve(text, {"Patient/1": "Patient/2"}),
    ):
        try:
            call()
        except PhivaultError as error:
            # pytest.raises can't say "or nothing", and nothing is as good an answer here.
            assert error.status < 500  # noqa: PT017


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_mutated_bundle_gives_our_errors_only(data: st.DataObject) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [copy.deepcopy(json.loads(BODY)["entry"][0])]}
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(bundle)))
        holder[key] = data.draw(STRANGE)
    try:
        parse(json.dumps(bundle).encode())
    except PhivaultError as error:
        assert error.status < 500  # noqa: PT017  # or nothing, as above
