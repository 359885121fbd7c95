"""``phivault login``: what it asks, what it keeps, and what it never shows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phivault.cli.api import Api, checked
from phivault.cli.main import app
from phivault.cli.session import Session, SessionFile, sessions
from phivault.cli.signed_in import signed_in
from phivault.errors import InvalidCredentials, InvalidInput, Unavailable

PASSWORD, CODE = "Correct-horse-7", "123456"  # of nobody
TYPED = (PASSWORD, CODE)


@dataclass
class Service:
    """The auth routes, for one account. ``challenges`` are asked after the password, in order."""

    challenges: list[str] = field(default_factory=lambda: ["SOFTWARE_TOKEN_MFA"])
    refresh: str = ""
    number: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        self.asked.append((path, body))
        if path == "/v1/auth/sign-in":
            return self._next(0) if body["password"] == PASSWORD else (401, {"title": "Wrong password or code"})
        if path == "/v1/auth/challenge":
            known = body.get("code") in (CODE, "SOFTWARE_TOKEN_MFA") or body.get("new_password")
            return self._next(int(body["session"]) + 1) if known else (401, {"title": "Wrong password or code"})
        if path == "/v1/auth/refresh" and body["refresh_token"] == self.refresh:
            return 200, self._tokens()
        if path == "/v1/auth/sign-out" and token == f"Bearer access-{self.number}":
            self.ended.append(self.refresh)
            self.refresh = ""
            return 204, {}
        if path == "/v1/me" and token == f"Bearer access-{self.number}":
            return 200, {"tenant": "t", "user_id": "u"}
        return 401, {"title": "Sign-in required"}

    def _next(self, number: int) -> tuple[int, dict[str, Any]]:
        if number == len(self.challenges):
            return 200, self._tokens()
        asked = {"challenge": self.challenges[number], "session": str(number)}
        return 200, asked | {"choices": ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]}

    def _tokens(self) -> dict[str, Any]:
        self.number += 1
        self.refresh = f"refresh-{self.number}"
        return {"access_token": f"access-{self.number}", "refresh_token": self.refresh}


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else {}
            status, document = made.answer(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            if status != 204:
                self.wfile.write(json.dumps(document).encode())

        do_GET = do_POST  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path / "no-stack"))


def run(*arguments: str, typed: tuple[str, ...] = (), status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in typed))
    assert result.exit_code == status, result.output
    for secret in (PASSWORD, CODE, "access-", "refresh-"):
        assert secret not in result.output
    return str(result.output)


def signed(service: Service) -> None:
    run("login", "--api", service.url, "--email", "one@people.test", typed=TYPED)


def test_it_keeps_the_refresh_token_for_its_owner_alone(service: Service) -> None:
    run("login", "--api", service.url + "/v1/", typed=("one@people.test", *TYPED))
    kept = sessions().path
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(kept.read_text()) == {"api": service.url, "refresh_token": "refresh-1"}
    assert service.asked[0] == ("/v1/auth/sign-in", {"email": "one@people.test", "password": PASSWORD})


def test_every_challenge_is_answered(service: Service) -> None:
    service.challenges = ["NEW_PASSWORD_REQUIRED", "SELECT_MFA_TYPE", "SOFTWARE_TOKEN_MFA"]
    typed = (PASSWORD, "Another-horse-8", "Another-horse-8", "2", CODE)
    said = run("login", "--api", service.url, "--email", "one@people.test", typed=typed)
    assert "Another-horse-8" not in said
    assert [body.get("code") for _, body in service.asked[2:]] == ["SOFTWARE_TOKEN_MFA", CODE]


@pytest.mark.parametrize("typed", [("wrong", CODE), (PASSWORD, "000000")])
def test_wrong_secrets_leave_nothing(service: Service, typed: tuple[str, str]) -> None:
    run("login", "--api", service.url, "--email", "one@people.test", typed=typed, status=1)
    assert not sessions().path.exists()


def test_an_account_without_a_factor_is_sent_elsewhere(service: Service) -> None:
    service.challenges = ["MFA_SETUP"]
    said = run("login", "--api", service.url, "--email", "one@people.test", typed=(PASSWORD,), status=1)
    assert "second factor" in said


def test_commands_use_it_and_keep_each_next_token(service: Service) -> None:
    signed(service)
    api = signed_in()
    assert sessions().read().refresh_token == "refresh-2"
    service._tokens()  # somebody else's use ends what the access token is good for
    sessions().write(Session(service.url, service.refresh))
    assert api.call("GET", "/v1/me")["user_id"] == "u"
    assert sessions().read().refresh_token == service.refresh


def test_two_commands_at_once_use_no_token_twice(service: Service) -> None:
    signed(service)
    threads = [threading.Thread(target=signed_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = [body["refresh_token"] for path, body in service.asked if path == "/v1/auth/refresh"]
    assert sorted(used) == sorted(set(used))
    assert len(used) == 6


def test_logout_ends_it_there_and_here(service: Service) -> None:
    signed(service)
    run("logout")
    assert len(service.ended) == 1
    assert not sessions().path.exists()
    assert "no session" in run("logout")


def test_logout_keeps_what_it_could_not_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(service)
    sessions().write(Session("http://127.0.0.1:9", "refresh-1"))
    run("logout", status=3)
    assert sessions().path.exists()


def test_a_session_that_is_over_says_so(service: Service) -> None:
    signed(service)
    service.refresh = "another"
    with pytest.raises(InvalidCredentials, match="phivault login"):
        signed_in()


def test_a_file_that_others_may_read_is_not_believed(service: Service) -> None:
    signed(service)
    sessions().path.chmod(0o644)
    with pytest.raises(InvalidCredentials, match="open to others"):
        sessions().read()


def test_a_write_that_fails_leaves_the_session_before(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SessionFile(tmp_path / "a" / "session.json")
    file.write(Session("https://api.example", "first"))

    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("phivault.cli.session.os.fsync", full)
    with pytest.raises(Unavailable):
        file.write(Session("https://api.example", "second"))
    assert file.read().refresh_token == "first"
    assert [path.name for path in file.path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "http://127.0.0.1.example", "ftp://localhost", "https://", "https://a:b@api.example",
     "https://api.example/?x=1", "api.example", "https://[::1", "http://localhost:x"],
)  # fmt: skip
def test_no_password_goes_in_clear_or_nowhere(url: str) -> None:
    with pytest.raises(InvalidInput):
        checked(url)
    run("login", "--api", url, "--email", "one@people.test", typed=TYPED, status=2)


@pytest.mark.parametrize("url", ["https://api.example/prod/v1", "http://localhost:8080/", "http://[::1]:8080/v1/"])
def test_addresses_that_will_do(url: str) -> None:
    assert not checked(url).endswith(("/", "/v1"))


def test_a_redirection_is_not_followed_with_a_token(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> tuple[int, dict[str, Any]]:
        service.asked.append(("redirected", {}))
        return 302, {}

    monkeypatch.setattr(service, "answer", away)
    with pytest.raises(Unavailable):
        Api(service.url, "access").call("GET", "/v1/me")
    assert len(service.asked) == 1
