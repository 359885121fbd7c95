"""The bodies that the auth routes take (DESIGN section 8). Errors name places and rules, never what was sent."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from phivault.errors import InvalidInput
from phivault.identity.provider import ChallengeName

EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,253}")
EMAIL_OCTETS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
# What our own rules are called in an answer; it shows the name of a rule and never its text.
_OTHER_ANSWER = "exactly one answer, the one the challenge takes"


def normalised_email(value: str) -> str:
    """One spelling per account: no surrounding space, lower case. Raises ValueError where it isn't an address."""
    email = value.strip().lower()
    if not EMAIL.fullmatch(email) or len(email.encode()) > EMAIL_OCTETS:
        raise PydanticCustomError("not_an_email_address", "not an e-mail address")
    return email


type Email = Annotated[str, Field(max_length=320), AfterValidator(normalised_email)]
type Password = Annotated[str, Field(min_length=1, max_length=256)]
# Cognito's bounds for a session; a code is six digits, the answer to SELECT_MFA_TYPE the name of a factor.
type ProviderSession = Annotated[str, Field(min_length=20, max_length=4096, pattern=r"^[\x21-\x7e]+$")]
type Code = Annotated[str, Field(pattern=r"^([0-9]{6}|SMS_MFA|SOFTWARE_TOKEN_MFA)$")]
type RefreshToken = Annotated[str, Field(min_length=16, max_length=8192, pattern=r"^[A-Za-z0-9_=.-]+$")]


class Body(BaseModel):
    """What any body is read as: nothing converted, nothing unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


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
            raise PydanticCustomError(_OTHER_ANSWER, "it takes another answer, or one alone")
        if self.code is not None and self.code.isdigit() == (self.challenge is ChallengeName.SELECT_MFA_TYPE):
            # A factor is chosen by its name, any other challenge takes digits.
            raise PydanticCustomError(_OTHER_ANSWER, "it takes another answer, or one alone")
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


def read[T: Body](model: type[T], body: bytes) -> T:
    """A body from its JSON text; an empty one counts as ``{}``. Raises InvalidInput, for repeated members too."""
    try:
        read = model.model_validate_json(body or b"{}")
    except ValidationError as error:
        # Only field names that the model declares are repeated: an unknown name is the caller's text.
        places = (_place(model, e["loc"], e["type"]) for e in error.errors(include_input=False, include_context=False))
        raise InvalidInput("; ".join(sorted(set(places)))) from None
    # What passed is UTF-8 and shallow, so that the second reader can't stumble where the first didn't.
    json.loads(body or b"{}", object_pairs_hook=_distinct)
    return read


def _distinct(members: list[tuple[str, Any]]) -> None:
    # Another reader on the way (a firewall) might take the first where this one takes the last.
    if len({name for name, _ in members}) != len(members):
        raise InvalidInput("body: a member is repeated")


def _place(model: type[Body], location: tuple[int | str, ...], kind: str) -> str:
    if not location:
        return f"body: {kind}"
    known = str(location[0]) if location[0] in model.model_fields else "an unknown member"
    return f"{known}: {kind}"
