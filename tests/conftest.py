"""Fixtures shared by all tests; each plugin starts and ends what it needs."""

import os
import signal

import boto3
from hypothesis import HealthCheck, settings

from local import surroundings

surroundings.forget()  # of whoever runs the tests
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background left it so, and what they start would inherit it and be deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes tells of the machine and its neighbours; what must be fast is measured by `make bench`.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

pytest_plugins = ["tests.support.postgres", "tests.support.aws", "tests.support.stack"]
_found: dict[str, str] = {}


def pytest_runtest_setup() -> None:
    """Clients keep the credentials and endpoints that they found first. boto3's default session is each test's own;
    the product's clients go where the last test had another environment than this one begins with."""
    boto3.DEFAULT_SESSION = None
    if _found and _found != _surroundings():
        from phivault.adapters.aws import forget_clients

        forget_clients()


def pytest_runtest_call() -> None:
    _found.clear()
    _found.update(_surroundings())


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
