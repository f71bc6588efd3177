"""Does the broker keep the promises that "exactly once" rests on, and do its clock and ours agree?"""

from collections.abc import Iterator

from sluicegate.schemas.errors import BrokerError, SluicegateError
from sluicegate.streams.kafka.conformance import check_clock, check_transactions
from sluicegate.streams.kafka.conformance_suite import check_every_promise
from sluicegate.streams.kafka.connection import Connection

from .findings import Finding, fail, ok

TOPIC = "conformance"
SLOT = "doctor"


def examine_transactions(connection: Connection, skew_ms: int) -> Iterator[Finding]:
    """Every promise of transactions, tried, then the time of a record against this machine's."""
    try:
        found = check_every_promise(connection, TOPIC, SLOT)
    except SluicegateError as error:
        yield fail("transactions", str(error), "no gate may run on this broker before this works")
        return
    for check in found.checks:
        if not check.held:
            yield fail(
                "transactions", f"broken: {check.name}", "no gate may run on this broker: use Apache Kafka"
            )
    if found.holds:
        yield ok("transactions", f"{len(found.checks)} promises held, read back")
    try:
        ahead_ms = check_clock(connection, TOPIC)
    except SluicegateError as error:
        yield fail("clock", str(error), "sluicegate topics apply")
        return
    said = (
        f"the broker's clock is {abs(ahead_ms)} ms {'ahead of' if ahead_ms >= 0 else 'behind'} this machine's"
    )
    if abs(ahead_ms) > skew_ms:
        yield fail("clock", said, f"set the clocks; `gate.skew_ms` allows {skew_ms}")
    else:
        yield ok("clock", said)


def require_transactions(connection: Connection, first_slot: int = 0) -> None:
    """Before workers start: BrokerError when the broker breaks a promise. About half a second.

    Machines that start at once have slots of their own, and so do not fence each other here either.
    """
    found = check_transactions(connection, TOPIC, f"start-{first_slot}")
    try:
        found.require()
    except BrokerError as error:
        raise BrokerError(f"{error}; exactly-once is refused on it: see `sluicegate doctor`") from None
