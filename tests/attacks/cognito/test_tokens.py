"""Attacks with tokens: forged, altered, stolen, replayed."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from local.cognito.refresh_tokens import RefreshTokens
from tests.local.cognito.harness import Cognito, refused


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def payload(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def kid(cognito: Cognito) -> str:
    return cognito.jwks()["keys"][0]["kid"]


def unsigned(cognito: Cognito, token: str) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}."


def unsigned_with_kid(cognito: Cognito, token: str) -> str:
    _, content, signature = token.split(".")
    return f"{part({'alg': 'none', 'kid': kid(cognito)})}.{content}.{signature}"


def altered(cognito: Cognito, token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(payload(token) | {'exp': 9_999_999_999})}.{signature}"


def signed_by_another(cognito: Cognito, token: str) -> str:
    key = RSAKey.generate_key(2048, {"kid": kid(cognito)}, private=True)
    return jwt.encode({"alg": "RS256", "kid": kid(cognito)}, payload(token), key)


def signed_with_the_public_key_as_secret(cognito: Cognito, token: str) -> str:
    """By hand, since libraries refuse to take a public key as a secret."""
    public = RSAKey.import_key(cognito.jwks()["keys"][0]).as_pem(private=False)
    signed = f"{part({'alg': 'HS256', 'kid': kid(cognito)})}.{token.split('.')[1]}"
    signature = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_with_a_key_it_brings(cognito: Cognito, token: str) -> str:
    key = RSAKey.generate_key(2048, private=True)
    header = {"alg": "RS256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, payload(token), key)


def nonsense(cognito: Cognito, token: str) -> str:
    return "a.b.c"


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        unsigned_with_kid,
        altered,
        signed_by_another,
        signed_with_the_public_key_as_secret,
        signed_with_a_key_it_brings,
        nonsense,
    ],
)
def test_a_forged_access_token(cognito: Cognito, forge: Callable[[Cognito, str], str]):
    genuine = cognito.sign_in(cognito.with_phone())["AccessToken"]
    assert cognito.public.get_user(AccessToken=genuine)["Username"]
    forged = forge(cognito, genuine)
    with refused(cognito.public, "NotAuthorizedException") as caught:
        cognito.public.get_user(AccessToken=forged)
    assert "Invalid Access Token" in str(caught.value)
    with pytest.raises((JoseError, ValueError)):
        cognito.claims(forged)


def test_an_id_token_as_access_token(cognito: Cognito):
    tokens = cognito.sign_in(cognito.with_phone())
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.get_user(AccessToken=tokens["IdToken"])


def test_a_stolen_access_token_without_the_self_service_scope_changes_nothing(cognito: Cognito):
    cognito.trigger.details = {
        "accessTokenGeneration": {
            "scopesToAdd": ["phivault/api"],
            "scopesToSuppress": ["aws.cognito.signin.user.admin"],
        }
    }
    person = cognito.with_phone()
    stolen = cognito.sign_in(person)["AccessToken"]
    for call in (
        lambda: cognito.public.get_user(AccessToken=stolen),
        lambda: cognito.public.associate_software_token(AccessToken=stolen),
        lambda: cognito.public.verify_software_token(AccessToken=stolen, UserCode="000000"),
        lambda: cognito.public.global_sign_out(AccessToken=stolen),
    ):
        with refused(cognito.public, "NotAuthorizedException") as caught:
            call()
        assert "scopes" in str(caught.value)


def test_using_a_rotated_refresh_token(cognito: Cognito):
    first = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    second = cognito.refresh(first)["RefreshToken"]
    third = cognito.refresh(second)["RefreshToken"]
    for old in (first, second, first):
        with refused(cognito.public, "RefreshTokenReuseException"):
            cognito.refresh(old)
    assert cognito.refresh(third)


def test_using_one_refresh_token_many_times_at_once(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    results: list[str] = []

    def slow(event: dict) -> dict:
        time.sleep(0.2)  # long enough for all the others to arrive while the first is under way
        return event

    def use() -> None:
        try:
            cognito.refresh(token)
            results.append("tokens")
        except ClientError as error:
            results.append(error.response["Error"]["Code"])

    cognito.trigger.act = slow
    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["RefreshTokenReuseException"] * 7 + ["tokens"]


@pytest.mark.parametrize("kind", ["AccessToken", "IdToken", "made up"])
def test_something_else_as_refresh_token(cognito: Cognito, kind: str):
    tokens = cognito.sign_in(cognito.with_phone())
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(tokens.get(kind, "made-up"))


def test_refreshing_after_being_disabled_and_enabled_again(cognito: Cognito):
    person = cognito.with_phone()
    token = cognito.sign_in(person)["RefreshToken"]
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    cognito.idp.admin_enable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(token)


def test_refresh_tokens_are_not_kept_in_clear():
    tokens = RefreshTokens(60, lambda: 0.0)
    family, token = tokens.start("sub")
    assert token not in repr(vars(tokens))
    assert token not in repr(family)
