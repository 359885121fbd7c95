"""Whether a text may stand as a tenant's own policies: what it says is checked when it is proposed, so that nothing
is left to find out when it decides.

Errors name the place (which policy, counted from 1) and the rule, never what the text holds.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Any, Final

from cedarpy import policies_to_json_str, validate_policies

from phivault.access.policy_files import policy_text, schema
from phivault.errors import InvalidInput

MAX_POLICIES: Final = 100
MAX_BYTES: Final = 64 << 10
MAX_DEPTH: Final = 32
MAX_WORDS: Final = 1000
FHIR: Final = frozenset({"create", "read", "update", "delete", "search", "fhir"})

_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
# As Cedar's own lexer cuts text: a comment ends at either line end, a string holds no escaped line end.
_TOKEN: Final = re.compile(r'"(?:\\[^\r\n]|[^"\\])*"|//[^\r\n]*|[A-Za-z0-9_]+|\s+|.', re.DOTALL)
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Zl", "Zp"})
"""Unicode categories of characters that a reader doesn't see, or sees as something else than Cedar does."""
# There is no number and no time in the schema. What computes can fail when it decides, and one policy that fails denies
# everybody everything.
_FAILING: Final = frozenset({"+", "-", "*", "neg", "ip", "decimal", "datetime", "duration", "offset", "durationSince"})
_SCHEMA_RULES: Final = (
    (
        re.compile(r"attribute .* not found|optional attribute", re.DOTALL),
        "names an attribute that the schema doesn't give to everything in its scope (only `resource is PatientData` "
        "has a patient), or one that may be missing and isn't asked for with `has`",
    ),
    (re.compile(r"not declared as a valid eid|unrecognized"), "names a word that the schema doesn't have"),
    (re.compile(r"unable to find an applicable action"), "has a scope that no request can meet"),
)
_OTHER_RULE: Final = "compares or combines what doesn't fit together by the schema"


def check_tenant_policies(text: str) -> list[tuple[str, str]]:
    """The policies of ``text`` in its order, each as its ``@id`` and its effect, ``permit`` or ``forbid``.

    Raises InvalidInput where Cedar can't parse it, the schema doesn't hold it, a policy has no ``@id`` or one that
    is taken (each is ``[a-z0-9-]{1,64}``), it speaks of other actions than those on FHIR data, is a template, could
    fail or take long when it decides, the whole is too large (100 policies, 64 KiB), or holds a character that isn't
    seen. No policies at all are fine.
    """
    _require_bounded(text)
    policies = _parsed(text)
    _require_ids([policy.get("annotations", {}).get("id") or "" for policy in policies])
    _require_schema(text)
    for place, policy in enumerate(policies, 1):
        _require_fhir_actions(place, policy["action"])
        _require_certain(place, [condition["body"] for condition in policy["conditions"]])
    return [(policy["annotations"]["id"], policy["effect"]) for policy in policies]


