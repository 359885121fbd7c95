"""``docs/audit-actions.md``, made from the policy and the API document: ``make openapi`` writes both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phivault.audit.event import Action
from phivault.audit.policy import ACCOUNTED, DENY, DISCLOSURE, EVERY, PERMIT, PERSONAL, POLICY, Rule

ROOT = Path(__file__).resolve().parent.parent
TARGET, SERVED = ROOT / "docs" / "audit-actions.md", ROOT / "functions" / "pages" / "openapi.json"
UNRECORDED = {
    ("GET", "/healthz"): "says whether the stores answer, and nothing else",
    ("GET", "/v1/fhir/metadata"): "what the server can do, the same for everyone",
    ("GET", "/v1/openapi.json"): "a file of the release",
    ("GET", "/test-security"): "a file of the release; what it does, it does through the API",
}
"""Operations that record nothing, and why they needn't: anyone may call them, and they tell nothing about anybody."""
HEAD = f"""# What is recorded

Made from `phivault/audit/policy.py` and the API document by `make openapi`; a test holds it to both.

An event is one line of the log (`docs/audit-format.md`). What leaves or changes something is recorded before it does,
so the log may say more than happened, never less; a failure on the way adds an event with its `error`. A request that
fails before its verb, because its body can't be read for instance, is recorded under its operation's first action; an
operation that would answer without any record answers 500 instead. What API Gateway refuses by itself (no token, an
unknown path, more than the throttle lets through) never reaches a function: it stands in the gateway's access log,
which `phivault audit reconcile` compares with this one.

**Risk.** The table gives the risk of a success, of a failure, and of a denial (403, or 429). A denial about a patient
is at least `HIGH`, as is whatever is done in an emergency; what releases sensitive data is at least `MEDIUM`; data
that fails its integrity check is `CRITICAL`. `HIGH` and `CRITICAL` alert the security officer.

**Flags** name the rules that an event is evidence for: `hipaa:` a section of 45 CFR, `gdpr:` an article of Regulation
(EU) 2016/679, `soc2:` a Trust Services Criterion. Every event has {", ".join(f"`{flag}`" for flag in EVERY)}; one about
a patient, or that released a person's data, has `{PERSONAL}`; a release of a patient's data for
{", ".join(sorted(ACCOUNTED))}, or an application's export, has `{DISCLOSURE}` (treatment, payment, operations and what
a person is given of their own are no accountable disclosures). `{PERMIT}` and `{DENY}` say how access
was decided; the classes of data that were granted stand in `classes`.

**Every event** also holds who (`user_id`, `role`, `session`; e-mail address, source address and user agent sealed),
`tenant`, `request_id`, `success` and `error`. Never a token, a password, a code, a name or any free text.
"""


def document() -> str:
    served = json.loads(SERVED.read_text("utf-8"))
    return "\n".join([HEAD, *_actions(), "", *_operations(served), "", *_unrecorded(), ""])


def _actions() -> Iterator[str]:
    yield "## Actions"
    yield ""
    yield "| action | recorded by | when | risk: success, failure, denial | flags | holds |"
    yield "|---|---|---|---|---|---|"
    for action in Action:
        rule = POLICY[action]
        flags = " ".join(f"`{flag}`" for flag in sorted(rule.flags))
        yield f"| `{action}` | {rule.by} | {rule.when} | {_risks(rule)} | {flags} | {rule.hold} |"


def _risks(rule: Rule) -> str:
    return ", ".join((rule.risk, rule.failed or rule.risk, rule.denied))


def _operations(served: dict[str, Any]) -> Iterator[str]:
    yield "## Operations of the API"
    yield ""
    yield "| operation | records |"
    yield "|---|---|"
    for path, methods in sorted(served["paths"].items()):
        for method, operation in sorted(methods.items()):
            if operation["x-audit"]:
                yield f"| `{method.upper()} {path}` | {', '.join(f'`{action}`' for action in operation['x-audit'])} |"


def _unrecorded() -> Iterator[str]:
    yield "## Operations that record nothing"
    yield ""
    yield from (f"- `{method} {path}`: {reason}" for (method, path), reason in sorted(UNRECORDED.items()))


def main() -> None:
    TARGET.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
