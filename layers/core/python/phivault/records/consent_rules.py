"""What a Consent may say, checked when it is written: whatever of it can't be enforced is refused.

Who may write one at all is for policies to say (``guardrails.cedar``); that nobody gives themself anything with it is
said here, since policies don't see what it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from phivault.access.consent import SENSITIVE, Provision
from phivault.access.principal import Principal
from phivault.errors import Unprocessable
from phivault.records import consent_terms as terms
from phivault.records.consent_provision import provision_of
from phivault.records.events import Trail
from phivault.records.json_members import parse
from phivault.records.open import open_elements
from phivault.records.store import SealedVersion

CONSENT: Final = "Consent"
ACTIVE: Final = "active"
MAX_BYTES: Final = 32_768
"""A Consent is read whenever anything of its patient is. A scan of the signed paper is a DocumentReference's."""
MAX_ACTIVE: Final = 100
MAX_STANDING: Final = 200
"""Of one patient: in force, and not deleted."""
MAX_STANDING_BYTES: Final = 1 << 20
"""Of one patient: a list reads those of up to 49 at once."""
_RESEARCH: Final = frozenset({"RESEARCH"})


def in_force(members: Mapping[str, bytes]) -> Provision | None:
    """What a Consent enforces; None where it says nothing: its status isn't active. Raises Unprocessable for an
    active one that can't be enforced."""
    if "status" not in members or parse(members["status"]) != ACTIVE:
        return None
    if "provision" not in members:
        raise Unprocessable("Consent.provision is required where status is active: else nothing would be enforced")
    return provision_of(parse(members["provision"]))


def check(trail: Trail, type: str, id: str, patient: str, members: Mapping[str, bytes]) -> None:
    """Raise Unprocessable unless these are the members of a Consent that the caller may write as it is, or of any other
    type. ``id`` is what it has or will have; ``patient`` is the bare id of whose it is."""
    if type != CONSENT:
        return
    size = sum(len(name) + len(value) for name, value in members.items())
    if size > MAX_BYTES:
        raise Unprocessable(f"Consent may have at most {MAX_BYTES} bytes: keep documents as a DocumentReference")
    if "provision" in members:
        provision_of(parse(members["provision"]))  # of one that isn't active yet, too
    provision = in_force(members)
    if provision is not None:
        _check_frame(members, provision)
        _check_writer(trail.call.principal, patient, provision)
    _check_room(trail, id, patient, size, active=provision is not None)


def _check_frame(members: Mapping[str, bytes], provision: Provision) -> None:
    """What stands around the provision of an active Consent mustn't make it mean something else."""
    for name in ("implicitRules", "modifierExtension"):
        if name in members:
            raise Unprocessable(f"Consent.{name} could change what it means and isn't accepted")
    scope = _codes(parse(members["scope"]))
    if scope not in ({(terms.SCOPE, terms.PRIVACY)}, {(terms.SCOPE, terms.RESEARCH)}):
        raise Unprocessable(f"Consent.scope must be {terms.PRIVACY} or {terms.RESEARCH} of consentscope alone")
    if (terms.SCOPE, terms.RESEARCH) in scope and provision.purposes != _RESEARCH:
        raise Unprocessable("Consent.provision.purpose must be HRESCH alone where the scope is research")
    rule = _codes(parse(members["policyRule"])) if "policyRule" in members else set()
    if provision.permit and rule & terms.OPT_OUT:
        raise Unprocessable("Consent.policyRule opts out, so that Consent.provision.type must be deny")


def _codes(concept: Any) -> set[tuple[str, str]]:
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return {(each.get("system", ""), each.get("code", "")) for each in codings}


def _check_writer(writer: Principal, patient: str, provision: Provision) -> None:
    """Who writes down what somebody else consents to can't be given anything by it, not as one of a role either."""
    if writer.patient_id == patient:
        return
    for rule in _rules(provision):
        if not rule.permit:
            continue
        if writer.user_id in rule.users or writer.role in rule.roles:
            raise Unprocessable("Consent.provision.actor: a permit can't name who writes it for the patient")
        if SENSITIVE in rule.classes and not rule.users and not rule.roles:
            raise Unprocessable("Consent.provision.actor: a permit of the sensitive class must say whom it is for")


def _rules(provision: Provision) -> Iterator[Provision]:
    yield provision
    for each in provision.exceptions:
        yield from _rules(each)


def _check_room(trail: Trail, id: str, patient: str, size: int, *, active: bool) -> None:
    """Bound what every later request about the patient has to read. Writers who race may pass it by their number."""
    standing = trail.records.store.of_subjects(trail.tenant, CONSENT, [f"Patient/{patient}"])
    written = trail.consents.setdefault(patient, {})  # by this call, and not committed yet
    written[id] = size
    others = [each for each in standing if each.id not in written]
    is_new = all(each.id != id for each in standing)
    if len(others) + len(written) > MAX_STANDING and is_new:
        raise Unprocessable(f"The patient has {MAX_STANDING} Consents: delete some that say nothing any more")
    # Twice as much where one ends: to withdraw it is always possible, however many wrote at once before.
    most = MAX_STANDING_BYTES if active or is_new else 2 * MAX_STANDING_BYTES
    if sum(map(_size, others)) + sum(written.values()) > most:
        raise Unprocessable(f"The patient's Consents have {MAX_STANDING_BYTES} bytes: delete some that say nothing")
    if active and _active(trail, others) + len(written) > MAX_ACTIVE:
        raise Unprocessable(f"The patient has {MAX_ACTIVE} active Consents: end some first")


def _size(sealed: SealedVersion) -> int:
    return len(sealed.envelope or b"")


def _active(trail: Trail, sealed: Collection[SealedVersion]) -> int:
    if len(sealed) < MAX_ACTIVE // 2:  # most often: then none needs to be opened
        return len(sealed)
    return sum(parse(open_elements(trail, each, ["status"])["status"]) == ACTIVE for each in sealed)
