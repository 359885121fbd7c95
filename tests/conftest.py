"""Fixtures shared by all tests; each plugin starts and ends what it needs."""

pytest_plugins = ["tests.support.postgres", "tests.support.aws", "tests.support.stack"]
