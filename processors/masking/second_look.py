"""Look once more at what would leave an export, and say why it must not.

Surrogates are proved by the export's secret here: one that is proved stands for a tag, any other is left for the check to refuse.
"""

import re
from collections.abc import Callable
from typing import Final

from .check import check
from .engine.surrogates import FORM, Surrogates
from .profile import Profile

_MOST_TAGS: Final = 999_999
"""The greatest number that a tag carries."""


def second_look(
    media_type: str, raw: bytes, masked: bytes, profile: Profile, surrogates: Surrogates
) -> tuple[str, ...]:
    """Why these bytes must not leave, as codes in alphabetical order (`check` lists them); empty when they may."""
    return check(media_type, raw, FORM.sub(_as_tags(surrogates), masked), profile, b"")


def _as_tags(surrogates: Surrogates) -> "Callable[[re.Match[bytes]], bytes]":
    """For each form that this export made a tag of its own, because keys must stay different."""
    tags: dict[bytes, bytes] = {}

    def as_tag(form: "re.Match[bytes]") -> bytes:
        if not surrogates.is_own(form):
            return form[0]
        if form["kind"] is not None and form["token"] is None:
            return form[0]
        if form[0] not in tags:
            kind = form["kind"] or form[0][1:].partition(b":")[0]
            tags[form[0]] = b"<%b-%d>" % (kind, _MOST_TAGS - len(tags))
        return tags[form[0]]

    return as_tag
