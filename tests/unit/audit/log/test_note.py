from __future__ import annotations

import base64

import pytest
from aics_tlog import note as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log import note
from phivault.errors import IntegrityError, InvalidInput
from tests.support.log_signer import LocalSigner

LOG, WITNESS, STRANGER = LocalSigner("log"), LocalSigner("witness"), LocalSigner("stranger")
LOG_KEY = note.VerifierKey.parse(note.log_vkey("example.org/log", LOG.public_key))
WITNESS_KEY = note.VerifierKey.parse(note.witness_vkey("example.org/witness", WITNESS.public_key))
TEXT = "first\n\nsecond\n"
SIGNED = note.sign(TEXT, LOG_KEY.name, LOG)
COSIGNED = note.cosign(TEXT, WITNESS_KEY.name, WITNESS, 1_700_000_000)
NOTE = note.Note(TEXT, (SIGNED, COSIGNED))
BODY = NOTE.encode()
LINE = SIGNED.line().encode()


def test_a_note_comes_back_as_it_was() -> None:
    assert note.parse(BODY) == NOTE
    assert note.open_note(NOTE, [LOG_KEY, WITNESS_KEY]) == [
        note.Verified(LOG_KEY),
        note.Verified(WITNESS_KEY, 1_700_000_000),
    ]


def test_unknown_signatures_are_ignored_but_one_is_needed() -> None:
    stranger = note.sign(TEXT, LOG_KEY.name, STRANGER)
    renamed = note.sign(TEXT, "example.org/other", LOG)
    opened = note.open_note(note.Note(TEXT, (stranger, renamed, SIGNED)), [LOG_KEY])
    assert opened == [note.Verified(LOG_KEY)]
    with pytest.raises(IntegrityError, match="no signature of a known key"):
        note.open_note(note.Note(TEXT, (stranger, renamed)), [LOG_KEY])
    with pytest.raises(IntegrityError, match="no signature of a known key"):
        note.open_note(NOTE, [])


@pytest.mark.parametrize(
    "body",
    [b"", bytes(64), SIGNED.body[:-1], SIGNED.body + b"\0", STRANGER.sign(TEXT.encode()), LOG.sign(b"other\n")],
    ids=["empty", "zeros", "short", "long", "by-another-key", "over-another-text"],
)
def test_a_failing_signature_of_a_known_key_refuses_the_note(body: bytes) -> None:
    forged = note.Signature(LOG_KEY.name, LOG_KEY.key_id, body)
    with pytest.raises(IntegrityError, match="doesn't verify"):
        note.open_note(note.Note(TEXT, (COSIGNED, forged)), [LOG_KEY, WITNESS_KEY])


def test_a_cosignature_stands_for_its_time_alone() -> None:
    later = (1_700_000_001).to_bytes(8) + COSIGNED.body[8:]
    beyond = (2**63).to_bytes(8) + COSIGNED.body[8:]
    plain = LOG.sign(TEXT.encode())
    for body in (later, beyond, COSIGNED.body[:7], COSIGNED.body[8:], plain):
        with pytest.raises(IntegrityError):
            note.open_note(
                note.Note(TEXT, (note.Signature(WITNESS_KEY.name, WITNESS_KEY.key_id, body),)), [WITNESS_KEY]
            )


def test_keys_that_share_name_and_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(note.VerifierKey, "key_id", b"same")
    with pytest.raises(InvalidInput, match="one name and id"):
        note.open_note(NOTE, [LOG_KEY, note.VerifierKey(LOG_KEY.name, note.ED25519, STRANGER.public_key)])


def _line(name: str = "example.org/log", text: str | None = None) -> bytes:
    signature = base64.b64encode(LOG_KEY.key_id + SIGNED.body).decode() if text is None else text
    return f"— {name} {signature}\n".encode()