def _require_bounded(text: str) -> None:
    """Cedar's parser recurses, and deep text would end the process: what could be deep never reaches it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput("The policies are not Unicode text") from None
    if size > MAX_BYTES:
        raise InvalidInput(f"The policies have more than {MAX_BYTES >> 10} KiB")
    if any(_is_unseen(character) for character in text):
        raise InvalidInput("The policies hold a character that is not seen: whoever approves them reads what stands")
    place, depth, words, branches = 1, 0, 0, 0
    for token in _TOKEN.findall(text):
        if token == '"':
            raise InvalidInput(f"Policy {place}: a string has no end")
        if token.isspace() or token.startswith("//"):
            continue
        if place > MAX_POLICIES:
            raise InvalidInput(f"There are more than {MAX_POLICIES} policies")
        if token == ";":
            place, depth, words, branches = place + 1, 0, 0, 0
            continue
        words += 1
        branches += token == "if"
        depth += (token in "([{") - (token in ")]}")
        if depth > MAX_DEPTH or branches > MAX_DEPTH or words > MAX_WORDS:
            raise InvalidInput(f"Policy {place}: too deep or too long; split it")


def _is_unseen(character: str) -> bool:
    """Whether it shows as nothing, turns lines around, or ends one where Cedar sees none: of policies with such a
    character, a person reads others than Cedar."""
    return character not in "\t\n\r" and unicodedata.category(character) in _UNSEEN


def _parsed(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(policies_to_json_str(text))
    except (ValueError, RecursionError):
        raise InvalidInput(f"The policies are not valid Cedar; see policy {_first_unparsed(text)}") from None
    if found["templates"] or found["templateLinks"]:
        raise InvalidInput("A template can't stand among a tenant's policies: it must name no slot")
    if len(found["staticPolicies"]) > MAX_POLICIES:
        raise InvalidInput(f"There are more than {MAX_POLICIES} policies")
    return [policy for _, policy in sorted(found["staticPolicies"].items(), key=lambda each: _number(each[0]))]


def _number(name: str) -> int:
    """Cedar calls the policies of a text policy0, policy1 and so on."""
    return int(name.removeprefix("policy") or 0)


def _first_unparsed(text: str) -> int:
    statements = [""]
    for token in _TOKEN.findall(text):
        statements[-1] += token
        if token == ";":
            statements.append("")
    for place, statement in enumerate(statements, 1):
        try:
            policies_to_json_str(statement)
        except ValueError:
            return place
    return len(statements)


def _require_ids(ids: list[str]) -> None:
    for place, id in enumerate(ids, 1):
        if not _ID.fullmatch(id):
            raise InvalidInput(f"Policy {place}: give it an @id of 1 to 64 of a-z, 0-9 and -")
        if id in our_ids():
            raise InvalidInput(f"Policy {place}: its @id is that of a policy of the product")
        if Counter(ids[:place])[id] > 1:
            raise InvalidInput(f"Policy {place}: its @id is taken by one before it")


@cache
def our_ids() -> frozenset[str]:
    """The ``@id`` of every policy in ``policies/``."""
    ours = json.loads(policies_to_json_str(policy_text()))["staticPolicies"].values()
    return frozenset(policy["annotations"]["id"] for policy in ours)


def _require_schema(text: str) -> None:
    result = validate_policies(text, schema())
    if result.validation_passed:
        return
    error = min(result.errors, key=lambda each: _number(each.policy_id))
    rule = next((rule for pattern, rule in _SCHEMA_RULES if pattern.search(error.error)), _OTHER_RULE)
    raise InvalidInput(f"Policy {_number(error.policy_id) + 1} {rule}")


def _require_fhir_actions(place: int, scope: dict[str, Any]) -> None:
    named = scope.get("entities") or [entity for entity in [scope.get("entity")] if entity]
    if not named or any(entity["id"] not in FHIR for entity in named):
        raise InvalidInput(f"Policy {place}: its actions must be among " + ", ".join(sorted(FHIR)))


def _require_certain(place: int, bodies: list[Any]) -> None:
    """No expression that can fail when it decides: nothing computed, and no attribute of an entity that may not be
    there, which are all but the principal, the resource and the resource's patient."""
    left = list(bodies)
    while left:
        node = left.pop()
        if isinstance(node, list):
            left.extend(node)
        elif isinstance(node, dict) and node.keys() == {"Record"}:
            left.extend(node["Record"].values())  # its keys are names that the policy chose
        elif isinstance(node, dict) and node.keys() != {"Value"}:
            if _FAILING & node.keys():
                raise InvalidInput(f"Policy {place}: computes, and there are no numbers, times or addresses")
            if "like" in node and _path(node["like"]["left"])[-1] != "type":
                # The longest type has few characters. Of two long texts each comparison could take seconds.
                raise InvalidInput(f"Policy {place}: only the type of the resource can be compared by like")
            if _reads_attribute(node) and not _is_at_hand(_path(node)):
                raise InvalidInput(f"Policy {place}: only principal, resource and context have attributes")
            left.extend(node.values())


def _reads_attribute(node: dict[str, Any]) -> bool:
    return bool({".", "has", "getTag", "hasTag"} & node.keys())


def _path(node: Any) -> list[str]:
    """``resource.patient.restricted`` as its parts; "" where something else than a path is read."""
    parts: list[str] = []
    while isinstance(node, dict) and _reads_attribute(node):
        ((kind, inner),) = node.items()
        parts.append(str(inner["attr"]) if kind in (".", "has") else "")
        node = inner["left"]
    root = node.get("Var", "") if isinstance(node, dict) else ""
    return [root, *reversed(parts)]


def _is_at_hand(path: list[str]) -> bool:
    return "" not in path and (path[:2] != ["principal", "self"] or len(path) == 2)
