from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from phivault.crypto.subject_key import SubjectKey
from phivault.crypto.subject_key_store import StoredKey
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, IntegrityError, InvalidInput, NotFound, PhivaultError, Unavailable
from tests.support.subject_keys import MemoryStore, MemoryWrapper

TENANT, SUBJECT = "t-1", "Patient/p-1"


class Clock:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


class Bench:
    """SubjectKeys with its surroundings; ``another`` is a second process on the same store."""

    def __init__(self) -> None:
        self.store, self.wrapper, self.clock = MemoryStore(), MemoryWrapper(), Clock()
        self.keys = self.another()

    def another(self, **options: int) -> SubjectKeys:
        return SubjectKeys(self.store, self.wrapper, now=self.clock, **options)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_use_makes_a_key_with_one_call(bench: Bench) -> None:
    key = bench.keys.for_sealing(TENANT, SUBJECT)
    assert (key.tenant, key.subject, key.version, len(key.material)) == (TENANT, SUBJECT, 1, 32)
    assert bench.wrapper.calls == ["wrap"]


def test_warm_uses_call_nothing(bench: Bench) -> None:
    key = bench.keys.for_sealing(TENANT, SUBJECT)
    reads = bench.store.reads
    for _ in range(3):
        assert bench.keys.for_sealing(TENANT, SUBJECT) == key
        assert bench.keys.for_unsealing(TENANT, SUBJECT, 1) == key
    assert (bench.wrapper.calls, bench.store.reads) == (["wrap"], reads)


@pytest.mark.parametrize("first", ["sealing", "unsealing"])
def test_a_cold_subject_costs_one_call(bench: Bench, first: str) -> None:
    key = bench.keys.for_sealing(TENANT, SUBJECT)
    cold = bench.another()
    bench.wrapper.calls.clear()
    uses = [lambda: cold.for_sealing(TENANT, SUBJECT), lambda: cold.for_unsealing(TENANT, SUBJECT, 1)]
    for use in uses if first == "sealing" else reversed(uses):
        assert use() == key
    assert bench.wrapper.calls == ["unwrap"]


def test_keys_differ_by_subject_and_tenant(bench: Bench) -> None:
    pairs = [(TENANT, SUBJECT), (TENANT, "Patient/p-2"), ("t-2", SUBJECT), (TENANT, "Tenant"), ("-", "Tenant")]
    assert len({bench.keys.for_sealing(*pair).material for pair in pairs}) == len(pairs)


def test_the_loser_of_a_race_uses_the_winners_key(bench: Bench) -> None:
    other, won = bench.another(), []
    bench.store.before_create = lambda: won.append(other.for_sealing(TENANT, SUBJECT))
    assert bench.keys.for_sealing(TENANT, SUBJECT) == won[0]
    assert bench.wrapper.calls == ["wrap", "wrap", "unwrap"]
    assert bench.keys.for_unsealing(TENANT, SUBJECT, 1) == won[0]


def test_a_lost_answer_leaves_a_usable_key(bench: Bench) -> None:
    bench.store.lose_answer = True
    with pytest.raises(Unavailable):
        bench.keys.for_sealing(TENANT, SUBJECT)
    bench.store.lose_answer = False
    assert bench.keys.for_sealing(TENANT, SUBJECT) == bench.another().for_sealing(TENANT, SUBJECT)


def test_threads_that_start_together_share_one_call(bench: Bench) -> None:
    gate = threading.Barrier(8)
    unwrap = bench.wrapper.wrap

    def slow(tenant: str, subject: str, material: bytes) -> bytes:
        time.sleep(0.02)
        return unwrap(tenant, subject, material)

    bench.wrapper.wrap = slow  # type: ignore[method-assign]  # a slower key service

    def use(_: int) -> SubjectKey:
        gate.wait()
        return bench.keys.for_sealing(TENANT, SUBJECT)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(use, range(8)))) == 1
    assert bench.wrapper.calls == ["wrap"]


