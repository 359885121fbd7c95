"""The access part: who may see what, changed over the API while people read; and what that leaves in the tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e import emergency, permitted, withheld
from tests.e2e.cast import answered
from tests.e2e.journal import Failed, Journal, expect
from tests.e2e.people import Pool, User

PEOPLE = {
    "privacy": "privacy_officer",
    "security": "security_officer",
    "coordinator": "care_coordinator",  # given a grant, then policies; later the one whose review is overdue
    "stranger": "clinician",  # who breaks the glass
    "study": "researcher",
}


@dataclass(slots=True)
class Access:
    """``patient`` is the story's imported patient, ``doctor`` the clinician who imported it."""

    api: httpx.Client
    pool: Pool
    patient: dict[str, Any]
    patient_id: str
    doctor: User
    functions: dict[str, dict[str, Any]]
    table: str
    people: dict[str, User] = field(default_factory=dict)
    observation: str = ""

    def play(self, journal: Journal) -> None:
        with journal.needed(f"{len(PEOPLE) + 1} more users are made and enrol their apps: the patient is one of them"):
            self._people()
        with journal.needed("the clinician finds a measurement that the part is about"):
            self.sign_in("doctor")
            self.observation = self._measurement()
        permitted.play(journal, self)
        withheld.play(journal, self)
        emergency.play(journal, self)

    def sign_in(self, *names: str) -> None:
        """Recently enough to change who may see what."""
        for name in names:
            self.people[name].sign_in(self.api)

    def ask(
        self, who: str, method: str, path: str, body: Any = None, *, purpose: str = "", project: str = ""
    ) -> httpx.Response:
        """``path`` is below ``v1/``."""
        media = "application/fhir+json" if path.startswith("fhir/") else "application/json"
        headers = {"Authorization": f"Bearer {self.people[who].token}"}
        headers |= {"X-Purpose-Of-Use": purpose} if purpose else {}
        headers |= {"X-Research-Project": project} if project else {}
        if body is None:
            return self.api.request(method, f"v1/{path}", headers=headers)
        content, typed = json.dumps(body), headers | {"Content-Type": media}
        return self.api.request(method, f"v1/{path}", headers=typed, content=content)

    def measures(self, who: str, purpose: str = "") -> bool:
        """Whether they read what was measured. Raises Failed where the answer is neither a resource nor a refusal."""
        answer = self.ask(who, "GET", f"fhir/Observation/{self.observation}", purpose=purpose)
        if answer.status_code in (403, 404):
            return False
        return "code" in answered(answer, 200)

    def sees(self, who: str, purpose: str = "") -> bool:
        """Whether they read the patient's name. Raises as above."""
        answer = self.ask(who, "GET", f"fhir/Patient/{self.patient_id}", purpose=purpose)
        return answer.status_code != 403 and answered(answer, 200).get("name") == self.patient["name"]

    def by_two(self, proposer: str, path: str, body: Any, approver: str) -> dict[str, Any]:
        """A grant as approved. Whoever proposed can't approve it; nor does it hold before somebody else did."""
        proposed = answered(self.ask(proposer, "POST", path, body), 202)
        place = f"{path}/{proposed['id']}"
        answered(self.ask(proposer, "POST", f"{place}/approve", {"version": 1}), 403, "denied")
        expect(answered(self.ask(proposer, "GET", place), 200)["state"] == "proposed", "it holds already")
        approved: dict[str, Any] = answered(self.ask(approver, "POST", f"{place}/approve", {"version": 1}), 200)
        return approved

    def _people(self) -> None:
        made = {name: self.pool.newcomer(role, name=f"access-{name}") for name, role in PEOPLE.items()}
        made["patient"] = self.pool.newcomer("patient", name="access-patient", patient_id=self.patient_id)
        with self.pool.without_trigger():
            for user in made.values():
                self.pool.enrol(user)
        self.people |= made | {"doctor": self.doctor}

    def _measurement(self) -> str:
        query = f"fhir/Observation?patient={self.patient_id}&_count=20"
        found = [one["resource"] for one in answered(self.ask("doctor", "GET", query), 200)["entry"]]
        ids = [str(one["id"]) for one in found if "code" in one and "valueQuantity" in one]
        if not ids:
            raise Failed(f"none of {len(found)} observations has a code and a value")
        return ids[0]
