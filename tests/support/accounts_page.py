"""``python -m tests.support.accounts_page DEMO_JSON REGISTRATION``: docs/embedding-accounts.md against a running stack,
in a process whose environment is that of another application."""

from __future__ import annotations

import doctest
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx

from local.cognito.passwords import generate
from tests.support.apps import App

PAGE = Path(__file__).resolve().parents[2] / "docs" / "embedding-accounts.md"


def main(facts: dict[str, Any], registration: str) -> int:
    messages, cognito = facts["aws_endpoint_url_messages"], facts["cognito"]["endpoint_url"]
    os.environ |= facts["settings"] | {
        "AWS_ENDPOINT_URL": facts["aws_endpoint_url"],
        "AWS_ENDPOINT_URL_S3": facts["aws_endpoint_url_s3"],
        "AWS_ENDPOINT_URL_SESV2": messages,
        "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2": messages,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": cognito,
        "AWS_ACCESS_KEY_ID": facts["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": facts["aws_secret_access_key"],
        "AWS_REGION": facts["region"],
    }

    def newest(to: str) -> str:
        return str(httpx.get(facts["outbox_url"], params={"to": to}, timeout=30).json()[-1]["code"])

    def app(secret: str) -> str:
        return App(secret).code()

    given = {"registration": registration, "mailbox": newest, "phone": newest, "app": app, "password": generate()}
    done = doctest.testfile(str(PAGE), module_relative=False, globs=given)
    sys.stdout.write(f"{done.attempted} examples\n")
    return 1 if done.failed or not done.attempted else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2]))
