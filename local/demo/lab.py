"""What a step may use: the API as any client sees it, and the stack's insides as an attacker or operator would."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psycopg

from local import totp
from local.bundles import generate
from local.demo.exchange import Exchange

if TYPE_CHECKING:
    from local.seed import Seeded, Seeder, User
    from local.stack import Stack

SHOWN = 1600
SECRETS = (
    *("password", "new_password", "session", "secret", "otpauth_uri", "qr_svg"),
    *("access_token", "id_token", "refresh_token", "registration"),
)
SHOWN_HEADERS = ("x-purpose-of-use", "x-security-context", "if-match")
RECENT = 300


class Lab:
    """One per stack. Steps run one at a time: they stop S3 and alter rows."""

    def __init__(self, stack: Stack, tenants: Mapping[str, Seeded], seeder: Seeder) -> None:
        self.stack, self.tenants, self.seeder = stack, tenants, seeder
        self.turn = threading.Lock()
        self.http = httpx.Client(base_url=stack.base_url, timeout=30)
        self.s3: Any = boto3.client("s3", endpoint_url=stack.aws.s3_endpoint_url)
        self._steps: dict[str, int] = {}
        self._seeded_step = totp.step() - 1  # users were enrolled with the code of the step before theirs
        self._tokens: dict[tuple[str, str], tuple[str, float, float]] = {}

    @property
    def tenant_id(self) -> str:
        return next(iter(self.tenants))

    @property
    def tenant(self) -> Seeded:
        return self.tenants[self.tenant_id]

    @property
    def other_tenant_id(self) -> str:
        return next(name for name in self.tenants if name != self.tenant_id)

    def user(self, role: str, tenant: str = "") -> User:
        """Of the first tenant, where none is named; so below."""
        return self.tenants[tenant or self.tenant_id].users[role]

    def code(self, role: str, tenant: str = "") -> str:
        """A code that wasn't used yet; waits for one where the last was used up."""
        user = self.user(role, tenant)
        step = self._steps[user.email] = totp.unused(self._steps.get(user.email, self._seeded_step))
        return totp.code(user.totp_secret, step)

    def token(self, role: str, *, recent: bool = False, tenant: str = "") -> str:
        """An access token of a session that is signed in as any client would. With ``recent`` the sign-in counts as
        recent for a minute more, as sensitive operations want it."""
        now = time.monotonic()
        token, until, recent_until = self._tokens.get((role, tenant), ("", 0.0, 0.0))
        if now < (recent_until if recent else until):
            return token
        tokens = self._sign_in(role, tenant)
        self._tokens[role, tenant] = tokens["access_token"], now + tokens["expires_in"] - 60, now + RECENT - 60
        return str(tokens["access_token"])

    def _sign_in(self, role: str, tenant: str) -> dict[str, Any]:
        user = self.user(role, tenant)
        for _ in range(3):  # somebody else may sign in as this user too and use up a code
            first = self.http.post("/v1/auth/sign-in", json={"email": user.email, "password": user.password}).json()
            answer = {"challenge": first["challenge"], "session": first["session"], "email": user.email}
            tokens = self.http.post("/v1/auth/challenge", json=answer | {"code": self.code(role, tenant)})
            if tokens.status_code == 200:
                document: dict[str, Any] = tokens.json()
                return document
        raise RuntimeError(f"{role} can't sign in: {tokens.text}")

    def read(self, role: str, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(path, headers={"Authorization": f"Bearer {self.token(role)}", **named})

    def send(self, role: str, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """A change, with a sign-in that is recent enough for it."""
        media = "application/fhir+json" if path.startswith("/v1/fhir") else "application/json"
        headers = {"Authorization": f"Bearer {self.token(role, recent=True)}"}
        if body is None:
            return self.http.request(method, path, headers=headers)
        return self.http.request(method, path, headers=headers | {"Content-Type": media}, json=body)

    def post(self, role: str, path: str, content: bytes, *, tenant: str = "", **headers: str) -> httpx.Response:
        """These bytes, as FHIR's JSON where ``Content_Type`` doesn't say otherwise."""
        return self._bytes("POST", role, path, content, tenant, headers)

    def create(self, role: str, resource: dict[str, Any], *, tenant: str = "") -> httpx.Response:
        return self.post(role, f"/v1/fhir/{resource['resourceType']}", json.dumps(resource).encode(), tenant=tenant)

    def patch(self, role: str, path: str, operations: list[dict[str, Any]]) -> httpx.Response:
        headers = {"Content_Type": "application/json-patch+json"}
        return self._bytes("PATCH", role, path, json.dumps(operations).encode(), "", headers)

    def search(self, role: str, type: str, *, tenant: str = "", **parameters: str) -> httpx.Response:
        """By a form, where what tells about a person belongs."""
        form = urllib.parse.urlencode(parameters).encode()
        headers = {"Content_Type": "application/x-www-form-urlencoded"}
        return self._bytes("POST", role, f"/v1/fhir/{type}/_search", form, tenant, headers)

    def _bytes(
        self, method: str, role: str, path: str, content: bytes, tenant: str, headers: Mapping[str, str]
    ) -> httpx.Response:
        own = {"Authorization": f"Bearer {self.token(role, tenant=tenant)}", "Content-Type": "application/fhir+json"}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path, headers=own, content=content)

    def events(self, **filters: str) -> list[dict[str, Any]]:
        """The newest events of the tenant that the auditor finds."""
        path = "/v1/audit/events?" + "&".join(f"{name}={value}" for name, value in filters.items())
        found: list[dict[str, Any]] = self.read("auditor", path).raise_for_status().json()["events"]
        return found

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """As the database's superuser, whom row-level security doesn't bind."""
        with psycopg.connect(self.stack.postgres.admin_dsn) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def new_patient(self) -> tuple[httpx.Response, dict[str, Any]]:
        """Generate one more test patient with its records and import it as the clinician. The answer, the Patient."""
        (bundle,) = generate(count=1, seed=int(time.time()))
        answer = self.post("clinician", "/v1/fhir", bundle)
        entries = json.loads(bundle)["entry"]
        return answer, next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Patient")


def seen(title: str, answer: httpx.Response, *, kept: bool, verdict: str) -> Exchange:
    """An exchange with the API, as it was."""
    request = answer.request
    body = _shown(request.content, request.headers.get("content-type", ""))
    lines = [f"{request.method} {request.url.raw_path.decode()}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name in SHOWN_HEADERS]
    if "authorization" in request.headers:
        lines.append("authorization: " + request.headers["authorization"][:24] + "…")
    headers = [f"{n}: {v}" for n, v in answer.headers.items() if n in ("content-type", "retry-after", "etag")]
    said = shorten(_shown(answer.content, answer.headers.get("content-type", "")))
    shown = "\n".join([f"{answer.status_code} {answer.reason_phrase}", *headers, "", said])
    return Exchange(title, "\n".join(lines) + ("\n\n" + shorten(body) if body else ""), shown, kept, verdict)


def shorten(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _shown(content: bytes, media: str) -> str:
    if content and not any(kind in media for kind in ("json", "text/", "urlencoded")):
        return f"({len(content)} bytes)"
    return _plain(content.decode(errors="replace"))


def _plain(text: str) -> str:
    """JSON indented, with passwords, codes, sessions and tokens cut."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict):
        for name in SECRETS:
            if isinstance(document.get(name), str):
                document[name] = document[name][:6] + "…"
    return json.dumps(document, indent=1, ensure_ascii=False)
