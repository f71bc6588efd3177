"""One bar on standard error while something long runs; silent where nobody watches."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .screen import error_console


class Bar:
    """What is being done, and how much of it is."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("starting", total=None)

    def say(self, what: str) -> None:
        """Something begins; how long it takes is not known."""
        self._bars.update(self._task, description=what, total=None, completed=0)

    def update(self, what: str, done: int, total: int) -> None:
        """So much of something is done."""
        self._bars.update(self._task, description=what, completed=done, total=total)


@contextmanager
def bar() -> Iterator[Bar]:
    """A bar until the end of the block."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = error_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Bar(bars)