MALFORMED = {
    "empty": b"",
    "no-signature": TEXT.encode() + b"\n",
    "no-blank-line": b"text\n" + LINE,
    "no-final-newline": BODY[:-1],
    "blank-line-at-the-end": BODY + b"\n",
    "hyphen-for-dash": BODY.replace("—".encode(), b"-"),
    "dash-without-space": BODY.replace("— ".encode(), "—".encode()),
    "indented-signature": BODY.replace("— ".encode(), " — ".encode()),
    "carriage-return": BODY.replace(b"\n", b"\r\n"),
    "nul": b"a\0b\n\n" + LINE,
    "tab": b"a\tb\n\n" + LINE,
    "not-utf-8": b"\xff\n\n" + LINE,
    "overlong-utf-8": b"\xc0\xaf\n\n" + LINE,
    "surrogate": b"\xed\xa0\x80\n\n" + LINE,
    "no-name": b"t\n\n" + _line(name=""),
    "plus-in-name": b"t\n\n" + _line(name="a+b"),
    "space-in-name": b"t\n\n" + _line(name="a b"),
    "no-break-space-in-name": b"t\n\n" + _line(name="a\u00a0b"),
    "no-base64": b"t\n\n" + _line(text=""),
    "key-id-alone": b"t\n\n" + _line(text="AAAAAA=="),
    "url-safe-base64": b"t\n\n" + _line(text="AAAA__--AAAA"),
    "unpadded-base64": b"t\n\n" + _line(text="AAAAAAA"),
    "padding-bits-set": b"t\n\n" + _line(text="AAAAAAB="),
    "base64-with-space": b"t\n\n" + _line(text="AAAA AAAA"),
    "non-ascii-base64": b"t\n\n" + _line(text="AAAAАААА"),
    "two-of-one-key": b"t\n\n" + LINE + LINE,
    "101-signatures": b"t\n\n" + b"".join(_line(name=f"n{number}") for number in range(101)),
    "oversized": b"t" * note.MAX_NOTE + b"\n\n" + LINE,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_notes_are_refused(name: str) -> None:
    with pytest.raises(IntegrityError):
        note.parse(MALFORMED[name])


def test_as_many_signatures_as_allowed() -> None:
    body = b"t\n\n" + b"".join(_line(name=f"n{number}") for number in range(100))
    assert len(note.parse(body).signatures) == 100


def test_what_cannot_be_read_is_not_written() -> None:
    for text in ("no newline", "control\x07\n", ""):
        with pytest.raises(IntegrityError):
            note.Note(text, (SIGNED,)).encode()
    with pytest.raises(IntegrityError):
        note.Note(TEXT, ()).encode()


def _accepted_is_canonical(body: bytes) -> None:
    try:
        parsed = note.parse(body)
    except IntegrityError:
        return
    assert parsed.encode() == body


@given(st.binary(max_size=200))
def test_hostile_bytes_end_in_our_error(body: bytes) -> None:
    _accepted_is_canonical(body)


@given(st.integers(0, len(BODY) - 1), st.sampled_from(["cut", "insert", "replace"]), st.binary(min_size=1, max_size=3))
@settings(max_examples=400)
def test_no_other_bytes_say_the_same(at: int, how: str, some: bytes) -> None:
    """An edited note is refused, or reads as a different note that fails or lacks a signature."""
    edited = BODY[:at] + (b"" if how == "cut" else some) + BODY[at + (how != "insert") :]
    _accepted_is_canonical(edited)
    if edited == BODY:
        return
    try:
        opened = note.open_note(note.parse(edited), [LOG_KEY, WITNESS_KEY])
    except IntegrityError:
        return
    assert note.parse(edited).text == TEXT
    assert len(opened) == 1


def test_verifier_keys_come_back_as_they_were() -> None:
    for key in (LOG_KEY, WITNESS_KEY):
        assert note.VerifierKey.parse(key.vkey) == key
    assert (LOG_KEY.kind, WITNESS_KEY.kind) == (note.ED25519, note.COSIGNATURE)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        LOG_KEY.vkey.replace("log+", "log2+"),
        LOG_KEY.vkey.upper(),
        LOG_KEY.vkey + "\n",
        f" {LOG_KEY.vkey}",
        LOG_KEY.vkey[:-4],
        "+".join((LOG_KEY.name, LOG_KEY.key_id.hex(), "")),
        "+".join((LOG_KEY.name, LOG_KEY.key_id.hex(), base64.b64encode(b"\2" + LOG.public_key).decode())),
        "+".join((LOG_KEY.name, WITNESS_KEY.key_id.hex(), base64.b64encode(b"\1" + LOG.public_key).decode())),
    ],
)
def test_malformed_verifier_keys_are_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        note.VerifierKey.parse(vkey)


@given(st.text(max_size=80))
def test_hostile_verifier_keys_end_in_our_error(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        note.VerifierKey.parse(vkey)


def test_another_implementation_signs_for_us_and_opens_ours() -> None:
    key = theirs.parse_vkey(LOG_KEY.vkey)
    assert key.key_id == LOG_KEY.key_id
    assert theirs.verify_note(theirs.parse_note(BODY), [key])
    line = theirs.sign_note(TEXT, LOG.private_key, LOG_KEY.name)
    made = theirs.Note(TEXT, [line]).to_bytes()
    assert note.open_note(note.parse(made), [LOG_KEY]) == [note.Verified(LOG_KEY)]
