"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

import threading
import time
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_S: Final = 20.0


class Screen:
    """`with` it; `said` takes a sentence from any thread."""

    def __init__(self, terminal: Any, expected_s: float) -> None:
        self._console = Console(file=terminal)
        self._expected_s = expected_s
        self._began_s = self._line_s = time.monotonic()
        self._ending = threading.Event()
        self._what = ""
        self._round = ""

    def begin(self, title: str) -> None:
        """A round begins."""
        self._round = title

    def said(self, sentence: str) -> None:
        """What happens now."""
        self._what = sentence.strip()
        if not self._console.is_terminal and time.monotonic() - self._line_s > _LINE_S:
            self._line_s = time.monotonic()
            passed_s = time.monotonic() - self._began_s
            self._console.print(
                f"{passed_s:6.0f} of about {self._expected_s:.0f} s  {self._round}  {self._what}",
                highlight=False,
            )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            threading.Thread(target=self._draw, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()

    def _draw(self) -> None:
        columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=self._expected_s)
            while not self._ending.wait(0.3):
                passed_s = min(time.monotonic() - self._began_s, self._expected_s)
                progress.update(task, completed=passed_s, description=f"{self._round}  {self._what}")
