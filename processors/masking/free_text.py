"""Mask one text: forms that are already there stay, and everything between them is searched."""

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from . import encodings
from .detectors import Detection
from .folding import fold
from .identifiers import Kind, Operator
from .known_values import KnownValues
from .names import Names
from .operators import FORM, Operators
from .profile import Profile
from .spans import Span, merged

_BREAK: Final = re.compile(r"\\[nrt]")
_DEEPEST: Final = 3
"""Encodings within encodings that are looked into; what is deeper is masked."""


class FreeText:
    """Finds and replaces identifiers in texts of one batch, and counts them."""

    def __init__(self, profile: Profile, known: KnownValues, operators: Operators) -> None:
        kinds = frozenset(kind for kind in Kind if profile.operator(kind) is not Operator.KEEP)
        self._known = known
        self._kinds = kinds
        self._operators = operators
        self._detection = _detection(kinds)
        self._names = _names(keep_places=Kind.PLACE not in kinds)
        self.counts: Counter[str] = Counter()

    def masked(self, text: str, *, free: bool) -> str:
        """The text with operators applied; `free` adds what only free text is searched for."""
        pieces, at = [], 0
        for form in FORM.finditer(text):
            pieces.append(self._between(text[at : form.start()], free=free))
            pieces.append(form[0] if form[2] is None else self._tag(Kind(form[1])))
            at = form.end()
        return "".join([*pieces, self._between(text[at:], free=free)])

    def spans(self, text: str, *, free: bool, depth: int = 0) -> list[Span]:
        """Where identifiers are."""
        folded = fold(text)
        found = [*self.known(folded.text, free=free), *self._detection.find(folded.text)]
        if Kind.NAME in self._kinds:
            found += self._names.find(folded.text, free=free)
        if Kind.ENCODED in self._kinds:
            found += encodings.find(folded.text, self._inner(free=free, depth=depth))
        return merged(folded.span(span) for span in found if span.kind in self._kinds)

    def known(self, text: str, *, free: bool) -> list[Span]:
        """Where the batch's own identifiers are in a folded text."""
        return list(self._known.find(_BREAK.sub("  ", text) if "\\" in text else text, free=free))

    def _inner(self, *, free: bool, depth: int) -> Callable[[str], bool]:
        return lambda text: depth >= _DEEPEST or bool(self.spans(text, free=free, depth=depth + 1))

    def _between(self, text: str, *, free: bool) -> str:
        if len(text) < 2:  # noqa: PLR2004 - a single character identifies nobody
            return text
        pieces, at = [], 0
        for span in self.spans(text, free=free):
            pieces += [text[at : span.start], self._operators.replace(span.kind, text[span.start : span.end])]
            self.counts[span.kind.value] += 1
            at = span.end
        return "".join([*pieces, text[at:]])

    def _tag(self, kind: Kind) -> str:
        self.counts[kind.value] += 1
        return f"<{kind}>"


@lru_cache(maxsize=64)
def _detection(kinds: frozenset[Kind]) -> Detection:
    return Detection(kinds)


@lru_cache(maxsize=2)
def _names(*, keep_places: bool) -> Names:
    return Names(keep_places=keep_places)
