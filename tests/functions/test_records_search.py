"""Searches over HTTP: by ids, patient and count, page after page, never beyond what the caller may see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.answers import MARK, ok, refused
from tests.support.fhir import every, link, make, observation, patient, resources

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

PAGES = 7


@pytest.fixture(scope="module")
def measured(stack: RunningStack) -> tuple[str, list[str]]:
    """A patient and the ids of their observations."""
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    return subject, sorted(make(client, observation(subject))["id"] for _ in range(PAGES))


def test_by_patient(stack: RunningStack, clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    subject, ids = measured
    for given in (subject, f"Patient/{subject}"):
        page = ok(clinician.get("/fhir/Observation", params={"patient": given}))
        assert (page["resourceType"], page["type"]) == ("Bundle", "searchset")
        assert sorted(one["id"] for one in resources(page)) == ids
        assert link(page, "next") is None
    for entry in page["entry"]:
        assert entry["fullUrl"] == f"{stack.base_url}/v1/fhir/Observation/{entry['resource']['id']}"
        assert entry["search"] == {"mode": "match"}
        assert entry["resource"] == ok(clinician.get(entry["fullUrl"]))


def test_page_after_page_each_once(clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    subject, ids = measured
    for count in (1, 3, PAGES, 100):
        page = ok(clinician.get("/fhir/Observation", params={"patient": subject, "_count": str(count)}))
        found = [one["id"] for one in resources(page)]
        while following := link(page, "next"):
            assert len(resources(page)) == count
            page = ok(clinician.get(following))
            found += [one["id"] for one in resources(page)]
        assert sorted(found) == ids


def test_a_page_of_large_resources_is_short_and_goes_on(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    large = [make(clinician, observation(subject, note=[{"text": "a" * 1_000_000}]))["id"] for _ in range(5)]
    answer = clinician.get("/fhir/Observation", params={"patient": subject})
    page = ok(answer)
    assert 1 <= len(resources(page)) < 5
    # What a Lambda function may answer, where the body stands as a JSON string in the function's own answer.
    assert len(json.dumps(answer.text)) < 6_000_000
    assert sorted(one["id"] for one in every(clinician, "Observation", patient=subject)) == sorted(large)


def test_the_self_link_asks_the_same(clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    page = ok(clinician.get("/fhir/Observation", params={"patient": measured[0], "_count": "2"}))
    same = link(page, "self")
    assert same is not None
    assert resources(ok(clinician.get(same))) == resources(page)


def test_by_ids(clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    subject, ids = measured
    found = every(clinician, "Observation", _id=",".join([ids[0], ids[3], subject, "nobody"]))
    assert sorted(one["id"] for one in found) == [ids[0], ids[3]]
    both = every(clinician, "Observation", _id=ids[0], patient="nobody")
    assert both == []
    assert [one["id"] for one in every(clinician, "Patient", _id=subject)] == [subject]


def test_what_was_deleted_is_not_found(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    gone, kept = (make(clinician, observation(subject))["id"] for _ in range(2))
    ok(clinician.delete(f"/fhir/Observation/{gone}"), 204)
    assert [one["id"] for one in every(clinician, "Observation", patient=subject)] == [kept]


def test_another_tenants_patient_is_as_one_who_is_not_there(stack: RunningStack, clinician: httpx.Client) -> None:
    theirs = stack.patients(stack.tenants[1])[0]
    nobody = "0b0f8f1e-1111-4111-8111-0123456789ab"
    pages = [ok(clinician.get("/fhir/Observation", params={"patient": id})) for id in (theirs, nobody)]
    assert [resources(page) for page in pages] == [[], []]
    assert str(pages[0]).replace(theirs, nobody) == str(pages[1])
    assert every(clinician, "Patient", _id=theirs) == []


@pytest.mark.parametrize(
    "query",
    [
        "_count=0",
        "_count=1000000",
        "_count=-1",
        "_count=1e1",
        "_count=%D9%A1",
        "_count=",
        "_count=1&_count=2",
        "patient=Zebra%2Fx",
        "patient=",
        "patient=a%00b",
        "patient=x&patient=y",
        "_id=",
        "_id=a,,b",
        "_id=a%27%20OR%201%3D1",
        "_id=" + ",".join(["a"] * 1 + [f"b{n}" for n in range(100)]),
        "_cursor=Zebra",
        "_cursor=",
        "_cursor=" + "A" * 2000,
        "Zebra=1",
        "_sort=Zebra",
        "_include=*",
        "_has:Observation:patient:code=Zebra",
        "patient:Patient.name=Zebra",
        "patient.name=Zebra",
        "=Zebra",
    ],
)
def test_parameters_that_mean_nothing_here(clinician: httpx.Client, query: str) -> None:
    refused(clinician.get(f"/fhir/Observation?{query}"), 400)


def test_a_cursor_is_its_callers_own(
    stack: RunningStack, clinician: httpx.Client, measured: tuple[str, list[str]]
) -> None:
    page = ok(clinician.get("/fhir/Observation", params={"patient": measured[0], "_count": "1"}))
    following = link(page, "next")
    assert following is not None
    cursor = following.split("_cursor=")[1]
    assert measured[1][0] not in cursor
    for client, path in (
        (stack.api("care_coordinator"), f"/fhir/Observation?_cursor={cursor}"),
        (stack.api("clinician", stack.tenants[1]), f"/fhir/Observation?_cursor={cursor}"),
        (clinician, f"/fhir/Condition?_cursor={cursor}"),
        (clinician, f"/fhir/Observation?_cursor={cursor[:-4]}AAAA"),
    ):
        refused(client.get(path), 400)
    assert ok(clinician.get(following))


def posted(client: httpx.Client, kind: str, form: dict[str, str] | bytes, **headers: str) -> httpx.Response:
    content = urlencode(form).encode() if isinstance(form, dict) else form
    named = {"Content-Type": "application/x-www-form-urlencoded"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return client.post(f"/fhir/{kind}/_search", content=content, headers=named)


def test_a_person_is_found_by_what_is_posted(clinician: httpx.Client) -> None:
    made = make(clinician, patient(name=[{"family": "Ångström-Zebra", "given": ["Jorun"]}], birthDate="1931-07-08"))
    for form in (
        {"family": "angstromzebra", "birthdate": "1931"},
        {"name": "JORUN", "birthdate": "1931-07-08", "gender": "female"},
        {"birthdate": "1931-07-08", "_id": made["id"]},
    ):
        page = ok(posted(clinician, "Patient", form))
        assert [one["id"] for one in resources(page)] == [made["id"]], form
        assert link(page, "self") == str(clinician.base_url).removesuffix("/") + "/fhir/Patient/_search"
    assert resources(ok(posted(clinician, "Patient", {"family": "angstromzebra", "birthdate": "1932"}))) == []


def test_posted_pages_go_on_by_get(clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    subject, ids = measured
    page = ok(posted(clinician, "Observation", {"code": "29463-7", "patient": subject, "_count": "3"}))
    found = [one["id"] for one in resources(page)]
    while following := link(page, "next"):
        assert "29463-7" not in following
        assert subject not in following
        page = ok(clinician.get(following))
        found += [one["id"] for one in resources(page)]
    assert sorted(found) == ids


def test_the_patient_comes_along(clinician: httpx.Client, measured: tuple[str, list[str]]) -> None:
    page = ok(clinician.get("/fhir/Observation", params={"patient": measured[0], "_include": "Observation:subject"}))
    modes = [(entry["search"]["mode"], entry["resource"]["resourceType"]) for entry in page["entry"]]
    assert modes == [("match", "Observation")] * PAGES + [("include", "Patient")]


def test_a_person_is_never_looked_for_in_an_address(clinician: httpx.Client) -> None:
    for name in ("family", "birthdate", "identifier", "name:exact", "phone", "email"):
        answer = clinician.get("/fhir/Patient", params={name: MARK})
        refused(answer, 400)
        assert name.partition(":")[0] in answer.text
        assert "_search" in answer.text
    told = refused(clinician.post("/fhir/Patient/_search", params={"family": MARK}, data={"gender": "female"}), 400)
    assert "they stand in the body, as application/x-www-form-urlencoded" in told


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        (b"family=%ff" + MARK.encode(), {}, 400),
        (b"family=\xff" + MARK.encode(), {}, 400),
        (b"family=" + MARK.encode() + b"&&", {}, 400),
        (MARK.encode(), {}, 400),
        (b"&".join([b"code=" + MARK.encode()] * 101), {}, 400),
        (b"code=" + b",".join([MARK.encode()] * 2000), {}, 400),
        (b"family=" + MARK.encode() * 4000, {}, 413),
        (b"family=" + MARK.encode(), {"Content_Type": "application/json"}, 415),
        (b"family=" + MARK.encode(), {"Content_Type": "application/x-www-form-urlencoded; charset=latin1"}, 415),
        (b"family=" + MARK.encode(), {"Content_Encoding": "gzip"}, 415),
    ],
)
def test_forms_that_cannot_be_read(clinician: httpx.Client, form: bytes, headers: dict[str, str], status: int) -> None:
    refused(posted(clinician, "Observation", form, **headers), status)
