"""Kill the executor before each of its steps: whatever the step, nothing is executed twice and nothing acted on is forgotten."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sluicegate.schemas.receipt import Claim, Receipt
from sluicegate.streams.clients.executor import EXIT_UNCLEAR
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.testing.grant_bench import Effects, GrantBench, serve_bench_executor

pytestmark = [pytest.mark.broker, pytest.mark.thorough]

START_S = 40.0


class Children:
    """Executor processes of one deployment; all of them end with the test."""

    def __init__(self, cluster: Any, effects: Path) -> None:
        self._connection = cluster.connection("executor-crm")
        self._effects = effects
        self._context = multiprocessing.get_context("spawn")
        self._started: list[Any] = []

    def start(self, at: ExecutorStep | None = None, strike: int = signal.SIGKILL) -> Any:
        """One more process with the same transactional id: it fences the one before it."""
        arguments = (self._connection, self._effects, at, strike)
        process = self._context.Process(target=serve_bench_executor, args=arguments, daemon=True)
        process.start()
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what is left."""
        for process in self._started:
            if process.is_alive():
                process.kill()
            process.join(10)


def settled(bench: GrantBench, grant_id: str, seconds: float = START_S) -> list[Claim | Receipt]:
    """Wait for a receipt about a grant; every claim and receipt about it."""
    deadline = time.monotonic() + seconds
    while True:
        found = [record for record in bench.receipts() if record.grant_id == grant_id]
        if any(isinstance(record, Receipt) for record in found):
            return found
        assert time.monotonic() < deadline, "no receipt was written in time"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("step", "acted", "is_retried"),
    [
        (ExecutorStep.CHECK, 0, True),
        (ExecutorStep.CLAIM, 0, True),
        (ExecutorStep.CLAIM_COMMIT, 0, True),
        (ExecutorStep.APPEND_TIME, 0, False),
        (ExecutorStep.ACT, 0, False),
        (ExecutorStep.RESULT, 1, False),
        (ExecutorStep.RECEIPT, 1, False),
        (ExecutorStep.RECEIPT_WRITE, 1, False),
        (ExecutorStep.RECEIPT_COMMIT, 1, False),
    ],
)
def test_z3_z4_killed_before_a_step_the_grant_is_executed_at_most_once(
    cluster: Any, tmp_path: Path, step: ExecutorStep, acted: int, *, is_retried: bool
) -> None:
    """Before the claim is committed a successor executes it; after that nobody touches it again and its end is unknown.

    A batch is there when its receipt is, and once: what was returned before a crash is lost with its receipt.
    """
    cluster.add_executor("crm")
    bench = GrantBench(cluster.connection, cluster.settings.partitions, time.time_ns() // 1_000_000)
    (first,) = bench.grant()
    bench.publish()
    effects = Effects(tmp_path / "effects")
    children = Children(cluster, tmp_path / "effects")
    try:
        killed = children.start(step)
        killed.join(START_S)
        assert killed.exitcode == -signal.SIGKILL
        assert effects.count[first.grant_id] == acted
        (second,) = bench.grant()
        bench.publish()
        successor = children.start()
        settled(bench, second.grant_id)
        os.kill(successor.pid, signal.SIGTERM)
        successor.join(START_S)
        assert successor.exitcode == 0
    finally:
        children.end()
    about_first = [record for record in bench.receipts() if record.grant_id == first.grant_id]
    kinds = sorted(type(record).__name__ for record in about_first)
    assert kinds == (["Claim", "Receipt"] if is_retried else ["Claim"])
    assert effects.count[first.grant_id] == (1 if is_retried else acted)
    assert effects.count[second.grant_id] == 1
    receipts = [record for record in bench.receipts() if isinstance(record, Receipt)]
    batches = Counter(batch.grant_id for _, batch in bench.batches())
    assert batches == {receipt.grant_id: 1 for receipt in receipts}


@pytest.mark.parametrize("step", [ExecutorStep.CLAIM, ExecutorStep.ACT])
def test_z1_a_frozen_executor_that_wakes_up_doubles_nothing(
    cluster: Any, tmp_path: Path, step: ExecutorStep
) -> None:
    """Frozen with a grant in hand while a successor takes over, the old process finds itself fenced and ends."""
    cluster.add_executor("crm")
    bench = GrantBench(cluster.connection, cluster.settings.partitions, time.time_ns() // 1_000_000)
    (grant,) = bench.grant()
    bench.publish()
    effects = Effects(tmp_path / "effects")
    children = Children(cluster, tmp_path / "effects")
    try:
        frozen = children.start(step, signal.SIGSTOP)
        until_stopped(frozen.pid)
        (later,) = bench.grant()
        bench.publish()
        children.start()
        settled(bench, later.grant_id)
        os.kill(frozen.pid, signal.SIGCONT)
        frozen.join(START_S)
        assert frozen.exitcode == EXIT_UNCLEAR
    finally:
        children.end()
    kinds = sorted(type(record).__name__ for record in bench.receipts() if record.grant_id == grant.grant_id)
    assert kinds == (["Claim", "Receipt"] if step is ExecutorStep.CLAIM else ["Claim"])
    assert effects.count == {grant.grant_id: 1, later.grant_id: 1}


def until_stopped(pid: int) -> None:
    """Wait until a child has stopped itself (proc(5), the third field of `stat`)."""
    deadline = time.monotonic() + START_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "the child did not stop in time"
        time.sleep(0.05)
