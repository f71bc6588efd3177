"""`approvals`, `outcomes` and `audit` as JSON: the same scenarios, the same verdict, and one log in both encodings."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
from driver_world import DriverWorld
from gate_scenarios import GateScenarios

from sluicegate.processors.audit import MAX_BYTES, MAX_JSON_BYTES
from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import header, payload_type_of
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.lake.rows import batch_of, entries_of
from sluicegate.streams.testing import GateDriver

JSON_TOPICS: Final = frozenset({"approvals", "outcomes", "audit"})


@pytest.fixture
def world() -> Iterator[DriverWorld]:
    """A world in memory that writes JSON, and whose audit log verifies in the end."""
    world = DriverWorld(JSON_TOPICS)
    yield world
    report = world.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
    for topic in JSON_TOPICS:
        for record in world.gate.driver.read(topic):
            assert header(record.headers, "content-type") == b"application/json"
            json.loads(record.value or b"")
    for record in world.gate.driver.read("audit"):
        entry = codec.decode(payload_type_of(record.headers), record.value or b"", {"audit-entry"})
        assert len(codec.encode(entry).value) <= MAX_BYTES
        assert len(record.value or b"") <= MAX_JSON_BYTES


class TestInJson(GateScenarios):
    """Every scenario of the gate, with nothing but JSON on what others read."""


def test_a_log_that_changed_its_encoding_verifies_as_one(clinic: GateDriver) -> None:
    """A gate that was told to write JSON goes on where Avro ends; readers take both."""
    first = clinic.submit("ops-agent", "crm.read")
    held = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    assert clinic.outcome(first).outcome is OutcomeKind.GRANTED
    clinic.write_json(JSON_TOPICS)
    second = clinic.submit("ops-agent", "crm.read")
    clinic.decide("p-ann", clinic.request(held))
    clinic.run()
    assert clinic.outcome(second).outcome is OutcomeKind.GRANTED
    assert clinic.outcome(held).outcome is OutcomeKind.GRANTED
    kinds = {
        header(record.headers, "content-type") == b"application/json"
        for record in clinic.driver.read("audit")
    }
    assert kinds == {True, False}


def test_only_the_topics_that_are_named_change(clinic: GateDriver) -> None:
    """`outcomes` alone leaves `approvals` and `audit` as they were."""
    clinic.write_json(frozenset({"outcomes"}))
    clinic.submit("ops-agent", "crm.write")
    clinic.run()

    def last_is_json(topic: str) -> bool:
        return header(clinic.driver.read(topic)[-1].headers, "content-type") == b"application/json"

    assert last_is_json("outcomes")
    assert not last_is_json("approvals")
    assert not last_is_json("audit")


def test_an_export_of_json_entries_holds_the_same_rows(clinic: GateDriver) -> None:
    """For analysts the encoding makes no difference: every entry of a mixed log comes back from its row."""
    clinic.submit("ops-agent", "crm.write")
    clinic.run()
    clinic.write_json(JSON_TOPICS)
    clinic.submit("ops-agent", "crm.read")
    clinic.run()
    records = clinic.driver.read("audit")
    found = [one.entry for one in entries_of(batch_of(records)) if isinstance(one, Placed)]
    read = [codec.decode(payload_type_of(r.headers), r.value or b"", {"audit-entry"}) for r in records]
    assert found == read
