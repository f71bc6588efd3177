"""Scenarios of the gate on a real Kafka that writes `approvals`, `outcomes` and `audit` as JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from gate_scenarios import GateScenarios
from gate_world import ISSUER
from kafka_world import KafkaWorld

from sluicegate.schemas.envelope import header
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "review_in_json.py"


@pytest.fixture(scope="module")
def shared(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """One gate and one set of identities for all scenarios; in the end nothing on these topics was Avro."""
    with KafkaWorld(Cluster.fresh(broker), json_topics=("approvals", "outcomes", "audit")) as world:
        yield world
        for topic, role in (
            ("approvals", Role.REVIEWER),
            ("outcomes", Role.AGENT),
            ("audit", Role.ANALYST),
        ):
            with TopicReader(world.local.connection(role), topic, From.BEGINNING) as reader:
                types = {header(record.headers, "content-type") for record in reader.to_end()}
            assert types == {b"application/json"}


@pytest.fixture
def world(shared: KafkaWorld) -> Iterator[KafkaWorld]:
    """A world whose audit log verifies after each scenario."""
    yield shared
    report = shared.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok


class TestInJsonOnKafka:
    """Those scenarios that see every kind of record, with the clients that people and agents use."""

    test_an_allowed_action_is_executed_once = GateScenarios.test_an_allowed_action_is_executed_once
    test_two_groups_approve = GateScenarios.test_two_groups_approve_and_it_is_executed_once
    test_a_request_nobody_answers_expires = GateScenarios.test_a_request_nobody_answers_expires
    test_a_late_decision_does_not_count = GateScenarios.test_a_late_decision_does_not_count
    test_the_same_action_again = GateScenarios.test_the_same_action_again_is_told_again_and_not_done_again


def test_a_program_without_sluicegate_reads_a_request_and_decides(world: KafkaWorld, tmp_path: Path) -> None:
    """The example of the README, with confluent-kafka, PyNaCl and JSON: its signed decision counts."""
    asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
    world.request(asked)
    connection = world.local.connection(Role.REVIEWER)
    known = connection.reader_config() | connection.producer_config()
    client = {name: value for name, value in known.items() if name in _CLIENT}
    config, keyfile = tmp_path / "client.json", tmp_path / "mara.ed25519"
    config.write_text(json.dumps(client))
    keyfile.write_text(world.key("mara").secret_text())
    command = [
        sys.executable,
        EXAMPLE,
        config,
        keyfile,
        world.deployment,
        world.settings.prefix,
        ISSUER,
        "mara",
    ]
    done = subprocess.run(
        [*command, asked.action_id], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["type"] == "role.grant"
    assert world.outcome(asked, OutcomeKind.EXECUTED).outcome is OutcomeKind.EXECUTED


_CLIENT = {
    "bootstrap.servers",
    "client.id",
    "group.id",
    "sasl.mechanisms",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
}
