"""``make e2e``: the stacks that ``cdk deploy`` ships, deployed to an account on this machine and put to the test.

ministack is that account (CloudFormation, Lambda, API Gateway, Cognito, IAM enforced, over TLS 1.3), the embedded
PostgreSQL its database. Everything ends with this process; exit status 0 means that every check passed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import boto3
import httpx

from functions.table import TABLE
from infra.e2e import REJECTED, Embedded
from local.demo.release import personal_values
from local.ministack import Ministack
from local.parent import end_with_parent
from local.postgres import Postgres
from phivault.adapters.postgres.bootstrap import ROLES
from tests.e2e import deploy, dropped, grants, recorded, recorded_access, recorded_records, retention
from tests.e2e.access import Access
from tests.e2e.evidence import Evidence
from tests.e2e.identity import Identity
from tests.e2e.journal import Failed, Journal, console, expect
from tests.e2e.keeping import Keeping
from tests.e2e.letters import Letters
from tests.e2e.mailbox import Mailbox
from tests.e2e.overheard import Overheard
from tests.e2e.people import Pool
from tests.e2e.records import Records
from tests.e2e.story import Story, await_alert
from tests.e2e.unsound import UNSOUND

LOCKED = ("audit", "evidence")
HEADING_LEFT_OUT = "Left out or set otherwise, against the templates"


def main() -> int:
    if "MAKELEVEL" in os.environ:
        end_with_parent()  # make passes Ctrl-C on, but nothing when it is killed
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started, journal = time.monotonic(), Journal()
    folder = Path(tempfile.mkdtemp(prefix="phivault-e2e-"))
    for text in UNSOUND:
        journal.note("Not shown by this run", text)
    try:
        with ExitStack() as ends:
            Run(folder, journal, ends).play()
    except Failed as error:
        journal.note("Stopped early", f"nothing after this was tried: {error}")
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    finally:
        if journal.failed:
            console.print(f"\nLogs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    journal.summary(time.monotonic() - started)
    return 1 if journal.failed else 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Run:
    """The parts in their order. Each needs what those before it made."""

    def __init__(self, folder: Path, journal: Journal, ends: ExitStack) -> None:
        self.folder, self.journal, self.ends = folder, journal, ends

    def play(self) -> None:
        self._start()
        self._deploy()
        self.play_rest()
        self._tear_down()

    def play_rest(self) -> None:
        self.journal.part("Declared settings, read back from the account")
        dropped.restore(self.journal, self.assembly, self.stands)
        self._story()
        self._access()
        self._records()  # after a researcher has counted who is there
        self._identity()
        self._evidence()
        self.journal.part("Attacks on retention")
        retention.attack(self.journal, self.known["audit_bucket"], self.story.record)
        self.journal.part("Attacks on the functions' roles")
        grants.attack(self.journal, self.functions, self.known, self.story.record)

    def _start(self) -> None:
        self.journal.part("An account on this machine")
        with self.journal.needed("the CDK's command is installed from the hashed lock"):
            deploy.install_cdk()
        with self.journal.needed("PostgreSQL 17 starts (TLS 1.3, SCRAM)"):
            self.postgres = Postgres.start(self.folder / "postgres")
            self.ends.callback(self.postgres.stop)
        with self.journal.needed("ministack starts (TLS 1.3, IAM enforced)"):
            self.aws = Ministack.start(self.folder / "aws")
            self.ends.callback(self.aws.stop)
            os.environ.update(self.aws.environment())

    def _deploy(self) -> None:
        self.journal.part("Deployment")
        with self.journal.needed("the layers are built from the hashed lock"):
            deploy.build_layers()
        with self.journal.needed("cdk synth, as shipped"):
            self.assembly = deploy.synthesize(self.folder)
        differences = deploy.adapt(self.assembly, self._database())
        for difference in differences:
            self.journal.note(HEADING_LEFT_OUT, f"{difference.what}: {difference.reason}")
        with self.journal.check("only what the emulator rejects is left out"):
            deploy.rejected_indeed(self.assembly, {one.what for one in differences if one.what in REJECTED})
        with self.journal.needed("cdk bootstrap and cdk deploy of the locked buckets"):
            deploy.bootstrap(self.assembly, self.aws.environment())
            deploy.deploy(self.assembly, self.aws.environment(), *LOCKED)
        self._lock()
        with self.journal.needed(f"cdk deploy of all {len(self.assembly.templates)} stacks"):
            deploy.deploy(self.assembly, self.aws.environment())
        with self.journal.needed("every stack is complete"):
            self.stands = deploy.deployed(list(self.assembly.templates))

    def _lock(self) -> None:
        """What a release records must find its bucket locked, and the emulator forgot that."""
        names = [name for name in self.assembly.templates if name.endswith(LOCKED)]
        dropped.restore(self.journal, deploy.part(self.assembly, names), deploy.deployed(names))

    def _database(self) -> Embedded:
        return Embedded({role: self.postgres.dsn(role) for role in ROLES})

    def _story(self) -> None:
        self.journal.part("The story, over API Gateway")
        with self.journal.needed("every function of the table stands with its settings"):
            self._read_functions()
        self.mailbox = Mailbox.of(self.known["alert_topic_arn"])
        self.overheard = Overheard()
        api = httpx.Client(
            base_url=self._base_url(), verify=self.aws.trust(), timeout=60, event_hooks=self.overheard.hooks()
        )
        self.ends.enter_context(api)
        self.story = Story(api, Pool(self.known["user_pool_id"], self.known["client_id"]))
        self.story.play(self.journal)
        with self.journal.check("the denied read becomes an alert without PHI"):
            await_alert(self.mailbox, "fhir.read", self.story.patient_id)
        self.story.sign_out(self.journal)

    def _access(self) -> None:
        self.journal.part("Access, over API Gateway")
        story = self.story
        self.access = Access(
            api=story.api,
            pool=story.pool,
            patient=story.patient,
            patient_id=story.patient_id,
            doctor=story.users["clinician"],
            functions=self.functions,
            table=self.known["access_state_table"],
        )
        self.overheard.note(*personal_values(story.patient))
        self.access.play(self.journal)
        with self.journal.check("broken glass and its overdue review become alerts that name nobody"):
            secret = (story.patient_id, *(user.id for user in self.access.people.values()))
            for action in ("break-glass.open", "break-glass.overdue"):
                await_alert(self.mailbox, action, *secret)

    def _records(self) -> None:
        self.journal.part("Records, over API Gateway and behind it")
        self.records = Records(self.story.api, self.story.users["clinician"])
        self.overheard.note(*self.records.personal())
        self.records.play(self.journal)
        rotator = self.functions["rotator"]["FunctionArn"]
        database, base_url = self.postgres.admin_dsn, self._base_url()
        Keeping(self.records, self.aws, self.known, database, rotator, base_url, self.folder).play(self.journal)
        with self.journal.check("the row put back becomes an alert that names nobody"):
            await_alert(self.mailbox, "CRITICAL fhir.read", self.records.patient_id, self.records.weight)

    def _identity(self) -> None:
        self.journal.part("Identity, over API Gateway and by its triggers")
        self.letters = Letters(
            self.ends.enter_context(httpx.Client(base_url=self.aws.endpoint_url, verify=self.aws.trust()))
        )
        self.letters.verify(deploy.CONTEXT["email_identity_arn"].rpartition("/")[2])
        self.identity = Identity(self.story.api, self.story.pool, self.letters, self.story.users, self.functions)
        self.identity.play(self.journal)

    def _evidence(self) -> None:
        self.journal.part("Evidence, taken out and proven")
        evidence = Evidence(self.known, self.functions, self.folder)
        evidence.take(self.journal)
        recorded.check(self.journal, evidence.events(), self.identity.people, self.overheard)
        recorded_access.check(self.journal, evidence.events(), self.access)
        recorded_records.check(self.journal, evidence.events(), self.records)
        evidence.alter(self.journal)
        self.overheard.check(self.journal, self.letters, self.functions)

    def _read_functions(self) -> None:
        """The deployed functions by their name in the table, and what their environments name, by setting."""
        handlers = {f"functions.{row.name}.handler.handler": row.name for row in TABLE}
        self.functions, self.known = {}, {}
        for name in self.stands.of_type("AWS::Lambda::Function"):
            found = boto3.client("lambda").get_function_configuration(FunctionName=name)
            if found["Handler"] in handlers:
                self.functions[handlers[found["Handler"]]] = dict(found)
                variables = found["Environment"]["Variables"].items()
                self.known |= {name.removeprefix("PHIVAULT_").lower(): value for name, value in variables}
        missing = {row.name for row in TABLE} - self.functions.keys()
        expect(not missing, f"no function for {', '.join(sorted(missing))}")

    def _base_url(self) -> str:
        api = self.stands.one("AWS::ApiGateway::RestApi")
        (stage,) = boto3.client("apigateway").get_stages(restApiId=api)["item"]
        return f"{self.aws.endpoint_url}/restapis/{api}/{stage['stageName']}/_user_request_/"

    def _tear_down(self) -> None:
        self.journal.part("The end")
        with self.journal.check("emulator and database stop"):
            self.ends.close()
            for port in (self.aws.port, self.postgres.port):
                with socket.socket() as probe:
                    expect(probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} still answers")


if __name__ == "__main__":
    sys.exit(main())
