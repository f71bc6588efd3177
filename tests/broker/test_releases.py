"""Releases on a real Kafka: worker processes, the rights of each role, the clients that people and agents use."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_world import deployment_on
from release_clinic import PATIENCE_S, ROWS, Clinic, at_work, enrolled, held, places, request_of, until
from typer.testing import CliRunner

from sluicegate.processors.events import Event
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.streams.cli import app
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.quarantine import QuarantineReader
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.releasing import releasing_keys
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def clinic(broker: EmbeddedBroker) -> Iterator[Clinic]:
    """One deployment for all tests."""
    cluster = Cluster.fresh(broker)
    with deployment_on(cluster) as deployment:
        world = enrolled(cluster, deployment)
        deployment.start_masking()
        deployment.start_gate(1)
        with at_work(deployment):
            yield world


def verified(clinic: Clinic) -> None:
    """`audit` verifies, and holds nothing that identifies."""
    report = until(lambda: report_of(clinic))
    assert [str(finding) for finding in report.findings] == []


def report_of(clinic: Clinic) -> Any:
    """The verifier's report, once every entry has its tile."""
    return AuditReader(clinic.deployment.connection(Role.ANALYST)).verify()


def test_what_people_approve_comes_back_once(clinic: Clinic) -> None:
    """The agent waits for them: its result arrives with the release, nobody behind the action decides, and `audit` verifies."""
    with clinic.agent() as agent, clinic.reviewer("own") as owner, clinic.reviewer("pri") as office:
        sent, release = held(agent)
        request = request_of(office, release)
        assert request.type == EXPORT_RELEASE
        assert {clinic.persons["own"], clinic.persons["mask"]} <= set(request.excluded)
        refused = owner.decide(request, Choice.APPROVE, "my own")
        assert (refused.counted, refused.reason) == (False, "own-action")
        answers: list[Answer] = []
        waiting = threading.Thread(target=lambda: answers.append(agent.wait(sent, timeout_s=PATIENCE_S)))
        waiting.start()
        assert office.decide(request, Choice.APPROVE, "rooms only").counted
        waiting.join(PATIENCE_S)
        (answer,) = answers
        assert answer.released == (release,)
        assert [row["room"] for row in answer.result] == [row["room"] for row in ROWS]
        assert "mara" not in answer.result[0]["mail"]
        kinds = [type(batch) for batch in places(clinic, sent.action_id)]
        assert kinds == [WithheldBatch, MaskedBatch]
    verified(clinic)


def test_what_people_reject_is_destroyed(clinic: Clinic) -> None:
    """The agent's wait ends without a result; the sealed batch stays for the privacy office, and names the release."""
    with clinic.agent() as agent, clinic.reviewer("pri") as office:
        sent, release = held(agent)
        assert office.decide(request_of(office, release), Choice.REJECT, "a mail in a room").counted
        answer = agent.wait(sent, timeout_s=PATIENCE_S)
        assert (answer.result, answer.release, answer.released) == (None, (), ())
        assert answer.withheld
        assert [type(batch) for batch in places(clinic, sent.action_id)] == [WithheldBatch, WithheldBatch]
    quarantine = QuarantineReader.connect(settings=clinic.deployment.settings)
    assert release in {one.batch.release_id for one in quarantine.list()}
    story = until(lambda: told(clinic, sent.action_id))
    assert any("rejected" in sentence for sentence in story)
    verified(clinic)


def told(clinic: Clinic, action_id: str) -> list[str] | None:
    """What `show` says, once the end is told."""
    (story,) = AuditReader(clinic.deployment.connection(Role.ANALYST)).stories(action_id)
    codes = {code for step in story.steps for code in step.codes}
    return [step.sentence for step in story.steps] if Event.EXPORT_DESTROYED in codes else None


def test_operators_say_who_must_release(clinic: Clinic, tmp_path: Path) -> None:
    """`executor add masking` takes masking's own key and no user of its own, and enrolling masking again keeps the floor."""
    settings = clinic.deployment.settings
    config = tmp_path / "sluicegate.toml"
    operators = ", ".join(f'"{name}" = "{key}"' for name, key in settings.trust.operators.items())
    config.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\npartitions = {settings.partitions}\n'
        f'state_dir = "{settings.state_dir}"\n[trust]\noperators = {{ {operators} }}\n'
    )
    words = [
        "executor",
        "add",
        RELEASER,
        "--types",
        EXPORT_RELEASE,
        "--floor",
        f"{EXPORT_RELEASE}=privacy-office:1",
    ]
    done = CliRunner().invoke(app, ["--config", str(config), *words, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["added"] == []
    clinic.deployment.operator.refresh()
    clinic.deployment.enrol_masking([clinic.persons["mask"]])
    enrolled_as = clinic.deployment.operator.tables.directory.executors[RELEASER]
    assert enrolled_as.floor[EXPORT_RELEASE].groups == {"privacy-office": 1}
    assert enrolled_as.key == releasing_keys(clinic.deployment.state).executor.public.text
