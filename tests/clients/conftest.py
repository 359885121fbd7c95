"""A clinician of these tests' own, as any other program would know them: by an access token and the API's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import Account

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.fixture(scope="module")
def token(stack: RunningStack) -> str:
    """What a sign-in with password and code gave: of each module, since it is good for 15 minutes and a run takes
    longer."""
    return str(Account(stack, "clinician", stack.tenants[0]).tokens()["access_token"])


@pytest.fixture(scope="session")
def fhir_url(stack: RunningStack) -> str:
    return f"{stack.base_url}/v1/fhir"
