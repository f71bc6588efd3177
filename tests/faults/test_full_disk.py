"""The broker's disk is full: it fails, says so, and everything that was acknowledged is back when there is room again."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from gate_world import Asked
from kafka_world import KafkaWorld

from faults.brokers import OneBroker
from faults.disk import MIB, NoMountError, small_disk, unmount_left_behind, why_not
from sluicegate.schemas.errors import BrokerError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.state_folder import StateFolder
from sluicegate.streams.testing.cluster import Cluster

SIZE_MIB: Final = 96
PATIENCE_S: Final = 90.0
BEFORE: Final = 5
MEANWHILE: Final = 400
TOLD: Final = [OutcomeKind.GRANTED, OutcomeKind.EXECUTED]


@pytest.fixture
def _mountable() -> None:
    """Whoever may not mount is told so and goes without; a machine of the project may, or the run fails."""
    if (reason := why_not()) is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def mounts() -> str:
    """What is mounted in this system."""
    return Path("/proc/mounts").read_text("utf-8")


def test_where_nothing_can_be_mounted_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with the reason, never a run without the fault."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NoMountError, match=r"needs root|does not have"), small_disk(tmp_path / "d"):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("_mountable")
def test_a_small_disk_is_filled_and_freed_and_always_unmounted(tmp_path: Path) -> None:
    """To the last byte; also when the block ends by an error, and when a file is still open."""
    folder = tmp_path / "small"
    with small_disk(folder, 64) as disk:
        assert str(folder) in mounts()
        taken = disk.fill()
        assert taken > 60 * MIB
        assert disk.free_bytes == 0
        with pytest.raises(OSError, match="No space left"):
            (folder / "more").write_bytes(bytes(MIB))
        disk.free()
        assert disk.free_bytes >= taken - MIB
    assert str(folder) not in mounts()
    with pytest.raises(ZeroDivisionError), small_disk(folder), (folder / "open").open("wb"):
        _ = 1 // 0
    assert str(folder) not in mounts()


@pytest.mark.slow
@pytest.mark.usefixtures("_mountable")
def test_what_a_killed_process_left_mounted_is_taken_away_by_the_next(tmp_path: Path) -> None:
    """It could not do so itself; mounts of those that run stay."""
    folder = tmp_path / "left behind"
    program = (
        "import os, sys; from pathlib import Path; from faults.disk import small_disk\n"
        "with small_disk(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, folder], timeout=PATIENCE_S, check=False)
    assert ended.returncode == -9
    with small_disk(tmp_path / "ours") as ours:
        ours.fill()
        assert unmount_left_behind() == ()
        assert str(tmp_path / "ours") in mounts()
        assert "left" not in mounts()


@pytest.mark.slow
@pytest.mark.usefixtures("_mountable")
@pytest.mark.broker
def test_a_gate_gets_through_a_full_disk(tmp_path: Path) -> None:
    """The broker fails within seconds of the next record; with room again everything acknowledged is there.

    What was asked meanwhile is answered afterwards, once.
    """
    state = StateFolder(tmp_path / "state")
    with OneBroker(state.path, disk_mib=SIZE_MIB) as brokers:
        with KafkaWorld(Cluster.fresh(brokers), workers=1) as world:
            agent = world.agent()
            asked = [world.submit(agent, "ward.read", {"bed": number}) for number in range(BEFORE)]
            with ThreadPoolExecutor(1) as background:
                going_on = background.submit(ask_all_the_time, world, agent, MEANWHILE)
                brokers.starve(0, 1.0)
                asked += going_on.result(PATIENCE_S)
            for one in asked:
                world.outcome(one, OutcomeKind.EXECUTED)
            assert [world.told(one) for one in asked] == [TOLD] * len(asked)
            assert [world.effects(one) for one in asked] == [1] * len(asked)
            assert world.verify().ok
        log = brokers.node(0).running.log.with_suffix(".log.1")
        assert "No space left on device" in log.read_text("utf-8")
    assert str(state.path) not in mounts()


def ask_all_the_time(world: KafkaWorld, agent: str, count: int) -> list[Asked]:
    """One action after the other; each call returns when the broker has it."""
    return [world.submit(agent, "ward.read", {"bed": number}) for number in range(count)]


@pytest.mark.slow
@pytest.mark.usefixtures("_mountable")
@pytest.mark.broker
def test_a_disk_that_is_full_for_nobody_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without traffic a broker does not fail of its full disk: the run is told, and the disk is freed."""
    monkeypatch.setattr("faults.brokers.FULL_S", 1.0)
    state = StateFolder(tmp_path / "state")
    with OneBroker(state.path, disk_mib=SIZE_MIB) as brokers:
        with pytest.raises(BrokerError, match="still runs"):
            brokers.starve(0, 0.0)
        disk = brokers.node(0).disk
        assert disk is not None
        assert disk.free_bytes > 0
