"""Consents, read from the records themselves: what was written before a request is what holds for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from hashlib import sha256

from phivault.access.consent import Provision, facts_of
from phivault.access.facts import ConsentFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.crypto.element import SealContext
from phivault.crypto.envelope import read_header, unseal
from phivault.crypto.expiring_cache import ExpiringCache
from phivault.crypto.subject_keys import MAX_CACHE_SECONDS, SubjectKeys
from phivault.errors import Gone, IntegrityError, PhivaultError
from phivault.records import anchors
from phivault.records.consent_rules import CONSENT, in_force
from phivault.records.store import ResourceStore, SealedVersion

REMEMBERED = 2000
type _Name = tuple[str, str, str, int, bytes]


class StoredConsents:
    """Fills ``records.consents.Consents``. One query for all patients of a call; a patient's key opens what they
    consent to, so that where it is cached no KMS call is made, and those that aren't are fetched together.

    What a version says is remembered by the digest of its envelope, for as long as a key may be, and used only while
    the key is still to be had: an erased patient consents to nothing. Safe to use from several threads.
    """

    def __init__(
        self, store: ResourceStore, noted: anchors.Anchors, keys: SubjectKeys, now: Callable[[], datetime]
    ) -> None:
        self._store, self._noted, self._keys, self._now = store, noted, keys, now
        self._read = ExpiringCache[_Name, tuple[Provision, ...]](
            seconds=MAX_CACHE_SECONDS, size=REMEMBERED, now=lambda: now().timestamp()
        )

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, ConsentFacts]:
        others = {f"Patient/{patient}": patient for patient in patients if patient != principal.patient_id}
        if not others:
            return {}
        sealed: dict[str, list[SealedVersion]] = {}
        tenant = principal.tenant
        found = self._store.of_subjects(tenant, CONSENT, list(others))
        for each in anchors.current(self._noted, self._store, tenant, found):
            sealed.setdefault(each.subject, []).append(each)
        self._keys.warm_versions(tenant, [_key(each) for versions in sealed.values() for each in versions])
        now = self._now().timestamp()
        return {
            others[subject]: facts_of(self._provisions(tenant, versions), principal, purpose, others[subject], now)
            for subject, versions in sealed.items()
        }

    def _provisions(self, tenant: str, versions: Iterable[SealedVersion]) -> list[Provision]:
        try:
            return [provision for each in versions for provision in self._provision(tenant, each)]
        except Gone:
            return []

    def _provision(self, tenant: str, sealed: SealedVersion) -> tuple[Provision, ...]:
        """The one provision of a version; none where it enforces nothing."""
        envelope = sealed.envelope or b""
        key = self._keys.for_unsealing(tenant, *_key(sealed))
        name = (tenant, sealed.subject, sealed.id, sealed.version, sha256(envelope).digest())
        known = self._read.get(name)
        if known is not None:
            return known
        context = SealContext(tenant, sealed.subject, CONSENT, sealed.id, sealed.version)
        try:
            found = in_force(unseal(key, context, envelope))  # all of it, so that no byte of it can be another
        except PhivaultError:
            # Not what was accepted when it was written. To pass over it could release what it withholds.
            raise IntegrityError("A Consent can't be read as it was written") from None
        read = () if found is None else (found,)
        self._read.put(name, read, self._now().timestamp())
        return read


def _key(sealed: SealedVersion) -> tuple[str, int]:
    return sealed.subject, read_header(sealed.envelope or b"").key_version
