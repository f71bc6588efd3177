"""The process that holds a broker on a leash."""

import subprocess
import sys

from sluicegate.streams.kafka import leash


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
