"""What anybody may read: committed records of every topic, read once each, in the order in which they became visible."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import payload_type_of
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.receipt import Claim

from .cluster import SimulatedCluster

EXECUTORS: Final = ("crm", "mailer")
WRITTEN: Final = (
    *(f"execution.{name}" for name in EXECUTORS),
    *("approvals", "outcomes", "dlq.actions", "dlq.decisions", "dlq.receipts"),
)
"""Topics whose every record an entry of the gate names."""
_READ: Final = (*WRITTEN, "receipts", "audit")
_KINDS: Final = frozenset(MODELS)

Model = TypeVar("Model", bound=Wire)


@dataclass(slots=True)
class Seen:
    """Everything committed so far. `models` are the readable records by class, with the record they came from."""

    cluster: SimulatedCluster
    partitions: int
    records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    models: dict[type[Wire], list[tuple[Record, Any]]] = field(default_factory=lambda: defaultdict(list))
    unreadable: list[Position] = field(default_factory=list)
    _positions: dict[tuple[str, int], int] = field(default_factory=dict)
    _decided: set[Position] = field(default_factory=set)
    _claimed: set[str] = field(default_factory=set)

    def look(self) -> list[tuple[Record, Wire]]:
        """Read what is new: grants before claims, so that a claim never comes before the grant it names."""
        new = []
        for topic in _READ:
            for partition in range(self.partitions):
                start = self._positions.get((topic, partition), 0)
                records, self._positions[topic, partition] = self.cluster.read(topic, partition, start)
                for record in records:
                    self.records[topic].append(record)
                    if topic.startswith("dlq."):
                        continue
                    model = _decoded(record)
                    if model is None:
                        self.unreadable.append(record.position)
                    else:
                        self.models[type(model)].append((record, model))
                        new.append((record, model))
        return new

    def is_claimed(self, grant_id: str) -> bool:
        """Whether a committed claim names this grant at this very moment, whatever readers have heard of yet."""
        for partition in range(self.partitions):
            for record in self.cluster.decided("receipts", partition):
                if record.position not in self._decided:
                    self._decided.add(record.position)
                    claim = _decoded(record)
                    self._claimed |= {claim.grant_id} if isinstance(claim, Claim) else set()
        return grant_id in self._claimed

    def of(self, model: type[Model]) -> list[Model]:
        """Every record of this class."""
        return [found for _, found in self.models[model]]


def _decoded(record: Record) -> Wire | None:
    try:
        return codec.decode(payload_type_of(record.headers), record.value or b"", _KINDS)
    except RecordError:
        return None
