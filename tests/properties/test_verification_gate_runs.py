"""Whatever people, agents, executors, operators and crashes do to the real gate: what it wrote down verifies."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluicegate.processors.verification import Report, Verifier
from sluicegate.schemas.action import Action
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.receipt import Happened
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, GateDriver

POLICY = """
version: 1
name: random
default: deny
reviews:
  one: {groups: {security: 1}, within: 10m}
  both: {groups: {security: 1, privacy: 1}, within: 20m}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
  - {id: writes-wait, on: [crm.write], effect: review, review: one}
  - {id: exports-wait, on: [crm.export], effect: review, review: both}
"""
STRICTER = POLICY.replace("review: one", "review: both")
TYPES = ("crm.read", "crm.write", "crm.export", "crm.drop")
PEOPLE = ("p-sec", "p-both", "p-priv", "p-owner", "p-sec-2")


def clinic() -> GateDriver:
    """Two partitions, two agents, an executor, four persons with five logins."""
    gate = GateDriver(POLICY)
    gate.person("p-sec", groups=["security"], accounts=2)
    gate.person("p-both", groups=["security", "privacy"])
    gate.person("p-priv", groups=["privacy"])
    gate.person("p-owner", groups=["security", "privacy"])
    gate.agent("agent-a", owners=["p-owner"])
    gate.agent("agent-b", owners=["p-priv"])
    gate.executor("crm", types=TYPES[:3], reconcilers=("privacy",))
    gate.run()
    return gate


def report_of(gate: GateDriver) -> Report:
    """The report on everything the gate wrote to `audit`."""
    verifier = Verifier()
    for record in gate.driver.read("audit"):
        place, entry = record.position, read_record(record, AuditEntry)
        verifier.take(place.partition, place.offset, record.append_ms, entry)
    return verifier.report()


class Crowd:
    """Does one random thing after another, legal or not, to whichever action it is told."""

    def __init__(self) -> None:
        self.gate = clinic()
        self.actions: list[Action] = []

    def act(self, what: int, which: int, how: int) -> None:
        """One thing; nothing when there is nothing to do it to."""
        if what == 0 or not self.actions:
            agent = ("agent-a", "agent-b")[which % 2]
            self.actions.append(self.gate.submit(agent, TYPES[how % 4], {"n": how}))
        elif what < 8:
            action = self.actions[which % len(self.actions)]
            things = (
                self._copy,
                self._edit,
                self._decide,
                self._decide,
                self._claim,
                self._report,
                self._settle,
            )
            things[what - 1](action, how)
        elif what == 8:
            self._time(how)
        else:
            self.run()

    def run(self) -> None:
        """Let the gate work; when it crashes, start it again."""
        try:
            self.gate.run()
        except Crashed:
            self.gate.driver.restart()
            self.gate.run()

    def _copy(self, action: Action, how: int) -> None:
        if how % 3 == 0:
            self.gate.send(action)
        elif how % 3 == 1:
            self.gate.submit(action.agent, "crm.read", {"other": how}, action_id=action.action_id)
        else:
            self.gate.withdraw(action)

    def _edit(self, action: Action, how: int) -> None:
        edit = self.gate.submit(action.agent, TYPES[how % 4], {"edit": how}, supersedes=action.action_id)
        self.actions.append(edit)

    def _decide(self, action: Action, how: int) -> None:
        requests = self.gate.requests(action)
        if requests:
            choice = Choice.REJECT if how % 7 == 0 else Choice.APPROVE
            self.gate.decide(PEOPLE[how % 5], requests[-1], choice)

    def _claim(self, action: Action, _: int) -> None:
        for grant in self.gate.grants(action):
            self.gate.claim(grant)

    def _report(self, action: Action, how: int) -> None:
        for grant in self.gate.grants(action):
            if how % 2:
                claim = self.gate.claim(grant)
                self.gate.receipt(grant, claim, (Happened.EXECUTED, Happened.FAILED)[how % 4 // 2])
            else:
                self.gate.receipt(grant, None, Happened.REFUSED, check="floor")

    def _settle(self, action: Action, how: int) -> None:
        for grant in self.gate.grants(action):
            self.gate.reconcile(PEOPLE[how % 5], grant, Settled.FAILED)

    def _time(self, how: int) -> None:
        if how % 3 == 0:
            self.gate.policy("policy", STRICTER if how % 2 else POLICY)
        elif how % 3 == 1:
            self.gate.driver.advance(100_000 * (how + 1))
            self.run()
        else:
            self.gate.driver.crash_at(list(CommitStep)[how % 7])


deeds = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 20)), min_size=10, max_size=80
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(deeds)
def test_what_the_gate_wrote_down_verifies(deeds: list[tuple[int, int, int]]) -> None:
    """No sequence of deeds leads to an entry that breaks a promise."""
    crowd = Crowd()
    for what, which, how in deeds:
        crowd.act(what, which, how)
    crowd.run()
    report = report_of(crowd.gate)
    assert [str(finding) for finding in report.findings] == []
    assert report.is_complete
