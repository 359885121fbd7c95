"""Everything that ``make run`` starts, in order, and how it ends.

One process tree: this process is the gateway, the local Cognito and the scheduler; PostgreSQL, the AWS endpoints
and the functions' execution environments are its children and end with it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import httpx

from functions.row import Function
from functions.table import TABLE
from local import invoke, messages
from local.aws import LocalAws
from local.aws_resources import create_resources
from local.aws_trail import role_arn
from local.cognito.app import create as create_cognito
from local.cognito.pool import Pool as UserPool
from local.cognito.signatures import Signatures
from local.cognito.triggers import FunctionFailed
from local.confine import CONFINED_TO
from local.demo.lab import Lab
from local.gateway.access_log import AccessLog
from local.gateway.app import Gateway
from local.gateway.authorizer import Authorizer
from local.gateway.site import site
from local.gateway.throttle import Throttle
from local.outbox import Outbox
from local.ports import listen, port_of
from local.postgres import Postgres
from local.schedule import Schedule, period
from local.serve import Server
from local.streams import StreamPoller
from local.workers import Pool, WorkerDied, base_environment
from local.workspace import Workspace
from phivault import logs
from phivault.errors import Unavailable
from phivault.ids import uuid7
from phivault.phi.detect import redact_line

WORKERS = {"accounts": 2, "auth": 2, "records": 2, "sealer": 2}
JWKS_SECONDS = 300
_READY_SECONDS = 60
"""In which the functions behind /healthz have to have started, on the slowest machine too."""
EMAIL_SENDER = "no-reply@phivault.example"
SMS_ORIGINATION_ARN = "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-local"
TRIGGERS = {
    "PreSignUp": "pre_sign_up",
    "PreAuthentication": "pre_authentication",
    "PostAuthentication": "post_authentication",
    "PreTokenGeneration": "pre_token",
    "CustomMessage": "custom_message",
    "PostConfirmation": "post_confirmation",
}
"""The user pool's triggers, by their names in its LambdaConfig, and the functions that answer."""
LOCAL = tuple(function for function in TABLE if function.local)
type Say = Callable[[str], None]
log = logging.getLogger("phivault.local")


