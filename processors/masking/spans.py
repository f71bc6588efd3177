"""Places of identifiers in a text."""

from collections.abc import Iterable
from dataclasses import dataclass

from .identifiers import Kind


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where an identifier is: characters from `start` up to, not including, `end`."""

    start: int
    end: int
    kind: Kind


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order without overlaps: what overlaps becomes one, of the kind of its longest part.

    Of two that are equally long, not the name: names are guessed more freely than numbers and codes.

    INVARIANT: every character of every span stays covered; two detectors that disagree never uncover anything.
    """
    found: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.kind is Kind.NAME)):
        if not found or span.start >= found[-1].end:
            found.append(span)
            longest = span.end - span.start
            continue
        last = found[-1]
        longer = span.end - span.start > longest
        longest = max(longest, span.end - span.start)
        found[-1] = Span(last.start, max(last.end, span.end), span.kind if longer else last.kind)
    return found
