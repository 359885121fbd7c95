"""An API that takes transactions into memory, as strictly about references and repeats as ours; it loses answers, runs
out of breath and refuses as a test tells it to."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from phivault.cli.api import Answer
from phivault.errors import Unavailable

type Fault = Callable[[int, dict[str, Any]], Answer | None]


class FakeFhir:
    """``resources`` by Type/id. ``faulty`` is asked before each transaction (by its number from 0 on): an answer of its
    own is given instead. ``lost`` are the numbers whose answers nobody gets, though they are done. ``bad`` says why a
    resource isn't good enough."""

    def __init__(self) -> None:
        self.base_url = "http://127.0.0.1:1"
        self.resources: dict[str, dict[str, Any]] = {}
        self.sizes: list[int] = []
        self.lost: set[int] = set()
        self.faulty: Fault = lambda _, __: None
        self.bad: Callable[[dict[str, Any]], str] = lambda _: ""
        self._known: dict[str, tuple[bytes, Answer]] = {}
        self._one = threading.Lock()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        assert (method, path) == ("GET", "/v1/me")
        return {"tenant": "t", "user_id": "u"}

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        assert (method, path) == ("POST", "/v1/fhir")
        with self._one:
            number, bundle = len(self.sizes), json.loads(body or b"")
            self.sizes.append(len(bundle["entry"]))
            answer = self.faulty(number, bundle) or self._once(headers["Idempotency-Key"], body or b"", bundle)
        if number in self.lost:
            raise Unavailable("Nobody hears it")
        return answer

    def forget(self) -> None:
        """What was done stays; under which key isn't known any more."""
        self._known.clear()

    def _once(self, key: str, body: bytes, bundle: dict[str, Any]) -> Answer:
        digest = hashlib.sha256(body).digest()
        if key in self._known:
            known, answer = self._known[key]
            return answer if known == digest else refusal(422, "Idempotency-Key was used for another request")
        answer = self._take(bundle)
        if answer.status == 200 and bundle["entry"]:
            self._known[key] = digest, answer
        return answer

    def _take(self, bundle: dict[str, Any]) -> Answer:
        places, urls = [], {}
        for entry in bundle["entry"]:
            assert entry["request"]["method"] == "POST"
            assert entry["request"]["url"] == entry["resource"]["resourceType"]
            places.append(f"{entry['request']['url']}/{uuid.uuid4()}")
            if "fullUrl" in entry:
                urls[entry["fullUrl"]] = places[-1]
        made = {}
        for number, (place, entry) in enumerate(zip(places, bundle["entry"], strict=True)):
            text = json.dumps(entry["resource"])
            for url, target in urls.items():
                text = text.replace(f'"{url}"', f'"{target}"')
            resource = json.loads(text)
            if why := self.bad(resource):
                return refusal(422, f"Bundle.entry[{number}].resource.status {why}")
            made[place] = resource
        for resource in made.values():
            for reference in _references(resource):
                if reference not in self.resources and reference not in made and not reference.startswith("http"):
                    return refusal(422, "A reference to a Patient that isn't there")
        self.resources |= made
        entries = [{"response": {"status": "201", "location": f"http://h/v1/fhir/{one}/_history/1"}} for one in places]
        return Answer(200, {}, json.dumps({"entry": entries}).encode())


def refusal(status: int, *reasons: str, **headers: str) -> Answer:
    issues = [{"severity": "error", "code": "processing", "diagnostics": reason} for reason in reasons]
    document = {"resourceType": "OperationOutcome", "issue": issues}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps(document).encode())


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [one for item in value.values() for one in _references(item)]
    return [one for item in value for one in _references(item)] if isinstance(value, list) else []
