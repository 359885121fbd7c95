"""What signed-in users see of themselves, and with which tokens they see nothing."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.answers import ok, refused

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.mark.parametrize("role", ["clinician", "tenant_admin", "patient"])
def test_who_is_signed_in(stack: RunningStack, role: str) -> None:
    before = int(time.time())
    me = ok(stack.api(role).get("/me"))
    assert set(me) == {"user_id", "tenant", "role", "session", "auth_time", "expires", "patient_id", "email"}
    assert (me["tenant"], me["role"]) == (stack.tenants[0], role)
    assert me["email"] == stack.user(role)["email"]
    assert me["patient_id"] == (stack.patients()[0] if role == "patient" else None)
    assert before - 3600 < me["auth_time"] <= time.time()
    assert me["auth_time"] < me["expires"] <= time.time() + 12 * 3600


def test_users_of_another_tenant_are_in_theirs(stack: RunningStack) -> None:
    assert ok(stack.api("clinician", stack.tenants[1]).get("/me"))["tenant"] == stack.tenants[1]


def test_without_a_token(stack: RunningStack) -> None:
    answer = stack.anyone().get("/me")
    refused(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_tokens_of_other_kinds(stack: RunningStack) -> None:
    tokens = stack.tokens("clinician")
    for token in (tokens["id_token"], tokens["refresh_token"], "x", "a.b.c"):
        refused(stack.anyone(Authorization=f"Bearer {token}").get("/me"), 401)
    for header in (tokens["access_token"], f"Basic {tokens['access_token']}"):
        refused(stack.anyone(Authorization=header).get("/me"), 401)


def test_forged_tokens(stack: RunningStack) -> None:
    head, payload, signature = stack.tokens("clinician")["access_token"].split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, payload))
    admin = claims | {"role": "auditor"}
    own = RSAKey.generate_key(2048, {"kid": header["kid"]})
    forged = [
        f"{head}.{_part(admin)}.{signature}",
        f"{_part(header | {'alg': 'none'})}.{payload}.",
        f"{_part({'alg': 'none'})}.{_part(admin)}.",
        jwt.encode(header | {"alg": "RS256"}, claims, own),
        jwt.encode({"alg": "RS256", "jwk": own.as_dict(private=False)}, claims, own),
        _with_public_key(stack, header, admin),
    ]
    for token in forged:
        answer = stack.anyone(Authorization=f"Bearer {token}").get("/me")
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_public_key(stack: RunningStack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """HS256 with the published key as the secret (RFC 8725 section 2.1)."""
    facts = stack.facts["cognito"]
    url = f"{facts['endpoint_url']}/{facts['user_pool_id']}/.well-known/jwks.json"
    published = stack.anyone().get(url).json()["keys"][0]
    text = f"{_part(header | {'alg': 'HS256'})}.{_part(claims)}"
    mac = hmac.digest(RSAKey.import_key(published).as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_other_methods(stack: RunningStack) -> None:
    client = stack.api("clinician")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = client.request(method, "/me")
        refused(answer, 405)
        assert answer.headers["allow"] == "GET"


def test_no_parameters(stack: RunningStack) -> None:
    refused(stack.api("clinician").get("/me", params={"user_id": "Zebra"}), 400)
