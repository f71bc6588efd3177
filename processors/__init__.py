"""Every decision the gate, an executor or a verifier makes, as pure code.

Promises: a processor is told the record, the state, the tables and the time, and returns what follows; the same input gives
the same bytes, so what was consumed can be replayed and checked. It refuses by default: unknown means no.

It never does I/O, reads a clock, draws a random number, or writes a raw value anywhere but into a grant, a dead letter or
the pending store.
"""
