"""Fixtures shared by all tests; each plugin starts and ends what it needs."""

import boto3

from local import surroundings

surroundings.forget()  # of whoever runs the tests

pytest_plugins = ["tests.support.postgres", "tests.support.aws", "tests.support.stack"]


def pytest_runtest_setup() -> None:
    """boto3's default session keeps the credentials that it found first: every test has one of its own."""
    boto3.DEFAULT_SESSION = None
