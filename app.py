"""The CDK app's entry: ``cdk synth`` and ``cdk deploy`` run it (cdk.json)."""

from __future__ import annotations

import sys

from infra.app import build
from infra.gates import add_packs
from infra.settings import SettingsRefused

if __name__ == "__main__":
    try:
        app = build()
        add_packs(app)
        app.synth()
    except SettingsRefused as refused:
        sys.exit(f"phivault isn't synthesized:\n{refused}")
