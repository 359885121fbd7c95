"""The witness: what it cosigns, what it refuses and with which status, and what it remembers when something fails."""

from __future__ import annotations

import pytest

from phivault.audit.log.note import VerifierKey, log_vkey, witness_vkey
from phivault.audit.log.witnessing import encode_request
from phivault.audit.witness import Sighting, WitnessStand, answer
from phivault.errors import IntegrityError, InvalidInput, Unavailable
from tests.support.log_signer import LocalSigner
from tests.support.witnessing import (
    LOG_KEY,
    NAME,
    NOON,
    ORIGIN,
    WITNESS,
    Clock,
    Log,
    MemorySightings,
    a_witness,
    witnessed_at,
)


@pytest.fixture
def sightings() -> MemorySightings:
    return MemorySightings()


def test_a_growing_log_is_cosigned_at_each_size(sightings: MemorySightings):
    log, clock = Log(), Clock()
    witness, old = a_witness(sightings, clock), 0
    for new in (1, 2, 3, 8, 9, 40):
        clock.now += 60
        assert witnessed_at(log.ask(witness, old, new), log.note(new)) == clock.now
        old = new
    assert [held.old for held in sightings.held.values()] == [0, 1, 2, 3, 8, 9]
    assert sightings.held[ORIGIN, 9] == Sighting(9, NOON + 360, log.note(40))


def test_the_newest_size_is_cosigned_again_with_a_new_time_and_nothing_stored(sightings: MemorySightings):
    log, clock = Log(), Clock()
    witness = a_witness(sightings, clock)
    log.ask(witness, 0, 7)
    clock.now += 600
    assert witnessed_at(log.ask(witness, 7, 7), log.note(7)) == NOON + 600
    assert len(sightings.held) == 1


def test_an_empty_log_is_cosigned_and_not_remembered(sightings: MemorySightings):
    log = Log()
    assert witnessed_at(log.ask(a_witness(sightings), 0, 0), log.note(0)) == NOON
    assert not sightings.held


def test_who_does_not_know_the_size_is_told(sightings: MemorySightings):
    log = Log()
    witness = a_witness(sightings)
    log.ask(witness, 0, 7)
    for old, new in ((0, 9), (6, 9), (8, 9), (6, 7), (0, 7)):
        refused = log.ask(witness, old, new)
        assert (refused.status, refused.body) == (409, "7\n")
    assert witnessed_at(log.ask(witness, 7, 9), log.note(9)) == NOON


def test_logs_do_not_know_of_each_other(sightings: MemorySightings):
    other = Log(origin="log.example/south", signer=LocalSigner("south"))
    keys = [LOG_KEY, VerifierKey.parse(log_vkey(other.origin, other.signer.public_key))]
    witness = WitnessStand(sightings, WITNESS, NAME, keys, Clock())
    assert Log().ask(witness, 0, 7).status == 200
    assert other.ask(witness, 0, 3).status == 200
    assert Log().ask(witness, 7, 8).status == 200


def test_a_lost_answer_of_the_memory_is_made_good(sightings: MemorySightings):
    log = Log()
    witness = a_witness(sightings)
    sightings.failures = ["after"]
    with pytest.raises(Unavailable):
        log.ask(witness, 0, 7)
    assert log.ask(witness, 0, 7).body == "7\n"
    assert witnessed_at(log.ask(witness, 7, 7), log.note(7)) == NOON


def test_nothing_is_signed_that_is_not_stored(sightings: MemorySightings):
    log = Log()
    witness = a_witness(sightings)
    sightings.failures = ["before"]
    with pytest.raises(Unavailable):
        log.ask(witness, 0, 7)
    assert not sightings.held
    assert log.ask(witness, 0, 7).status == 200


def test_stored_before_it_is_signed(sightings: MemorySightings):
    class Dead:
        public_key = WITNESS.public_key

        def sign(self, message: bytes) -> bytes:
            assert sightings.held
            raise Unavailable("the key service is down")

    witness = WitnessStand(sightings, Dead(), NAME, [LOG_KEY], Clock())
    with pytest.raises(Unavailable):
        Log().ask(witness, 0, 7)
    assert Log().ask(a_witness(sightings), 7, 7).status == 200


def test_time_never_goes_back(sightings: MemorySightings):
    log, clock = Log(), Clock()
    witness = a_witness(sightings, clock)
    log.ask(witness, 0, 7)
    clock.now += 600
    log.ask(witness, 7, 7)
    clock.now -= 200
    assert witnessed_at(log.ask(witness, 7, 8), log.note(8)) == NOON + 600
    elsewhere = a_witness(sightings, Clock(NOON + 590))
    assert witnessed_at(log.ask(elsewhere, 8, 8), log.note(8)) == NOON + 600


def test_a_clock_far_behind_signs_nothing(sightings: MemorySightings):
    log = Log()
    log.ask(a_witness(sightings), 0, 7)
    behind = a_witness(sightings, Clock(NOON - 301))
    for new in (7, 8):
        with pytest.raises(Unavailable, match="clock"):
            log.ask(behind, 7, new)
    assert len(sightings.held) == 1
    assert witnessed_at(log.ask(a_witness(sightings, Clock(NOON - 300)), 7, 7), log.note(7)) == NOON


@pytest.mark.parametrize(
    "planted",
    [
        Sighting(7, NOON, Log(signer=LocalSigner("somebody")).note(9)),
        Sighting(7, NOON, Log().note(7)),
        Sighting(7, NOON, Log().note(6)),
        Sighting(7, NOON, b"no note"),
        Sighting(7, NOON, Log(origin="log.example/south").note(9)),
    ],
)
def test_a_memory_that_somebody_changed_is_not_believed(sightings: MemorySightings, planted: Sighting):
    log = Log()
    witness = a_witness(sightings)
    log.ask(witness, 0, 7)
    sightings.held[ORIGIN, planted.old] = planted
    for old in (7, 9):
        with pytest.raises(IntegrityError):
            log.ask(witness, old, 10)


def test_a_sighting_comes_back_as_it_was():
    sighting = Sighting(0, NOON, Log().note(7))
    assert Sighting.parse(sighting.encode()) == sighting


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"time 1\n",
        b"time 1\nold 0",
        b"old 0\ntime 1\nx",
        b"time 01\nold 0\nx",
        b"time 1\nold -1\nx",
        b"time \xff\nold 1\nx",
    ],
)
def test_a_malformed_sighting(data: bytes):
    with pytest.raises(IntegrityError):
        Sighting.parse(data)


def test_a_witness_watches_logs_and_not_witnesses(sightings: MemorySightings):
    with pytest.raises(InvalidInput):
        WitnessStand(sightings, WITNESS, NAME, [VerifierKey.parse(witness_vkey(NAME, WITNESS.public_key))])


def test_a_request_s_text_is_answered(sightings: MemorySightings):
    log = Log()
    witness = a_witness(sightings)
    first = answer(witness, encode_request(0, [], log.note(7)))
    assert witnessed_at(first, log.note(7)) == NOON
    assert answer(witness, encode_request(7, log.proof(7, 9), log.note(9))).status == 200


@pytest.mark.parametrize("body", [None, 7, b"old 0", ["old 0"], {}, "", "old 0", "x" * 20_000])
def test_what_is_no_request_is_400(sightings: MemorySightings, body: object):
    assert answer(a_witness(sightings), body).status == 400
