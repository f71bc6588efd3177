"""The look at a document: its values by what must have happened to them, then all that was replaced looked for in all that leaves."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .documents import MEDIA_TYPES, records
from .forms import number_of
from .look import Look, Source, of_rows, texts_of
from .places import Places
from .readings import decoded_readings, plain_readings
from .report import Reason
from .walk import NUMBERED, Leaves, Walk

_NAME: Final = number_of(Kind.NAME)


def look_at_document(look: Look, media_type: str, before: str, after: str, places: Places) -> int:
    """Look at a document of one of `MEDIA_TYPES`; returns how many records it has."""
    if media_type == MEDIA_TYPES[-1]:
        return _look_at_text(look, before, after, places)
    old, new = records(media_type, before), records(media_type, after)
    if len(old) != len(new):
        look.reasons.add(Reason.ROWS)
        return len(old)
    walk = Walk(places, look.object_to)
    walk.document(before, after, old, new)
    for (kind, _), values in walk.identifiers.items():
        look.identifiers(texts_of(values.before), texts_of(values.after), Source("", values), kind)
    _look_at_keys(look, walk)
    together = texts_of(sorted(walk.names))
    look.known.add(together, np.full(len(together), _NAME))
    _look_at_leaves(look, walk.text, prose=True, singles=True)
    _look_at_leaves(look, walk.plain, prose=False, singles=False)
    _look_at_kept(look, walk.kept)
    numbers = Leaves()
    for number, (record, place) in walk.numbers.items():
        numbers.add(number.decode(), number.decode(), record, place)
    look.search_later(texts_of(numbers.after), Source("", numbers), Reason.KNOWN)
    look.finish()
    _look_across(look, walk.values)
    _look_across(look, (*walk.keys, *walk.new_keys.after))
    return len(old)


def _look_at_text(look: Look, before: str, after: str, places: Places) -> int:
    old, new = before.split("\n"), after.split("\n")
    if len(old) != len(new):
        # A replacement went over the end of a line.
        old, new = [before], [after]
    lines = Leaves()
    for number, (one, other) in enumerate(zip(old, new, strict=True)):
        lines.add(one, other, number, places.root)
    _look_at_leaves(look, lines, prose=True, singles=True)
    look.finish()
    _look_across(look, (after,))
    return len(old)


def _look_across(look: Look, several: Iterable[str]) -> None:
    """Whether what follows each other spells a known value."""
    if look.known.is_spelt_in("".join(several).encode()):
        look.reasons.add(Reason.KNOWN)


def _look_at_leaves(look: Look, leaves: Leaves, *, prose: bool, singles: bool) -> None:
    if leaves.before:
        before, after = texts_of(leaves.before), texts_of(leaves.after)
        look.text(before, after, Source("", leaves), None, prose=prose, singles=singles)


def _look_at_keys(look: Look, walk: Walk) -> None:
    stayed, untagged, replaced = Leaves(), Leaves(), walk.new_keys
    for key, (record, place) in walk.keys.items():
        stayed.add(key, key, record, place)
    _look_at_leaves(look, stayed, prose=False, singles=True)
    tags = [NUMBERED.fullmatch(key) for key in replaced.after]
    rows = zip(tags, replaced.before, replaced.after, replaced.records, replaced.places, strict=True)
    for tag, key, new, record, place in rows:
        if tag is None:
            untagged.add(key, new, record, place)
    before, after = texts_of(untagged.before), texts_of(untagged.after)
    look.identifiers(before, after, Source("", untagged), Kind.NUMBER, Reason.STRUCTURE)
    kinds = [number_of(Kind(tag[1]) if tag is not None else Kind.USER) for tag in tags]
    look.known.add(texts_of(replaced.before), np.array(kinds, np.int64), typed=True)


def _look_at_kept(look: Look, kept: Leaves) -> None:
    texts, source = texts_of(kept.after), Source("", kept)
    forms = look.proved(texts, source)
    left = texts.with_marks(forms.starts, forms.ends)
    look.search_later(left, source, Reason.KNOWN_IN_KEPT)
    for inner in (plain_readings(left), decoded_readings(left.to_arrow(), left)):
        if inner is not None:
            look.search_later(inner.folded().texts, of_rows(source, inner.rows), Reason.KNOWN_IN_KEPT)