class Stack:
    """A running stack. Make it with ``Stack.start`` in the main thread: some children end with the thread that
    started them."""

    def __init__(self, workspace: Workspace, listener: socket.socket) -> None:
        self.workspace = workspace
        self.port = port_of(listener)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.outbox = Outbox()
        self.lab: Lab | None = None
        self._listener = listener
        self._ends = ExitStack()
        self._pools: dict[str, Pool] = {}

    @classmethod
    def start(cls, workspace: Workspace, port: int, say: Say) -> Self:
        """Raises PortTaken before anything is started; whatever fails later ends what had started."""
        stack = cls(workspace, listen(port))
        try:
            stack._start(say)
        except BaseException:
            stack.stop()
            raise
        return stack

    def _start(self, say: Say) -> None:
        self._log_to_file()
        say("starting PostgreSQL 17 (TLS 1.3, SCRAM)")
        self.postgres = Postgres.start(self.workspace.folder / "postgres", log=self.workspace.logs / "postgres.log")
        self._ends.callback(self.postgres.stop)
        say("starting the AWS endpoints")
        self.aws = LocalAws.start()
        self._ends.callback(self.aws.stop)
        os.environ.update(self.aws.environment())
        self.resources = create_resources()
        self._start_evidence()
        say("migrating the database")
        self._migrate()
        say("starting Cognito")
        self._start_cognito()
        say(f"starting {len(LOCAL)} functions")
        self._start_messages()
        self._start_invoke()
        self._start_functions()
        say(f"opening the gateway on {self.base_url}")
        self._start_gateway()
        self._start_alerts()
        self._await_health()
        self._start_schedules()

    def _start_evidence(self) -> None:
        """What AWS would write beside us, for ``phivault audit reconcile``."""
        folder = self.workspace.folder / "evidence"
        folder.mkdir()
        (folder / "roles.json").write_text(json.dumps(function_roles(), indent=1) + "\n")
        self.aws.start_trail(self.resources.trail_bucket, folder / "cloudtrail")
        self.access_log = AccessLog(folder / "gateway" / "access.ndjson", self.resources.gateway_log_group)
        self.access_log.start()
        self._ends.callback(self.access_log.stop)

    def _log_to_file(self) -> None:
        handler = logging.FileHandler(self.workspace.logs / "gateway.log")
        handler.setFormatter(logs.ScrubbingFormatter(redact_line, service="gateway", utc=True))
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        for noisy in ("httpx", "botocore", "urllib3", "uvicorn"):
            logging.getLogger(noisy).setLevel(logging.WARNING)

    def _migrate(self) -> None:
        from phivault.adapters.postgres.keys import install_context_key
        from phivault.adapters.postgres.migrate import migrate
        from phivault.adapters.tenant_context_key import wrap

        migrate(self.postgres.owner_dsn)
        material = secrets.token_bytes(32)
        install_context_key(self.postgres.owner_dsn, "k1", material)
        self._context_keys = {"k1": wrap(self.resources.subject_key_arn, material)}

    def _start_cognito(self) -> None:
        listener = listen(0)
        endpoint = f"http://127.0.0.1:{port_of(listener)}"
        self.user_pool = UserPool(id="us-east-1_phivault", client_id=secrets.token_hex(13), endpoint=endpoint)
        app = create_cognito(
            self.user_pool, self.outbox, self._trigger, self.aws.access_key_id, self.aws.secret_access_key
        )
        server = Server(app, listener).start()
        self._ends.callback(server.stop)

    def _trigger(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._pools[TRIGGERS[name]].call(event, uuid7())
        except WorkerDied as error:
            raise FunctionFailed(str(error)) from None

    def _start_messages(self) -> None:
        listener, aws = listen(0), self.aws
        self.messages_url = f"http://127.0.0.1:{port_of(listener)}"
        senders = messages.Senders(EMAIL_SENDER, SMS_ORIGINATION_ARN)
        app = messages.create(self.outbox, senders, aws.access_key_id, aws.secret_access_key, aws.region)
        server = Server(app, listener).start()
        self._ends.callback(server.stop)

    def _start_invoke(self) -> None:
        listener = listen(0)
        self.lambda_url = f"http://127.0.0.1:{port_of(listener)}"
        os.environ["AWS_ENDPOINT_URL_LAMBDA"] = self.lambda_url
        self._later = invoke.Later(self._call)
        names = [function.name for function in LOCAL]
        aws = self.aws
        signed = Signatures(aws.access_key_id, aws.secret_access_key, aws.region, service="lambda", also_signed=())
        server = Server(invoke.create(names, self._call, self._later, signed), listener).start()
        self._ends.callback(server.stop)

    def _call(self, name: str, event: Any) -> Any:
        return self._pools[name].call(event, uuid7())

    def _start_functions(self) -> None:
        for function in LOCAL:
            pool = Pool(
                function.name,
                self.environment_of(function),
                self.workspace.logs / f"{function.name}.log",
                WORKERS.get(function.name, 1),
                function.timeout_seconds,
            )
            self._pools[function.name] = pool
            self._ends.callback(pool.stop)
        self._ends.callback(self._later.stop)
        for pool in self._pools.values():
            pool.wait_ready()

    def environment_of(self, function: Function) -> dict[str, str]:
        """What the function's execution environment sees: endpoints, credentials and the settings of its row."""
        offered = self.resources.environment() | {
            f"PHIVAULT_{name.upper()}": value
            for name, value in {
                "profile": "local",
                "postgres_dsn": self.postgres.dsn(function.database_role) if function.postgres else "",
                "tenant_context_keys": json.dumps(self._context_keys),
                "user_pool_id": self.user_pool.id,
                "client_id": self.user_pool.client_id,
                "token_issuer": self.user_pool.issuer,
                "cors_origins": json.dumps(self.origins),
                "function_roles": json.dumps(function_roles()),
                "witness_function": "witness",
                "sealer_function": "sealer",
                "exporter_function": "exporter",
                "former_subject_key_arns": "[]",
                "email_sender": EMAIL_SENDER,
                "email_identity_arn": f"arn:aws:ses:us-east-1:000000000000:identity/{EMAIL_SENDER}",
                "sms_origination_arn": SMS_ORIGINATION_ARN,
            }.items()
        }
        own = {f"PHIVAULT_{setting.upper()}" for setting in function.settings}
        granted = {f"PHIVAULT_{grant.setting.upper()}" for grant in function.grants}
        confined_to = {name: offered[name] for name in granted - own if name in offered}
        return (
            base_environment()
            | self.aws.environment()
            | {"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": self.user_pool.endpoint}
            | {"AWS_ENDPOINT_URL_LAMBDA": self.lambda_url}
            | dict.fromkeys(("AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"), self.messages_url)
            | {name: value for name, value in offered.items() if name in own}
            | {CONFINED_TO: json.dumps(confined_to), "AWS_SDK_UA_APP_ID": function.name}
        )

    @property
    def origins(self) -> list[str]:
        """Browsers may call from the gateway's own pages and from a front end under development on this machine."""
        return [self.base_url, f"http://localhost:{self.port}", "http://localhost:3000", "http://localhost:5173"]

    def _start_gateway(self) -> None:
        gateway = Gateway(
            table=TABLE,
            authorizer=Authorizer(self.user_pool.issuer, Jwks(self.user_pool.issuer)),
            invoke=lambda function, event, request_id: self._pools[function.name].call(event, request_id),
            hosts=frozenset({f"127.0.0.1:{self.port}", f"localhost:{self.port}"}),
            origins=tuple(self.origins),
            throttles={
                "*": Throttle(rate=100, burst=200),
                "auth": Throttle(rate=10, burst=40),
                "accounts": Throttle(rate=10, burst=40),
            },
            write=self.access_log.add,
        )
        self.sns_path = f"/_local/sns/{secrets.token_urlsafe(16)}"
        server = Server(site(gateway, self), self._listener).start()
        self._ends.callback(server.stop)

    def _start_alerts(self) -> None:
        from phivault.adapters.aws import client

        client("sns").subscribe(
            TopicArn=self.resources.alert_topic_arn, Protocol="http", Endpoint=self.base_url + self.sns_path
        )
        poller = StreamPoller(
            self.resources.audit_index_stream_arn, lambda event: self._pools["alerts"].call(event, uuid7())
        )
        poller.start()
        self._ends.callback(poller.stop)

    def _start_schedules(self) -> None:
        for function in LOCAL:
            if seconds := period(function):
                schedule = Schedule(function.name, seconds, partial(self._call, function.name))
                schedule.start()
                self._ends.callback(schedule.stop)

    def _await_health(self) -> None:
        deadline, said = time.monotonic() + _READY_SECONDS, ""
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{self.base_url}/healthz", timeout=_READY_SECONDS)
            except httpx.TransportError as error:
                said = str(error)
            else:
                if answer.status_code == 200:
                    return
                said = answer.text
            time.sleep(0.2)
        raise RuntimeError(f"The stack doesn't become ready: {said}")

    def renew(self, name: str) -> None:
        """New execution environments for a function: what the old ones held in memory is gone."""
        self._pools[name].renew()

    def stop(self) -> None:
        self._ends.close()
        self._listener.close()


def function_roles() -> dict[str, str]:
    """The functions that may open keys, and the ARN of the role that each has in the trail."""
    return {
        function.name: role_arn(function.name)
        for function in LOCAL
        if any("kms:Decrypt" in grant.actions for grant in function.grants)
    }


@dataclass(slots=True)
class Jwks:
    """The pool's key set, fetched again after five minutes."""

    issuer: str
    _document: Any = None
    _until: float = 0.0

    def __call__(self) -> Any:
        if time.monotonic() >= self._until:
            try:
                answer = httpx.get(f"{self.issuer}/.well-known/jwks.json", timeout=10).raise_for_status()
            except httpx.HTTPError:
                raise Unavailable("The token issuer's keys can't be fetched") from None
            self._document = answer.json()
            self._until = time.monotonic() + JWKS_SECONDS
        return self._document
