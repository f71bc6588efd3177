"""A fault that finds every step of a commit: it travels to the gate's worker processes and kills there."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from sluicegate.streams.runtime.transaction import CommitStep


@dataclass(slots=True)
class KillAtEachStep:
    """SIGKILL before each step once, whichever worker comes to it first; every life commits twice before it can be struck."""

    struck: Path
    """A folder: one file for each step that has had its turn."""
    seen: int = field(default=0, init=False)

    def __call__(self, step: CommitStep) -> None:
        """Take the turn of this step, if nobody has."""
        self.seen += step is CommitStep.BEGIN
        if self.seen < 3:
            return
        try:
            (self.struck / step.name).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
