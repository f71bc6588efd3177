"""The numbered steps of an executor's turn, and the hook that fault tests pass in; what they mean is in `executor`."""

from enum import IntEnum
from typing import Protocol


class ExecutorStep(IntEnum):
    """Before each of these a fault can strike. 3 and 7 are transactions: the longer numbers are moments inside them."""

    READ = 1
    CHECK = 2
    CLAIM = 3
    CLAIM_COMMIT = 30
    APPEND_TIME = 4
    ACT = 5
    RESULT = 6
    RECEIPT = 7
    RECEIPT_WRITE = 70
    RECEIPT_COMMIT = 71


class FaultHook(Protocol):
    """Called before each step. Tests pass one that raises or ends the process; the program passes `no_fault`."""

    def __call__(self, step: ExecutorStep) -> None:
        """Let the step happen by returning."""
        ...


def no_fault(step: ExecutorStep) -> None:
    """The hook of the running program."""
