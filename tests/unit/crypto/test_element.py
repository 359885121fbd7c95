from __future__ import annotations

import copy
import io
import logging
import pickle
import pprint
import reprlib
import traceback
from collections.abc import Callable

import pytest

from phivault.crypto.element import Element, Unsealed
from phivault.crypto.subject_key import SubjectKey

VALUE = "Zyxwvuts"
KEY = SubjectKey("t-1", "Patient/p-1", 1, VALUE.encode() * 4)
ELEMENT = Element("name", "identifying", VALUE.encode())
UNSEALED = Unsealed(name=VALUE.encode(), gender=VALUE.encode())
HOLDERS = [KEY, ELEMENT, UNSEALED]


def _logged(what: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("one: %s", what)
    logger.error("two: %r and %s", what, [what])
    return stream.getvalue()


def _traceback_with_locals(what: object) -> str:
    def fail(held: object) -> None:
        raise RuntimeError

    try:
        fail(what)
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


WAYS: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "f-string": lambda what: f"{what} {what!r} {what!s} {what!a}",
    "format": format,
    "percent": lambda what: "%s %r" % (what, what),  # noqa: UP031  (this is what is tested)
    "percent alone": lambda what: "%s" % what,  # noqa: UP031  (a dict may stand alone after it)
    "in containers": lambda what: f"{[what]} {(what,)} { ({'held': what}) }",
    "pprint": pprint.pformat,
    "reprlib": reprlib.repr,
    "logging": _logged,
    "traceback with locals": _traceback_with_locals,
}


@pytest.mark.parametrize("what", HOLDERS, ids=lambda what: type(what).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_what_holds_values_prints_without_them(what: object, way: str) -> None:
    shown = WAYS[way](what)
    assert type(what).__name__ in shown
    assert VALUE not in shown


def test_what_was_unsealed_prints_its_names() -> None:
    assert repr(UNSEALED) == "Unsealed(name, gender)"
    assert repr(Unsealed()) == "Unsealed()"
    assert VALUE not in repr(copy.copy(UNSEALED))


def test_an_absent_name_is_told_without_what_is_there() -> None:
    with pytest.raises(KeyError) as refused:
        UNSEALED["photo"]
    assert VALUE not in repr(refused.value)


def test_elements_compare_copy_and_hash_by_value() -> None:
    element = Element("a", "clinical", b"v")
    assert element == Element("a", "clinical", b"v") != Element("a", "clinical", b"w")
    assert len({element, Element("a", "clinical", b"v")}) == 1
    assert pickle.loads(pickle.dumps(element)) == element
    with pytest.raises(AttributeError):
        element.value = b"w"  # type: ignore[misc]  # frozen, as this shows
