"""docs/configuration.md is what the settings say."""

from __future__ import annotations

from infra.configuration import TARGET, render
from infra.settings import Deployment


def test_the_document_is_current():
    assert TARGET.read_text("utf-8") == render(), "run python -m infra.configuration"


def test_every_setting_is_described():
    assert [name for name, field in Deployment.model_fields.items() if not field.description] == []
