"""The masking report: what people are told about a batch that the look at the bytes objected to, and what they may see of it.

Counts, codes, digests, and a few masked rows. INVARIANT: a row is shown only if the look has nothing against that row alone, no word
that was masked in any row of the batch stands in it, and a view of it is complete; its surrogates are plain words by then. A view masks
the report once more, like the arguments of any action.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, Final

from pydantic import JsonValue

from sluicegate.processors.export_release import EXPORT_RELEASE, SHOWN
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.fields import JsonObject, unchecked

from .engine.surrogates import FORM
from .masking import JSON, JSON_LINES, Masked
from .profile import BUILT_IN
from .verifier import Reason, Residual
from .views import render

WEIGHED: Final = frozenset(
    {
        Reason.COLUMN,
        Reason.KEY,
        Reason.KNOWN,
        Reason.KNOWN_ENCODED,
        Reason.KNOWN_IN_KEPT,
        Reason.EMAIL,
        Reason.DIGITS,
        Reason.LABELLED,
        Reason.URL,
        Reason.IP,
        Reason.DATE,
        Reason.NAME,
        Reason.NAMES,
        Reason.SHARE,
        Reason.RESIDUAL,
    }
)
"""What people may weigh: something was found that may identify. Any other objection says that the look could not be made, or that
what was masked is not what came in: nobody releases that."""
LOOKED_AT: Final = 100
"""Rows, chosen by the batch's digest, that are looked at one by one."""
SHOWN_ROWS: Final = 5
SHOWN_CHARACTERS: Final = 2_000
"""Of one row; a longer one is not shown."""
SHOWN_COLUMNS: Final = 40

_WORD: Final = re.compile(r"\w{2,}")
_PIECE: Final = 4
"""Letters of a masked word that begin or end a longer one, as in `marazwicker`."""
_LONGEST_WORD: Final = 64

Look = Callable[[bytes, bytes], Sequence[str]]
"""What the look at the bytes has against one masked row, given the raw one."""


def masking_report(
    media_type: str, raw: bytes, masked: Masked, reasons: tuple[str, ...], digest: bytes, look: Look
) -> JsonObject:
    """Arguments of an `export.release`, without what is released and whose it is."""
    rows = list(_rows(media_type, raw, masked.body))
    # By chance that a replay repeats, and that nobody foresees who does not know the nonce of the batch.
    drawn = nsmallest(LOOKED_AT, range(len(rows)), key=lambda number: sha256(digest, b"%d" % number))
    chosen = [rows[number] for number in drawn]
    taken = _taken(rows)
    fit = [row for row in chosen if taken.isdisjoint(_words(row[1])) and not look(*row)]
    objected = len(chosen) - len(fit)
    bound = Residual(len(chosen), objected).per_thousand
    shown = list(_showable([row for row in fit if taken.isdisjoint(_pieces(row[1]))]))
    columns: list[JsonValue] = [*_columns(shown)]
    return {
        "reasons": list(reasons),
        "masked": {str(kind): count for kind, count in masked.counts.items()},
        "reported": masked.reported,
        "rows": len(rows),
        "looked_at": len(chosen),
        "objected": objected,
        "residual_per_1000": None if bound is None else math.ceil(bound),
        "columns": columns,
        "sample": shown,
    }


def _rows(media_type: str, raw: bytes, masked: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Records side by side: lines, or the elements of a list; anything else is one row, and no rows when there are not as many."""
    if media_type == JSON:
        before, after = json.loads(raw), json.loads(masked)
        if isinstance(before, list) and isinstance(after, list):
            pairs = zip(map(_written, before), map(_written, after), strict=False)
            yield from pairs if len(before) == len(after) else ()
        else:
            yield raw, masked
        return
    before_lines, after_lines = raw.split(b"\n"), masked.split(b"\n")
    if len(before_lines) == len(after_lines):
        pairs = zip(before_lines, after_lines, strict=True)
        yield from (pair for pair in pairs if media_type != JSON_LINES or pair[0])


def _taken(rows: Sequence[tuple[bytes, bytes]]) -> set[str]:
    """The words that masking took out of some row."""
    found: set[str] = set()
    for raw, masked in rows:
        if raw != masked:
            found |= _words(raw) - _words(masked)
    return found


def _words(row: bytes) -> set[str]:
    return set(_WORD.findall(FORM.sub(b" ", row).decode().casefold()))


def _pieces(row: bytes) -> Iterator[str]:
    """Beginnings and ends of its words."""
    for word in _words(row):
        for at in range(_PIECE, min(len(word), _LONGEST_WORD)):
            yield word[:at]
            yield word[-at:]


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _showable(rows: Sequence[tuple[bytes, bytes]]) -> Iterator[Any]:
    """The first rows that a view can show whole."""
    left = SHOWN_ROWS
    for _, masked in rows:
        text = FORM.sub(_as_word, masked).decode()
        if left and 0 < len(text) <= SHOWN_CHARACTERS:
            row = _parsed(text)
            if _is_showable(row):
                left -= 1
                yield row


def _as_word(form: Any) -> bytes:
    """A tag or surrogate as plain text: a view takes what looks like a tag for an imitation."""
    return b"[%b]" % (form["kind"] or form[0][1:].partition(b":")[0])


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_showable(row: Any) -> bool:
    action = unchecked(
        Action,
        deployment="",
        action_id="",
        agent="",
        lane="",
        type=EXPORT_RELEASE,
        nonce=b"",
        created_at_ms=0,
        arguments={"sample": [row]},
        summary=None,
        supersedes=None,
        on_behalf_of=None,
    )
    return render(action, SHOWN, BUILT_IN["pii-basic"]).complete


def _columns(rows: Sequence[Any]) -> list[str]:
    """Names of the fields of the rows that are shown; what names a person was masked in them like any key."""
    names = dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row)
    return list(names)[:SHOWN_COLUMNS]
