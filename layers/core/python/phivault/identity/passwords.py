"""What a new password must be: the pool's own rules, and two that Cognito can't check.

It holds no part of the e-mail address, and it isn't a commonly used one or soon guessed (NIST SP 800-63B section
5.1.1.2; zxcvbn, Wheeler 2016, whose score of 3 stands for 10^8 guesses and more). The history is Cognito's.
"""

from __future__ import annotations

import re
import string

from phivault.errors import InvalidInput

SHORTEST, LONGEST = 12, 256
SCORE = 3
SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
"""As Cognito counts them; a space at either end doesn't count."""
_LOOKED_AT = 32
"""Characters that zxcvbn is asked about. A strong beginning isn't weakened by what follows, and its work grows with the
square of them: of 72, all digits and symbols that may stand for letters, it takes seconds, which anybody may send."""
_PART = 4
"""A shorter part of an address (a "com", an initial) is in many a good password by chance."""


def check(password: str, *, email: str, phone_number: str = "", place: str = "password") -> None:
    """Raises InvalidInput naming ``place`` and the first rule that the password breaks, never anything of it."""
    for kept, rule in _rules(password):
        if not kept:
            raise InvalidInput(f"{place}: {rule}")
    own = _parts(email)
    lowered = password.casefold()
    if any(part in lowered for part in own):
        raise InvalidInput(f"{place}: it must not hold the e-mail address or a part of it")
    if _is_dressed_up(lowered) or _score(password, [*own, phone_number.lstrip("+")]) < SCORE:
        raise InvalidInput(f"{place}: it is commonly used or easily guessed")


def _rules(password: str) -> tuple[tuple[bool, str], ...]:
    letters = frozenset(password)
    return (
        (len(password) >= SHORTEST, f"it must have {SHORTEST} characters"),
        (len(password) <= LONGEST, f"it must have at most {LONGEST} characters"),
        (password.isprintable() and password == password.strip(), "it must have no control character, nor a space at"
         " either end"),
        (not letters.isdisjoint(string.ascii_uppercase), "it must have an upper-case letter"),
        (not letters.isdisjoint(string.ascii_lowercase), "it must have a lower-case letter"),
        (not letters.isdisjoint(string.digits), "it must have a digit"),
        (not letters.isdisjoint(SYMBOLS), "it must have a symbol"),
    )  # fmt: skip


def _parts(email: str) -> list[str]:
    """The address, its name and its domain, and the words of both but for the top-level domain."""
    name, _, domain = email.casefold().partition("@")
    host = domain.rpartition(".")[0]
    words = re.split(r"[^a-z0-9]+", f"{name} {host}")
    return sorted({part for part in (email.casefold(), name, domain, *words) if len(part) >= _PART})


def _is_dressed_up(lowered: str) -> bool:
    """Whether it is one common password between digits and symbols, such as rules like ours make people choose
    ("Summer2026!!"): those are tried first, and zxcvbn counts the year for too much."""
    # Imported here: its tables take 10 MB that most functions never need.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]  # it has no stubs

    return lowered.strip(string.digits + string.punctuation + " ") in FREQUENCY_LISTS["passwords"]


def _score(password: str, own: list[str]) -> int:
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has no stubs

    return int(zxcvbn(password[:_LOOKED_AT], user_inputs=[word for word in own if word])["score"])
