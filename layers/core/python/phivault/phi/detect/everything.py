"""All rules over one text, and what is left of it where findings are blanked."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from phivault.phi.detect.contact import contact
from phivault.phi.detect.finding import Finding
from phivault.phi.detect.folded import fold
from phivault.phi.detect.locality import localities
from phivault.phi.detect.names import names
from phivault.phi.detect.numbers import numbers
from phivault.phi.detect.times import times

_RULES = (contact, numbers, times, localities, names)


def find(text: str) -> list[Finding]:
    """Identifiers in free text, in order, none over another. Takes time in proportion to the text's length, whatever
    the text is; knows nothing of who asks or of any other text.

    Where rules overlap, the finding covers all of them and has the kind of the surest: nothing that any rule saw is
    left uncovered.
    """
    folded = fold(text)
    found = _joined(finding for rule in _RULES for finding in rule(folded.text))
    return [Finding(one.kind, *folded.span(one.start, one.end), one.score) for one in found]


def redact(text: str, findings: Collection[Finding] | None = None) -> str:
    """``text`` with each finding replaced by its kind in brackets: ``[phone]``."""
    parts, at = [], 0
    for one in find(text) if findings is None else findings:
        parts += [text[at : one.start], f"[{one.kind}]"]
        at = one.end
    return "".join([*parts, text[at:]])


def _joined(findings: Iterable[Finding]) -> list[Finding]:
    joined: list[Finding] = []
    for one in sorted(findings, key=lambda finding: (finding.start, -finding.end)):
        if not joined or one.start >= joined[-1].end:
            joined.append(one)
            continue
        last = joined[-1]
        surest = max(last, one, key=lambda finding: (finding.score, finding.end - finding.start))
        joined[-1] = Finding(surest.kind, last.start, max(last.end, one.end), surest.score)
    return joined
