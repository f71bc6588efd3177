"""A shell that types what a reader of README.md would type, in several terminals."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from readme_text import missing

PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Running:
    """A command in a terminal of its own; `shown` must have appeared before the end."""

    command: str
    process: "subprocess.Popen[bytes]"
    output: Path
    shown: tuple[str, ...] = ()

    def said(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(encoding="utf-8")

    def await_lines(self, shown: tuple[str, ...]) -> None:
        """Wait until these lines have appeared."""
        until = time.monotonic() + PATIENCE_S
        while missing(shown, self.said()) and time.monotonic() < until:
            time.sleep(0.1)
        demand(self.command, shown, self.said())

    def end(self) -> int:
        """Wait for its own end; its exit status."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"`{self.command}` does not end:\n{self.said()}", pytrace=False)


def demand(command: str, shown: tuple[str, ...], said: str) -> None:
    """Fail when a line is missing, with everything that was printed."""
    lines = missing(shown, said)
    assert not lines, f"`{command}` did not print `{lines[0]}`:\n{said}"


class Shell:
    """The newly installed program first on the path, no setting of the machine in the environment."""

    def __init__(self, home: Path) -> None:
        """Begin in an empty folder."""
        self.home = self.folder = home
        self._running: list[Running] = []
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**clean, "PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}

    def run(self, command: str, status: int = 0, shown: tuple[str, ...] = ()) -> str:
        """Type it and wait; what it printed. A `cd` holds for what is typed later."""
        where = self.home / "where"
        done = subprocess.run(
            ["bash", "-c", f"{command}\nstatus=$?; pwd > {where}; exit $status"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"`{command}` ended with {done.returncode}:\n{said}"
        self.folder = Path(where.read_text(encoding="utf-8").strip())
        demand(command, shown, said)
        return said

    def start(self, command: str, shown: tuple[str, ...] = (), *, later: bool = False) -> Running:
        """Type it in another terminal. The lines must come now; with `later`, before the end."""
        output = self.home / f"terminal-{len(self._running)}"
        with output.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self._environment,
                stdout=out,
                stderr=out,
            )
        running = Running(command, process, output, shown if later else ())
        self._running.append(running)
        if not later:
            running.await_lines(shown)
        return running

    def finish(self) -> None:
        """Whatever was to appear later has appeared."""
        for running in self._running:
            running.await_lines(running.shown)

    def close(self) -> None:
        """End what was started here, the last first; each may finish what it does."""
        for running in reversed(self._running):
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                running.end()
