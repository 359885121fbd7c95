from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from phivault.errors import InvalidInput
from phivault.records.fhir_meta import REDACTED, SUBSETTED, client_members, instant, present, strip

AT = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)


def shown(members: dict[str, bytes], *, withheld: bool) -> bytes:
    return present(members, id="p", resource_type="Patient", version=3, at=AT, withheld=withheld)


def test_type_id_and_meta_come_first_and_values_keep_their_bytes() -> None:
    members = {"gender": b'"male"', "meta": b'{ "profile":[ "http://x.org/p" ] }', "x": b"1.10"}
    assert shown(members, withheld=False) == (
        b'{"resourceType":"Patient","id":"p","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05.006Z",'
        b'"profile":[ "http://x.org/p" ]},"gender":"male","x":1.10}'
    )


def test_what_is_withheld_is_marked_beside_the_clients_own_labels() -> None:
    meta = json.loads(shown({"meta": b'{"security":[{"code":"R"}]}'}, withheld=True))["meta"]
    assert meta["security"] == [{"code": "R"}, REDACTED]
    assert meta["tag"] == [SUBSETTED]


def test_what_was_shown_comes_back_as_it_was_stored() -> None:
    stored = {"meta": b'{"security":[ {"code":"R"} ],"source":"urn:x"}', "gender": b'"male"'}
    for withheld in (True, False):
        sent = json.loads(shown(stored, withheld=withheld))
        back = client_members("Patient", "p", {name: json.dumps(value).encode() for name, value in sent.items()})
        assert {name: json.loads(value) for name, value in back.items()} == {
            name: json.loads(value) for name, value in stored.items()
        }


def test_a_meta_of_the_servers_own_is_dropped() -> None:
    assert strip({"meta": b'{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z","_versionId":{}}'}) == {}
    marks = json.dumps({"security": [REDACTED], "tag": [SUBSETTED]}).encode()
    assert strip({"meta": marks}) == {}


def test_a_meta_of_the_clients_keeps_its_bytes() -> None:
    untouched = b'{ "security" : [ {"system":"http://x.org","code":"REDACTED"} ] }'
    assert strip({"meta": untouched, "id": b'"x"', "resourceType": b'"Patient"'}) == {"meta": untouched}
    assert strip({"meta": b'{ "tag" : [] }'}) == {"meta": b'{ "tag" : [] }'}


def test_only_the_servers_marks_are_taken_from_a_list() -> None:
    own = b'{ "code" : "REDACTED","system":"http://x.org" }'
    meta = b'{"security":[%s,%s],"versionId":"2"}' % (json.dumps(REDACTED).encode(), own)
    assert strip({"meta": meta}) == {"meta": b'{"security":[' + own + b"]}"}


@pytest.mark.parametrize("meta", [b"null", b"[]", b'"x"', b'{"security":{}}', b'{"tag":null}'])
def test_a_meta_of_another_form_is_refused(meta: bytes) -> None:
    with pytest.raises(InvalidInput):
        strip({"meta": meta})


def test_type_and_id_must_be_the_urls() -> None:
    whole = {"resourceType": b'"Patient"', "id": b'"p"', "active": b"true"}
    assert client_members("Patient", "p", whole) == {"active": b"true"}
    assert client_members("Patient", None, whole) == {"active": b"true"}
    for id, members in (
        ("q", whole),
        ("p", {"resourceType": b'"Patient"'}),
        (None, {"id": b'"p"'}),
        (None, {"resourceType": b'"Group"'}),
    ):
        with pytest.raises(InvalidInput):
            client_members("Patient", id, members)


def test_instants_are_utc() -> None:
    assert instant(AT.astimezone(timezone(timedelta(hours=2)))) == "2026-01-02T03:04:05.006Z"
