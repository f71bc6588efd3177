"""All I/O: Kafka, files, clocks, signals, terminals. What is decided lives in `processors`, what is on the wire in `schemas`.

Promises

- What a step of the gate read, what it remembers and what it writes commit in one Kafka transaction, or not at all.
- Steps whose order is safety (commit, restore, claim) are numbered, and a fault test stands before each.
- Every call to Kafka has a timeout; a watchdog ends a process whose call does not return.
- Times are told to `processors`, never read there. A log-append time is the broker's, a wall-clock time this machine's.
- Logs, metrics and errors never hold a raw value; whoever reads an error learns what was wrong and what to do.

Refuses

- to hold policy: nothing here knows who may approve what, so a second way to the same answer cannot appear;
- to use a producer for a new transaction after an unclear error, because nobody knows what the log says then;
- a cluster beyond this machine without TLS, settings that decide what exactly-once means, a private file that others can read;
- to start over on a partition whose state cannot be vouched for: it stops loudly;
- a switch in the environment that makes shipped code fail on purpose: faults are hooks that tests pass in.

Where things are

- `kafka`: connection, topics, rights, the development broker;  `runtime`: what runs a topology exactly once
- `clients`: agents, reviewers, executors, operators, analysts;  `cli`: the same for people and scripts
- `settings`, `state_folder`, `logs`: what a process is told, where its secrets are, what it says
- `local`, `play`, `demo`: a whole deployment on one machine, recordings through it, a story about it
- `testing`: the driver that runs the real task over topics in memory, for your own tests too
- `_root`: the two files that become `sluicegate` itself

Console, chat channels, gateway and evidence packs will be packages beside these.
"""
