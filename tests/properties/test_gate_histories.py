"""Random histories of the whole gate: people, agents, executors and operators doing anything, and what must hold after it.

A history is a list of (what, number, number): the numbers choose who, which action and how. The model beside the gate knows
only what was published and by whom, and shares no code with separation or quorum.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluicegate.processors.events import Event
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.approval import ApprovalRequest, Resolution
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Decision, Settled
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.receipt import Claim, Happened
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, GateDriver
from sluicegate.streams.testing.gate_driver import ISSUER, seeded_key

HEAD = """
version: 1
name: clinic
default: deny
reviews:
  one: {groups: {security: 1}, within: 30m}
  both: {groups: {security: 1, privacy: 1}, within: 10m, reason: required}
  three: {groups: {security: 1}, quorum: 3, within: 1h}
show:
  crm.write: [note]
rules:
  - {id: reads, on: [crm.read], effect: allow}
  - {id: mails, on: [mail.send], effect: allow, mask: hipaa-safe-harbor}
"""
WRITES = (
    "  - {id: writes, on: [crm.write], effect: review, review: one}\n",
    "  - {id: writes, on: [crm.write], effect: review, review: both}\n",
    (
        "  - {id: writes, on: [crm.write], effect: review, review: three}\n"
        "  - {id: big, on: [crm.write], when: action.arguments.n > 2, effect: deny}\n"
    ),
    (
        "  - {id: writes, on: [crm.write], effect: review, review: both}\n"
        "  - {id: big, on: [crm.write], when: action.arguments.absent > 2, effect: review, review: three}\n"
    ),
)
PEOPLE = ("p-ann", "p-bob", "p-cat", "p-dan", "p-own", "p-two")
LOGINS = (*PEOPLE, "p-ann-2")
AGENTS = ("one", "two")
TYPES = ("crm.read", "crm.write", "crm.write", "crm.write", "mail.send", "crm.unknown")
WAITS_MS = (1, 1_000, 2_000, 300_000, 302_000, 602_000, 1_802_000, 3_700_000)
REFUSED_COPIES = {"conflict", "too-old", "from-the-future"}
MARK = "kanari"
"""In every planted e-mail address."""

Step = tuple[str, int, int]


class History:
    """One gate, and a model of what operators have said."""

    def __init__(self) -> None:
        self.gate = GateDriver(HEAD + WRITES[0])
        self.actions: list[Action] = []
        self.claims: dict[str, list[Claim]] = {}
        self.members = {
            "security": {"p-ann", "p-bob", "p-own", "p-two"},
            "privacy": {"p-cat", "p-dan", "p-ann", "p-own"},
        }
        self.person_of = {login: login.removesuffix("-2") for login in LOGINS}
        self.behind: dict[str, set[str]] = {"one": {"p-own"}, "two": {"p-two", "p-cat"}}
        self.ever_behind = {agent: set(people) for agent, people in self.behind.items()}
        self.spoke: dict[str, tuple[str, frozenset[str]]] = {}
        self.marks: list[str] = []
        for person in PEOPLE:
            self.gate.person(person, accounts=2 if person == "p-ann" else 1)
        for group in self.members:
            self._publish_group(group)
        for agent in AGENTS:
            self._publish_agent(agent)
        self.gate.executor("crm", types=("crm.read", "crm.write"), reconcilers=("privacy",))
        self.gate.executor("mailer", types=("mail.send",), grant_life_ms=1_000, lease_ms=1_000)
        self.gate.run()

    def play(
        self, steps: Sequence[Step], *, crash: Callable[[], CommitStep | None] = lambda: None
    ) -> "History":
        """Do everything; after each step the gate works, and crashes where `crash` says so."""
        for what, one, two in steps:
            getattr(self, f"do_{what}")(one, two)
            self._work(crash())
        self.gate.driver.stalled.clear()
        self._work(None)
        return self

    def _work(self, step: CommitStep | None) -> None:
        driver = self.gate.driver
        if step is not None:
            driver.crash_at(step)
        try:
            driver.run()
        except Crashed:
            driver.restart()
            driver.run()
        driver._crash = None

    # --- agents ---

    def do_submit(self, one: int, two: int) -> None:
        """A new action of any agent, type, age and content."""
        agent, kind = AGENTS[one % 2], TYPES[two % len(TYPES)]
        created_ms = self.gate.driver.now_ms + (0, 0, 0, 0, 1_999, 2_001, -3_600_001)[one % 7]
        behalf = AccountName(issuer=ISSUER, subject="p-cat") if agent == "two" and two % 3 == 0 else None
        arguments = {
            "n": two % 4,
            "note": f"SHOWN-{two}",
            self.mark(): self.mark(),
            "deep": [{self.mark(): [self.mark()]}],
        }
        action = self.gate.action(
            agent, kind, arguments, created_at_ms=created_ms, summary=self.mark(), on_behalf_of=behalf
        )
        self.actions.append(action)
        self.gate.send(action, as_json=bool(one & 8), alter_headers=self._noisy)

    def do_copy(self, one: int, _: int) -> None:
        """The same bytes again."""
        if action := self.pick(one):
            self.gate.send(action)

    def do_conflict(self, one: int, two: int) -> None:
        """Other content under a used id, or the same content re-signed."""
        if action := self.pick(one):
            fields = {"nonce": bytes(15) + bytes([two % 256]), "created_at_ms": self.gate.driver.now_ms}
            if two % 2:
                fields["arguments"] = {"n": 3, self.mark(): 1}
            self.gate.send(action.model_copy(update=fields))

    def do_edit(self, one: int, two: int) -> None:
        """A new action in the place of any other, also another agent's."""
        if action := self.pick(one):
            edit = self.gate.action(AGENTS[two % 2], "crm.write", {"n": 1}, supersedes=action.action_id)
            self.actions.append(edit)
            self.gate.send(edit)

    def do_withdraw(self, one: int, two: int) -> None:
        """Take any action back, perhaps with an old clock."""
        if action := self.pick(one):
            self.gate.withdraw(action, created_at_ms=self.gate.driver.now_ms - (0, 3_600_001)[two % 5 == 0])

    def do_forge(self, one: int, two: int) -> None:
        """An action in another's name, a broken signature, a wrong partition."""
        action = self.gate.action(AGENTS[one % 2], "crm.write", {"n": self.mark()})
        match two % 3:
            case 0:
                self.gate.send(action, key=seeded_key(AGENTS[1 - one % 2]))
            case 1:
                self.gate.send(action, partition=1 - self.gate.driver.partition_of(action.lane.encode()))
            case _:
                key = seeded_key(action.agent)
                self.gate.append(
                    "actions", action, key, lane=action.lane, subject="s", change=lambda v: v[:-2]
                )

    def do_garbage(self, one: int, two: int) -> None:
        """Bytes that are nothing."""
        topic = self.gate.topology.sources[one % 3]
        self.gate.driver.produce(topic, self.mark().encode(), bytes([two % 256]) * (two % 9), (("x", b"y"),))

    # --- people ---

    def do_decide(self, one: int, two: int) -> None:
        """Anybody decides on any request, rightly or wrongly."""
        request = self.request(one)
        if request is None:
            return
        login = LOGINS[two % len(LOGINS)]
        choice = Choice.REJECT if two % 11 == 0 else Choice.APPROVE
        wrong = [{}] * 12 + [{"action_digest": bytes(32)}, {"view_digest": bytes(32)}, {"lane": "elsewhere"}]
        fields: dict[str, Any] = wrong[(one + two) % len(wrong)]
        reason = None if two % 5 == 0 else f"{self.mark()} is why"
        decision = self.gate.decide(login, request, choice, reason, as_json=bool(one & 4), **fields)
        person = self.person_of[login]
        groups = frozenset(group for group, people in self.members.items() if person in people)
        self.spoke[decision.decision_id] = (person, groups)

    def do_agree(self, one: int, _: int) -> None:
        """Everybody approves one request: what reaches a quorum more often than chance."""
        for two in (1, 2, 3, 4, 6):
            self.do_decide(one, two)
            self.gate.run()

    def do_reconcile(self, one: int, two: int) -> None:
        """Anybody settles anything."""
        if grant := self.grant(one):
            self.gate.reconcile(LOGINS[two % len(LOGINS)], grant, list(Settled)[two % 2], reason=self.mark())

    # --- executors ---

    def do_claim(self, one: int, two: int) -> None:
        """Either executor claims any grant."""
        if grant := self.grant(one):
            executor = ("crm", "mailer")[two % 2] if two % 4 == 0 else grant.executor
            claim = self.gate.claim(grant, executor=executor, claimed_at_ms=two)
            self.claims.setdefault(grant.grant_id, []).append(claim)

    def do_receipt(self, one: int, two: int) -> None:
        """A receipt of any claim, or of none, by anybody."""
        if grant := self.grant(one):
            claims = [*self.claims.get(grant.grant_id, []), None]
            claim = claims[two % len(claims)] if two % 3 else claims[0]
            executor = ("crm", "mailer")[two % 2] if two % 7 == 0 else grant.executor
            happened = list(Happened)[two % 3] if claim else Happened.REFUSED
            self.gate.receipt(grant, claim, happened, executor=executor, failure="Broken", check="floor")

    # --- operators ---

    def do_policy(self, one: int, two: int) -> None:
        """Another policy, or one that does not load."""
        self.gate.policy("policy", "rules: {" if two % 9 == 0 else HEAD + WRITES[one % len(WRITES)])

    def do_pause(self, one: int, two: int) -> None:
        """Stop an agent or everything, or end it."""
        agent = AGENTS[one % 2] if two % 2 else None
        self.gate.publish(DocumentKind.PAUSE, "stop", document.Pause(agent=agent, active=one % 4 == 0))

    def do_group(self, one: int, two: int) -> None:
        """Somebody joins or leaves a group."""
        group = ("security", "privacy")[one % 2]
        self.members[group] ^= {PEOPLE[two % len(PEOPLE)]}
        self._publish_group(group)

    def do_owner(self, one: int, two: int) -> None:
        """Another person becomes an owner."""
        agent = AGENTS[one % 2]
        self.behind[agent] = {PEOPLE[two % len(PEOPLE)], *({"p-cat"} if agent == "two" else ())}
        self.ever_behind[agent] |= self.behind[agent]
        self._publish_agent(agent)

    def do_move(self, _: int, two: int) -> None:
        """The second login of somebody becomes another person's."""
        person = PEOPLE[two % len(PEOPLE)]
        self.person_of["p-ann-2"] = person
        account = AccountName(issuer=ISSUER, subject="p-ann-2")
        body = document.Account(account=account, person=person, key=seeded_key("p-ann-2").public.text)
        self.gate.publish(DocumentKind.ACCOUNT, "p-ann-2", body)

    def do_topic(self, one: int, _: int) -> None:
        """An executor's topic vanishes or appears."""
        self.gate.driver.missing_executors = {"crm"} if one % 4 == 0 else set()

    # --- time and the process ---

    def do_wait(self, one: int, _: int) -> None:
        """Time passes."""
        self.gate.driver.advance(WAITS_MS[one % len(WAITS_MS)])

    def do_restart(self, one: int, two: int) -> None:
        """The process starts anew, or a task moves."""
        if one % 2:
            self.gate.driver.restart()
        else:
            self.gate.driver.rebalance(two % 2)

    # --- what there is ---

    def mark(self) -> str:
        """An identifier that no record the gate writes may hold: an e-mail address or a social security number."""
        number = len(self.marks)
        self.marks.append(
            f"{MARK}{number}@example.com" if number % 3 else f"900-{number // 10_000:02}-{number % 10_000:04}"
        )
        return self.marks[-1]

    def pick(self, number: int) -> Action | None:
        """One of the actions."""
        return self.actions[number % len(self.actions)] if self.actions else None

    def request(self, number: int) -> ApprovalRequest | None:
        """One of the requests, rather one that waits."""
        found = self.gate._models("approvals", ApprovalRequest)
        ended = {one.request_id for one in self.gate._models("approvals", Resolution)}
        waiting = [one for one in found if one.request_id not in ended]
        chosen = waiting if waiting and number % 8 else found
        return chosen[number % len(chosen)] if chosen else None

    def grant(self, number: int) -> Grant | None:
        """One of the grants, rather a late one."""
        found = self.grants()
        return found[-1 - number % min(len(found), 4)] if found else None

    def grants(self) -> list[Grant]:
        """Every grant there is, by time of issue."""
        topics = ("execution.crm", "execution.mailer")
        found = [grant for topic in topics for grant in self.gate._models(topic, Grant)]
        return sorted(found, key=lambda grant: (grant.issued_at_ms, grant.grant_id))

    def _noisy(self, headers: Headers) -> Headers:
        return (*headers, ("traceparent", self.mark().encode()), (self.mark(), self.mark().encode()))

    def _publish_group(self, group: str) -> None:
        body = document.Group(members=tuple(sorted(self.members[group])))
        self.gate.publish(DocumentKind.GROUP, group, body)

    def _publish_agent(self, agent: str) -> None:
        owners = self.behind[agent] - ({"p-cat"} if agent == "two" else set()) or {"p-two"}
        self.gate.agent(agent, owners=sorted(owners), delegators=["p-cat"] if agent == "two" else [])


