"""If-Match against the version that stands."""

from __future__ import annotations

import pytest

from phivault.errors import InvalidInput, PreconditionFailed
from phivault.records.etag import check_if_match


@pytest.mark.parametrize("if_match", [None, "*", 'W/"3"', '"3"', ' W/"3" '])
def test_the_current_version_passes(if_match: str | None) -> None:
    check_if_match(if_match, 3)


@pytest.mark.parametrize("if_match", ['W/"2"', 'W/"4"', 'W/"9999999999"'])
def test_another_version_fails(if_match: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_if_match(if_match, 3)


@pytest.mark.parametrize("if_match", ["", "3", 'W/"x"', 'W/"3", W/"4"', "W/3", 'W/"٣"'])
def test_what_is_no_tag_of_ours_is_refused(if_match: str) -> None:
    with pytest.raises(InvalidInput):
        check_if_match(if_match, 3)
