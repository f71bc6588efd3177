"""Real grants on a real broker without a gate process: the gate runs in memory and what it wrote is copied to Kafka.

For tests of executors. Every grant, document and signature is a true one; only the transaction that wrote them is not.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from sluicegate.processors.contract import Record
from sluicegate.processors.tables import Trust
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import payload_type_of
from sluicegate.schemas.export import ExportBatch
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.receipt import Claim, Receipt
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection

from .gate_driver import DEPLOYMENT, GateDriver, seeded_key

POLICY: Final = """
version: 1
name: bench
default: deny
rules:
  - {id: everything-passes, on: [crm.read, crm.fail, crm.list, crm.unhandled], effect: allow}
"""
_WRITERS: Final = {"identities": "operator", "controls": "operator"}


class GrantBench:
    """The executor `crm`, an agent `helper` and a gate that allows what they do.

    `connection` makes the connection of a SASL user; `now_ms` is the wall clock, because grants live by it.
    """

    def __init__(self, connection: Callable[[str], Connection], partitions: int, now_ms: int) -> None:
        self._connection = connection
        self.gate = GateDriver(POLICY, partitions=partitions)
        self.gate.driver.now_ms = now_ms
        self.gate.person("olga")
        self.gate.agent("helper", owners=["olga"])
        self.gate.executor("crm", types=["crm.read", "crm.fail", "crm.list", "crm.unhandled"])
        self._copied: Counter[tuple[str, int]] = Counter()

    @property
    def trust(self) -> Trust:
        """What an executor's settings pin."""
        return bench_trust()

    def grant(self, count: int = 1, action_type: str = "crm.read", **arguments: Any) -> list[Grant]:
        """Have actions granted; `publish` brings the grants to Kafka."""
        actions = [
            self.gate.submit("helper", action_type, {"number": number, **arguments})
            for number in range(count)
        ]
        self.gate.run()
        return [self.gate.grant(action) for action in actions]

    def records(self) -> list[Record]:
        """Every grant as the gate wrote it."""
        return self.gate.driver.read("execution.crm")

    def publish(self) -> None:
        """Copy documents and grants that are not on Kafka yet."""
        for topic in ("identities", "controls", "execution.crm"):
            for partition in range(self.gate.driver.partitions):
                records, _ = self.gate.driver.log.read(topic, partition)
                new = records[self._copied[topic, partition] :]
                self._copied[topic, partition] += len(new)
                self.append(new)

    def append(self, records: Sequence[Record], partition: int | None = None) -> None:
        """Write records as they are, to their own partition or to another one."""
        by_user: dict[str, list[Record]] = {}
        for record in records:
            by_user.setdefault(_WRITERS.get(record.position.topic, "gate"), []).append(record)
        for user, own in by_user.items():
            connection = self._connection(user)
            producer = Producer(connection.producer_config())
            for record in own:
                producer.produce(
                    connection.topic(record.position.topic),
                    record.value,
                    record.key,
                    record.position.partition if partition is None else partition,
                    headers=list(record.headers),
                )
            if producer.flush(30):
                raise TimeoutError("records were not acknowledged")

    def receipts(self) -> list[Claim | Receipt]:
        """Every committed claim and receipt."""
        found: list[Claim | Receipt] = []
        with TopicReader(self._connection("executor-crm"), "receipts", From.BEGINNING) as reader:
            for record in reader.to_end():
                model = codec.decode(
                    payload_type_of(record.headers), record.value or b"", {"claim", "receipt"}
                )
                assert isinstance(model, Claim | Receipt)  # noqa: S101  # decode was told these kinds
                found.append(model)
        return found

    def batches(self) -> list[tuple[Record, ExportBatch]]:
        """Every committed batch on `exports.raw`, read as the masking processor reads them."""
        found: list[tuple[Record, ExportBatch]] = []
        with TopicReader(self._connection("masking"), "exports.raw", From.BEGINNING) as reader:
            for record in reader.to_end():
                model = codec.decode(payload_type_of(record.headers), record.value or b"", {"export-batch"})
                assert isinstance(model, ExportBatch)  # noqa: S101  # decode was told this kind
                found.append((record, model))
        return found


class Effects:
    """A file that counts what happened in the world: one line per act, written through, whatever happens to the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def act(self, action: Action, grant: Grant) -> Any:
        """A handler: it happened when the line is in the file."""
        with self._path.open("a") as file:
            file.write(grant.grant_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        return {"done": action.arguments["number"]}

    def list(self, action: Action, grant: Grant) -> Iterator[Any]:
        """A handler that yields `number` records of about a kilobyte, and fails behind them when that is asked for."""
        self.act(action, grant)
        for number in range(int(str(action.arguments["number"]))):
            yield {"number": number, "text": "é" * 500}
        if action.arguments.get("fails"):
            raise PermissionError("what it says stays here")

    def fail(self, action: Action, grant: Grant) -> Any:
        """A handler that fails after it was called."""
        self.act(action, grant)
        raise PermissionError("what it says stays here")

    @property
    def count(self) -> Counter[str]:
        """How often each grant was acted on."""
        return Counter(self._path.read_text().split()) if self._path.exists() else Counter()


def bench_trust() -> Trust:
    """The deployment and operator of every bench."""
    operator = seeded_key("operator")
    return Trust(DEPLOYMENT, {operator.key_id: operator.public})


def bench_executor(connection: Connection, effects: Path, **settings: Any) -> Executor:
    """The executor of the bench, which counts its effects in a file."""
    world = Effects(effects)
    handlers = {"crm.read": world.act, "crm.fail": world.fail, "crm.list": world.list}
    return Executor(connection, seeded_key("crm"), handlers, trust=bench_trust(), **settings)


def serve_bench_executor(
    connection: Connection, effects: Path, at: ExecutorStep | None, strike: int = signal.SIGKILL
) -> None:
    """Main function of a child process: work, and be struck by a signal the first time it comes to this step."""
    struck = False

    def fault(step: ExecutorStep) -> None:
        nonlocal struck
        if step is at and not struck:
            struck = True
            os.kill(os.getpid(), strike)

    bench_executor(connection, effects, fault=fault).serve()
