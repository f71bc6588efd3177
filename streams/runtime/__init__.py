"""The exactly-once runtime: a topology in, committed transactions out.

A *task* is one partition of a topology: pure, the same object in a worker and in the test driver. A *worker* is a process
with one synchronous loop, one consumer of the group and one transactional producer with a stable id; each turn it gathers
what has arrived, lets its tasks work, and commits everything in one transaction (see `transaction` for the steps). A
*supervisor* keeps N workers running.

Promised: input positions, state, outputs and store changes of a step commit together or not at all, through crashes,
rebalances and fencing. Refused: guessing. A call whose outcome is unknown ends the process; a partition whose offsets
are lost and tables that cannot be known to be fresh stop it with an InvariantError.

A partition that cannot get on, because the topology raises, Kafka refuses what it writes, or workers end at it, is set aside
(`troubles`): what is before the trouble is done, nothing is skipped, it is tried again after growing pauses, and the other
partitions go on.

Not promised: anything outside Kafka.
"""
