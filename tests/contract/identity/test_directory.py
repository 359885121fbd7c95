"""What the directory promises, kept by the fake and by DynamoDB alike; and what only DynamoDB's races can show."""

from __future__ import annotations

import os
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_directory import DynamoDirectory, signed_in
from phivault.errors import Conflict, NotFound, Unavailable
from phivault.identity.directory import Status, User
from tests.unit.identity.fake_administration import MemoryDirectory

type Directory = MemoryDirectory | DynamoDirectory


@pytest.fixture(params=["memory", "dynamodb"])
def directory(request: pytest.FixtureRequest) -> Directory:
    return MemoryDirectory() if request.param == "memory" else DynamoDirectory(request.getfixturevalue("table"))


@pytest.fixture
def tenant() -> str:
    return f"tenant-{secrets.token_hex(6)}"


def person(tenant: str, role: Role = Role.CLINICIAN, **changed: Any) -> User:
    id = str(uuid.uuid4())
    made = User(id, tenant, role, None, Personal(f"User/{id}", id, os.urandom(80)), created=1_790_000_000)
    return replace(made, **changed)


def test_a_user_is_found_in_their_tenant_alone(directory: Directory, tenant: str) -> None:
    user = person(tenant, Role.PATIENT, patient_id="p-1")
    directory.add_user(user)
    assert directory.user(tenant, user.user_id) == user
    assert directory.user(tenant + "x", user.user_id) is None
    assert directory.users(tenant + "x") == []
    with pytest.raises(Conflict):
        directory.add_user(user)
    with pytest.raises(NotFound):
        directory.change_role(tenant + "x", user.user_id, Role.AUDITOR, None)
    with pytest.raises(NotFound):
        directory.change_status(tenant + "x", user.user_id, Status.SUSPENDED)


def test_users_come_in_pages_in_the_order_of_their_ids(directory: Directory, tenant: str) -> None:
    users = sorted((person(tenant) for _ in range(5)), key=lambda one: one.user_id)
    for user in reversed(users):
        directory.add_user(user)
    assert directory.users(tenant) == users
    assert directory.users(tenant, limit=2) == users[:2]
    assert directory.users(tenant, after=users[1].user_id, limit=2) == users[2:4]
    assert directory.users(tenant, after=users[4].user_id) == []


def test_a_role_changes_with_its_patient(directory: Directory, tenant: str) -> None:
    user = person(tenant)
    directory.add_user(user)
    directory.change_role(tenant, user.user_id, Role.PATIENT, "p-1")
    assert directory.user(tenant, user.user_id) == replace(user, role=Role.PATIENT, patient_id="p-1")
    directory.change_role(tenant, user.user_id, Role.AUDITOR, None)
    assert directory.user(tenant, user.user_id) == replace(user, role=Role.AUDITOR)


def test_a_suspension_ends_and_an_end_does_not(directory: Directory, tenant: str) -> None:
    user = person(tenant)
    directory.add_user(user)
    for status in (Status.SUSPENDED, Status.ACTIVE, Status.SUSPENDED, Status.OFFBOARDED):
        directory.change_status(tenant, user.user_id, status)
        with pytest.raises(Conflict):
            directory.change_status(tenant, user.user_id, status)
    for status in (Status.ACTIVE, Status.SUSPENDED):
        with pytest.raises(Conflict):
            directory.change_status(tenant, user.user_id, status)
    with pytest.raises(NotFound):
        directory.change_role(tenant, user.user_id, Role.AUDITOR, None)


