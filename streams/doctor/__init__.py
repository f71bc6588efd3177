"""`doctor`: is everything as it must be before a gate is relied on? Asked, never repaired.

The machine (`machine`): keys, passwords, modes, pinned operators. The cluster (`cluster`), as every principal whose password
is here: connection, topics against the table, rights by the operations that Kafka itself says are allowed, documents,
clocks, transactions that hold up readers. The broker's promises (`transactions`): by doing transactions on the topic `conformance` and reading back.

Calls of the client's administration can take a process down with them, so the cluster is asked from a child process with a
time limit (`child`): whatever happens there is a finding. A finding that fails says what to do about it; nothing of a
record's content is ever in one.
"""

from .examination import examine
from .findings import Finding, Grade

__all__ = ["Finding", "Grade", "examine"]
