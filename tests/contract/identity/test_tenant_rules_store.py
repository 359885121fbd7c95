"""What the store of tenants' rules promises, kept by the fake and by DynamoDB alike."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules
from phivault.errors import Conflict
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.fakes import MemoryRules

type Store = MemoryRules | DynamoTenantRules


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryRules() if request.param == "memory" else DynamoTenantRules(request.getfixturevalue("table"))


@pytest.fixture
def tenant() -> str:
    return f"tenant-{secrets.token_hex(6)}"


@pytest.fixture
def changed() -> TenantRules:
    return TenantRules(
        idle=600,
        absolute=3600,
        self_sign_up=True,
        registration=secrets.token_urlsafe(16),
        cooling=7200,
        networks={"*": ("192.0.2.0/24", "2001:db8::/32"), "auditor": ("0.0.0.0/0",)},
        version=1,
    )


def test_a_tenant_that_changed_nothing_has_the_defaults(store: Store, tenant: str) -> None:
    assert store.rules(tenant) == TenantRules()


def test_a_change_is_there_at_once_and_in_its_tenant_alone(store: Store, tenant: str, changed: TenantRules) -> None:
    store.replace_rules(tenant, changed)
    assert store.rules(tenant) == changed
    assert store.rules(tenant + "x") == TenantRules()


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_change_of_another_version_than_it_read(
    store: Store, tenant: str, changed: TenantRules, version: int
) -> None:
    store.replace_rules(tenant, changed)
    with pytest.raises(Conflict):
        store.replace_rules(tenant, replace(changed, idle=900, version=version))
    assert store.rules(tenant) == changed


def test_a_registration_names_its_tenant_while_it_stands(store: Store, tenant: str, changed: TenantRules) -> None:
    store.replace_rules(tenant, changed)
    assert store.tenant_of(changed.registration) == tenant
    store.replace_rules(tenant, replace(changed, self_sign_up=False, version=2))
    assert store.tenant_of(changed.registration) is None
    rotated = replace(changed, registration=secrets.token_urlsafe(16), version=3)
    store.replace_rules(tenant, rotated)
    assert store.tenant_of(changed.registration) is None
    assert store.tenant_of(rotated.registration) == tenant
    assert store.tenant_of("") is None
    assert store.tenant_of("no-such-registration") is None
    assert store.tenant_of("x" * 4000) is None


def test_of_many_changes_at_once_one_is_kept(table: str, tenant: str) -> None:
    store = DynamoTenantRules(table)

    def change(idle: int) -> bool:
        try:
            store.replace_rules(tenant, TenantRules(idle=idle, registration=secrets.token_urlsafe(16), version=1))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(change, range(300, 316)))
    assert sum(kept) == 1
    assert store.rules(tenant).idle == 300 + kept.index(True)


def test_another_tenants_registration_is_not_taken_over(table: str, tenant: str, changed: TenantRules) -> None:
    store = DynamoTenantRules(table)
    store.replace_rules(tenant, changed)
    with pytest.raises(Conflict):
        store.replace_rules(tenant + "x", changed)
    assert store.tenant_of(changed.registration) == tenant


def test_rotation_leaves_no_row_behind(table: str, tenant: str, changed: TenantRules) -> None:
    store = DynamoTenantRules(table)
    store.replace_rules(tenant, changed)
    store.replace_rules(tenant, replace(changed, registration="", version=2))
    key = {"pk": {"S": f"REGISTRATION#{changed.registration}"}, "sk": {"S": "REGISTRATION"}}
    assert "Item" not in client("dynamodb").get_item(TableName=table, Key=key)  # type: ignore[arg-type]  # text alone
