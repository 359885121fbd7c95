"""The demo: two tenants, a user per role, generated patients, everything through the product's own faces.

Users are made as an administrator makes them in Cognito; they enrol their authenticator apps through the API, and
the clinician imports the patients through it. All of it is marked as test data.
"""

from __future__ import annotations

import json
import secrets
import string
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import boto3
import httpx

from local import totp
from local.bundles import generate, patient_in
from local.stack import EMAIL_SENDER, SMS_ORIGINATION_ARN, Say, Stack

ENROLMENT_SECONDS = 4.0
ENROLMENTS = 3
PATIENCE = 12
THREADS = 4  # more than there are workers to answer would only wait
SYMBOLS = "!#%*+-=?@_"
PROJECT = "demo-study"
"""The research project that the demo's researcher is approved for."""
PROJECT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Tenant:
    """``seed`` makes the generated patients differ between tenants."""

    name: str
    roles: tuple[str, ...]
    patients: int
    seed: int


TENANTS = (
    Tenant(
        "tenant-a",
        (
            "clinician",
            "care_coordinator",
            "researcher",
            "tenant_admin",
            "privacy_officer",
            "security_officer",
            "auditor",
            "patient",
        ),
        25,
        42,
    ),
    Tenant("tenant-b", ("clinician", "tenant_admin", "auditor", "patient"), 3, 7),
)


@dataclass(frozen=True, slots=True)
class User:
    email: str
    password: str = field(repr=False)
    phone_number: str = field(repr=False)
    totp_secret: str = field(repr=False)
    patient_id: str | None = None


@dataclass(slots=True)
class Seeded:
    """What ``demo.json`` tells of a tenant. ``patients`` are bare FHIR ids."""

    users: dict[str, User]
    patients: list[str]

    def document(self) -> dict[str, Any]:
        users = {
            role: {name: value for name, value in asdict(user).items() if value is not None}
            for role, user in self.users.items()
        }
        return {"users": users, "patients": self.patients}


