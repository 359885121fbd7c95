"""Gaps, broken chains and objects that can't be lines: what waits, what is sealed and told, what never is."""

from __future__ import annotations

import logging

import pytest

from tests.support.sealing import Chain


def test_a_gap_waits_for_the_missing_object(log, caplog):
    chain = Chain(log)
    chain.put()
    key, body = chain.make()
    chain.put()
    assert log.sealer().seal().size == 2
    log.tick(minutes=9)
    assert log.sealer().seal().sealed == 0
    log.put(key, body)
    assert log.sealer().seal().sealed == 2
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_gap_is_sealed_over_after_ten_minutes_and_told(log, caplog):
    chain = Chain(log)
    chain.put()
    chain.make()
    chain.put()
    log.sealer().seal()
    log.tick(minutes=10)
    assert log.sealer().seal().sealed == 1
    assert "sealed beyond a gap" in caplog.text


def test_a_gap_of_more_than_an_hours_life_is_not_forgotten(log):
    chain = Chain(log)
    chain.put()
    chain.make()
    chain.put()
    log.tick(hours=9)
    for _ in range(2):
        log.sealer().seal()
        log.tick(minutes=10)
    assert len(log.leaves()) == 3


def test_a_busy_writer_cannot_be_ended_by_a_name_taken_ahead(log):
    chain = Chain(log)
    chain.put()
    rogue = Chain(log, chain.writer.id)
    for _ in range(50):
        key, body = rogue.make(9)
    log.put(key, body)
    for _ in range(20):
        log.tick(minutes=5)
        chain.put()
        assert log.sealer().seal().sealed >= 1
    assert key not in {place for place, _ in log.index.rows.values()}


def test_a_broken_chain_is_sealed_and_told(log, caplog):
    chain = Chain(log)
    chain.put()
    other = Chain(log, chain.writer.id)
    other.make()
    key, body = other.make()
    log.put(key, body)
    assert log.sealer().seal().size == 3
    assert "broken chain" in caplog.text


@pytest.mark.parametrize("spoil", [
    lambda body: b"", lambda body: body[:-1], lambda body: body + b"\n", lambda body: b"{}\n",
    lambda body: body.replace(b"clinician", b"clinicIan"), lambda body: body.replace(b'"v":1', b'"v":1.0'),
    lambda body: body + body, lambda body: body.replace(b'"sequence":1', b'"sequence":2'),
    lambda body: b"\xff" * 5000 + b"\n",
])  # fmt: skip
def test_what_the_schema_refuses_is_told_by_name_and_stops_nobody(log, caplog, spoil):
    key, body = Chain(log, "ee" * 16).make()
    log.put(key, spoil(body))
    Chain(log).put()
    sealer = log.sealer()
    sealed = sealer.seal()
    assert (sealed.size, sealed.refused, sealed.witnessed) == (2, 1, True)
    assert [record.getMessage() for record in caplog.records if key in record.getMessage()]
    caplog.clear()
    assert sealer.seal().refused == 0
    assert not caplog.records, "told once"


@pytest.mark.parametrize("key", [
    "ev/2026/03/04/12/00/{writer}-00000000.json", "ev/2026/03/04/12/{shard}/{writer}-0000000.json",
    "ev/2026/03/04/12/{shard}/{writer}-00000000.txt", "ev/2026/03/04/12/{shard}/short-00000000.json",
    "ev/2026/03/04/12/stray", "ev/stray", "ev/2026/03/04/12/{shard}/deeper/{writer}-00000000.json",
])  # fmt: skip
def test_names_of_another_form_are_left_alone(log, key):
    made, body = Chain(log, "ee" * 16).make()
    shard, _, name = made.removeprefix("ev/2026/03/04/12/").partition("/")
    log.put(key.format(shard=shard, writer=name.partition("-")[0]), body)
    Chain(log).put()
    assert log.sealer().seal().size == 2


def test_a_place_taken_twice_is_sealed_once(log, caplog):
    chain = Chain(log)
    key = chain.put(2)
    log.put(key.replace("2026/03/04/12", "2026/03/04/11"), log.buckets.events[key][0])
    sealed = log.sealer().seal()
    assert (sealed.size, sealed.refused) == (3, 1)
    assert "has the place of another" in caplog.text
