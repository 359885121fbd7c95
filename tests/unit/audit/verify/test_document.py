"""The steps' numbers and what they mean are those of the document."""

from __future__ import annotations

import re
from pathlib import Path

from phivault.audit.verify.finding import Step


def test_the_steps_are_those_of_the_document() -> None:
    section = Path("docs/audit-format.md").read_text().partition("\n## 10. ")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (V\d) \| (.+) \|$", section, re.MULTILINE) == [(step.value, step.meaning) for step in Step]
    assert re.findall(r"^\*\*(V\d)\*\* ", section, re.MULTILINE) == [step.value for step in Step]
