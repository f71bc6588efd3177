"""Measure sluicegate on this machine: `make bench`, or `python -m benchmarks`; not part of the wheel.

Method: fixed work, done once to warm up and then in several rounds; what is shown is the median of the rounds with the
lowest and the highest. Pure code is measured in CPU time of this process, workers in wall time, in CPU time of their
processes and in CPU time of the broker. Every ratio is against a baseline of the same run. Latency is an open loop.
The broker is the development broker: one node, no replication, loopback, no TLS. Nothing here is a test: a number fails
nothing.
"""
