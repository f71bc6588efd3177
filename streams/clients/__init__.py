"""Everyone's way to the gate: agents, reviewers, executors, operators, auditors.

Promises: what is sent is signed, keyed by its lane and written to the partition where the gate looks for it; what is said
back is read from before the question was asked, so no answer is missed; the same id twice counts once, and with other
content never. Clients read with explicit positions, join no group and commit nothing (executors apart). A delivery that
failed is an error that says what to do.

Refuses: to send what cannot count, to guess a position that retention has deleted, to put a raw value into an error or log.

Where things are: `agent`, `async_agent`, `reviewer`, `operator`, `dead_letters` are for users; `signed_record`, `sending`,
`topic_reader`, `follower` are what they share; `outcome_history`, `inbox`, `seen`, `confusable` are their pure parts. An
executor's turn is `executor` and its steps `executor_*`. What is returned leaves by `results_slices`, `results_writing` and
`results_spool`, and comes back by `results_feed`, `results_shelf`, `results_chain` and `results_answer`.
"""
