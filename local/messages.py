"""Amazon SES (v2, SendEmail) and AWS End User Messaging (SMS, SendTextMessage) on this machine: what the product sends
lands in the outbox.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.cognito.errors import CognitoError
from local.cognito.signatures import Signatures
from local.outbox import Outbox

EMAIL_PATH = "/v2/email/outbound-emails"
SMS_TARGET = "PinpointSMSVoiceV2.SendTextMessage"
MAXIMUM_BYTES = 64 << 10
_ONE_TIME = re.compile(r"(?<![\w-])([0-9]{6}|[A-Za-z0-9_-]{43})(?![\w-])")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Senders:
    """What may send: the verified address, and the ARN of the origination number."""

    email: str
    sms: str


class Refused(Exception):
    """``code`` is an exception of the service's model, ``rule`` what was broken."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(code)
        self.code, self.rule = code, rule


def create(outbox: Outbox, senders: Senders, access_key_id: str, secret_access_key: str, region: str) -> Starlette:
    """An ASGI application for requests signed with this key. Listen on a loopback address."""
    ses = Signatures(access_key_id, secret_access_key, region, service="ses", also_signed=())
    sms = Signatures(access_key_id, secret_access_key, region, service="sms-voice")
    endpoint = _Endpoint(outbox, senders, ses, sms)
    return Starlette(
        routes=[
            Route(EMAIL_PATH, endpoint.email, methods=["POST"]),
            Route("/", endpoint.sms, methods=["POST"]),
        ]
    )


def one_time_part(text: str) -> str:
    """The code or invitation that a text carries; of a notice, the whole text."""
    found = _ONE_TIME.search(text)
    return found[1] if found else text


class _Endpoint:
    def __init__(self, outbox: Outbox, senders: Senders, ses: Signatures, sms: Signatures) -> None:
        self._outbox, self._senders, self._ses, self._sms = outbox, senders, ses, sms

    async def email(self, request: Request) -> Response:
        try:
            given = await _read(request, self._ses)
            return JSONResponse({"MessageId": self._mail(given)})
        except Refused as refused:
            return _refusal(400, refused.code, refused.rule)
        except CognitoError as unsigned:  # the signature's own refusals
            return _refusal(403, unsigned.code, "")

    async def sms(self, request: Request) -> Response:
        try:
            given = await _read(request, self._sms)
            if request.headers.get("x-amz-target") != SMS_TARGET:
                raise Refused("UnknownOperationException", "")
            return JSONResponse({"MessageId": self._text(given)}, media_type="application/x-amz-json-1.0")
        except Refused as refused:
            return _refusal(400, refused.code, refused.rule)
        except CognitoError as unsigned:
            return _refusal(403, unsigned.code, "")

    def _mail(self, given: dict[str, Any]) -> str:
        try:
            to = [one for kind in ("To", "Cc", "Bcc") for one in given["Destination"].get(f"{kind}Addresses", ())]
            simple = given["Content"]["Simple"]
            subject, text = simple["Subject"]["Data"], simple["Body"]["Text"]["Data"]
            tags = {tag["Name"]: tag["Value"] for tag in given.get("EmailTags", ())}
        except (KeyError, TypeError, AttributeError):
            raise Refused("BadRequestException", "Destination, Content.Simple with a text, EmailTags") from None
        if given.get("FromEmailAddress") != self._senders.email:
            raise Refused("MessageRejected", "FromEmailAddress is not verified")
        if len(to) != 1 or "@" not in to[0] or not subject:
            raise Refused("BadRequestException", "one recipient and a subject")
        return self._outbox.send(to[0], "email", tags.get("purpose", ""), one_time_part(text))

    def _text(self, given: dict[str, Any]) -> str:
        to, text = given.get("DestinationPhoneNumber"), given.get("MessageBody")
        if given.get("OriginationIdentity") != self._senders.sms:
            raise Refused("ResourceNotFoundException", "OriginationIdentity")
        if not isinstance(to, str) or not _E164.fullmatch(to):
            raise Refused("ValidationException", "DestinationPhoneNumber")
        if not isinstance(text, str) or not 1 <= len(text) <= 1600:
            raise Refused("ValidationException", "MessageBody")
        context = given.get("Context") or {}
        return self._outbox.send(to, "sms", str(context.get("purpose", "")), one_time_part(text))


async def _read(request: Request, signatures: Signatures) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAXIMUM_BYTES:
            raise Refused("ValidationException", "the request is too long")
    headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw]
    query = request.url.query
    path = request.scope["raw_path"].decode("ascii")
    signatures.verify(f"{path}?{query}" if query else path, headers, bytes(body))
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused("ValidationException", "the body isn't a JSON object")
    return given


def _refusal(status: int, code: str, rule: str) -> Response:
    return JSONResponse({"__type": code, "message": rule}, status, {"x-amzn-ErrorType": code})
