"""What tokens say, and how they are renewed and revoked."""

import base64
import json
import time

import pyotp
import pytest

from local.cognito.pool import Pool
from local.cognito.tokens import Tokens
from tests.local.cognito.harness import Cognito, refused


def test_the_access_token_has_cognitos_claims(cognito: Cognito):
    person = cognito.with_phone()
    claims = cognito.claims(cognito.sign_in(person)["AccessToken"])
    now = cognito.clock()
    assert claims["sub"] == claims["username"] == person.sub
    assert claims["iss"] == cognito.issuer
    assert (claims["token_use"], claims["client_id"]) == ("access", cognito.client_id)
    assert claims["scope"] == "aws.cognito.signin.user.admin"
    assert claims["exp"] - claims["iat"] == 900
    assert abs(claims["auth_time"] - now) < 5
    assert {"jti", "origin_jti", "event_id"} <= set(claims)
    assert not {"email", "phone_number", "custom:role", "aud"} & set(claims)


def test_the_id_token_has_the_attributes(cognito: Cognito):
    person = cognito.create(custom__role="patient", custom__tenant_id="t1", email_verified="true", name="Demo")
    claims = cognito.claims(cognito.enrol(person)["IdToken"])
    assert (claims["token_use"], claims["aud"]) == ("id", cognito.client_id)
    assert claims["cognito:username"] == claims["sub"] == person.sub
    assert (claims["email"], claims["email_verified"], claims["custom:role"]) == (person.email, True, "patient")
    assert "client_id" not in claims


def test_the_key_set_is_public_and_named_in_every_token(cognito: Cognito):
    (key,) = cognito.jwks()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert not {"d", "p", "q"} & set(key)
    token = cognito.sign_in(cognito.with_phone())["AccessToken"]
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header["kid"] == key["kid"]
    assert header["alg"] == "RS256"


def test_discovery_points_to_the_key_set(cognito: Cognito):
    found = cognito.http.get(f"{cognito.issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == cognito.issuer
    assert cognito.http.get(found["jwks_uri"]).json() == cognito.jwks()
    assert cognito.http.get(f"{cognito.endpoint}/us-east-1_Elsewhere/.well-known/jwks.json").status_code == 404


def test_a_refresh_keeps_the_sign_in_and_renews_the_rest(cognito: Cognito):
    first = cognito.sign_in(cognito.with_phone())
    cognito.clock.advance(600)
    second = cognito.refresh(first["RefreshToken"])
    before, after = cognito.claims(first["AccessToken"]), cognito.claims(second["AccessToken"])
    for name in ("sub", "auth_time", "origin_jti"):
        assert before[name] == after[name]
    assert before["jti"] != after["jti"]
    assert after["iat"] - before["iat"] >= 600
    assert second["RefreshToken"] != first["RefreshToken"]
    assert cognito.trigger.events[-1]["triggerSource"] == "TokenGeneration_RefreshTokens"


def test_rotation_does_not_prolong_the_sign_in(cognito: Cognito):
    tokens = cognito.sign_in(cognito.with_phone())
    for _ in range(2):
        cognito.clock.advance(5 * 3600)
        tokens = cognito.refresh(tokens["RefreshToken"])
    cognito.clock.advance(2 * 3600)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(tokens["RefreshToken"])


def test_revoking_any_token_of_a_sign_in_ends_all_of_it(cognito: Cognito):
    person = cognito.with_phone()
    other = cognito.sign_in(person)
    first = cognito.sign_in(person)
    second = cognito.refresh(first["RefreshToken"])
    cognito.public.revoke_token(Token=first["RefreshToken"], ClientId=cognito.client_id)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(second["RefreshToken"])
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.get_user(AccessToken=second["AccessToken"])
    assert cognito.refresh(other["RefreshToken"])


def test_revoking_an_unknown_or_dead_token_is_no_error_and_a_jwt_is_one(cognito: Cognito):
    tokens = cognito.sign_in(cognito.with_phone())
    for token in (tokens["RefreshToken"], tokens["RefreshToken"], "never-issued"):
        cognito.public.revoke_token(Token=token, ClientId=cognito.client_id)
    with refused(cognito.public, "UnsupportedTokenTypeException"):
        cognito.public.revoke_token(Token=tokens["AccessToken"], ClientId=cognito.client_id)


@pytest.mark.parametrize("by", ["administrator", "user", "disabling"])
def test_signing_out_everywhere_ends_every_sign_in(cognito: Cognito, by: str):
    person = cognito.with_phone()
    every = [cognito.sign_in(person), cognito.sign_in(person)]
    bystander = cognito.sign_in(cognito.with_phone())
    if by == "administrator":
        cognito.idp.admin_user_global_sign_out(UserPoolId=cognito.pool_id, Username=person.sub)
    elif by == "user":
        cognito.public.global_sign_out(AccessToken=every[0]["AccessToken"])
    else:
        cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    for tokens in every:
        with refused(cognito.public, "NotAuthorizedException"):
            cognito.refresh(tokens["RefreshToken"])
        with refused(cognito.public, "NotAuthorizedException"):
            cognito.public.get_user(AccessToken=tokens["AccessToken"])
    assert cognito.refresh(bystander["RefreshToken"])


def test_get_user_tells_whom_a_token_belongs_to(cognito: Cognito):
    person = cognito.with_totp()
    found = cognito.public.get_user(AccessToken=cognito.sign_in(person)["AccessToken"])
    assert found["Username"] == person.sub
    assert {"Name": "email", "Value": person.email} in found["UserAttributes"]
    assert found["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]


def test_an_expired_access_token_is_refused(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["AccessToken"]
    cognito.clock.advance(900)
    with refused(cognito.public, "NotAuthorizedException") as caught:
        cognito.public.get_user(AccessToken=token)
    assert "expired" in str(caught.value)


def test_a_signed_in_user_can_enrol_an_app(cognito: Cognito):
    person = cognito.with_phone()
    token = cognito.sign_in(person)["AccessToken"]
    person.totp = pyotp.TOTP(cognito.public.associate_software_token(AccessToken=token)["SecretCode"])
    assert cognito.initiate(person)["ChallengeName"] == "SMS_MFA"
    with refused(cognito.public, "EnableSoftwareTokenMFAException"):
        cognito.public.verify_software_token(AccessToken=token, UserCode=cognito.wrong_code(person))
    cognito.public.verify_software_token(AccessToken=token, UserCode=cognito.code(person))
    assert cognito.initiate(person)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    with refused(cognito.public, "SoftwareTokenMFANotFoundException"):
        cognito.public.verify_software_token(AccessToken=token, UserCode=cognito.code(person))


def test_unsupported_flows_can_not_be_configured():
    with pytest.raises(ValueError, match="auth_flows"):
        Pool("p", "c", "http://127.0.0.1:1", auth_flows=frozenset({"USER_SRP_AUTH"}))


def test_two_pools_share_no_key():
    (one,), (other,) = (Tokens(Pool("p", "c", "http://127.0.0.1:1"), time.time).jwks()["keys"] for _ in range(2))
    assert one["n"] != other["n"]
    assert one["kid"] != other["kid"]
