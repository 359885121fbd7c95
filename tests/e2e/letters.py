"""The e-mails that the emulator's SES took, as their recipients would have them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import boto3
import httpx

from local.ministack import ACCOUNT
from tests.e2e.journal import Failed

CODE = re.compile(r"\b[0-9]{6}\b")
TOKEN = re.compile(r"^[A-Za-z0-9_-]{43}$", re.MULTILINE)
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Letters:
    """``emulator`` is a client of its own pages."""

    emulator: httpx.Client

    @staticmethod
    def verify(identity: str) -> None:
        """Make it an identity that SES sends for, as an operator would before the first deployment."""
        boto3.client("sesv2").create_email_identity(EmailIdentity=identity)

    def to(self, address: str) -> list[str]:
        """Subject and text of each, oldest first."""
        answer = self.emulator.get("_ministack/ses/messages", params={"account": ACCOUNT})
        messages = answer.raise_for_status().json()["messages"].get(ACCOUNT, [])
        mine = sorted((one for one in messages if address in one["To"]), key=lambda one: float(one["Timestamp"]))
        return [f"{one['Subject']}\n{one['BodyText']}" for one in mine]

    def newest(self, address: str, holding: re.Pattern[str], after: int = 0) -> str:
        """What a pattern finds in the newest letter to an address that has it, beyond the first ``after`` letters.
        Raises Failed where none comes."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = [hit for text in self.to(address)[after:] for hit in holding.findall(text)]
            if found:
                return str(found[-1])
            if time.monotonic() > deadline:
                raise Failed("the e-mail with the code didn't come")
            time.sleep(0.2)

    def everything(self) -> list[str]:
        answer = self.emulator.get("_ministack/ses/messages", params={"account": ACCOUNT})
        messages = answer.raise_for_status().json()["messages"].get(ACCOUNT, [])
        return [one["BodyText"] or "" for one in messages]