@pytest.mark.parametrize("way", ["role", "suspended", "offboarded"])
def test_the_last_administrator_stays(directory: Directory, tenant: str, way: str) -> None:
    first, second, other = (person(tenant, Role.TENANT_ADMIN) for _ in range(3))
    elsewhere = person(tenant + "x", Role.TENANT_ADMIN)
    for user in (first, second, elsewhere):
        directory.add_user(user)
    directory.add_user(replace(other, status=Status.SUSPENDED))  # who doesn't count

    def leave(user: User) -> None:
        if way == "role":
            directory.change_role(user.tenant, user.user_id, Role.AUDITOR, None)
        else:
            directory.change_status(user.tenant, user.user_id, Status(way))

    leave(first)
    for last in (second, elsewhere):
        with pytest.raises(Conflict):
            leave(last)
        assert directory.user(last.tenant, last.user_id) == last
    directory.change_status(tenant, other.user_id, Status.ACTIVE)
    leave(second)
    with pytest.raises(Conflict):
        leave(other)


def test_who_becomes_an_administrator_counts(directory: Directory, tenant: str) -> None:
    first, second = person(tenant, Role.TENANT_ADMIN), person(tenant)
    directory.add_user(first)
    directory.add_user(second)
    directory.change_role(tenant, second.user_id, Role.TENANT_ADMIN, None)
    directory.change_role(tenant, second.user_id, Role.TENANT_ADMIN, None)
    directory.change_status(tenant, first.user_id, Status.OFFBOARDED)
    with pytest.raises(Conflict):
        directory.change_role(tenant, second.user_id, Role.CLINICIAN, None)


@pytest.mark.parametrize("round", range(3))
def test_of_two_administrators_who_remove_each_other_at_once_one_stays(table: str, tenant: str, round: int) -> None:
    directory, admins = DynamoDirectory(table), [person(tenant, Role.TENANT_ADMIN) for _ in range(4)]
    for admin in admins:
        directory.add_user(admin)

    def leave(number: int) -> bool:
        user = admins[number]
        try:
            if number % 2:
                directory.change_role(tenant, user.user_id, Role.CLINICIAN, None)
            else:
                directory.change_status(tenant, user.user_id, Status.OFFBOARDED)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(admins)) as threads:
        left = list(threads.map(leave, range(len(admins))))
    kept = [one for one in directory.users(tenant) if (one.role, one.status) == (Role.TENANT_ADMIN, Status.ACTIVE)]
    assert len(kept) == len(left) - sum(left) >= 1


def _open(table: str, user: User) -> bool:
    try:
        client("dynamodb").transact_write_items(TransactItems=signed_in(table, user))  # type: ignore[arg-type]  # as made
    except ClientError:
        return False
    return True


def test_a_first_sign_in_makes_the_row_and_counts_an_administrator(table: str, tenant: str) -> None:
    directory, user = DynamoDirectory(table), person(tenant, Role.TENANT_ADMIN, last_sign_in=1_790_000_000)
    assert _open(table, user)
    assert directory.user(tenant, user.user_id) == user
    later = replace(user, last_sign_in=user.created + 60, person=Personal("User/x", "y", b"other"), created=7)
    assert _open(table, later)
    assert directory.user(tenant, user.user_id) == replace(user, last_sign_in=user.created + 60)
    with pytest.raises(Conflict):
        directory.change_status(tenant, user.user_id, Status.OFFBOARDED)


def test_tokens_that_say_what_the_user_no_longer_is_open_nothing(table: str, tenant: str) -> None:
    directory, user = DynamoDirectory(table), person(tenant, last_sign_in=1_790_000_000)
    directory.add_user(user)
    assert not _open(table, replace(user, role=Role.TENANT_ADMIN))
    assert not _open(table, replace(user, role=Role.PATIENT, patient_id="p-1"))
    assert not _open(table, replace(user, patient_id="p-1"))
    for status in (Status.SUSPENDED, Status.OFFBOARDED):
        directory.change_status(tenant, user.user_id, status)
        assert not _open(table, user)
    assert directory.user(tenant, user.user_id) == replace(user, status=Status.OFFBOARDED)


def test_an_outage_is_told_as_one() -> None:
    for call in (
        lambda d: d.user("t", "u"),
        lambda d: d.users("t"),
        lambda d: d.add_user(person("t")),
        lambda d: d.change_role("t", "u", Role.AUDITOR, None),
    ):
        with pytest.raises(Unavailable):
            call(DynamoDirectory("no-such-table"))