_COMMON = ("submit", "submit", "submit", "decide", "decide", "decide", "agree", "claim", "claim", "receipt")
_RARE = (
    *("copy", "conflict", "edit", "withdraw", "forge", "garbage", "reconcile", "policy", "pause", "group"),
    *("owner", "move", "topic", "wait", "wait", "restart", "agree", "agree", "reconcile"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(_COMMON + _RARE), st.integers(0, 1 << 12), st.integers(0, 1 << 12)),
    min_size=8,
    max_size=32,
)
BOUNDED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def enough(needed: dict[str, int], quorum: int, people: Sequence[frozenset[str]]) -> bool:
    """Brute force: some order of these people fills every place, one person one place, and they are at least `quorum`."""
    places = [group for group, count in needed.items() for _ in range(count)]
    if not places or len(people) < max(quorum, len(places)):
        return False
    return any(
        all(place in spoken for place, spoken in zip(places, order, strict=False))
        for order in permutations(people, len(places))
    )


def check_grants(history: History) -> None:
    """Every grant that needs people rests on enough of them, by the model alone."""
    for grant in history.grants():
        if grant.requirement is None:
            assert grant.type in {"crm.read", "mail.send"}
            assert not grant.decisions
            continue
        spoke = []
        for signed in grant.decisions:
            decision = codec.decode(signed.payload_type, signed.value, {"decision"})
            assert isinstance(decision, Decision)
            assert (decision.choice, decision.request_id) == (Choice.APPROVE, grant.request_id)
            assert decision.action_digest == grant.action_digest
            spoke.append(history.spoke[decision.decision_id])
        people = [person for person, _ in spoke]
        assert len(set(people)) == len(people)
        requirement = grant.requirement
        assert enough(requirement.groups, requirement.quorum, [groups for _, groups in spoke])
        assert set(people).isdisjoint(grant.excluded)
        assert set(grant.excluded) <= history.ever_behind[grant.agent]
        assert grant.agent == "one" or "p-cat" in grant.excluded


