"""Step 14: records are found by what they say, though the database holds nothing that says it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import httpx

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen, shorten
from local.demo.release import personal_values

TOKENS = (
    "select encode(token, 'hex') as token, tenant_id, patient, type, id from phi.search_tokens"
    " where tenant_id = %s and id = %s order by token"
)
ASTHMA = {"system": "http://snomed.info/sct", "code": "195967001"}
CLINICAL_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def play(lab: Lab) -> Iterator[Exchange]:
    person = _person()
    id, equal = (str(_made(lab, person, tenant)["id"]) for tenant in ("", lab.other_tenant_id))
    yield from _found(lab, person, id)
    yield _in_an_address(lab, person)
    yield _next_link(lab)
    yield from _index(lab, person, id, equal)
    yield from _by_a_diagnosis(lab, person, id)


def _person() -> dict[str, Any]:
    """Somebody new each time, so that what is found was made by this play."""
    surname = "Quill" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(8))
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": f"mrn-{secrets.token_hex(6)}"}],
        "name": [{"family": surname.title(), "given": ["Îfe"]}],
        "birthDate": "1949-05-06",
    }


def _made(lab: Lab, resource: dict[str, Any], tenant: str = "") -> dict[str, Any]:
    made: dict[str, Any] = lab.create("clinician", resource, tenant=tenant).raise_for_status().json()
    return made


def _ids(answer: httpx.Response) -> list[str]:
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])] if answer.is_success else []


def _found(lab: Lab, person: dict[str, Any], id: str) -> Iterator[Exchange]:
    (name,) = person["name"]
    by_name = lab.search("clinician", "Patient", family=name["family"].lower(), given="ife", birthdate="ge1949")
    yield seen(
        "By name and birth date", by_name, kept=_ids(by_name) == [id], verdict="Found, whatever case and accents"
    )
    by_number = lab.search("clinician", "Patient", identifier=person["identifier"][0]["value"])
    yield seen("By an identifier", by_number, kept=_ids(by_number) == [id], verdict="That one alone")


def _in_an_address(lab: Lab, person: dict[str, Any]) -> Exchange:
    asked = lab.read("clinician", f"/v1/fhir/Patient?family={person['name'][0]['family']}")
    kept = asked.status_code == 400 and asked.json()["issue"][0]["diagnostics"].startswith("family ")
    return seen("The same in an address", asked, kept=kept, verdict="Refused by name: addresses end up in logs")


def _next_link(lab: Lab) -> Exchange:
    """It holds the whole search: nobody reads it, and nobody makes one up."""
    page = lab.search("clinician", "Patient", gender="female", _count="1").raise_for_status()
    (link,) = [link["url"] for link in page.json()["link"] if link["relation"] == "next"]
    path = link.removeprefix(lab.stack.base_url)
    place = len(path) // 2
    forged = path[:place] + ("A" if path[place] != "A" else "B") + path[place + 1 :]
    went_on, refused = lab.read("clinician", path), lab.read("clinician", forged)
    kept = went_on.status_code == 200 and refused.status_code == 400 and "female" not in path
    return seen("The next page, one character changed", refused, kept=kept, verdict="Refused; as it was it goes on")


def _index(lab: Lab, person: dict[str, Any], id: str, equal: str) -> Iterator[Exchange]:
    rows, others = lab.sql(TOKENS, lab.tenant_id, id), lab.sql(TOKENS, lab.other_tenant_id, equal)
    shown = "\n".join(" | ".join(map(str, row)) for row in rows)
    told = [value for value in personal_values(person) if value.lower() in shown.lower()]
    kept = bool(rows) and not told
    yield Exchange(
        "The index, as the superuser sees it", TOKENS, shorten(shown), kept, "Keyed hashes; no name, no date"
    )
    shared = {row[0] for row in rows} & {row[0] for row in others}
    beside = "\n".join([f"{lab.tenant_id}: {rows[0][0]} …", f"{lab.other_tenant_id}: {others[0][0]} …"])
    shown = f"{beside}\n{len(rows)} and {len(others)} tokens, {len(shared)} in both"
    kept = len(rows) == len(others) and not shared
    yield Exchange("Their double in another tenant", TOKENS, shown, kept, "Equal values, no token in common")
    there = lab.search("clinician", "Patient", family=person["name"][0]["family"], tenant=lab.other_tenant_id)
    yield seen(
        "The same search there", there, kept=_ids(there) == [equal], verdict="Finds theirs, and no other tenant's"
    )


def _by_a_diagnosis(lab: Lab, person: dict[str, Any], id: str) -> Iterator[Exchange]:
    condition = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": CLINICAL_STATUS, "code": "active"}]},
        "code": {"coding": [ASTHMA]},
        "subject": {"reference": f"Patient/{id}"},
    }
    made = _made(lab, condition)["id"]
    asked = {"code": f"{ASTHMA['system']}|{ASTHMA['code']}", "patient": id}
    treating = lab.search("clinician", "Condition", **asked)
    yield seen("Their clinician, by a diagnosis", treating, kept=_ids(treating) == [made], verdict="Found")
    knows = lab.search("care_coordinator", "Patient", family=person["name"][0]["family"])
    stranger = lab.search("care_coordinator", "Condition", **asked)
    kept = _ids(knows) == [id] and stranger.status_code == 200 and _ids(stranger) == []
    verdict = "Finds nobody, though by name: what one may not see finds nothing"
    yield seen("A coordinator outside the care team, by the same", stranger, kept=kept, verdict=verdict)
