"""Verify the promises of gate and masking from `audit` alone: with an analyst's rights, offline, on an export.

The verifier shares no decision with the gate. It reads what entries say and asks whether a gate that kept its promises can
have written them: I1 to I5, I8, I12 and I13 of the invariants, and that entries are well formed.

What it refuses: to call an empty log verified, to guess about an event it does not know, to be told entries out of order.

What entries alone cannot show: whether a gate lied in an entry (who a person is, which groups they are in, what a view said);
records and entries that vanished together with the end of the log; a log that was written anew as a whole. Those need the
inputs themselves, the documents on `identities`, or an older signed checkpoint.
"""

from .findings import Check, Finding, Invariant
from .placed import Placed
from .report import Begin, Report
from .verifier import Verifier

__all__ = ["Begin", "Check", "Finding", "Invariant", "Placed", "Report", "Verifier"]
