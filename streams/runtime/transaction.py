"""One transaction of a worker: what its tasks collected becomes visible together, or not at all.

The order is safety. Numbers stand for moments before which a fault is injected in tests:

1. begin
2. produce the outputs, grants signed by one signature
3. produce the changes of the stores to their changelogs
4. flush: every record is acknowledged before offsets move (an unsent record of an abandoned transaction can come back)
5. send the offsets of every input of every task, with fresh group metadata
6. commit
7. merge the overlays into the stores: only now has it happened

A crash before 6 has written nothing that a reader of committed records sees; a crash after 6 is repaired by the restore,
which reads the changelogs instead of the lost overlays.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Protocol

from sluicegate.processors.contract import Output
from sluicegate.processors.grant_signature import GrantSignature, sign_grants
from sluicegate.schemas.envelope import CONTENT_TYPE, PATH_HEADER, SIGNATURE_HEADER, Headers, header
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.keys import PrivateKey

from .task import Progress, Task, Written


class CommitStep(IntEnum):
    """The steps of one transaction, see the module."""

    BEGIN = 1
    OUTPUTS = 2
    CHANGELOGS = 3
    FLUSH = 4
    OFFSETS = 5
    COMMIT = 6
    MERGE = 7


class FaultHook(Protocol):
    """Called before each step. Tests pass one that raises or ends the process; the program passes `no_fault`."""

    def __call__(self, step: CommitStep) -> None:
        """Let the step happen by returning."""
        ...


class TransactionalProducer(Protocol):
    """What a transaction needs of a producer: the real one, or the test driver's.

    Raises `MustAbort` when the transaction is to be aborted and its inputs read again; anything else ends the process.
    """

    def begin(self) -> None:
        """Start a transaction."""
        ...

    def produce(self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Hand over one record; `topic` is the logical name."""
        ...

    def flush(self) -> None:
        """Wait until every record is acknowledged."""
        ...

    def send_offsets(self, progress: Sequence[Progress]) -> None:
        """Add offsets of the group to the transaction."""
        ...

    def commit(self) -> None:
        """End it well."""
        ...


class MustAbort(Exception):  # noqa: N818  # an instruction, not an error: nothing is wrong with the inputs
    """This transaction cannot commit: abort it, discard the overlays, read from the committed offsets again."""


class Blamed(MustAbort):
    """It cannot commit because of one partition: abort it, and do the others without that one.

    `partition` is None where a topic has one partition for all, so that nobody knows whose record it was.
    """

    def __init__(self, message: str, partition: int | None, *, raised: bool = False) -> None:
        super().__init__(message)
        self.partition = partition
        self.raised = raised
        """Whether the topology raised, before the transaction was begun; otherwise Kafka refuses what is to be written."""


def no_fault(step: CommitStep) -> None:
    """The hook of the running program."""


def commit(
    producer: TransactionalProducer,
    tasks: Sequence[Task[Any]],
    now_ms: int,
    *,
    key: PrivateKey | None,
    fault: FaultHook = no_fault,
) -> None:
    """Write what these tasks collected in one transaction, then merge. `key` signs grants."""
    writes = [_closed(task, now_ms) for task in tasks]
    signatures = _signatures(writes, key)
    fault(CommitStep.BEGIN)  # 1
    producer.begin()
    fault(CommitStep.OUTPUTS)  # 2
    _produce_outputs(producer, writes, signatures)
    fault(CommitStep.CHANGELOGS)  # 3
    for written in writes:
        for changelog, entry, value in written.changes:
            producer.produce(changelog, written.partition, entry, value, ())
    fault(CommitStep.FLUSH)  # 4
    producer.flush()
    fault(CommitStep.OFFSETS)  # 5
    producer.send_offsets([progress for written in writes for progress in written.progress])
    fault(CommitStep.COMMIT)  # 6
    producer.commit()
    fault(CommitStep.MERGE)  # 7
    for task in tasks:
        task.committed()


def _closed(task: Task[Any], now_ms: int) -> Written:
    try:
        return task.close(now_ms)
    except Exception as error:
        said = f"the topology raised {type(error).__name__} when a transaction was closed"
        raise Blamed(said, task.partition, raised=True) from error


def _produce_outputs(
    producer: TransactionalProducer, writes: Sequence[Written], signatures: Sequence[GrantSignature]
) -> None:
    remaining = iter(signatures)
    produce = producer.produce
    for written in writes:
        partition = written.partition
        for output in written.outputs:
            headers = output.headers
            if output.signed:
                signature = next(remaining)
                headers = (
                    *headers,
                    (SIGNATURE_HEADER, signature.sig.encode()),
                    (PATH_HEADER, signature.path.encode()),
                )
            produce(output.topic, partition, output.key, output.value, headers)


def _signatures(writes: Sequence[Written], key: PrivateKey | None) -> tuple[GrantSignature, ...]:
    grants = [_signed(output) for written in writes for output in written.outputs if output.signed]
    if not grants:
        return ()
    if key is None:
        raise InvariantError(
            "an output asks for the gate's signature and there is no key; set the gate's key"
        )
    return sign_grants(key, grants)


def _signed(output: Output) -> tuple[str, bytes]:
    content_type = header(output.headers, CONTENT_TYPE)
    if content_type is None:
        raise InvariantError(f"an output to `{output.topic}` is to be signed and has no `content-type`")
    return content_type.decode("ascii"), output.value
