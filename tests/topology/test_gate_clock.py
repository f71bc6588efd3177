"""A gate whose wall clock was wrong for a while: what it believed about the future is forgotten with the clock that said so."""

from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver

HOUR_MS = 3_600_000


def test_z6_after_a_clock_that_was_an_hour_ahead_new_requests_keep_their_time(clinic: GateDriver) -> None:
    """A request opened after the clock was set right waits until its own deadline, and people can still decide in time."""
    early = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    clinic.advance(HOUR_MS)
    clinic.run()
    assert clinic.outcome(early).outcome is OutcomeKind.EXPIRED
    clinic.advance(-HOUR_MS)
    late = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    assert clinic.outcome(late).outcome is OutcomeKind.PENDING
    clinic.advance(60_000)
    clinic.run()
    assert clinic.outcome(late).outcome is OutcomeKind.PENDING
    clinic.advance(HOUR_MS)
    clinic.run()
    assert clinic.outcome(late).outcome is OutcomeKind.EXPIRED
