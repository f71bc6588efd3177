"""Every decision the gate, an executor or a verifier makes, as pure code.

Promises

- A processor is told the record, the state, the tables and the time, and *returns* what follows: the next state and the
  outputs. Same input, same bytes; so what was consumed can be replayed and checked.
- Unknown means no. An empty requirement, a missing fact, a failing rule, an engine error refuse, and say why.
- Every record consumed gets an audit entry, every change an outcome, every decision a tally.
- Ids of what is written derive from the position of what was read; the next due moment derives from the state. A restore or
  a rebalance therefore loses no deadline and names nothing anew.
- A raw value goes nowhere but into a grant, a dead letter or the pending store. Views and entries hold ids, digests,
  sizes, and what an operator's `show:` declared harmless.

Refuses

- I/O, clocks, random numbers, global state: an import contract and the replay tests hold it to that;
- a flag that lifts a check. Nobody approves their own action, and there is no argument that says otherwise;
- to decide about a record before its signature, its signer and its lane hold: until then it can touch nobody's action.

Where things are

- `contract`: what a topology is;  `gate`: the gate's topology, composed of the rest
- in the order an action meets them: `intake`, `policy`, `approvals`, `separation`, `quorum`, `grants`, `receipts`, `closed`
- `tables`, `directory`, `controls`: operators' documents, folded;  `release`: what an executor checks again
- `audit`, `events`, `merkle`: what is written down;  `story`: told in sentences;  `verification`: checked from `audit` alone
- `masking`: what may be seen of a value; detectors and the verifier of what leaves come later
"""
