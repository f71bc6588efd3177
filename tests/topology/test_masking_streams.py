"""Masking on the driver: standing streams, which a policy must name."""

from collections.abc import Iterator
from typing import Any

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.masking.export_progress import KEPT_MS, OPEN_MS
from sluicegate.schemas.export import MaskedBatch
from sluicegate.streams.testing import MaskingDriver, seeded_key

POLICY = """
version: 1
name: nightly
default: deny
streams:
  - {id: crm-nightly, from: [crm-pipeline], mask: hipaa-safe-harbor}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
"""
BODY = b'{"mail": "mara.zwicker@clinic.example"}'


@pytest.fixture
def nightly() -> Iterator[MaskingDriver]:
    """A policy with a stream and two pipelines, of which it names one; everything verifies at the end."""
    world = MaskingDriver(POLICY)
    for name in ("crm-pipeline", "other-pipeline"):
        world.pipeline(name)
    world.run()
    yield world
    world.run()
    report = world.gate.report()
    assert [str(finding) for finding in report.findings] == []


def refused(world: MaskingDriver) -> list[str | None]:
    """Reasons of the batches that were refused."""
    world.run()
    return [entry.reason for entry in world.entries(Event.BATCH_REFUSED)]


def test_a_stream_that_a_policy_names_is_masked_with_its_profile(nightly: MaskingDriver) -> None:
    """Batch after batch, in one chain without an end."""
    first = nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY))
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY, first))
    nightly.run()
    masked = nightly.masked()
    assert all(isinstance(batch, MaskedBatch) for batch in masked)
    assert [(batch.stream, batch.sequence, batch.profile) for batch in masked] == [
        ("crm-nightly", 0, "hipaa-safe-harbor"),
        ("crm-nightly", 1, "hipaa-safe-harbor"),
    ]


def test_a_stream_that_no_policy_names_is_refused(nightly: MaskingDriver) -> None:
    """Nothing leaves only because somebody sends it."""
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-weekly", BODY))
    nightly.send(nightly.stream_batch("other-pipeline", "crm-nightly", BODY))
    assert sorted(map(str, refused(nightly))) == [Reason.NOT_THE_STREAMS, Reason.UNKNOWN_STREAM]
    assert nightly.masked() == []


def test_a_stream_ends_when_the_policy_no_longer_names_it(nightly: MaskingDriver) -> None:
    """The policy in force counts for every batch."""
    first = nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY))
    nightly.run()
    nightly.gate.policy("policy", POLICY.replace("crm-nightly", "crm-weekly"))
    nightly.run()
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY, first))
    assert refused(nightly) == [Reason.UNKNOWN_STREAM]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"count": 1}, Reason.WRONG_COUNT),
        ({"action_id": "action-x"}, Reason.NOT_A_BATCH),
        ({"grant_id": "gr-x"}, Reason.NOT_A_BATCH),
        ({"lane": "somewhere"}, Reason.WRONG_LANE),
        ({"sequence": 1}, Reason.OUT_OF_SEQUENCE),
        ({"created_at_ms": 1}, Reason.TOO_LATE),
        ({"created_at_ms": 1 << 50}, Reason.FROM_THE_FUTURE),
    ],
)
def test_a_batch_that_is_not_the_streams_next_is_refused(
    nightly: MaskingDriver, fields: dict[str, Any], reason: Reason
) -> None:
    """Ends, actions, other lanes, gaps, and times that would outlive what masking remembers."""
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY, **fields))
    assert refused(nightly) == [reason]


def test_an_executor_cannot_feed_a_stream(nightly: MaskingDriver) -> None:
    """Even one with the pipeline's name: streams are for pipelines."""
    nightly.gate.executor("crm-pipeline", types=["crm.read"])
    nightly.run()
    batch = nightly.stream_batch("crm-pipeline", "crm-nightly", BODY)
    nightly.send(batch, key=seeded_key("crm-pipeline"))
    nightly.run()
    ((reason, _),) = nightly.gate.dead_letters("exports.raw")
    assert reason == Reason.WRONG_SIGNER


def test_a_stream_may_begin_again_only_when_its_chain_is_forgotten(nightly: MaskingDriver) -> None:
    """Until then a second beginning is refused, and the first batch again is too old afterwards."""
    first = nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY))
    nightly.run()
    nightly.advance(OPEN_MS)
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY))
    assert refused(nightly) == [Reason.OUT_OF_SEQUENCE]
    nightly.advance(KEPT_MS + 1)
    nightly.send(nightly.stream_batch("crm-pipeline", "crm-nightly", BODY))
    nightly.run()
    nightly.driver.produce_again(first.position)
    assert refused(nightly) == [Reason.OUT_OF_SEQUENCE, Reason.TOO_LATE]
    assert [batch.sequence for batch in nightly.masked()] == [0, 0]
