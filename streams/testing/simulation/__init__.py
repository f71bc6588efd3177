"""A deterministic simulation of the whole gate: one seed gives agents, people, executors, faults and their order.

The real task, transaction, producer, restorer, executor and topology run over a cluster in memory that crashes processes
before every numbered step, loses answers, lets requests arrive late, moves partitions, lets processes stand still, skews
clocks and shows records of abandoned transactions. What must hold is checked by code that shares nothing with the gate's
decisions (`checks`), by a replay from the audit log (`replay`), and by the shipped verifier.

It proves nothing about Kafka: what only a real broker shows is tested on a real one.
"""

from .checks import SENTENCES, Broken
from .events import Event, events_of
from .shrinking import shrink
from .simulator import EVENTS, Mode, Result, simulate

__all__ = ["EVENTS", "SENTENCES", "Broken", "Event", "Mode", "Result", "events_of", "shrink", "simulate"]
