"""The broker goes away in the middle of a play: the totals are those of a quiet night, and `/readyz` tells meanwhile."""

import json
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
import recorded_night
from broker_away import WAYS, BrokerOfOurOwn
from kafka_world import deployment_on
from recorded_night import APPROVE_WHEN, POLICY, Ward

from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.clients.follower import Follower
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.health import HealthServer, Watched
from sluicegate.streams.health.address import Address
from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.play.player import Played, Player
from sluicegate.streams.play.recording import read_recording
from sluicegate.streams.play.results import COLUMNS, tallied
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.state_folder import StateFolder
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.thorough]

SHORT_S, LONG_S = 8.0, 60.0
AGAIN_S = 20.0
"""From a broker that answers until everybody has noticed; seen: about a second."""


@pytest.fixture
def own_broker() -> Iterator[BrokerOfOurOwn]:
    """Not the one that other tests use."""
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
    ours = BrokerOfOurOwn(EmbeddedBroker.start(StateFolder(folder), lifetime=Lifetime.WITH_PARENT))
    yield ours
    ours.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def deployment(own_broker: BrokerOfOurOwn) -> Iterator[LocalDeployment]:
    """A gate with two workers on it."""
    with deployment_on(Cluster.fresh(own_broker.running, partitions=3)) as deployment:
        deployment.start_gate(2)
        yield deployment


class Watch:
    """Asks `/readyz` again and again, as an orchestrator would."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[int, dict[str, Any]]] = []
        self._port = port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stopping.wait(0.25):
            self.seen.append(self.ask())

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    @property
    def reasons(self) -> set[str]:
        """Everything that was ever said against readiness."""
        return {reason["why"] for _, said in self.seen for reason in said["reasons"]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def totals(played: Played) -> dict[str, int]:
    """The integers that `play --json` prints."""
    total = tallied(played.told).total
    return {column: total[column] for column in COLUMNS}


def play_through(
    own_broker: BrokerOfOurOwn,
    deployment: LocalDeployment,
    folder: Path,
    take_away: Callable[[BrokerOfOurOwn, float], None],
    seconds: float,
) -> Watch:
    """Play the night, take the broker away in the middle, and hold the totals against a quiet night's."""
    recorded = recorded_night.lines()
    calls = read_recording(recorded_night.write(folder / "night.jsonl", recorded))
    ward = Ward(takes_s=0.1)
    gate = deployment.gate
    assert gate is not None
    watched = [Watched("gate", gate, deployment.settings.partitions)]
    player = Player(deployment, ward.watch(calls), POLICY, approve_when=APPROVE_WHEN, timeout_s=300)
    with (
        ThreadPoolExecutor(1) as pool,
        HealthServer(Address("127.0.0.1", 0), watched) as server,
        Watch(server.port) as watch,
    ):
        future = pool.submit(player.play)
        until(lambda: sum(ward.effects.values()) > 5 or future.done())
        take_away(own_broker, seconds)
        played = future.result(timeout=400)
        until(lambda: watch.ask()[0] == 200)
    assert totals(played) == recorded_night.expected(recorded)
    assert ward.effects == dict.fromkeys(recorded_night.executed(recorded), 1)
    assert [str(finding) for finding in played.verification.findings] == []
    assert played.verification.ok
    return watch


def test_a_short_absence_changes_nothing(
    own_broker: BrokerOfOurOwn, deployment: LocalDeployment, tmp_path: Path
) -> None:
    """Frozen for eight seconds: same totals, each effect once, and `/readyz` says that something is wrong."""
    watch = play_through(own_broker, deployment, tmp_path, WAYS["frozen"], SHORT_S)
    assert watch.reasons


@pytest.mark.slow
def test_a_killed_broker_changes_nothing(
    own_broker: BrokerOfOurOwn, deployment: LocalDeployment, tmp_path: Path
) -> None:
    """SIGKILL, and started again at once: same totals, each effect once, and `/readyz` says 503 in between."""
    watch = play_through(own_broker, deployment, tmp_path, WAYS["killed"], 1.0)
    assert watch.reasons
    assert 503 in {status for status, _ in watch.seen}


def test_end_offsets_are_told_again_after_a_kill(own_broker: BrokerOfOurOwn) -> None:
    """The client keeps leader epochs of before the kill, with which a broker answers nothing: it is renewed."""
    asked = [("identities", 0), ("controls", 0)]
    ends = EndOffsets(Cluster.fresh(own_broker.running).connection("gate"))
    before = ends.wait(asked)
    own_broker.kill(0.0)
    answered: set[str] = set()

    def is_answered() -> bool:
        ends.ask(asked, time.time_ns() // 1_000_000)
        answered.update(end.topic for end in ends.answers())
        return answered == {"identities", "controls"}

    until(is_answered, AGAIN_S)
    assert ends.wait(asked) == before


@pytest.mark.slow
@pytest.mark.parametrize(("way", "seconds"), [("frozen", LONG_S), ("killed", LONG_S)])
def test_a_minute_without_the_broker_changes_nothing(
    own_broker: BrokerOfOurOwn, deployment: LocalDeployment, tmp_path: Path, way: str, seconds: float
) -> None:
    """Sixty seconds: workers may end and start again meanwhile, the totals are the same and `/readyz` says what is wrong."""
    watch = play_through(own_broker, deployment, tmp_path, WAYS[way], seconds)
    assert watch.reasons & {"worker-silent", "stale-tables", "worker-ended", "crash-loop", "not-started"}
    assert 503 in {status for status, _ in watch.seen}


def test_who_reads_on_goes_on_when_the_broker_is_back(own_broker: BrokerOfOurOwn) -> None:
    """The client knows no partition while nobody is there to ask: a reader of requests must not take that for the end."""
    reviewer = Cluster.fresh(own_broker.running).connection("reviewer-local")
    follower = Follower(TopicReader(reviewer, "approvals", From.BEGINNING), lambda _: None)
    follower.catch_up(AGAIN_S)
    for _ in range(2):
        with ThreadPoolExecutor(1) as beside:
            away = beside.submit(own_broker.kill, SHORT_S / 2)
            while not away.done():
                with suppress(TimedOutError):
                    follower.catch_up(0.5)
        away.result()
        follower.catch_up(2 * AGAIN_S)
    follower.close()