def check_ends(history: History) -> None:
    """At most one terminal outcome per record that was taken up, and no bytes were granted twice."""
    ends: Counter[tuple[str, str, bytes]] = Counter()
    for outcome in history.gate._models("outcomes", codec.MODELS["outcome"]):
        said: Any = outcome
        if said.outcome.final and not said.repeated and said.reason not in REFUSED_COPIES:
            ends[said.agent, said.action_id, said.action_digest] += 1
    assert all(count == 1 for count in ends.values())
    assert all(count == 1 for count in Counter(grant.action.value for grant in history.grants()).values())


def check_evidence(history: History) -> None:
    """Every consumed record has exactly one leaf, tiles cover, the verifier agrees, entries are small."""
    gate = history.gate
    leaves = Counter(
        (entry.leaf.topic, entry.leaf.partition, entry.leaf.offset) for entry in gate.entries() if entry.leaf
    )
    consumed = Counter(
        (record.position.topic, record.position.partition, record.position.offset)
        for topic in gate.topology.sources
        for record in gate.driver.read(topic)
    )
    assert leaves == consumed
    report = gate.report()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
    assert report.is_complete
    assert all(len(record.value or b"") <= 2_048 for record in gate.driver.read("audit"))


def check_silence(history: History) -> None:
    """No planted identifier stands in what reviewers, agents and analysts read; views are whole, and only they show a note."""
    numbers = [mark for mark in history.marks if MARK not in mark]
    planted = [MARK, *numbers, *(number.replace("-", "") for number in numbers)]
    for topic in ("approvals", "outcomes", "audit"):
        for record in history.gate.driver.read(topic):
            parts = (record.key, record.value, *(part for _, part in record.headers))
            names = "".join(name for name, _ in record.headers).encode()
            written = b"\n".join((names, *(part or b"" for part in parts))).lower()
            assert not [text for text in planted if text.encode() in written]
            assert topic == "approvals" or b"shown-" not in written
    for request in history.gate._models("approvals", ApprovalRequest):
        arguments = json.loads(request.view.text)["arguments"]
        assert request.view.complete
        assert ("deep" in arguments) is ("SHOWN-" in str(arguments.get("note")))


