"""The process that holds a broker on a leash."""

import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.streams.kafka import embedded, leash
from sluicegate.streams.kafka.broker_folder import Ports
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.process import ProcessMark
from sluicegate.streams.state_folder import StateFolder


def test_a_command_that_ends_first_ends_its_holder_quietly() -> None:
    """The holder still waits for its owner then: it ends with status 0 and says nothing."""
    holder = subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, "hold", "/dev/null", "-", "sleep", "0.01"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        assert int(holder.stdout.readline()) > 0
        assert holder.wait(20) == 0
        assert holder.stderr.read() == b""


def test_a_holder_whose_owner_ends_ends_its_command() -> None:
    """Standard input closes, however its owner ended."""
    holder = subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, "hold", "/dev/null", "-", "sleep", "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.stdin.close()
        assert holder.wait(20) == 1


def test_a_folder_that_is_long_in_clearing_does_not_fail_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has ended cleanly by then; whoever deletes its folder goes on alone."""
    monkeypatch.setattr(embedded, "CLEARED_LIMIT_S", 0.01)
    with subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE) as holder:
        ended = ProcessMark(holder.pid, "another start: a process that is gone")
        assert EmbeddedBroker(StateFolder(tmp_path), ended, Ports(1, 2), holder).stop()
        assert holder.poll() is None
        holder.kill()
