"""Whatever executors send, in whatever order, and wherever masking crashes: readers get each result's chain, once, in order."""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.grant import Grant
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, MaskingDriver
from sluicegate.streams.testing.masking_driver import SentBatch

POLICY = """
version: 1
name: clinic
default: deny
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
"""
MOVES = ("next", "last", "again", "skip", "fork", "count", "foreign", "broken")


@dataclass
class Sender:
    """One executor's side of one result: the batches that should have been accepted."""

    world: MaskingDriver
    grant: Grant
    accepted: list[SentBatch]
    closed: bool = False

    def move(self, name: str) -> None:
        """Send one batch, right or wrong."""
        after = self.accepted[-1] if self.accepted else None
        number = len(self.accepted)
        match name:
            case "next" | "broken" | "last":
                body = b"{no json" if name == "broken" else b'{"mail": "m@clinic.example"}'
                closing = {"count": number + 1} if name == "last" else {}
                sent = self.world.send(self.world.batch(self.grant, body, after, **closing))
                if not self.closed:
                    self.accepted.append(sent)
                    self.closed = name == "last"
            case "again" if after is not None:
                self.world.driver.produce_again(after.position)
            case "skip":
                self.world.send(self.world.batch(self.grant, b"{}", after, sequence=number + 1))
            case "fork":
                self.world.send(self.world.batch(self.grant, b"{}", after, previous=bytes(32)))
            case "count":
                self.world.send(self.world.batch(self.grant, b"{}", after, count=number + 2))
            case _:
                self.world.send(self.world.batch(self.grant, b"{}", after, source="mailer"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    moves=st.lists(st.tuples(st.sampled_from((0, 1)), st.sampled_from(MOVES)), max_size=12),
    crashes=st.lists(st.sampled_from(CommitStep), max_size=3),
)
def test_readers_get_each_chain_once_and_in_order(
    moves: list[tuple[int, str]], crashes: list[CommitStep]
) -> None:
    """What was accepted is exactly what is right, and the history verifies."""
    world = MaskingDriver(POLICY)
    world.gate.person("p-own")
    world.gate.agent("ops-agent", owners=["p-own"])
    world.gate.executor("crm", types=["crm.read"])
    world.gate.executor("mailer", types=["mail.send"])
    world.run()
    senders = [Sender(world, world.granted("ops-agent", "crm.read"), []) for _ in range(2)]
    for step in (*crashes, None):
        part, moves = moves[: len(moves) // 2 + 1], moves[len(moves) // 2 + 1 :]
        for number, name in part:
            senders[number].move(name)
        if step is not None and part:
            world.driver.crash_at(step)
            try:
                world.run()
            except Crashed:
                world.driver.restart()
    world.run()
    for sender in senders:
        got: list[MaskedBatch | WithheldBatch] = world.masked(sender.grant)
        assert [batch.source_digest for batch in got] == [sent.digest for sent in sender.accepted]
        assert [batch.sequence for batch in got] == list(range(len(sender.accepted)))
    report = world.gate.report()
    assert [str(finding) for finding in report.findings] == []