class Seeder:
    def __init__(self, stack: Stack, say: Say) -> None:
        self._stack, self._say = stack, say
        self._cognito = boto3.client("cognito-idp", endpoint_url=stack.user_pool.endpoint)
        self._api = httpx.Client(base_url=f"{stack.base_url}/v1", timeout=30)
        self._phones = cycle(range(100, 200))  # the numbers that are nobody's

    def seed(self) -> dict[str, Seeded]:
        with ThreadPoolExecutor(len(TENANTS)) as threads:  # the patients are generated while users enrol
            bundles = [threads.submit(list, generate(count=t.patients, seed=t.seed)) for t in TENANTS]
            return {t.name: self._tenant(t, made) for t, made in zip(TENANTS, bundles, strict=True)}

    def _tenant(self, tenant: Tenant, bundles: Future[list[bytes]]) -> Seeded:
        self._say(f"enrolling {len(tenant.roles)} users of {tenant.name}")
        staff = [role for role in tenant.roles if role != "patient"]
        with ThreadPoolExecutor(THREADS) as threads:
            enrolled = dict(zip(staff, threads.map(lambda role: self.user(tenant.name, role), staff), strict=True))
            token = enrolled["clinician"][1]
            imported = threads.map(lambda bundle: self._import(token, bundle), bundles.result())
            patients = list(self._counted(tenant, imported))
        users = {role: user for role, (user, _) in enrolled.items()}
        if "patient" in tenant.roles:
            users["patient"], _ = self.user(tenant.name, "patient", patients[0])
        if "researcher" in tenant.roles:
            self._approve_project({role: token for role, (_, token) in enrolled.items()})
        return Seeded(users, patients)

    def _approve_project(self, tokens: dict[str, str]) -> None:
        """As any tenant does: one officer proposes the grant, another approves it."""
        me = self._api.get("/me", headers=_bearer(tokens["researcher"])).raise_for_status().json()
        until = int(time.time()) + PROJECT_SECONDS
        asked = {"kind": "project", "project": PROJECT, "user_id": me["user_id"], "until": until}
        grant = self._answer("admin/grants", json=asked, headers=_bearer(tokens["privacy_officer"])).raise_for_status()
        approval = f"admin/grants/{grant.json()['id']}/approve"
        approver = _bearer(tokens["security_officer"])
        self._answer(approval, json={"version": 1}, headers=approver).raise_for_status()

    def _counted(self, tenant: Tenant, patients: Iterator[str]) -> Iterator[str]:
        for number, patient in enumerate(patients, 1):
            if number % 5 == 0 or number == tenant.patients:
                self._say(f"imported {number} of {tenant.patients} generated patients into {tenant.name}")
            yield patient

    def user(self, tenant: str, role: str, patient_id: str | None = None, name: str | None = None) -> tuple[User, str]:
        """A user with an enrolled app, and the access token of that first sign-in. The role's name is the user's too,
        unless another is given."""
        email, password = f"{name or role.replace('_', '-')}@{tenant}.example", _password()
        self._create(email, password, tenant, role, patient_id)
        secret, token = self._enrol(email, password)
        phone = f"+1202555{next(self._phones):04d}"
        pool = self._stack.user_pool.id
        self._cognito.admin_update_user_attributes(
            UserPoolId=pool,
            Username=email,
            UserAttributes=_attributes(phone_number=phone, phone_number_verified="true"),
        )
        self._cognito.admin_set_user_mfa_preference(
            UserPoolId=pool,
            Username=email,
            SMSMfaSettings={"Enabled": True, "PreferredMfa": False},
            SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        )
        return User(email, password, phone, secret, patient_id), token

    def _create(self, email: str, password: str, tenant: str, role: str, patient_id: str | None) -> None:
        pool = self._stack.user_pool.id
        attributes = {"email": email, "email_verified": "true", "custom:tenant_id": tenant, "custom:role": role}
        if patient_id is not None:
            attributes["custom:patient_id"] = patient_id
        raised = self._cognito.exceptions
        refused = (raised.UnexpectedLambdaException, raised.UserLambdaValidationException)
        for _ in range(PATIENCE):
            try:
                self._cognito.admin_create_user(
                    UserPoolId=pool, Username=email, UserAttributes=_attributes(**attributes), MessageAction="SUPPRESS"
                )
                break
            except refused:  # its trigger's process is still starting, or a record came too late on a busy machine
                time.sleep(1)
        self._cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)

    def _enrol(self, email: str, password: str) -> tuple[str, str]:
        for _ in range(ENROLMENTS):
            _away_from_the_end_of_a_step()
            first = self._post("auth/sign-in", {"email": email, "password": password})
            setup = self._post("auth/mfa/totp", {"session": first["session"]})
            # The step before this one: it counts once, and the current one stays usable for whoever signs in now.
            code = totp.code(setup["secret"], totp.step() - 1)
            challenge = {"challenge": "MFA_SETUP", "session": setup["session"], "email": email, "code": code}
            answer = self._answer("auth/challenge", json=challenge)
            if answer.status_code != 401:  # on a busy machine the next step may begin before the code arrives
                return setup["secret"], _document("auth/challenge", answer)["access_token"]
        raise RuntimeError("An app could not be enrolled: its codes came too late")

    def _import(self, token: str, bundle: bytes) -> str:
        """The new patient's id."""
        headers = _bearer(token) | {"Content-Type": "application/fhir+json", "Idempotency-Key": str(uuid.uuid4())}
        answer = self._answer("fhir", content=bundle, headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(f"The import answered {answer.status_code}: {answer.text}")
        return patient_in(answer.json())

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        return _document(path, self._answer(path, json=body))

    def _answer(self, path: str, **request: Any) -> httpx.Response:
        """What a client gets that waits as it is told: a machine that is busy starting may be late with a record."""
        for _ in range(PATIENCE):
            answer = self._api.post(f"/{path}", **request)
            if answer.status_code not in (429, 503):
                break
            time.sleep(int(answer.headers["Retry-After"]))
        return answer


def _document(path: str, answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text}")
    document: dict[str, Any] = answer.json()
    return document


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _away_from_the_end_of_a_step() -> None:
    """A code of the step before must arrive before the next step begins."""
    left = totp.STEP - time.time() % totp.STEP
    if left < ENROLMENT_SECONDS:
        time.sleep(left)


def _attributes(**values: str) -> list[Any]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _password() -> str:
    """20 random characters of all four kinds."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
    chosen = [secrets.choice(kind) for kind in kinds]
    chosen += [secrets.choice("".join(kinds)) for _ in range(16)]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def write_demo(stack: Stack, tenants: dict[str, Seeded]) -> Path:
    """``demo.json``: written last and readable by its owner alone."""
    document = {
        "base_url": stack.base_url,
        "outbox_url": f"{stack.base_url}/_local/outbox",
        "region": stack.aws.region,
        "aws_endpoint_url": stack.aws.endpoint_url,
        "aws_endpoint_url_s3": stack.aws.s3_endpoint_url,
        "aws_endpoint_url_lambda": stack.lambda_url,
        "aws_endpoint_url_messages": stack.messages_url,
        "aws_access_key_id": stack.aws.access_key_id,
        "aws_secret_access_key": stack.aws.secret_access_key,
        "cognito": {
            "endpoint_url": stack.user_pool.endpoint,
            "user_pool_id": stack.user_pool.id,
            "client_id": stack.user_pool.client_id,
        },
        "audit_bucket": stack.resources.audit_bucket,
        "audit_head_bucket": stack.resources.audit_head_bucket,
        "audit_index_table": stack.resources.audit_index_table,
        "log_vkey": stack.resources.log_vkey,
        "witness_vkey": stack.resources.witness_vkey,
        "postgres_dsn": stack.postgres.app_dsn,
        "settings": stack.resources.environment()
        | {
            "PHIVAULT_PROFILE": "local",
            "PHIVAULT_EXPORTER_FUNCTION": "exporter",
            "PHIVAULT_ROTATOR_FUNCTION": "rotator",
            "PHIVAULT_EMAIL_SENDER": EMAIL_SENDER,
            "PHIVAULT_SMS_ORIGINATION_ARN": SMS_ORIGINATION_ARN,
            "PHIVAULT_USER_POOL_ID": stack.user_pool.id,
            "PHIVAULT_CLIENT_ID": stack.user_pool.client_id,
            "PHIVAULT_TOKEN_ISSUER": stack.user_pool.issuer,
        },
        "tenants": {name: seeded.document() for name, seeded in tenants.items()},
    }
    path, draft = stack.workspace.folder / "demo.json", stack.workspace.folder / "demo.json.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document, indent=2))
    return draft.rename(path)
