"""What envelopes cost: ``python -m tests.bench.envelope``. Ratios, measured side by side in one run.

The floor is a plain loop: one raw AES-256-GCM key, a random nonce before each value, no binding to anything.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import read_header, seal, unseal
from phivault.crypto.subject_key import SubjectKey

NAMES = (
    *("resourceType", "id", "meta", "text", "identifier", "active", "name", "telecom", "gender", "birthDate"),
    *("deceasedDateTime", "address.line", "address.city", "maritalStatus", "multipleBirthBoolean", "contact"),
    *("communication", "generalPractitioner", "managingOrganization", "link"),
)
THREE = frozenset(("name", "gender", "birthDate"))
VALUE_BYTES = 61
AIMS = {
    "seal / floor": 1.2,
    "unseal / floor": 1.8,
    "3 of 20 / all": 0.6,
    "bytes over values": 28 * len(NAMES) + 128,
}
IMPORTS = {
    "without the SDK": "import boto3, phivault.crypto.envelope, phivault.adapters.kms_wrapper",
    "with the SDK": "import boto3, phivault.crypto.envelope, aws_encryption_sdk",
}


def contenders() -> tuple[dict[str, Callable[[], object]], int]:
    """What to time, by name, and how many bytes the envelope adds to its values."""
    key = SubjectKey("t-1", "Patient/p-1", 1, os.urandom(32))
    context = SealContext("t-1", "Patient/p-1", "Patient", "p-1", 1)
    elements = [Element(name, "identifying", os.urandom(VALUE_BYTES)) for name in NAMES]
    mixed = [Element(name, "identifying", os.urandom(4 + 12 * n)) for n, name in enumerate(NAMES)]
    raw = AESGCM(os.urandom(32))

    def floor_seal() -> list[bytes]:
        return [(nonce := os.urandom(12)) + raw.encrypt(nonce, element.value, None) for element in elements]

    floor_sealed = floor_seal()
    envelope, mixed_envelope = seal(key, context, elements), seal(key, context, mixed)
    return {
        "floor seal": floor_seal,
        "floor unseal": lambda: [raw.decrypt(sealed[:12], sealed[12:], None) for sealed in floor_sealed],
        "seal": lambda: seal(key, context, elements),
        "unseal": lambda: unseal(key, context, envelope),
        "3 of 20": lambda: unseal(key, context, envelope, THREE),
        "header": lambda: read_header(envelope),
        "seal mixed": lambda: seal(key, context, mixed),
        "unseal mixed": lambda: unseal(key, context, mixed_envelope),
    }, len(envelope) - VALUE_BYTES * len(NAMES)


def sdk_contenders() -> dict[str, Callable[[], object]]:
    """One AWS Encryption SDK message per value under a raw key held in memory: no KMS is waited for."""
    import aws_encryption_sdk
    from aws_encryption_sdk.identifiers import EncryptionKeyType, WrappingAlgorithm
    from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
    from aws_encryption_sdk.key_providers.raw import RawMasterKey

    wrapping = WrappingKey(
        WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING, os.urandom(32), EncryptionKeyType.SYMMETRIC
    )
    master = RawMasterKey(key_id="bench", provider_id="bench", wrapping_key=wrapping)
    sdk = aws_encryption_sdk.EncryptionSDKClient()
    suite = aws_encryption_sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    values = [os.urandom(VALUE_BYTES) for _ in NAMES]

    def encrypt() -> list[Any]:
        return [
            sdk.encrypt(source=value, key_provider=master, encryption_context={"t": "1"}, algorithm=suite)[0]
            for value in values
        ]

    messages = encrypt()
    return {
        "20 SDK messages seal": encrypt,
        "20 SDK messages unseal": lambda: [sdk.decrypt(source=m, key_provider=master)[0] for m in messages],
    }


def medians(what: dict[str, Callable[[], object]], rounds: int, repeats: int) -> dict[str, float]:
    """Median microseconds of CPU time per call; the contenders take turns, so that noise meets them all."""
    times: dict[str, list[float]] = {name: [] for name in what}
    for _ in range(rounds):
        for name, call in what.items():
            start = time.process_time_ns()
            for _ in range(repeats):
                call()
            times[name].append((time.process_time_ns() - start) / repeats / 1000)
    return {name: statistics.median(spent) for name, spent in times.items()}


def import_milliseconds(rounds: int = 5) -> dict[str, float]:
    """Median CPU milliseconds of a new interpreter that imports this, an empty one's subtracted."""
    times: dict[str, list[float]] = {name: [] for name in (*IMPORTS, "nothing")}
    for _ in range(rounds):
        for name in times:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", IMPORTS.get(name, "")], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            times[name].append(spent * 1000)
    empty = statistics.median(times.pop("nothing"))
    return {name: statistics.median(spent) - empty for name, spent in times.items()}


def main() -> dict[str, float]:
    """Print the measurements as JSON, ratios with their aims, and return the ratios."""
    calls, overhead = contenders()
    spent = medians(calls, 300, 10) | medians(sdk_contenders(), 15, 1)
    imports = import_milliseconds()
    ratios = {
        "seal / floor": spent["seal"] / spent["floor seal"],
        "unseal / floor": spent["unseal"] / spent["floor unseal"],
        "3 of 20 / all": spent["3 of 20"] / spent["unseal"],
        "bytes over values": float(overhead),
        "20 SDK messages / seal": spent["20 SDK messages seal"] / spent["seal"],
        "20 SDK messages / unseal": spent["20 SDK messages unseal"] / spent["unseal"],
        "import without / with the SDK": imports["without the SDK"] / imports["with the SDK"],
    }
    report = {
        "microseconds": {name: round(value, 1) for name, value in spent.items()},
        "import_milliseconds": {name: round(value) for name, value in imports.items()},
        "ratios": {name: round(value, 2) for name, value in ratios.items()},
        "aims_at_most": AIMS,
    }
    print(json.dumps(report, indent=1))  # noqa: T201  (a command)
    return ratios


if __name__ == "__main__":
    main()
