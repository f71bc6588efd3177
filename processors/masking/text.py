"""Mask text and JSON values for people who look at them: tags only, no secret, the same result every time.

Needs the extra `gate`: import it where it is used, so that a client without it can still read what was masked.
"""

import json
from collections.abc import Mapping
from typing import Any

from .json_tree import edited, read
from .profile import Profile
from .records import Records


def mask_text(text: str, profile: Profile) -> tuple[str, Mapping[str, int]]:
    """The text with every identifier as a tag, and how many of each kind were replaced."""
    records = Records(profile)
    return records.text.masked(text, free=True), dict(records.text.counts)


def mask_json(value: Any, profile: Profile) -> tuple[Any, Mapping[str, int]]:
    """A JSON value with every identifier as a tag, in values, in text within values and in keys; and how many of each kind.

    Same shape, same order; keys of one object stay different. Columns that the profile keeps stay as they are, and identifiers of
    its other columns are looked for in its free text. A value that strict JSON refuses is a `RecordError`.
    """
    text = json.dumps(value, ensure_ascii=False)
    node, records = read(text), Records(profile)
    records.learn(node)
    return json.loads(edited(text, records.edits(node))), dict(records.text.counts)