@given(STEPS)
@BOUNDED
def test_any_history_keeps_the_promises(steps: list[Step]) -> None:
    """Grants rest on enough people outside the origin, ends are single, evidence is whole, and nothing planted comes out."""
    history = History().play(steps)
    check_grants(history)
    check_ends(history)
    check_evidence(history)
    check_silence(history)


def essence(history: History) -> tuple[Any, Any]:
    """State, and every written record but adoptions and tiles: a process that starts anew adopts its tables again."""
    passing = {Event.TABLES_ADOPTED.value, Event.TRANSACTION.value}
    visible = history.gate.driver.visible()
    entries = history.gate.driver.read("audit")
    kept = [r for r, e in zip(entries, history.gate.entries(), strict=True) if e.event not in passing]
    visible["audit"] = [(r.position.partition, r.key, r.value, r.headers) for r in kept]
    for topic in ("gate.pending.changelog", "gate.closed.changelog"):
        visible.pop(topic, None)
    return history.gate.driver.state(), visible


@given(STEPS, st.lists(st.none() | st.sampled_from(list(CommitStep)), min_size=32, max_size=32))
@settings(BOUNDED, max_examples=15)
def test_a_crash_at_any_step_at_any_time_changes_nothing(
    steps: list[Step], crashes: list[CommitStep | None]
) -> None:
    """The same history without a crash gives the same state and the same bytes."""
    coming = iter(crashes)
    crashed = History().play(steps, crash=lambda: next(coming, None))
    assert essence(crashed) == essence(History().play([s for s in steps if s[0] != "restart"] or steps))
    check_evidence(crashed)