def test_a_key_is_forgotten_after_its_time_however_often_used(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    for _ in range(299):
        bench.clock.at += 1
        bench.keys.for_sealing(TENANT, SUBJECT)
        bench.keys.for_unsealing(TENANT, SUBJECT, 1)
    assert bench.wrapper.calls == ["wrap"]
    bench.clock.at += 1
    bench.keys.for_unsealing(TENANT, SUBJECT, 1)
    assert bench.wrapper.calls == ["wrap", "unwrap"]


def test_learning_that_a_cached_key_is_the_newest_does_not_extend_its_life(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    cold = bench.another()
    cold.for_unsealing(TENANT, SUBJECT, 1)
    bench.clock.at += 200
    cold.for_sealing(TENANT, SUBJECT)
    bench.store.destroy(TENANT, SUBJECT, 1)
    bench.clock.at += 100
    with pytest.raises(Gone):
        cold.for_unsealing(TENANT, SUBJECT, 1)
    with pytest.raises(Gone):
        cold.for_sealing(TENANT, SUBJECT)


def test_time_counts_from_before_the_unwrap(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    cold, unwrap = bench.another(), bench.wrapper.unwrap

    def slow(tenant: str, subject: str, wrapped: bytes) -> bytes:
        bench.clock.at += 10
        return unwrap(tenant, subject, wrapped)

    bench.wrapper.unwrap = slow  # type: ignore[method-assign]  # a slower key service
    cold.for_unsealing(TENANT, SUBJECT, 1)
    bench.store.destroy(TENANT, SUBJECT, 1)
    bench.clock.at += 290
    with pytest.raises(Gone):
        cold.for_unsealing(TENANT, SUBJECT, 1)


def test_a_clock_set_back_lengthens_no_life(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    bench.clock.at -= 1
    bench.keys.for_unsealing(TENANT, SUBJECT, 1)
    assert bench.wrapper.calls == ["wrap", "unwrap"]


def test_the_cache_is_bounded_and_drops_the_least_recently_used(bench: Bench) -> None:
    keys = bench.another(cache_size=2)
    for subject in ("Patient/a", "Patient/b"):
        keys.for_sealing(TENANT, subject)
    keys.for_unsealing(TENANT, "Patient/a", 1)
    keys.for_sealing(TENANT, "Patient/c")
    bench.wrapper.calls.clear()
    keys.for_unsealing(TENANT, "Patient/a", 1)
    assert bench.wrapper.calls == []
    keys.for_unsealing(TENANT, "Patient/b", 1)
    assert bench.wrapper.calls == ["unwrap"]


def test_a_cache_of_no_seconds_keeps_nothing(bench: Bench) -> None:
    keys = bench.another(cache_seconds=0)
    keys.for_sealing(TENANT, SUBJECT)
    keys.for_sealing(TENANT, SUBJECT)
    assert bench.wrapper.calls == ["wrap", "unwrap"]


@pytest.mark.parametrize("seconds", [-1, 301])
def test_a_longer_cache_is_refused(bench: Bench, seconds: int) -> None:
    with pytest.raises(ValueError):
        bench.another(cache_seconds=seconds)


def test_a_destroyed_key_is_gone_and_gets_no_successor(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    bench.store.destroy(TENANT, SUBJECT, 1)
    cold = bench.another()
    for _ in range(2):
        with pytest.raises(Gone):
            cold.for_sealing(TENANT, SUBJECT)
        with pytest.raises(Gone):
            cold.for_unsealing(TENANT, SUBJECT, 1)
    assert bench.store.rows[TENANT, SUBJECT] == {1: None}


def test_a_missing_key_is_an_integrity_error(bench: Bench) -> None:
    with pytest.raises(IntegrityError):
        bench.keys.for_unsealing(TENANT, SUBJECT, 1)


def test_after_rotation_new_seals_use_the_new_version_and_old_ones_open(bench: Bench) -> None:
    old = bench.keys.for_sealing(TENANT, SUBJECT)
    bench.store.create(TENANT, SUBJECT, 2, bench.wrapper.wrap(TENANT, SUBJECT, b"2" * 32))
    cold = bench.another()
    assert cold.for_sealing(TENANT, SUBJECT) == SubjectKey(TENANT, SUBJECT, 2, b"2" * 32)
    assert cold.for_unsealing(TENANT, SUBJECT, 1) == old
    assert bench.keys.for_sealing(TENANT, SUBJECT) == old
    bench.clock.at += 300
    assert bench.keys.for_sealing(TENANT, SUBJECT).version == 2


def test_a_row_moved_to_another_subject_does_not_open(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    bench.store.rows["t-2", SUBJECT] = bench.store.rows[TENANT, SUBJECT]
    with pytest.raises(IntegrityError):
        bench.another().for_unsealing("t-2", SUBJECT, 1)


def test_a_key_of_another_size_is_refused(bench: Bench) -> None:
    wrapped = bench.wrapper.wrap(TENANT, SUBJECT, bytes(32))[:-1]
    bench.store.create(TENANT, SUBJECT, 1, wrapped)
    with pytest.raises(IntegrityError):
        bench.keys.for_sealing(TENANT, SUBJECT)


@pytest.mark.parametrize("part", ["store", "wrapper"])
def test_what_is_down_is_unavailable_and_comes_back(bench: Bench, part: str) -> None:
    down = bench.store if part == "store" else bench.wrapper
    down.down = True
    with pytest.raises(Unavailable):
        bench.keys.for_sealing(TENANT, SUBJECT)
    assert bench.store.rows == {}
    down.down = False
    assert bench.keys.for_sealing(TENANT, SUBJECT).version == 1


@pytest.mark.parametrize(
    ("tenant", "subject"),
    [("", SUBJECT), ("a#b", SUBJECT), ("t\n", SUBJECT), (TENANT, ""), (TENANT, "ann@example.org"), (TENANT, "a b"),
     ("té", SUBJECT), (TENANT, "Patient/" + "p" * 129)],
)  # fmt: skip
def test_ids_that_are_not_opaque_are_refused(bench: Bench, tenant: str, subject: str) -> None:
    for use in (
        lambda: bench.keys.for_sealing(tenant, subject),
        lambda: bench.keys.for_unsealing(tenant, subject, 1),
    ):
        with pytest.raises(InvalidInput):
            use()
    assert bench.wrapper.calls == []


def test_keys_print_without_their_bytes(bench: Bench) -> None:
    key = bench.keys.for_sealing(TENANT, SUBJECT)
    shown = [key, StoredKey(1, b"secret-bytes"), bench.keys]
    for one in shown:
        for text in (repr(one), str(one), f"{one}"):
            assert "secret-bytes" not in text
            assert repr(key.material)[2:-1] not in text


def test_errors_print_without_key_bytes(bench: Bench) -> None:
    bench.store.create(TENANT, SUBJECT, 1, bench.wrapper.wrap("t-2", SUBJECT, b"key material" * 2 + bytes(8)))
    with pytest.raises(PhivaultError) as refused:
        bench.keys.for_sealing(TENANT, SUBJECT)
    shown = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())
    assert "key material" not in shown.replace('b"key material" * 2', "")


@pytest.mark.parametrize(("version", "size"), [(1, 31), (1, 33), (1, 0), (0, 32), (1 << 32, 32)])
def test_a_subject_key_of_another_form_is_refused_without_showing_it(version: int, size: int) -> None:
    with pytest.raises(ValueError) as refused:
        SubjectKey(TENANT, SUBJECT, version, b"s" * size)
    assert "sss" not in str(refused.value)


def test_whoever_listens_hears_of_a_key_before_it_is_kept(bench: Bench) -> None:
    heard: list[tuple[str, str, int, int]] = []
    keys = SubjectKeys(
        bench.store,
        bench.wrapper,
        now=bench.clock,
        on_create=lambda names: heard.extend((*name, len(bench.store.rows)) for name in names),
    )
    for _ in range(2):
        keys.for_sealing(TENANT, SUBJECT)
    assert heard == [(TENANT, SUBJECT, 1, 0)]
    bench.clock.at += 301
    keys.for_sealing(TENANT, SUBJECT)
    assert len(heard) == 1, "a key that is only fetched again isn't made"


def test_many_first_keys_are_heard_of_at_once_before_any_is_kept(bench: Bench) -> None:
    heard: list[tuple[int, list[str]]] = []
    standing = bench.keys.for_sealing(TENANT, "Patient/0")
    keys = SubjectKeys(
        bench.store,
        bench.wrapper,
        on_create=lambda names: heard.append((len(bench.store.rows), sorted(subject for _, subject, _ in names))),
    )
    subjects = [f"Patient/{number}" for number in range(40)]
    keys.prepare(TENANT, [*subjects, *subjects])
    assert heard == [(1, sorted(subjects[1:]))]
    calls = len(bench.wrapper.calls)
    made = {subject: keys.for_sealing(TENANT, subject) for subject in subjects}
    assert len(bench.wrapper.calls) == calls, "all of them are at hand"
    assert made["Patient/0"] == standing
    assert len({key.material for key in made.values()}) == 40
    assert all(bench.keys.for_sealing(TENANT, subject) == key for subject, key in made.items())


def test_preparing_makes_none_where_one_was_destroyed_or_nobody_hears(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    bench.keys.destroy(TENANT, SUBJECT)
    bench.keys.prepare(TENANT, [SUBJECT])
    with pytest.raises(Gone):
        bench.keys.for_sealing(TENANT, SUBJECT)

    def deaf(_: object) -> None:
        raise Unavailable("The audit log is unavailable")

    rows = dict(bench.store.rows)
    with pytest.raises(Unavailable):
        SubjectKeys(bench.store, bench.wrapper, on_create=deaf).prepare(TENANT, ["Patient/1", "Patient/2"])
    assert bench.store.rows == rows


def test_no_key_is_made_that_nobody_could_hear_of(bench: Bench) -> None:
    def deaf(*_: object) -> None:
        raise Unavailable("The audit log is unavailable")

    with pytest.raises(Unavailable):
        SubjectKeys(bench.store, bench.wrapper, on_create=deaf).for_sealing(TENANT, SUBJECT)
    assert bench.store.rows == {}


def test_a_destroyed_key_is_gone_here_at_once_and_elsewhere_when_caches_let_go(bench: Bench) -> None:
    elsewhere = bench.another()
    for keys in (bench.keys, elsewhere):
        keys.for_sealing(TENANT, SUBJECT)
    assert bench.keys.destroy(TENANT, SUBJECT) == 1
    uses = (lambda keys: keys.for_sealing(TENANT, SUBJECT), lambda keys: keys.for_unsealing(TENANT, SUBJECT, 1))
    for use in uses:
        with pytest.raises(Gone):
            use(bench.keys)
        use(elsewhere)
    bench.clock.at += 300
    for use in uses:
        with pytest.raises(Gone):
            use(elsewhere)


def test_every_version_is_destroyed_and_destroying_may_be_repeated(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, SUBJECT)
    bench.store.create(TENANT, SUBJECT, 2, bench.wrapper.wrap(TENANT, SUBJECT, bytes(32)))
    assert not bench.keys.is_destroyed(TENANT, SUBJECT)
    bench.store.destroy(TENANT, SUBJECT, 2)
    assert not bench.keys.is_destroyed(TENANT, SUBJECT)  # an earlier version is left
    assert bench.keys.destroy(TENANT, SUBJECT) == bench.keys.destroy(TENANT, SUBJECT) == 2
    assert bench.keys.is_destroyed(TENANT, SUBJECT)
    assert bench.store.rows[TENANT, SUBJECT] == {1: None, 2: None}


def test_what_never_was_cannot_be_destroyed(bench: Bench) -> None:
    assert not bench.keys.is_destroyed(TENANT, SUBJECT)
    with pytest.raises(NotFound):
        bench.keys.destroy(TENANT, SUBJECT)
    with pytest.raises(InvalidInput):
        bench.keys.destroy(TENANT, "Patient/a b")
    assert bench.store.rows == {}


def test_many_cold_subjects_are_fetched_at_once_with_a_call_each(bench: Bench) -> None:
    subjects = [f"Patient/p-{number}" for number in range(40)]
    for subject in subjects:
        bench.keys.for_sealing(TENANT, subject)
    cold, unwrap, running, most = bench.another(), bench.wrapper.unwrap, threading.Semaphore(16), [0]
    inside = [0]
    counting = threading.Lock()

    def slow(tenant: str, subject: str, wrapped: bytes) -> bytes:
        assert running.acquire(blocking=False), "more than 16 at a time"
        with counting:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        with counting:
            inside[0] -= 1
        running.release()
        return unwrap(tenant, subject, wrapped)

    bench.wrapper.unwrap = slow  # type: ignore[method-assign]  # a slower key service
    bench.wrapper.calls.clear()
    cold.warm(TENANT, [*subjects, *subjects])
    assert bench.wrapper.calls == ["unwrap"] * 40
    assert most[0] > 1
    for subject in subjects:
        cold.for_sealing(TENANT, subject)
        cold.for_unsealing(TENANT, subject, 1)
    cold.warm(TENANT, subjects)
    cold.warm_versions(TENANT, [(subject, 1) for subject in subjects])
    assert bench.wrapper.calls == ["unwrap"] * 40


def test_warming_makes_no_keys_and_leaves_lost_ones_to_whoever_opens(bench: Bench) -> None:
    for subject in ("Patient/a", "Patient/b"):
        bench.keys.for_sealing(TENANT, subject)
    bench.store.destroy(TENANT, "Patient/a", 1)
    cold = bench.another()
    bench.wrapper.calls.clear()
    cold.warm(TENANT, ["Patient/nobody", "Patient/a", "Patient/b"])
    cold.warm_versions(TENANT, [("Patient/a", 1), ("Patient/b", 1), ("Patient/b", 7)])
    assert bench.wrapper.calls == ["unwrap"]
    assert (TENANT, "Patient/nobody") not in bench.store.rows
    with pytest.raises(Gone):
        cold.for_unsealing(TENANT, "Patient/a", 1)


def test_warming_says_when_the_key_service_is_down(bench: Bench) -> None:
    subjects = [f"Patient/p-{number}" for number in range(40)]
    for subject in subjects:
        bench.keys.for_sealing(TENANT, subject)
    bench.wrapper.down = True
    for warm in (
        lambda keys: keys.warm(TENANT, subjects),
        lambda keys: keys.warm_versions(TENANT, [(subject, 1) for subject in subjects]),
    ):
        with pytest.raises(Unavailable):
            warm(bench.another())
    with pytest.raises(InvalidInput):
        bench.keys.warm(TENANT, ["Patient/a b"])
