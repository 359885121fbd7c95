"""``phivault login`` and ``phivault logout``: a session with a deployed stack."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from phivault.cli.api import Api
from phivault.cli.session import Session, sessions
from phivault.cli.signed_in import own_session
from phivault.errors import AccessDenied, InvalidCredentials, InvalidInput, PhivaultError, TooManyRequests

_MOST_CHALLENGES: Final = 6
_CODES: Final = {"SOFTWARE_TOKEN_MFA": "Code of the authenticator app", "SMS_MFA": "Code of the text message"}


def login(
    api: Annotated[str, typer.Option("--api", metavar="URL", help="The API's address, which begins with https.")],
    email: Annotated[str, typer.Option(help="Asked for where it isn't given.")] = "",
) -> None:
    """Sign in to a deployed stack. The refresh token is kept in a file that you alone can read; the access token isn't.

    Exit status 0 when signed in, 1 when refused, 2 for input that can't be used, 3 for an outage.
    """
    try:
        anyone = Api(api)
        email = email or typer.prompt("E-mail", err=True)
        tokens = _tokens(anyone, email)
        with sessions().locked() as file:
            file.write(Session(anyone.base_url, str(tokens["refresh_token"])))
    except PhivaultError as error:
        raise _exit(error) from None
    typer.echo(f"Signed in. The session is kept in {sessions().path}; phivault logout ends it")


def logout() -> None:
    """End the session of ``phivault login``, here and at the API.

    Exit status 0 when it is over, 3 for an outage: then it is kept, and can be ended later.
    """
    try:
        try:
            api, refresh_token = own_session()
            api.call("POST", "/v1/auth/sign-out", {"refresh_token": refresh_token})
        except InvalidCredentials:  # nobody was signed in, or the session had ended
            typer.echo("There was no session any more")
        sessions().forget()
    except PhivaultError as error:
        raise _exit(error) from None


def _tokens(anyone: Api, email: str) -> dict[str, Any]:
    answer = anyone.call("POST", "/v1/auth/sign-in", {"email": email, "password": _secret("Password")})
    for _ in range(_MOST_CHALLENGES):
        if "refresh_token" in answer:
            return answer
        asked = {"challenge": answer["challenge"], "session": answer["session"], "email": email}
        answer = anyone.call("POST", "/v1/auth/challenge", asked | _reply(answer))
    raise InvalidCredentials("The API asks for ever more")


def _reply(asked: dict[str, Any]) -> dict[str, str]:
    kind = str(asked["challenge"])
    if kind in _CODES:
        return {"code": _secret(_CODES[kind])}
    if kind == "SELECT_MFA_TYPE":
        choices = [str(choice) for choice in asked.get("choices", ()) if choice in _CODES]
        if not choices:
            raise AccessDenied("The account has no second factor that this command knows")
        for number, choice in enumerate(choices, start=1):
            typer.echo(f"{number}. {_CODES[choice]}", err=True)
        chosen: int = typer.prompt("Which", type=int, default=1, err=True)
        if not 1 <= chosen <= len(choices):
            raise InvalidInput("That isn't one of them")
        return {"code": choices[chosen - 1]}
    if kind == "NEW_PASSWORD_REQUIRED":
        return {"new_password": typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)}
    # A secret to enrol would have to be shown here, where terminals keep what they showed.
    raise AccessDenied("The account has no second factor yet: set one up first (docs/deploy.md, the first sign-in)")


def _secret(what: str) -> str:
    said: str = typer.prompt(what, hide_input=True, err=True)
    return said.strip() if what != "Password" else said


def _exit(error: PhivaultError) -> typer.Exit:
    typer.echo(error.detail or error.title, err=True)
    refused = isinstance(error, AccessDenied | InvalidCredentials | TooManyRequests)
    return typer.Exit(1 if refused else 2 if isinstance(error, InvalidInput) else 3)
