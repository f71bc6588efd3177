"""Judge what a run left behind, by code that shares nothing with the gate.

It reads the topics itself, decodes Avro with the `.avsc` files as data, hashes and checks signatures by itself, and knows the
workload's policy from the harness. Pure but for `reading`; imports nothing of `sluicegate`. What it finds is counted as lost,
doubled, ungranted or torn.
"""
