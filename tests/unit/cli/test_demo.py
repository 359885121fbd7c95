"""``phivault demo``: what can't be played is told in a line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phivault.cli.main import app


class _Titles(BaseHTTPRequestHandler):
    """A local stack that has three steps and plays none."""

    def do_GET(self) -> None:
        body = json.dumps(["one", "two", "three"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Titles)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def demo(folder: Path, text: str, *options: str) -> tuple[int, str, str]:
    (folder / "demo.json").write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["demo", *options], env={"PHIVAULT_LOCAL": str(folder)})
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("step", ["0", "-1", "4", "99"])
def test_a_step_that_is_none(base: str, tmp_path: Path, step: str) -> None:
    said = "--step is a number from 1 to 3\n"
    assert demo(tmp_path, json.dumps({"base_url": base}), "--step", step) == (2, "", said)


def test_a_stack_that_is_gone(base: str, tmp_path: Path) -> None:
    gone = json.dumps({"base_url": "http://127.0.0.1:1"})
    said = "The local stack doesn't answer. Start it in another terminal: make run\n"
    assert demo(tmp_path, gone) == (2, "", said)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
def test_a_stack_that_is_still_being_written_down(tmp_path: Path, text: str) -> None:
    said = f"{tmp_path / 'demo.json'} doesn't tell of a local stack. Start one in another terminal: make run\n"
    assert demo(tmp_path, text) == (2, "", said)
