"""What operators and intruders do to records behind the API: keys rotated, a folder imported, a row put back."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg

from local.ministack import Ministack
from tests.e2e.cast import answered
from tests.e2e.evidence import PHIVAULT
from tests.e2e.journal import Journal, expect
from tests.e2e.people import TENANT
from tests.e2e.records import Records
from tests.support.population import generate

COUNT, SEED = 3, 23
PUT_BACK = (
    "UPDATE phi.resources AS r SET version = h.version, at = h.at, envelope = h.envelope FROM phi.history AS h"
    " WHERE (h.tenant_id, h.type, h.id) = (r.tenant_id, r.type, r.id) AND h.version = %s AND r.id = %s"
)
NOW = "SELECT version, at, envelope FROM phi.resources WHERE id = %s"
AS_IT_WAS = "UPDATE phi.resources SET version = %s, at = %s, envelope = %s WHERE id = %s"


@dataclass(slots=True)
class Keeping:
    """``known`` are the names of resources by setting, ``database`` the DSN of a superuser, ``rotator`` the function's
    ARN, ``base_url`` the deployed stage's."""

    records: Records
    aws: Ministack
    known: dict[str, str]
    database: str
    rotator: str
    base_url: str
    folder: Path

    def play(self, journal: Journal) -> None:
        with journal.check("phivault keys status counts keys, and names the KMS key that wraps them"):
            self._status()
        with journal.check("phivault keys rotate gives the patient a new key; every version is read as before"):
            self._rotated()
        with journal.check("phivault keys retire ends the old key once nobody may seal under it"):
            self._retired()
        with journal.check(f"phivault import brings {COUNT} patients in, and makes nothing twice"):
            self._imported()
        with journal.check("a row put back in PostgreSQL to what it was is refused, and back at its newest served"):
            self._put_back()

    def _status(self) -> None:
        said = self._command("keys", "status", "--tenant", TENANT)
        expect(f"{self.known['subject_key_arn']}: Enabled, wraps" in said, said)
        expect(f"{TENANT}: " in said and ", 0 under older keys, of 0 subjects" in said, said)

    def _rotated(self) -> None:
        before = self._versions()
        said = self._command("keys", "rotate", *self._subject(), "--no-wait")
        expect(said.startswith("1 new keys, 0 begun before; ") and "; 0 old keys retired" in said, said)
        expect([key["state"] for key in self._keys()] == ["", ""], "not two keys")
        expect(self._versions() == before, "it reads otherwise")

    def _retired(self) -> None:
        said = self._command("keys", "retire", *self._subject())
        expect(said.startswith("0 old keys retired, 0 destroyed"), said)
        self._as_if_long_ago()
        said = self._command("keys", "retire", *self._subject())
        expect(said.startswith("1 old keys retired, 0 destroyed"), said)
        said = self._command("keys", "status", "--tenant", TENANT)
        expect("1 retired" in said and ", 0 under older keys" in said, said)

    def _imported(self) -> None:
        source = self.folder / "source"
        generate(source, count=COUNT, seed=SEED, form="ndjson")
        lines = [json.loads(line) for path in source.glob("*.ndjson") for line in path.read_text().splitlines()]
        stack = str(self._as_a_user())
        for _ in range(2):
            said = self._command("import", str(source), "--parallel", "2", PHIVAULT_LOCAL=stack)
            expect(f"{len(lines)} resources imported" in said, said)
        people = [(one["name"][0]["family"], one["birthDate"]) for one in lines if one["resourceType"] == "Patient"]
        expect(len(people) == COUNT, f"{len(people)} patients in the source")
        for (family, born), number in Counter(people).items():
            found = self.records.found("Patient", family=family, birthdate=born)
            expect(len(found) == number, f"{len(found)} instead of {number} are found")

    def _as_a_user(self) -> Path:
        """A folder that tells of the deployed stack as of a local one, so that commands sign in by password and code:
        for the session of ``phivault login`` the emulator's Cognito renews no refresh tokens."""
        folder, doctor = self.folder / "facts", self.records.doctor
        folder.mkdir(mode=0o700)
        user = {"email": doctor.email, "password": doctor.password, "totp_secret": doctor.secret}
        stack = {"base_url": self.base_url, "tenants": {TENANT: {"users": {doctor.role: user}}}}
        (folder / "demo.json").write_text(json.dumps(stack))
        return folder

    def _put_back(self) -> None:
        id = self.records.weight
        place = f"Observation/{id}"
        with psycopg.connect(self.database, autocommit=True) as database:
            newest = database.execute(NOW, [id]).fetchone()
            expect(newest and database.execute(PUT_BACK, [1, id]).rowcount == 1, "the row isn't there")
            assert newest is not None
            try:
                for path in (place, f"Observation?patient={self.records.patient_id}"):
                    answer = self.records.ask("GET", path)
                    answered(answer, 500)
                    expect("valueQuantity" not in answer.text, "it tells what the row held")
            finally:
                database.execute(AS_IT_WAS, [*newest, id])
        expect(answered(self.records.ask("GET", place), 200)["status"] == "amended", "its newest isn't served")

    def _versions(self) -> list[Any]:
        place = f"Observation/{self.records.weight}"
        paths = [place, f"{place}/_history/1", f"Patient/{self.records.patient_id}"]
        return [answered(self.records.ask("GET", path), 200) for path in paths]

    def _subject(self) -> tuple[str, ...]:
        return "--tenant", TENANT, "--subject", f"Patient/{self.records.patient_id}"

    def _partition(self) -> dict[str, Any]:
        return {"S": f"T#{TENANT}#Patient/{self.records.patient_id}"}

    def _keys(self) -> list[dict[str, Any]]:
        """Versions of the patient's key, as the table has them."""
        rows = boto3.client("dynamodb").query(
            TableName=self.known["subject_keys_table"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": self._partition()},
        )["Items"]
        return [{"state": "retired" if "retired_at" in row else ""} for row in rows]

    def _as_if_long_ago(self) -> None:
        """As if the new key had been made long ago: nobody waits here for five minutes."""
        boto3.client("dynamodb").update_item(
            TableName=self.known["subject_keys_table"],
            Key={"pk": self._partition(), "sk": {"N": "2"}},
            UpdateExpression="SET made_at = :at",
            ExpressionAttributeValues={":at": {"N": "1"}},
        )

    def _command(self, *arguments: str, **environment: str) -> str:
        """What phivault printed. Raises Failed where it ends with another status than 0."""
        variables = os.environ | {"PHIVAULT_PROFILE": "dev", "PHIVAULT_ROTATOR_FUNCTION": self.rotator}
        variables |= {"PHIVAULT_LOCAL": str(self.folder / "none"), "SSL_CERT_FILE": str(self.aws.certificate)}
        done = subprocess.run(
            [PHIVAULT, *arguments],
            env=variables | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        expect(done.returncode == 0, f"status {done.returncode}: {done.stdout}{done.stderr}"[:1500])
        return done.stdout + done.stderr