@given(STEPS)
@settings(BOUNDED, max_examples=10)
def test_a_replay_gives_the_same_bytes(steps: list[Step]) -> None:
    """What is retained, consumed again, gives the same state and every record bit by bit, tiles included."""
    one, two = History().play(steps), History().play(steps)
    assert one.gate.driver.visible() == two.gate.driver.visible()
    assert one.gate.driver.state() == two.gate.driver.state()


_FIXED: list[Step] = [
    ("submit", number, number * 7 + 1) if number % 2 else (name, number * 5, number * 3)
    for number, name in enumerate((*_COMMON, *_RARE, *_COMMON))
]


def fingerprint() -> str:
    """A digest of everything that one fixed history wrote."""
    history = History().play(_FIXED)
    return sha256(repr(history.gate.driver.visible()).encode()).hex()


def test_a_replay_does_not_depend_on_the_order_of_sets() -> None:
    """Two processes with different hash seeds write the same bytes."""
    seeds = ("1", "2", "77")
    found = set()
    for seed in seeds:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, __file__],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found.add(done.stdout.strip())
    assert found == {fingerprint()}


@pytest.mark.parametrize(
    ("needed", "quorum", "people", "wanted"),
    [
        ({}, 0, [], False),
        ({}, 0, [frozenset("a")], False),
        ({"a": 1}, 1, [frozenset("a")], True),
        ({"a": 1, "b": 1}, 2, [frozenset("ab")], False),
        ({"a": 1, "b": 1}, 2, [frozenset("ab"), frozenset("a")], True),
        ({"a": 1}, 3, [frozenset("a"), frozenset("a")], False),
    ],
)
def test_the_models_own_idea_of_enough(
    needed: dict[str, int], quorum: int, people: list[frozenset[str]], *, wanted: bool
) -> None:
    """The brute force that judges the gate is right where the answer is plain."""
    assert enough(needed, quorum, people) is wanted


if __name__ == "__main__":
    sys.stdout.write(fingerprint())
