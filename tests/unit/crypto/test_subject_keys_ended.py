"""What ends a subject's key takes effect when it is said to, whichever way the key came to be held."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Conflict, Gone, Unavailable
from tests.support.subject_keys import MemoryStore, MemoryWrapper

TENANT, SUBJECT = "t-1", "Patient/p-1"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def keys(store: MemoryStore) -> SubjectKeys:
    """Of a subject with two versions, both held."""
    made = SubjectKeys(store, MemoryWrapper())
    made.for_sealing(TENANT, SUBJECT)
    made.rotate(TENANT, SUBJECT, lambda _: None)
    made.for_unsealing(TENANT, SUBJECT, 1)
    return made


def test_one_version_that_is_destroyed_is_gone_here_at_once(store: MemoryStore, keys: SubjectKeys) -> None:
    keys.destroy_version(TENANT, SUBJECT, 1)
    with pytest.raises(Gone):
        keys.for_unsealing(TENANT, SUBJECT, 1)
    assert keys.for_sealing(TENANT, SUBJECT).version == 2
    assert store.rows[TENANT, SUBJECT][1] is None


@pytest.mark.parametrize("version", [2, 3])
def test_the_version_that_seals_is_not_ended_by_itself(store: MemoryStore, keys: SubjectKeys, version: int) -> None:
    for end in (keys.retire, keys.destroy_version):
        with pytest.raises(Conflict):
            end(TENANT, SUBJECT, version)
    assert None not in store.rows[TENANT, SUBJECT].values()
    assert store.retired == {}


def test_destroying_that_is_cut_short_has_ended_what_seals(
    store: MemoryStore, keys: SubjectKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    destroy, left = store.destroy, [1]

    def once(*name: str | int) -> None:
        if not left:
            raise Unavailable("The store is down")
        left.pop()
        destroy(*name)  # type: ignore[arg-type]  # a name's parts, as they came

    monkeypatch.setattr(store, "destroy", once)
    with pytest.raises(Unavailable):
        keys.destroy(TENANT, SUBJECT)
    with pytest.raises(Gone):
        SubjectKeys(store, MemoryWrapper()).for_sealing(TENANT, SUBJECT)


def test_an_erased_subject_is_given_no_key_by_a_rotation(store: MemoryStore, keys: SubjectKeys) -> None:
    keys.destroy(TENANT, SUBJECT)
    heard: list[int] = []
    with pytest.raises(Gone):
        keys.rotate(TENANT, SUBJECT, heard.append)
    assert heard == []
    assert store.rows[TENANT, SUBJECT] == {1: None, 2: None}


@pytest.mark.parametrize(
    "use",
    [
        lambda keys: keys.for_sealing(TENANT, SUBJECT),
        lambda keys: keys.for_unsealing(TENANT, SUBJECT, 1),
        lambda keys: keys.warm(TENANT, [SUBJECT]),
        lambda keys: keys.prepare(TENANT, [SUBJECT]),
    ],
    ids=["for_sealing", "for_unsealing", "warm", "prepare"],
)
def test_time_counts_from_before_the_store_is_read(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, use: Callable[[SubjectKeys], object]
) -> None:
    """A key that is destroyed just after it was read lives no longer for the answer's having been slow."""
    SubjectKeys(store, MemoryWrapper()).for_sealing(TENANT, SUBJECT)
    at = [1_000_000.0]
    keys = SubjectKeys(store, MemoryWrapper(), now=lambda: at[0])

    def slow[**P, T](answer: Callable[P, T]) -> Callable[P, T]:
        def answered(*asked: P.args, **named: P.kwargs) -> T:
            found = answer(*asked, **named)
            at[0] += 10
            return found

        return answered

    with monkeypatch.context() as patched:
        patched.setattr(store, "newest", slow(store.newest))
        patched.setattr(store, "read", slow(store.read))
        use(keys)
    store.destroy(TENANT, SUBJECT, 1)
    at[0] += 290
    with pytest.raises(Gone):
        keys.for_sealing(TENANT, SUBJECT)
    with pytest.raises(Gone):
        keys.for_unsealing(TENANT, SUBJECT, 1)
