"""SES and End User Messaging on this machine: the product's own adapter, signed by this stack, into the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import messages
from local.outbox import Outbox
from local.ports import listen, port_of
from local.serve import Server
from phivault.adapters import aws
from phivault.adapters.messenger import AwsMessenger
from phivault.errors import Unavailable
from phivault.identity.messages import Purpose, code_message, notice

SENDER, ORIGINATION = "no-reply@phivault.example", "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-1"
PHONE, EMAIL = "+15550100001", "somebody@example.test"


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def url(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    listener = listen(0)
    app = messages.create(outbox, messages.Senders(SENDER, ORIGINATION), "AKID", "secret", "us-east-1")
    server = Server(app, listener).start()
    url = f"http://127.0.0.1:{port_of(listener)}"
    for name, value in {
        "AWS_ENDPOINT_URL_SESV2": url,
        "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2": url,
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()
    yield url
    aws.forget_clients()
    server.stop()
    listener.close()


def sdk(service: str, secret: str = "secret", key: str = "AKID", region: str = "us-east-1") -> Any:
    session = boto3.Session(key, secret, region_name=region)
    make: Any = session.client  # typed for literal names alone
    return make(service, config=Config(retries={"total_max_attempts": 1}))


def mail(**changed: Any) -> dict[str, Any]:
    text = {"Data": "123456 is your code"}
    given = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": [EMAIL]},
        "Content": {"Simple": {"Subject": {"Data": "A subject"}, "Body": {"Text": text}}},
    }
    return given | changed


def text(**changed: Any) -> dict[str, Any]:
    return {"DestinationPhoneNumber": PHONE, "OriginationIdentity": ORIGINATION, "MessageBody": "123456"} | changed


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return aws.error_code(refused.value)


@pytest.mark.usefixtures("url")
class TestTheAdapter:
    messenger = AwsMessenger(SENDER, ORIGINATION)

    def kept(self, outbox: Outbox) -> list[tuple[str, str, str, str]]:
        return [(one["to"], one["channel"], one["purpose"], one["code"]) for one in outbox.messages()]

    def test_codes_and_invitations(self, outbox: Outbox) -> None:
        token = "-_" + "a" * 41
        self.messenger.email(EMAIL, code_message(Purpose.EMAIL_CODE, "012345"))
        self.messenger.sms(PHONE, code_message(Purpose.PHONE_CODE, "987654"))
        self.messenger.email(EMAIL, code_message(Purpose.INVITATION, token))
        assert self.kept(outbox) == [
            (EMAIL, "email", "email-code", "012345"),
            (PHONE, "sms", "phone-code", "987654"),
            (EMAIL, "email", "invitation", token),
        ]

    @pytest.mark.parametrize("purpose", [p for p in Purpose if "code" not in p and p is not Purpose.INVITATION])
    def test_of_a_notice_the_text(self, outbox: Outbox, purpose: Purpose) -> None:
        self.messenger.email(EMAIL, notice(purpose))
        assert self.kept(outbox) == [(EMAIL, "email", purpose.value, notice(purpose).text)]

    def test_another_sender_or_number_sends_nothing(self, outbox: Outbox) -> None:
        wrong = AwsMessenger("ceo@phivault.example", ORIGINATION + "2")
        with pytest.raises(Unavailable, match="MessageRejected"):
            wrong.email(EMAIL, notice(Purpose.FACTORS_LOST))
        with pytest.raises(Unavailable, match="ResourceNotFound"):
            wrong.sms(PHONE, code_message(Purpose.PHONE_CODE, "123456"))
        assert outbox.messages() == []

    def test_what_is_not_configured_sends_nothing(self, outbox: Outbox) -> None:
        with pytest.raises(Unavailable, match="not configured"):
            AwsMessenger("", "").email(EMAIL, notice(Purpose.FACTORS_LOST))
        with pytest.raises(Unavailable, match="not configured"):
            AwsMessenger("", "").sms(PHONE, code_message(Purpose.PHONE_CODE, "123456"))
        assert outbox.messages() == []

    def test_a_refusal_names_neither_recipient_nor_text(self) -> None:
        with pytest.raises(Unavailable) as refused:
            self.messenger.sms("+0123", code_message(Purpose.PHONE_CODE, "123456"))
        assert "0123" not in str(refused.value)
        assert refused.value.__cause__ is None

    def test_an_unanswered_call_is_not_repeated(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def fail(self: Outbox, to: str, *rest: str) -> str:
            asked.append(to)
            raise RuntimeError("the connection breaks after the message left")

        monkeypatch.setattr(Outbox, "send", fail)
        with pytest.raises(Unavailable):
            self.messenger.sms(PHONE, code_message(Purpose.PHONE_CODE, "123456"))
        with pytest.raises(Unavailable):
            self.messenger.email(EMAIL, notice(Purpose.FACTORS_LOST))
        assert asked == [PHONE, EMAIL]


@pytest.mark.usefixtures("url")
class TestTheEndpoint:
    def test_other_credentials_send_nothing(self, outbox: Outbox) -> None:
        for changed in ({"secret": "another"}, {"key": "another"}, {"region": "eu-west-1"}):
            refusals = {
                code(lambda c=changed: sdk("sesv2", **c).send_email(**mail())),
                code(lambda c=changed: sdk("pinpoint-sms-voice-v2", **c).send_text_message(**text())),
            }
            assert refusals <= {"InvalidSignatureException", "UnrecognizedClientException"}
        assert outbox.messages() == []

    def test_what_is_refused(self, outbox: Outbox) -> None:
        ses, sms = sdk("sesv2"), sdk("pinpoint-sms-voice-v2")
        two = {"ToAddresses": [EMAIL], "BccAddresses": ["another@example.test"]}
        assert code(lambda: ses.send_email(**mail(Destination=two))) == "BadRequestException"
        assert code(lambda: ses.send_email(**mail(Destination={}))) == "BadRequestException"
        assert code(lambda: ses.send_email(**mail(Content={"Raw": {"Data": b"x"}}))) == "BadRequestException"
        assert (
            code(lambda: sms.send_text_message(**text(DestinationPhoneNumber="15550100001"))) == "ValidationException"
        )
        assert code(lambda: sms.send_text_message(**text(MessageBody="x" * 1601))) == "ValidationException"
        assert code(lambda: sms.send_voice_message(DestinationPhoneNumber=PHONE, OriginationIdentity=ORIGINATION))
        assert outbox.messages() == []

    def test_an_unsigned_or_altered_request(self, outbox: Outbox, url: str) -> None:
        assert httpx.post(url + messages.EMAIL_PATH, json=mail()).status_code == 403
        assert httpx.post(url + "/", json=text(), headers={"X-Amz-Target": messages.SMS_TARGET}).status_code == 403
        sent: list[Any] = []
        ses = sdk("sesv2")
        ses.meta.events.register("before-send.sesv2.SendEmail", lambda request, **_: sent.append(request))
        ses.send_email(**mail())
        (request,) = sent
        headers = {name: one if isinstance(one, str) else one.decode() for name, one in request.headers.items()}
        altered = request.body.replace(b"123456", b"654321")
        assert httpx.post(url + messages.EMAIL_PATH, content=altered, headers=headers).status_code == 403
        assert [one["code"] for one in outbox.messages()] == ["123456"]
