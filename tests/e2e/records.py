"""The records part: all that FHIR's REST API does here besides single reads and writes, over API Gateway.

A patient of this part's own, so that nobody else's searches meet the row that it puts back.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from local.demo.release import personal_values
from tests.e2e.cast import answered
from tests.e2e.journal import Journal, expect
from tests.e2e.people import User
from tests.support.fhir import observation, patient

FHIR = "application/fhir+json"
CONTENT = 3 << 20
"""As much as a Binary holds; as base64 within the 6 MB that Lambda takes."""


@dataclass(slots=True)
class Records:
    """``doctor`` is a clinician who has enrolled an app. The ids fill as the part goes."""

    api: httpx.Client
    doctor: User
    patient: dict[str, Any] = field(default_factory=patient)
    patient_id: str = ""
    weight: str = ""

    def personal(self) -> list[str]:
        """What no log may hold of the patient."""
        return personal_values(self.patient)

    def play(self, journal: Journal) -> None:
        with journal.needed("the clinician signs in again, and makes a patient on a condition: once"):
            self.doctor.sign_in(self.api)
            self._made_once()
        with journal.check("a posted search finds by identifier, and by name and year of birth; an address may not"):
            self._searched()
        with journal.check("a batch does what it may and says what not, entry by entry"):
            self._batch()
        with journal.check("a patch changes one element, where the version is the one that it was made for"):
            self._patched()
        with journal.check("the history has both versions, the newest first"):
            self._history()
        with journal.check("$everything is the patient and all that is about them, page by page"):
            self._everything()
        with journal.check("$validate says what a create would say, and keeps nothing"):
            self._validated()
        with journal.check("3 MiB of raw content go in and come back byte for byte, as JSON too"):
            self._raw()

    def ask(self, method: str, path: str, body: Any = None, *, media: str = FHIR, **headers: str) -> httpx.Response:
        """``path`` is below ``v1/fhir/``. Underscores in names of headers stand for hyphens."""
        sent = {"Authorization": f"Bearer {self.doctor.token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.api.request(method, f"v1/fhir/{path}", headers=sent)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.api.request(method, f"v1/fhir/{path}", headers=sent | {"Content-Type": media}, content=content)

    def found(self, kind: str, **parameters: str) -> list[str]:
        """Ids that a posted search finds."""
        form = urlencode(parameters).encode()
        answer = self.ask("POST", f"{kind}/_search", form, media="application/x-www-form-urlencoded")
        return _ids(answered(answer, 200))

    def version(self, id: str) -> str:
        """The ETag of an observation."""
        answer = self.ask("GET", f"Observation/{id}")
        answered(answer, 200)
        return answer.headers["ETag"]

    def _identifier(self) -> str:
        (identifier,) = self.patient["identifier"]
        return f"{identifier['system']}|{identifier['value']}"

    def _made_once(self) -> None:
        condition = {"If_None_Exist": urlencode({"identifier": self._identifier()})}
        self.patient_id = str(answered(self.ask("POST", "Patient", self.patient, **condition), 201)["id"])
        again = answered(self.ask("POST", "Patient", self.patient, **condition), 200)
        expect(again["id"] == self.patient_id, "it was made twice")
        self.weight = str(answered(self.ask("POST", "Observation", observation(self.patient_id)), 201)["id"])

    def _searched(self) -> None:
        family, year = self.patient["name"][0]["family"], self.patient["birthDate"][:4]
        expect(self.found("Patient", identifier=self._identifier()) == [self.patient_id], "not by identifier")
        expect(self.found("Patient", name=family, birthdate=year) == [self.patient_id], "not by name and year")
        expect(self.found("Patient", name=family, birthdate="1901") == [], "a year that isn't theirs")
        by_code = self.found("Observation", patient=self.patient_id, code="http://loinc.org|29463-7", date="ge2026")
        expect(by_code == [self.weight], "not by code and date")
        answered(self.ask("GET", f"Patient?{urlencode({'name': family})}"), 400)

    def _batch(self) -> None:
        entries = [
            _entry("POST", "Observation", observation(self.patient_id, status="preliminary")),
            _entry("GET", f"Patient/{self.patient_id}"),
            _entry("PUT", "Observation/none", observation(self.patient_id)),
            _entry("GET", f"Observation?patient={self.patient_id}&status=preliminary"),
        ]
        answer = answered(self.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}), 200)
        said = [entry["response"]["status"][:3] for entry in answer["entry"]]
        expect(said == ["201", "200", "400", "200"], f"{said}")
        expect(answer["entry"][1]["resource"]["name"] == self.patient["name"], "the entry that reads")
        expect(len(_ids(answer["entry"][3]["resource"])) == 1, "the entry that searches")

    def _patched(self) -> None:
        place, media = f"Observation/{self.weight}", "application/json-patch+json"
        first = self.version(self.weight)
        change = [{"op": "replace", "path": "/status", "value": "amended"}]
        changed = answered(self.ask("PATCH", place, change, media=media, If_Match=first), 200)
        before = observation(self.patient_id)
        expect(changed["status"] == "amended" and changed["valueQuantity"] == before["valueQuantity"], "not so")
        answered(self.ask("PATCH", place, change, media=media, If_Match=first), 412)
        answered(self.ask("PATCH", place, [{"op": "remove", "path": "/status"}], media=media), 400)

    def _history(self) -> None:
        bundle = answered(self.ask("GET", f"Observation/{self.weight}/_history"), 200)
        said = [(entry["resource"]["meta"]["versionId"], entry["resource"]["status"]) for entry in bundle["entry"]]
        expect(said == [("2", "amended"), ("1", "final")], f"{said}")

    def _everything(self) -> None:
        found: list[str] = []
        path = f"Patient/{self.patient_id}/$everything?_count=2"
        while path:
            page = answered(self.ask("GET", path), 200)
            expect(len(page["entry"]) <= 2, f"{len(page['entry'])} entries")
            found += _ids(page)
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = following[0].rpartition("/v1/fhir/")[2] if following else ""
        expect(len(found) == len(set(found)) == 3, f"{len(found)} resources")
        expect({self.patient_id, self.weight} <= set(found), "one is missing")

    def _validated(self) -> None:
        good, bad = observation(self.patient_id), observation(self.patient_id, status="sick")
        kept = len(self.found("Observation", patient=self.patient_id))
        for resource, wrong in ((good, False), (bad, True)):
            outcome = answered(self.ask("POST", "Observation/$validate", resource), 200)
            errors = [one for one in outcome["issue"] if one["severity"] in ("error", "fatal")]
            expect(bool(errors) == wrong, f"{outcome['issue']}")
        expect(len(self.found("Observation", patient=self.patient_id)) == kept, "it is kept")

    def _raw(self) -> None:
        raw, media = os.urandom(CONTENT), "application/pdf"
        context = f"Patient/{self.patient_id}"
        answer = self.ask("POST", "Binary", raw, media=media, X_Security_Context=context)
        answered(answer, 201)
        place = "Binary/" + answer.headers["Location"].rpartition("/Binary/")[2].partition("/")[0]
        read = self.ask("GET", place, Accept=media)
        expect(read.status_code == 200, f"{read.status_code}")
        expect(read.headers["Content-Type"] == media and read.content == raw, "the bytes are others")
        document = answered(self.ask("GET", place, Accept=FHIR), 200)
        expect(base64.b64decode(document["data"]) == raw, "the JSON's are others")


def _entry(method: str, url: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"request": {"method": method, "url": url}} | ({"resource": resource} if resource else {})


def _ids(bundle: dict[str, Any]) -> list[str]:
    return [str(entry["resource"]["id"]) for entry in bundle.get("entry", [])]
