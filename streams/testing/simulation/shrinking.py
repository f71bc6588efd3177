"""Make a failing list of events shorter: drop pieces, halves first, as long as the same invariant breaks."""

from collections.abc import Callable, Sequence

from .events import Event


def shrink(
    events: Sequence[Event], fails: Callable[[Sequence[Event]], bool], *, attempts: int = 400
) -> tuple[Event, ...]:
    """The shortest list found with so many attempts; `fails` says whether a shorter one still breaks the same."""
    kept, size = list(events), max(1, len(events) // 2)
    while attempts > 0:
        start, dropped = 0, False
        while start < len(kept) and attempts > 0:
            shorter = kept[:start] + kept[start + size :]
            attempts -= 1
            if shorter and fails(shorter):
                kept, dropped = shorter, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = max(1, size // 2)
    return tuple(kept)
