"""Fault hooks for workers on a real broker: they travel to the worker's process and act there."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from sluicegate.streams.runtime.transaction import CommitStep


@dataclass(slots=True)
class KillOnce:
    """SIGKILL before a step of the `commits`-th commit; a worker started again finds `done` and lives."""

    step: CommitStep
    commits: int
    done: Path
    seen: int = field(default=0, init=False)

    def __call__(self, step: CommitStep) -> None:
        """Count commits; end the process when it is time."""
        self.seen += step is CommitStep.BEGIN
        if step is self.step and self.seen >= self.commits and not self.done.exists():
            self.done.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class HangOnce:
    """Sleep for ever before a step, once, as a call that does not return would; then live."""

    step: CommitStep
    done: Path

    def __call__(self, step: CommitStep) -> None:
        """Hang when it is time."""
        if step is self.step and not self.done.exists():
            self.done.touch()
            time.sleep(3_600)


@dataclass(slots=True)
class FreezeOnce:
    """Stop a process before a step, once, for some seconds: a broker's, or with None the worker's own."""

    step: CommitStep
    process: int | None
    seconds: float
    done: Path

    def __call__(self, step: CommitStep) -> None:
        """Freeze when it is time; another process thaws, also when this one is gone by then."""
        if step is self.step and not self.done.exists():
            self.done.touch()
            process = os.getpid() if self.process is None else self.process
            thaw = f"sleep {float(self.seconds)}; kill -CONT {int(process)}"
            subprocess.Popen(["/bin/sh", "-c", thaw])  # noqa: S603  # two numbers
            os.kill(process, signal.SIGSTOP)
