"""What is watched: the slots of one processor, as its supervisor knows them."""

from dataclasses import dataclass
from typing import Protocol

from sluicegate.streams.runtime.status import SlotStatus


class Supervising(Protocol):
    """A `Supervisor`, or who has one."""

    @property
    def status(self) -> tuple[SlotStatus, ...]:
        """What is known of every slot."""
        ...

    @property
    def idle_s(self) -> float:
        """Seconds since it looked at its workers."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """One processor on this machine."""

    processor: str
    """`gate` or `masking`; a label of every metric."""
    supervisor: Supervising
    partitions: int
    """Of the deployment."""
    shared: bool = False
    """Whether other machines run workers of this processor too: a partition that nobody holds here is theirs then."""
