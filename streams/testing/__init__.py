"""Test without Kafka, with the runtime's own task: drivers for the gate, for masking beside it, and for any topology.

No stand-in is used for any claim about transactions: those are tested on a real broker.
"""

from .driver import Crashed, ForeignTransaction, TopologyDriver
from .gate_driver import GateDriver, seeded_key
from .masking_driver import MaskingDriver
from .topologies import Counter, PassThrough, Poison, Poisoned, Unreadable

__all__ = [
    "Counter",
    "Crashed",
    "ForeignTransaction",
    "GateDriver",
    "MaskingDriver",
    "PassThrough",
    "Poison",
    "Poisoned",
    "TopologyDriver",
    "Unreadable",
    "seeded_key",
]
