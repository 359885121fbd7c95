"""Destroy a person's key: what it sealed can't be read again, in the records and in the audit log alike.

The log keeps every byte and still verifies: only the sealed fields of its events, and envelopes, open no more.
GDPR article 17; 45 CFR 164.310(d)(2)(i).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.audit.retention import Hold
from phivault.audit.system import key_event
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import InvalidInput, PhivaultError, Unprocessable

_TENANT, _SUBJECT = re.compile(r"[A-Za-z0-9._-]{1,64}"), re.compile(r"[A-Za-z]{1,32}/[A-Za-z0-9._-]{1,64}")
KINDS = ("Patient", "RelatedPerson", "User", "Unattributed", "Project")
"""Subjects whose key may go; a user's only where the account is a patient's own. That of staff stays until the
retention of what they did ends, the tenant's for good. A research project's ends its pseudonyms."""

BEFORE = "key:destroyed-before"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose an account is: its tenant, and the patient that it is the own account of; empty for staff."""

    tenant: str
    patient: str


@dataclass(frozen=True, slots=True)
class Destroyed:
    """The newest version, and whether all were destroyed ``before``."""

    version: int
    before: bool


type Accounts = Callable[[str], Account | None]
"""By a user's id. None where there is no such account. May raise Unavailable."""


def destroy_key(
    keys: SubjectKeys,
    recorder: Recorder,
    tenant: str,
    subject: str,
    *,
    by: str,
    accounts: Accounts,
    holds: Iterable[Hold] = (),
) -> Destroyed:
    """Record it, then destroy every version. ``by`` is the operator's id, ``holds`` the legal holds that stand. May be
    repeated: what was destroyed before is recorded so, with the flag ``key:destroyed-before``.

    Raises Unprocessable where a hold or whose key it is forbids it, NotFound where the subject never had a key,
    InvalidInput, or Unavailable: then the key may be there still, and this may be repeated. What is refused or fails
    is recorded too.
    """
    if not _TENANT.fullmatch(tenant) or not _SUBJECT.fullmatch(subject):
        raise InvalidInput("A tenant is named by its id, a subject like Patient/<id>")

    def record(error: PhivaultError | None = None, *flags: str) -> None:
        about = {"user_id": by, "role": "operator", "flags": flags}
        recorder.append([key_event(Action.KEY_DESTROY, tenant, subject, 0, error, **about)])

    refusal = _refusal(tenant, subject, accounts, holds)
    if refusal is not None:
        record(refusal)
        raise refusal
    try:
        before = keys.is_destroyed(tenant, subject)
    except PhivaultError as error:
        record(error)
        raise
    # Before it is too late for a record, which needs no key of this subject.
    record(None, *((BEFORE,) if before else ()))
    try:
        return Destroyed(keys.destroy(tenant, subject), before)
    except PhivaultError as error:
        record(error)
        raise


def _refusal(tenant: str, subject: str, accounts: Accounts, holds: Iterable[Hold]) -> PhivaultError | None:
    kind, _, id = subject.partition("/")
    if kind not in KINDS:
        return Unprocessable(f"Only the key of one of these may be destroyed: {', '.join(KINDS)}")
    patient = id if kind == "Patient" else ""
    if kind == "User":
        account = accounts(id)
        if account is None or account.tenant != tenant or not account.patient:
            return Unprocessable("This isn't the own account of a patient of that tenant")
        patient = account.patient
    if any(hold.covers(tenant, patient) for hold in holds):
        return Unprocessable("A legal hold keeps this key")
    return None
