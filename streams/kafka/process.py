"""Processes we may end: known by number *and* start time, so that a reused number is never killed."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process number and when that process started, in the system's own words."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The mark of a running process; None when it has ended."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def parse(cls, content: bytes | None) -> Self | None:
        """The mark in a file; None when there is none or it cannot be read: then nothing is ours to end."""
        try:
            fields = json.loads(content or b"")
            return cls(int(fields["pid"]), str(fields["started"]))
        except (ValueError, TypeError, KeyError):
            return None

    def to_json(self) -> bytes:
        """What `parse` reads."""
        return json.dumps({"pid": self.pid, "started": self.started}).encode()

    def is_running(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        return _start_time(self.pid) == self.started

    def end(self, limit_s: float) -> bool:
        """SIGTERM, then SIGKILL when it still runs after `limit_s`; whether SIGTERM was enough."""
        self._signal(signal.SIGTERM)
        if self.wait(limit_s):
            return True
        self._signal(signal.SIGKILL)
        self.wait(limit_s)
        return False

    def wait(self, limit_s: float) -> bool:
        """Whether the process ended within `limit_s`."""
        deadline = time.monotonic() + limit_s
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _signal(self, number: int) -> None:
        if self.is_running():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _start_time(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return _start_time_linux(pid)
    # -ww and a fixed language: the text is compared, never read.
    answer = subprocess.run(  # noqa: S603 - a number of our own
        ["/bin/ps", "-ww", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _start_time_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc(5): the command in parentheses may hold anything; after it come state (3) ... start time (22).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]
