"""Test a topology without Kafka, with the runtime's own task: `TopologyDriver` and two small topologies.

No stand-in is used for any claim about transactions: those are tested on a real broker.
"""

from .driver import Crashed, ForeignTransaction, TopologyDriver
from .topologies import Counter, PassThrough

__all__ = ["Counter", "Crashed", "ForeignTransaction", "PassThrough", "TopologyDriver"]
