"""Every planted bug is killed: by the simulator, or by a named test on a real broker.

`planted-bugs.md` is the table; `python tests/scenarios/planted_bugs.py` writes it anew.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from planted_bugs import BROKER_BUGS, BUGS, MOST_SEEDS, BrokerBug, Bug, killing_seed, recorded, table

from sluicegate.streams.testing.simulation import Mode, Result, simulate

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2]))
TABLE = TREE / "tests" / "simulation" / "planted-bugs.md"


@cache
def healthy(seed: int, mode: Mode) -> Result:
    """A seed of the code as it is."""
    return simulate(seed, mode)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_the_simulator_kills(bug: Bug) -> None:
    """Within so many seeds the bug breaks an invariant that it must break, and without it the same seed holds."""
    known = recorded(TABLE.read_text()).get(bug.name)
    seeds = [*([] if known is None else [known - 1]), *range(MOST_SEEDS)]
    seed = killing_seed(bug, seeds)
    assert seed is not None
    assert [str(broken) for broken in healthy(seed, bug.mode).broken] == []


def test_the_list_is_long_enough_and_each_bug_is_another() -> None:
    """At least 25, each with a name, a sentence, and what it breaks."""
    names = [bug.name for bug in (*BUGS, *BROKER_BUGS)]
    assert len(names) == len(set(names)) >= 25
    assert all(bug.change.endswith(".") for bug in (*BUGS, *BROKER_BUGS))


def test_the_table_is_current() -> None:
    """Every bug stands in the table with its sentence and its killer; only the seeds are measured."""
    text = TABLE.read_text()
    assert text == table(recorded(text))


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.parametrize("bug", BROKER_BUGS, ids=lambda bug: bug.plant.__name__)
def test_a_real_broker_kills(bug: BrokerBug) -> None:
    """The named test fails when the bug is planted into every process it starts."""
    environment = {
        **os.environ,
        "SLUICEGATE_PLANTED": bug.plant.__name__,
        "PYTHONPATH": os.pathsep.join(
            [str(TREE / "tests" / "simulation" / "planting"), str(TREE / "tests" / "scenarios")]
        ),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", str(TREE / bug.killed_by)],
        env=environment,
        cwd=TREE,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 1, done.stdout[-2_000:]
    assert "1 failed" in done.stdout
