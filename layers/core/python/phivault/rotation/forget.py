"""Take what erased subjects own out of the search index. Tokens are made under the tenant's key, so they would outlive
the subject's, and equal ones tell who else has the same value."""

from __future__ import annotations

from typing import Final

from phivault.audit.event import Action
from phivault.errors import Conflict, PhivaultError
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

FORGOTTEN: Final = "key:tokens-forgotten"


def forget(rotation: Rotation, work: Slice) -> None:
    """The tokens of every subject asked for whose key is destroyed, all its versions: of the subject named, or of all
    of the tenant that own rows. ``tokens`` counts them, ``erased`` the subjects.

    Recorded before, where there are any. May be repeated, and has to be: a function that holds the key in memory may
    still write about the subject, and a backup brings tokens back. Raises Conflict for a subject that is named and not
    erased, Unavailable; what was done stays.
    """
    for page in work.pages(rotation):
        for subject in page:
            if work.over:
                work.stop(page, subject)
                break
            if rotation.keys.is_destroyed(work.tenant, subject):
                _subject(rotation, work, subject)
            elif work.subject:
                raise Conflict("The subject's key isn't destroyed: what it owns stays in the index")


def _subject(rotation: Rotation, work: Slice, subject: str) -> None:
    work.count("erased")
    if not rotation.rows.tokens_of(work.tenant, subject):
        return

    def record(error: PhivaultError | None = None) -> None:
        event = rotation.event(Action.KEY_DESTROY, work.by, work.tenant, subject, 0, error, FORGOTTEN)
        rotation.recorder.append([event])

    record()
    try:
        work.count("tokens", rotation.rows.forget_tokens(work.tenant, subject))
    except PhivaultError as error:
        record(error)
        raise
