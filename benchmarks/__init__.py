"""Measure sluicegate on this machine: `python -m benchmarks`, or `make bench`; not part of the wheel.

Method: fixed work, done once to warm up and then in several rounds; what is shown is the median of the rounds with the
fastest and the slowest. Pure code is measured in CPU time of this process, a worker in CPU time of its process, a gate on
a real Kafka also in wall time. Every ratio is against a baseline of the same run. Nothing here is a test: a number fails
nothing.
"""
