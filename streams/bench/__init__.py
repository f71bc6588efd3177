"""Put load on a gate and measure how long an action waits for its outcome: the load part of the benchmarks, for any cluster.

An open loop: when each action is due is fixed before the first one is sent, and its time counts from then on, whether the
generator or the gate was late. So a gate that stands still is charged for every action that should have come meanwhile
(a closed loop would send fewer, and call that fast). Actions are signed before they are due.

Not measured: executors and people. An outcome is the first one that the gate tells.
"""

from .latencies import Latencies
from .load import Load, Loaded, Submitter, run_load

__all__ = ["Latencies", "Load", "Loaded", "Submitter", "run_load"]
