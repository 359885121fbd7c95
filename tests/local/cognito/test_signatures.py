"""Signature Version 4, signed by botocore and verified here."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cognito.errors import CognitoError
from local.cognito.signatures import Signatures

NOW = 1_700_000_000.0
STAMP = "20231114T221320Z"
BODY = b'{"UserPoolId": "p"}'
TARGET = "AWSCognitoIdentityProviderService.AdminGetUser"


def signed(
    secret: str = "right", region: str = "us-east-1", service: str = "cognito-idp", **more: str
) -> dict[str, str]:
    headers = {"Host": "127.0.0.1:9", "X-Amz-Target": TARGET, "X-Amz-Date": STAMP, **more}
    request = AWSRequest("POST", "http://127.0.0.1:9/", headers=headers, data=BODY)
    request.context["timestamp"] = STAMP
    signer = SigV4Auth(Credentials("AKID", secret), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return {name.lower(): value for name, value in request.headers.items()}


def verify(headers: dict[str, str], body: bytes = BODY, path: str = "/", now: float = NOW) -> None:
    Signatures("AKID", "right", "us-east-1", now=lambda: now).verify(path, list(headers.items()), body)


def test_botocores_signature_is_accepted():
    verify(signed())


@pytest.mark.parametrize("skew", [-300, 300])
def test_five_minutes_of_skew_are_accepted_and_no_more(skew: int):
    verify(signed(), now=NOW + skew)
    with pytest.raises(CognitoError) as caught:
        verify(signed(), now=NOW + skew + (1 if skew > 0 else -1))
    assert caught.value.code == "InvalidSignatureException"


def change(name: str, value: str) -> Callable[[dict[str, str]], Any]:
    return lambda headers: headers.update({name: value})


def unsign(name: str) -> Callable[[dict[str, str]], Any]:
    def act(headers: dict[str, str]) -> None:
        headers["authorization"] = headers["authorization"].replace(f";{name}", "").replace(f"{name};", "")

    return act


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (lambda headers: headers.pop("authorization"), "MissingAuthenticationTokenException"),
        (change("authorization", "Bearer x"), "MissingAuthenticationTokenException"),
        (change("x-amz-target", "AWSCognitoIdentityProviderService.AdminDisableUser"), "InvalidSignatureException"),
        (change("host", "elsewhere"), "InvalidSignatureException"),
        (change("x-amz-date", "20231114T221321Z"), "InvalidSignatureException"),
        (change("x-amz-date", "yesterday"), "InvalidSignatureException"),
        (change("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "InvalidSignatureException"),
        (change("x-amz-security-token", "token"), "UnrecognizedClientException"),
        (unsign("x-amz-target"), "InvalidSignatureException"),
        (unsign("host"), "InvalidSignatureException"),
        (lambda headers: headers.pop("host"), "InvalidSignatureException"),
    ],
)
def test_a_changed_request_is_refused(attack: Callable[[dict[str, str]], Any], code: str):
    headers = signed()
    attack(headers)
    with pytest.raises(CognitoError) as caught:
        verify(headers)
    assert caught.value.code == code


@pytest.mark.parametrize("more", [{"secret": "wrong"}, {"region": "eu-west-1"}, {"service": "s3"}])
def test_a_signature_for_something_else_is_refused(more: dict[str, str]):
    with pytest.raises(CognitoError) as caught:
        verify(signed(**more))
    assert caught.value.code == "InvalidSignatureException"


def test_another_body_or_path_is_refused():
    for changed in ({"body": BODY + b" "}, {"path": "/other"}, {"path": "/?x=1"}):
        with pytest.raises(CognitoError):
            verify(signed(), **changed)  # type: ignore[arg-type]  # each is one valid keyword


def test_a_header_sent_twice_is_refused():
    headers = [*signed().items(), ("x-amz-target", "AWSCognitoIdentityProviderService.AdminDisableUser")]
    with pytest.raises(CognitoError) as caught:
        Signatures("AKID", "right", "us-east-1", now=lambda: NOW).verify("/", headers, BODY)
    assert caught.value.code == "InvalidSignatureException"
