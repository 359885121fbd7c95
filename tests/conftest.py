"""Fixtures shared by all tests; each plugin starts and ends what it needs."""

from local import surroundings

surroundings.forget()  # of whoever runs the tests

pytest_plugins = ["tests.support.postgres", "tests.support.aws", "tests.support.stack"]
