"""The steps in their order."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from local.demo import (
    broken_glass,
    consent,
    entries,
    erasure,
    export,
    offboarding,
    outage,
    registration,
    release,
    retention,
    rollback,
    rotation,
    search,
    sign_in,
    tamper,
    two_people,
    unrecorded,
)
from local.demo.exchange import Exchange
from local.demo.lab import Lab
from phivault.logs import scrub

log = logging.getLogger("phivault.demo")

STEPS = (
    ("Sign in with a second factor", sign_in.play),
    ("Import, read in three roles, look underneath", release.play),
    ("A tampered envelope", tamper.play),
    ("The audit bucket stops", outage.play),
    ("Deleting an audit record", retention.play),
    ("An export that anyone can verify", export.play),
    ("A destroyed key leaves the log valid", erasure.play),
    ("A key opened behind the product's back", unrecorded.play),
    ("An account from its first code to a stolen token", registration.play),
    ("An invitation, and an end", offboarding.play),
    ("A consent, given and withdrawn", consent.play),
    ("An emergency, and its review", broken_glass.play),
    ("A policy changed by two people", two_people.play),
    ("Searching what is sealed", search.play),
    ("A bundle, a patch, a document", entries.play),
    ("A new key for a patient", rotation.play),
    ("A row put back", rollback.play),
)


def play(lab: Lab, number: int) -> Iterator[Exchange]:
    """Step ``number`` (from 1). A step that breaks ends with an exchange that says so."""
    _, step = STEPS[number - 1]
    with lab.turn:
        try:
            yield from step(lab)
        except Exception as error:  # noqa: BLE001  # whatever breaks must read as a broken promise, not as silence
            log.error("step %d broke: %s", number, scrub(error))
            yield Exchange("The step broke", "", type(error).__name__, False, "See .local/logs/gateway.log")
