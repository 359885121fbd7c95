"""Records and questions about them, with values that say which field they were sent in: see tainting."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from phivault.records.types import TYPES
from tests.support.answers import ok
from tests.support.filled import filled
from tests.support.tainting import JSON, People


class Tainting(People):
    """Everything that can be sent."""

    def records(self) -> str:
        """A resource of each kind with every element; the patient's id."""
        client, officer = self.api("clinician"), self.api("privacy_officer")
        officer.headers["X-Purpose-Of-Use"] = "OPERATIONS"
        patient = ""
        for type in sorted(TYPES, key=lambda name: name != "Patient"):
            by = officer if type == "Consent" else client
            sent = [self.written(by, one) for one in self.filled(type, patient)]
            patient = patient or sent[0]["id"]
        self.changed(client, patient)
        self.refused(client, patient)
        return patient

    def written(self, client: httpx.Client, resource: dict[str, Any]) -> dict[str, Any]:
        """Made, and written once more, so that both versions stand."""
        made = self.made(client, resource)
        place = f"/fhir/{resource['resourceType']}/{made['id']}"
        ok(client.put(place, json=resource | {"id": made["id"]}, headers=JSON | {"If-Match": 'W/"1"'}))
        return resource | {"id": made["id"]}

    def filled(self, type: str, patient: str) -> list[dict[str, Any]]:
        marks: list[str] = []

        def mark(name: str) -> str:
            marks.append(self.taints.mark(f"fhir {type} {name}"))
            return marks[-1]

        found = list(filled(type, patient, mark))
        unmarked = self.taints.sent(marks, json.dumps(found).encode())
        self.taints.unmarked |= unmarked & {f"fhir {type} {name}" for one in found for name in one}
        return found

    def made(self, client: httpx.Client, resource: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = ok(client.post(f"/fhir/{resource['resourceType']}", json=resource, headers=JSON), 201)
        self.taints.also(made["id"], "path route id")
        return made

    def changed(self, client: httpx.Client, patient: str) -> None:
        """A new version, an older one read, one deleted; a transaction; a key that is used twice."""
        whole = ok(client.get(f"/fhir/Patient/{patient}"))
        ok(client.put(f"/fhir/Patient/{patient}", json=whole | {"active": False}, headers=JSON | {"If-Match": 'W/"2"'}))
        ok(client.get(f"/fhir/Patient/{patient}/_history/1"))
        (condition, *others) = self.filled("Condition", patient)
        for other in others:
            self.made(client, other)
        made = self.made(client, condition)
        assert client.delete(f"/fhir/Condition/{made['id']}").is_success
        key = JSON | {"Idempotency-Key": self.taints.mark("header request Idempotency-Key")}
        for _ in range(2):
            again = client.post("/fhir/Condition", json=condition, headers=key)
            self.taints.also(ok(again, 201)["id"], "path route id")
        self.transaction(client, patient)
        self.unless_there(client)
        self.file(client, patient)

    def transaction(self, client: httpx.Client, patient: str) -> None:
        (resource, *others) = self.filled("Procedure", patient)
        for other in others:
            self.made(client, other)
        entry = {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": resource,
            "request": {"method": "POST", "url": "Procedure"},
        }
        marks = {name: self.taints.mark(f"body Bundle {name}") for name in ("meta", "identifier")}
        extra = {"meta": {"profile": [marks["meta"]]}, "identifier": {"value": marks["identifier"]}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry], **extra}
        answer = ok(client.post("/fhir", json=bundle, headers=JSON))
        self.taints.also(answer["entry"][0]["response"]["location"].split("/")[-3], "path route id")
        place = answer["entry"][0]["response"]["location"].split("/_history")[0].split("/")[-1]
        self.taints.also(place, "body Bundle entry.request.url")
        again = entry | {
            "request": {"method": "PUT", "url": f"Procedure/{place}"},
            "resource": resource | {"id": place},
        }
        key = JSON | {"Idempotency-Key": self.taints.mark("header request Idempotency-Key")}
        ok(client.post("/fhir", json=bundle | {"entry": [again]}, headers=key))

    def unless_there(self, client: httpx.Client) -> None:
        """Created where nobody has a number that nobody has, alone and in a transaction."""
        new = {"resourceType": "Patient", "active": True}
        asked = f"identifier={self.taints.mark('header request If-None-Exist')}"
        alone = ok(client.post("/fhir/Patient", json=new, headers=JSON | {"If-None-Exist": asked}), 201)
        self.taints.also(alone["id"], "path route id")
        asked = f"identifier={self.taints.mark('body Bundle entry.request.ifNoneExist')}"
        entry = {"resource": new, "request": {"method": "POST", "url": "Patient", "ifNoneExist": asked}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = ok(client.post("/fhir", json=bundle, headers=JSON))
        self.taints.also(answer["entry"][0]["response"]["location"].split("/")[-3], "path route id")

    def file(self, client: httpx.Client, patient: str) -> None:
        """As it is: whose it is stands in a header."""
        self.taints.also(patient, "header request X-Security-Context")
        headers = {"Content-Type": "text/plain", "X-Security-Context": f"Patient/{patient}"}
        content = self.taints.mark("fhir Binary data").encode()
        made = client.post("/fhir/Binary", content=content, headers=headers)
        assert made.status_code == 201, made.text
        self.taints.also(made.headers["Location"].split("/_history")[0].split("/")[-1], "path route id")

    def refused(self, client: httpx.Client, patient: str) -> None:
        """Everything of a resource where it can't be taken."""
        for type in TYPES:
            mark = self.taints.mark()
            bad: dict[str, Any] = {"resourceType": type, "status": mark, "birthDate": mark, mark: mark, "name": mark}
            for body in (bad, bad | {"id": mark}, {"resourceType": mark}):
                client.post(f"/fhir/{type}", json=body, headers=JSON)
            client.post(f"/fhir/{type}", content=f'{{"resourceType": "{type}", "x": "{mark}"', headers=JSON)
            client.put(f"/fhir/{type}/{patient}", json=bad | {"id": patient}, headers=JSON)
        for name, value in self.strange_headers():
            client.get(f"/fhir/Patient/{patient}", headers={name: value})
            client.put(f"/fhir/Patient/{patient}", json={}, headers=JSON | {name: value})

    def strange_headers(self) -> Iterator[tuple[str, str]]:
        for name in ("Cookie", "X-Anything", "Referer", "X-Forwarded-For", "X-Purpose-Of-Use", "Authorization"):
            yield name, self.taints.mark("header request *")
        yield "If-Match", self.taints.mark("header request If-Match")

    # Questions

    def questions(self, patient: str) -> None:
        client, auditor = self.api("clinician"), self.api("auditor")
        fhir = "query GET /v1/fhir/{type}"
        client.get("/fhir/Observation", params={"patient": self.id(f"{fhir} patient")})
        client.get("/fhir/Observation", params={"_id": self.id(f"{fhir} _id"), "patient": patient})
        client.get("/fhir/Observation", params={"_cursor": self.taints.mark(f"{fhir} _cursor")})
        client.get("/fhir/Observation", params={"subject": self.id(f"{fhir} subject")})
        for what in ("$everything", "_history"):
            cursor = self.taints.mark(f"{fhir}/{{id}}/{what} _cursor")
            client.get(f"/fhir/Patient/{patient}/{what}", params={"_cursor": cursor})
        for name in ("family", "identifier", "birthdate", "unheard"):
            given = {name: self.taints.mark("query POST /v1/fhir/{type}/_search *")}
            client.post("/fhir/Patient/_search", data=given)
            client.post("/fhir/Patient/_search", params=given)
        for name in ("family", "identifier", "birthdate", "_content", "unheard"):
            mark = self.taints.mark(f"{fhir} *")
            client.get("/fhir/Patient", params={name: mark})
            client.get("/fhir/Patient", params={mark: name})
            client.get("/me", params={mark: name})
        events, fhir_events = "query GET /v1/audit/events", "query GET /v1/fhir/AuditEvent"
        ok(auditor.get("/audit/events", params={"patient": self.id(f"{events} patient")}))
        ok(auditor.get("/audit/events", params={"user": self.id(f"{events} user")}))
        ok(auditor.get("/fhir/AuditEvent", params={"patient": f"Patient/{self.id(f'{fhir_events} patient')}"}))
        auditor.get("/fhir/AuditEvent", params={"agent": self.id(f"{fhir_events} agent")})
        ok(auditor.get("/admin/grants", params={"patient": self.id("query GET /v1/admin/grants patient")}))
        ok(auditor.get("/admin/grants", params={"user": self.id("query GET /v1/admin/grants user")}))
        client.get(f"/fhir/Patient/{self.id('path route id')}")
        client.get(f"/fhir/Patient/{self.taints.mark('header request *')}")
