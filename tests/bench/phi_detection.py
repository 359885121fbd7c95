"""Detection of PHI in free text: precision and recall on the labelled corpus, beside Presidio's pattern recognizers on
the same, and what it costs.

Presidio is no dependency: ``PHIVAULT_PRESIDIO`` names a Python that has presidio-analyzer (a virtual environment of its
own); without it only our figures are there, and a line says so.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from phivault.logs import ScrubbingFormatter
from phivault.phi.detect import find, redact_line
from phivault.phi.marking import marks
from phivault.records.validate import validate
from tests.bench._measure import Figure, ratio
from tests.support.corpus import PARTS, Scores, Sentence, Span, score, sentences

VARIABLE = "PHIVAULT_PRESIDIO"
THRESHOLDS = (0.0, 0.4)
"""Of Presidio's scores: everything, which is its default, and without its weak patterns."""
KINDS = {
    "PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email", "URL": "url", "IP_ADDRESS": "ip", "DATE_TIME": "date",
    "US_SSN": "ssn", "US_ITIN": "ssn", "UK_NHS": "nhs", "CREDIT_CARD": "card", "IBAN_CODE": "account",
    "US_BANK_NUMBER": "account", "ABA_ROUTING_NUMBER": "account", "CRYPTO": "account", "US_DRIVER_LICENSE": "license",
    "MEDICAL_LICENSE": "license", "US_NPI": "license", "UK_DRIVING_LICENCE": "license", "US_MBI": "plan",
    "US_HEALTH_INSURANCE_MEMBER_ID": "plan", "UK_VEHICLE_REGISTRATION": "vehicle", "UK_POSTCODE": "postcode",
    "MAC_ADDRESS": "device",
}  # fmt: skip
"""Presidio's entities as our kinds; any other is an ``id``. It doesn't tell fax from phone: here nobody does."""
LONG = 1 << 18
"""Characters. Where time grows in proportion, a MiB takes four times as long."""
NOTE = "Seen by Dr. Alice Zyx on 3 March 2021, call (617) 555-0123. BP 132/84, Metformin 500 mg, MRN 4471920. "
HOSTILE = (
    "1-",
    "Ab ",
    "a.",
    "Smith, ",
    "PO Box 1 ",
    "1 Ab Ab Ab Ab ",
    "GB82 WEST ",
    "lives in Ab ",
    "e\u0301",
    "a@",
    "::1",
)

FEW = {"count": 60, "repeats": 5}

type Finder = Callable[[str], list[Span]]


def figures() -> Iterator[Figure]:
    for part in PARTS:
        corpus = [_without_fax(sentence) for sentence in sentences(part)]
        yield from _scored(f"{part}:", score(corpus, _ours), aims=part == "held_out")
    yield from _beside()
    yield from _costs()


def _beside() -> Iterator[Figure]:
    python = os.environ.get(VARIABLE, "")
    presidio = _start(python) if python and Path(python).exists() else None
    if presidio is None:
        yield Figure(f"Presidio not installed ({VARIABLE} names no Python that has presidio-analyzer): figures", 0)
        return
    with presidio:
        said = json.loads(_line(presidio))
        yield Figure(f"Presidio {said['version']}, its pattern recognizers: recognizers", len(said["recognizers"]))
        for part in PARTS:
            corpus = [_without_fax(sentence) for sentence in sentences(part)]
            found = {one.text: _asked(presidio, one.text) for one in corpus}
            for least in THRESHOLDS:
                spans = {
                    text: [(kind, a, b) for kind, a, b, sure in ones if sure >= least] for text, ones in found.items()
                }
                name = f"{part}: Presidio, scores >= {least:g}:"
                yield from _scored(name, score(corpus, spans.__getitem__))


def _scored(name: str, scores: Scores, *, aims: bool = False) -> Iterator[Figure]:
    yield Figure(f"{name} precision, any kind", scores.any.precision or 0, at_least=0.9 if aims else None)
    yield Figure(f"{name} recall, any kind", scores.any.recall or 0, at_least=0.8 if aims else None)
    yield Figure(f"{name} labelled characters covered", scores.characters)
    for kind, one in sorted(scores.kinds.items()):
        if one.precision is not None:
            yield Figure(f"{name} {kind}: precision of {one.found}", one.precision)
        if one.recall is not None:
            yield Figure(f"{name} {kind}: recall of {one.labelled}", one.recall)


def _ours(text: str) -> list[Span]:
    return [("phone" if one.kind == "fax" else one.kind.value, one.start, one.end) for one in find(text)]


def _without_fax(sentence: Sentence) -> Sentence:
    labels = tuple(("phone" if kind == "fax" else kind, start, end) for kind, start, end in sentence.labels)
    return Sentence(sentence.text, labels)


def _start(python: str) -> subprocess.Popen[str] | None:
    if subprocess.run([python, "-c", "import presidio_analyzer, spacy"], capture_output=True).returncode:
        return None
    script = Path(__file__).with_name("_presidio.py")
    return subprocess.Popen(
        [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _asked(presidio: subprocess.Popen[str], text: str) -> list[tuple[str, int, int, float]]:
    assert presidio.stdin is not None
    presidio.stdin.write(json.dumps(text) + "\n")
    presidio.stdin.flush()
    return [(KINDS.get(kind, "id"), start, end, sure) for kind, start, end, sure in json.loads(_line(presidio))]


def _line(presidio: subprocess.Popen[str]) -> str:
    assert presidio.stdout is not None
    return presidio.stdout.readline()


def _costs() -> Iterator[Figure]:
    yield Figure("find in notes of 256 KiB / 8 times in 32 KiB of them", _growth(NOTE), 1.5)
    worst = max(map(_growth, HOSTILE))
    yield Figure("the same, the worst of 11 hostile texts", worst, 1.5)
    slowest = max(_seconds(unit * (LONG // len(unit))) for unit in HOSTILE)
    yield Figure("the slowest hostile text / notes of the same length", slowest / _seconds(NOTE * (LONG // len(NOTE))))
    plain, scrubbed = (
        ScrubbingFormatter(str, service="x", utc=True),
        ScrubbingFormatter(redact_line, service="x", utc=True),
    )
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "request failed: %s", ("unavailable",), None)
    yield Figure(
        "a log line with redaction / without", ratio(lambda: scrubbed.format(record), lambda: plain.format(record))
    )
    members = {name: json.dumps(value).encode() for name, value in OBSERVATION.items()}
    check, mark = (lambda: validate("Observation", members)), (lambda: marks("Observation", members))
    yield Figure("marking an Observation / validating it", ratio(mark, check, **FEW), 1.0)


OBSERVATION = {
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glucose"}]},
    "subject": {"reference": "Patient/0199b3c2-0000-7000-8000-00000000abcd"},
    "encounter": {"reference": "Encounter/0199b3c2-0000-7000-8000-00000000abce", "display": "Visit to the clinic"},
    "effectiveDateTime": "2026-02-03T04:05:06Z",
    "valueQuantity": {"value": 6.25, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
}


def _growth(unit: str) -> float:
    long, short = unit * (LONG // len(unit)), unit * (LONG // 8 // len(unit))
    return _seconds(long) / (8 * _seconds(short))


def _seconds(text: str) -> float:
    start = time.process_time()
    find(text)
    return time.process_time() - start
