"""The executor's checks: everything a grant claims is checked again before anything happens in the world.

Promises: the executor trusts operators' documents alone. A gate's signature opens the examination, it never ends it: action and
decisions are verified against the executor's own directory, and the *floor*, which operators sign per action type, is judged
without any policy. So a stolen gate key releases nothing that the floor protects. The first check that fails ends the
examination and has a stable code.

Stricter than the gate on purpose: membership, retirement and revocation count as they are *now*, at act time, not as they were
when a person decided. What an operator takes back between grant and act stays undone.

Does not promise that a grant is used once: that is the executor's claim (`streams.clients.executor`).
"""

from .check import SENTENCES, Check, Refusal, Released
from .examination import OWN_TABLES, STRAY, Post, examine, stopped

__all__ = [
    "OWN_TABLES",
    "SENTENCES",
    "STRAY",
    "Check",
    "Post",
    "Refusal",
    "Released",
    "examine",
    "stopped",
]
