"""The bodies that the auth routes take."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from phivault.identity.provider import ChallengeName
from phivault.inputs import Body, rule

EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,253}")
EMAIL_OCTETS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_OTHER_ANSWER = "takes exactly one answer, the one that the challenge asks for"


def normalised_email(value: str) -> str:
    """One spelling per account: no surrounding space, lower case. Raises ValueError where it isn't an address."""
    email = value.strip().lower()
    if not EMAIL.fullmatch(email) or len(email.encode()) > EMAIL_OCTETS:
        raise rule("has to be an e-mail address")
    return email


type Email = Annotated[str, Field(max_length=320), AfterValidator(normalised_email)]
type Password = Annotated[str, Field(min_length=1, max_length=256)]
# Cognito's bounds for a session; a code is six digits, the answer to SELECT_MFA_TYPE the name of a factor.
type ProviderSession = Annotated[str, Field(min_length=20, max_length=4096, pattern=r"^[\x21-\x7e]+$")]
type Code = Annotated[str, Field(pattern=r"^([0-9]{6}|SMS_MFA|SOFTWARE_TOKEN_MFA)$")]
type RefreshToken = Annotated[str, Field(min_length=16, max_length=8192, pattern=r"^[A-Za-z0-9_=.-]+$")]


class SignIn(Body):
    email: Email = Field(repr=False)
    password: Password = Field(repr=False)


class Challenge(Body):
    """``code`` answers a factor, ``new_password`` answers NEW_PASSWORD_REQUIRED; exactly one of them."""

    challenge: ChallengeName
    session: ProviderSession = Field(repr=False)
    email: Email = Field(repr=False)
    code: Code | None = Field(default=None, repr=False)
    new_password: Password | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        wanted = "new_password" if self.challenge is ChallengeName.NEW_PASSWORD_REQUIRED else "code"
        if {name for name in ("code", "new_password") if getattr(self, name) is not None} != {wanted}:
            raise rule(_OTHER_ANSWER)
        if self.code is not None and self.code.isdigit() == (self.challenge is ChallengeName.SELECT_MFA_TYPE):
            # A factor is chosen by its name, any other challenge takes digits.
            raise rule(_OTHER_ANSWER)
        return self

    @property
    def answer(self) -> str:
        return self.code or self.new_password or ""


class MfaTotp(Body):
    session: ProviderSession = Field(repr=False)


class Refresh(Body):
    refresh_token: RefreshToken = Field(repr=False)


class SignOut(Body):
    """The session is the access token's; a refresh token, if sent, is revoked with it."""

    refresh_token: RefreshToken | None = Field(default=None, repr=False)
