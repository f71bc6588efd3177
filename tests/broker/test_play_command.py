"""`sluicegate play` as somebody types it: alone, with a temporary broker and gate, and twice against a running `up`."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import recorded_night

from sluicegate.processors.events import Event
from sluicegate.streams.clients.audit_reader import AuditReader, Selection
from sluicegate.streams.settings import FILE_NAME, load

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SLUICEGATE = Path(sys.executable).with_name("sluicegate")
UP_S = 60.0


def environment() -> dict[str, str]:
    """This process's, without settings that could point a command elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}


def play(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Play the recording of a folder."""
    command = [SLUICEGATE, "play", "night.jsonl", "--policy", "night.yaml", *options]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=180, check=False
    )


def write_night(folder: Path, count: int) -> list[dict[str, Any]]:
    """A recording and its policy; what was recorded."""
    recorded = recorded_night.lines(count)
    recorded_night.write(folder / "night.jsonl", recorded)
    (folder / "night.yaml").write_text(recorded_night.POLICY)
    return recorded


@contextmanager
def up(folder: Path) -> Iterator[None]:
    """`init`, then `up` until the block ends; it has to end well."""
    subprocess.run([SLUICEGATE, "init"], cwd=folder, env=environment(), check=True, capture_output=True)
    running = subprocess.Popen(
        [SLUICEGATE, "up"], cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    try:
        deadline, said = time.monotonic() + UP_S, ""
        while "up: " not in said:
            said = running.stderr.readline()
            assert said, "`up` ended before it was up"
            assert time.monotonic() < deadline
        yield
    finally:
        running.terminate()
        running.communicate(timeout=60)
    assert running.returncode == 0


def what_happened(folder: Path) -> Counter[str]:
    """How many claims and receipts counted so far."""
    reader = AuditReader.connect(settings=load(folder / FILE_NAME))
    events = {Event.CLAIM_COUNTED.value, Event.RECEIPT_COUNTED.value}
    return Counter(placed.entry.event for placed in reader.entries(Selection(events=events)))


def test_alone_it_starts_what_it_needs_and_prints_one_object(tmp_path: Path) -> None:
    """The integers of a recording, latencies, a clean verify, exit status 0, and nothing else on standard output."""
    recorded = write_night(tmp_path, 60)
    ended = play(tmp_path, "--approve-when", recorded_night.APPROVE_WHEN, "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    wanted = recorded_night.expected(recorded)
    assert {name: told[name] for name in wanted} == wanted
    assert all(type(told[name]) is int for name in wanted)
    assert set(told["latency_ms"]) >= {"p50", "p95", "p99"}
    assert told["verify"]["ok"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.jsonl", "night.yaml"]


def test_played_twice_against_a_running_gate_nothing_happens_again(tmp_path: Path) -> None:
    """Same outcomes, no second claim: the ids of a recording are its idempotency keys."""
    recorded = write_night(tmp_path, 60)
    wanted = recorded_night.expected(recorded)
    with up(tmp_path):
        plays = []
        for _ in range(2):
            ended = play(tmp_path, "--approve-when", recorded_night.APPROVE_WHEN, "--json")
            assert ended.returncode == 0, ended.stderr
            plays.append(json.loads(ended.stdout))
            assert what_happened(tmp_path) == {
                Event.CLAIM_COUNTED: wanted["executed"],
                Event.RECEIPT_COUNTED: wanted["executed"],
            }
        table = play(tmp_path, "--approve-when", recorded_night.APPROVE_WHEN)
    first, second = ({name: told[name] for name in wanted} for told in plays)
    assert first == second == wanted
    # What was returned then comes back now: the outcome that is told again names the same result.
    assert [told["results"] for told in plays] == [plays[0]["results"]] * 2
    assert plays[0]["results"]["returned"] + plays[0]["results"]["withheld"] == wanted["executed"]
    assert [told["verify"]["ok"] for told in plays] == [True, True]
    # Without --json a person reads a row per type, and the latencies.
    assert all(line["tool"] in table.stdout for line in recorded)
    assert "p99" in table.stdout


def test_a_recording_or_policy_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    """Exit status 2 and a sentence, within a second: no broker was started for it."""
    write_night(tmp_path, 5)
    (tmp_path / "night.jsonl").write_text('{"run": "a", "seq": 0, "tool": "t"}\n')
    ended = play(tmp_path)
    assert ended.returncode == 2
    assert "line 1" in ended.stderr
    assert "Traceback" not in ended.stderr
