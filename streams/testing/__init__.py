"""Test without Kafka, with the runtime's own task: `GateDriver` for the gate, `TopologyDriver` for any topology.

No stand-in is used for any claim about transactions: those are tested on a real broker.
"""

from .driver import Crashed, ForeignTransaction, TopologyDriver
from .gate_driver import GateDriver, seeded_key
from .topologies import Counter, PassThrough

__all__ = [
    "Counter",
    "Crashed",
    "ForeignTransaction",
    "GateDriver",
    "PassThrough",
    "TopologyDriver",
    "seeded_key",
]
