"""Access tokens: RS256 of the pool's own keys, its issuer, alive, the access kind, our scope. Nothing else."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from local.gateway.authorizer import SCOPE, Authorizer
from phivault.errors import AccessDenied, Unauthenticated
from tests.local.gateway.harness import ISSUER, Pool


def _verify(pool: Pool, token: str, now: float | None = None) -> dict[str, str]:
    clock = time.time if now is None else lambda: now
    return Authorizer(ISSUER, lambda: pool.jwks, clock).verify([f"Bearer {token}"])


def _raw(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_claims_are_handed_on_as_strings(pool: Pool) -> None:
    claims = _verify(pool, pool.token(groups=["a", "b"], auth_time=7, email_verified=True))
    assert (claims["sub"], claims["auth_time"], claims["groups"]) == ("user", "7", "a b")
    assert all(isinstance(value, str) for value in claims.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://issuer.test/pool/"},
        {"iss": "https://other.test/pool"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"token_use": "id"},
        {"token_use": "refresh"},
        {"token_use": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1},
        {"exp": -1},
    ],
)
def test_a_token_that_is_not_a_live_access_token_of_this_pool(pool: Pool, changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        _verify(pool, pool.token(**changed))


def test_a_token_counts_up_to_its_last_second_and_not_a_moment_longer(pool: Pool) -> None:
    token = pool.token(exp=5_000_000_000)
    assert _verify(pool, token, now=4_999_999_999.9)["sub"] == "user"
    for late in (5_000_000_000.0, 5_000_000_000.1, 6_000_000_000.0):
        with pytest.raises(Unauthenticated):
            _verify(pool, token, now=late)


@pytest.mark.parametrize("scope", [None, "", "phivault", "phivault/api2", "x-phivault/api", "phivault/apis openid", 7])
def test_a_token_without_our_scope_is_denied(pool: Pool, scope: object) -> None:
    with pytest.raises(AccessDenied):
        _verify(pool, pool.token(scope=scope))


def test_our_scope_may_stand_among_others(pool: Pool) -> None:
    assert _verify(pool, pool.token(scope=f"openid {SCOPE} email"))


def test_another_key_under_the_same_name(pool: Pool) -> None:
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    with pytest.raises(Unauthenticated):
        _verify(pool, jwt.encode({"alg": "RS256", "kid": "k1"}, pool.claims(), other))


def test_a_key_that_the_pool_does_not_have(pool: Pool) -> None:
    other = RSAKey.generate_key(2048, {"kid": "k2"})
    with pytest.raises(Unauthenticated):
        _verify(pool, jwt.encode({"alg": "RS256", "kid": "k2"}, pool.claims(), other))


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
def test_no_signature(pool: Pool, name: str) -> None:
    with pytest.raises(Unauthenticated):
        _verify(pool, _raw({"alg": name, "kid": "k1"}, pool.claims()))


def test_the_public_key_is_no_secret_to_sign_with(pool: Pool) -> None:
    for secret in (pool.key.as_pem(private=False), json.dumps(pool.jwks["keys"][0]).encode(), b""):
        head, payload, _ = _raw({"alg": "HS256", "kid": "k1"}, pool.claims()).split(".")
        mac = hmac.digest(secret, f"{head}.{payload}".encode(), "sha256")
        with pytest.raises(Unauthenticated):
            _verify(pool, f"{head}.{payload}." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode())


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_same_key(pool: Pool, algorithm: str) -> None:
    free = {name: value for name, value in pool.key.as_dict(private=True).items() if name not in ("alg", "use")}
    header = {"alg": algorithm, "kid": "k1"}
    token = jwt.encode(header, pool.claims(), RSAKey.import_key(free), algorithms=[algorithm])
    with pytest.raises(Unauthenticated):
        _verify(pool, token)


def test_a_key_that_the_token_brings_along(pool: Pool) -> None:
    own = RSAKey.generate_key(2048)
    for header in ({"jwk": own.as_dict(private=False)}, {"jku": "https://evil.test/jwks.json"}, {"kid": "../../k"}):
        given = {"alg": "RS256", "kid": "k1"} | header
        signed = jwt.encode({"alg": "RS256"}, pool.claims(), own).split(".")
        token = ".".join([_raw(given, {}).split(".")[0], *signed[1:]])
        with pytest.raises(Unauthenticated):
            _verify(pool, token)


def test_a_key_of_another_kind(pool: Pool) -> None:
    token = jwt.encode({"alg": "ES256", "kid": "k1"}, pool.claims(), ECKey.generate_key("P-256"))
    with pytest.raises(Unauthenticated):
        _verify(pool, token)


def test_every_part_is_signed(pool: Pool) -> None:
    head, payload, signature = pool.token().split(".")
    other_head, other_payload, other_signature = pool.token(sub="someone-else").split(".")
    for forged in (
        f"{head}.{other_payload}.{signature}",
        f"{head}.{payload}.{other_signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}.{payload}.{signature[:-4]}",
        f"{head}.{payload}.{signature}.{signature}",
        f".{payload}.{signature}",
    ):
        with pytest.raises(Unauthenticated):
            _verify(pool, forged)
    assert other_head == head


@pytest.mark.parametrize(
    "text",
    ["", "a", "..", "a.b.c", "é.é.é", "\x00.\x00.\x00", "eyJ.eyJ.x", "null.null.null", "[" * 20000 + ".a.b"],
)
def test_what_is_no_token(pool: Pool, text: str) -> None:
    with pytest.raises(Unauthenticated):
        _verify(pool, text)


@pytest.mark.parametrize(
    "header", [[], {}, None, 1, "x", {"alg": ["RS256"]}, {"alg": {}}, {"alg": "RS256", "kid": [1]}]
)
def test_a_header_of_another_shape(pool: Pool, header: Any) -> None:
    with pytest.raises(Unauthenticated):
        _verify(pool, _raw(header, pool.claims(), b"x"))


def test_headers_nested_deeply(pool: Pool) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 15_000 + b"]" * 15_000).rstrip(b"=").decode()
    head, payload, _ = _raw({"alg": "RS256", "kid": "k1"}, {}).split(".")
    for token in (f"{deep}.{payload}.eA", f"{head}.{deep}.eA"):
        with pytest.raises(Unauthenticated):
            _verify(pool, token)


def test_claims_that_are_no_object(pool: Pool) -> None:
    with pytest.raises(Unauthenticated):
        _verify(pool, _raw({"alg": "RS256", "kid": "k1"}, ["a"], b"x"))


def test_only_one_authorization_header_of_the_bearer_scheme_counts(pool: Pool) -> None:
    authorizer, token = Authorizer(ISSUER, lambda: pool.jwks), pool.token()
    assert authorizer.verify([f"bearer {token}"])
    for headers in (
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        [token],
        [f"Basic {token}"],
        [f"Bearer {token} {token}"],
        [f"Bearer {token}", f"Bearer {token}"],
        [f"Bearer {token}", ""],
        [f"Bearer {token}, Bearer {token}"],
    ):
        with pytest.raises(Unauthenticated):
            authorizer.verify(headers)


def test_a_refusal_shows_nothing_of_the_token(pool: Pool) -> None:
    with pytest.raises(Unauthenticated) as refused:
        _verify(pool, pool.token(iss="https://secret.test"))
    assert "secret" not in repr(refused.value) + refused.value.detail
    with pytest.raises(Unauthenticated) as refused:
        _verify(pool, "secret.secret.secret")
    assert "secret" not in repr(refused.value) + refused.value.detail
    assert refused.value.__suppress_context__


def test_a_new_key_counts_once_the_pool_publishes_it(pool: Pool) -> None:
    fresh, published = Pool(), [pool.jwks]
    authorizer = Authorizer(ISSUER, lambda: published[-1])
    with pytest.raises(Unauthenticated):
        authorizer.verify([f"Bearer {fresh.token()}"])
    published.append(fresh.jwks)
    assert authorizer.verify([f"Bearer {fresh.token()}"])
    with pytest.raises(Unauthenticated):
        authorizer.verify([f"Bearer {pool.token()}"])
