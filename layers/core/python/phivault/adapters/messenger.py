"""Messages by Amazon SES and AWS End User Messaging.

AWS actions: ses:SendEmail on the sender's identity; sms-voice:SendTextMessage on the origination number or pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phivault.adapters.aws import client, translated
from phivault.errors import Unavailable
from phivault.identity.messages import Message

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

LIFE_SECONDS = 600
"""A text message that the network couldn't deliver while its code was good isn't delivered at all."""


class AwsMessenger:
    """Fills identity.messages.Messenger. ``sender`` is the From address, ``origination`` the ARN of a number, pool or
    sender id; whichever is empty sends nothing."""

    def __init__(self, sender: str, origination: str) -> None:
        self._sender, self._origination = sender, origination

    def email(self, to: str, message: Message) -> None:
        if not self._sender:
            raise Unavailable("E-mail is not configured")
        with translated("SES"):
            _ses().send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": _text(message.subject), "Body": {"Text": _text(message.text)}}},
                EmailTags=[{"Name": "purpose", "Value": message.purpose.value}],
            )

    def sms(self, to: str, message: Message) -> None:
        if not self._origination:
            raise Unavailable("Text messages are not configured")
        with translated("End User Messaging"):
            _sms().send_text_message(
                DestinationPhoneNumber=to,
                OriginationIdentity=self._origination,
                MessageBody=message.text,
                MessageType="TRANSACTIONAL",
                TimeToLive=LIFE_SECONDS,
                Context={"purpose": message.purpose.value},
            )


# One attempt each: a repeated call would send a second message.
def _ses() -> SESV2Client:
    made: SESV2Client = client("sesv2", attempts=1)
    return made


def _sms() -> Any:
    return client("pinpoint-sms-voice-v2", attempts=1)


def _text(data: str) -> Any:
    return {"Data": data, "Charset": "UTF-8"}
