"""The gate: what becomes of an action, from its submission to its end. Pure and replayable.

`topology` composes the rest and is what the runtime drives. An action comes in through `submissions`, which asks `verdicts`
what the policies say; what must wait is held by `approvals` under the `requirements` that were frozen with it (`decision_checks` says which decisions count, `approval_records` what is told); `grants` give
permission to one executor; `receipts` and `reconciliation` follow it to its end. `pending` and `closed` are the two stores,
`outcomes` what the agent is told.

It refuses to guess: a record that cannot be read or trusted touches no state, an engine that fails denies, and nothing here
reads a clock, draws a random number or knows Kafka.
"""
