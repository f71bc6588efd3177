"""Everything that knows it is Kafka: names on the cluster, rights, topics, client settings, the development broker.

Tables first: `topics` (what exists), `rights` (who may do what), `principals` (who there is, and the names of groups
and transactions). Plans compare a table with a cluster and change nothing; applying adds what is missing and never
removes. Nobody else adds the prefix of a deployment to a name or writes a client setting.

The development broker (`embedded`) is a real single-node Apache Kafka: every claim about transactions is made on
the real thing, on a laptop too. It listens on loopback only, everybody authenticates, what is not allowed is denied.

Not promised: a development broker has one copy of the data and a super user whose password lies in the state
folder. Whoever reads that folder is the operator.
"""
