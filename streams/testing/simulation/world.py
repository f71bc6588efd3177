"""A deployment in memory: agents, people, executors, workers of the gate, and everything that can happen to them."""

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, Final

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import ApprovalRequest, Resolution
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import envelope_digest, payload_type_of
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.driver import START_MS, Crashed
from sluicegate.streams.testing.gate_driver import GateDriver, seeded_key

from .checks import Broken, check_new
from .cluster import SimulatedCluster
from .events import Event
from .executor_process import EXECUTOR_ENDED, ExecutorCrashedError, ExecutorProcess
from .gate_worker import CachedGate, Ended, GateWorker
from .history import ALLOWED, LOGINS, MEMBERS, OWNERS, PEOPLE, TYPES, History, Said, Submitted, policy
from .seen import EXECUTORS, WRITTEN, Seen

PARTITIONS: Final = 2
WORKERS: Final = 2
AGENTS: Final = tuple(OWNERS)
WAITS_MS: Final = (1, 100, 500, 2_001, 5_000, 11_000, 31_000, 62_000)
SKEWS_MS: Final = (-1_900, -700, 0, 700, 1_900)
WILD_SKEWS_MS: Final = (-3_600_000, 3_600_000)
LEASE_MS: Final = 30_000
"""How long an executor may take; `mailer` has one second for everything."""
_CRM_TYPES: Final = ("crm.read", "crm.write", "crm.both", "crm.trio", "crm.drop")
_TURNS: Final = 40


class Greedy(Random):
    """Takes everything that is there."""

    def random(self) -> float:
        """The largest number."""
        return 0.999999


class World:
    """One simulation. `do` makes one event happen; what must always hold is checked after each."""

    def __init__(
        self,
        *,
        wild_clocks: bool = False,
        policies_change: bool = False,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.cluster = SimulatedCluster(START_MS, PARTITIONS)
        self.history = History()
        self.seen = Seen(self.cluster, PARTITIONS)
        self.wild_clocks = wild_clocks
        self.policies_change = policies_change
        self.faults = 0
        self.met_open = 0
        """Faults that met an open transaction."""
        self.broken: list[Broken] = []
        self._note = note
        self._standing: set[int] = set()
        self._greedy = Greedy(0)
        enrolled = _enrolled()
        given = enrolled.topology
        self.topology = CachedGate(given.trust, PARTITIONS, "simulated", given.window, given.json_topics)
        self.cluster.begin_with(enrolled.driver.log)
        self.cluster.now_ms += 3_000
        self.people = enrolled.beside(self.topology, self.cluster)
        self.workers = [
            GateWorker(self.topology, self.cluster, slot, PARTITIONS, self.people.gate_key)
            for slot in range(WORKERS)
        ]
        self.executors = {
            name: ExecutorProcess(
                self.cluster,
                name,
                seeded_key(name),
                _CRM_TYPES if name == "crm" else ("mail.send",),
                given.trust,
                PARTITIONS,
                lambda: self.workers[0].tables.current,
                self._act,
            )
            for name in EXECUTORS
        }

    def do(self, event: Event) -> None:
        """Make it happen, then look at what everybody may read."""
        self.people.driver.now_ms = self.cluster.now_ms
        if self._note is not None:
            self._note(f"+{(self.cluster.now_ms - START_MS) / 1000:.3f} s  {event.kind} {event.number:x}")
        getattr(self, f"_do_{event.kind}")(event.chance())
        self.look()

    def look(self) -> None:
        """Read what is new, and check what must hold at any time."""
        new = self.seen.look()
        if self._note is not None:
            for record, model in new:
                self.say(_line(record, model))
        self.broken += check_new(self.history, self.seen, new)

    def say(self, line: str) -> None:
        """A line of the trace."""
        if self._note is not None:
            self._note(f"            {line}")

    def heal(self) -> None:
        """No fault from here on: clocks agree, requests arrive, everybody reads everything."""
        for worker in self.workers:
            worker.at_step.clear()
            worker.network.commit = worker.network.offsets = None
            worker.network.delivery = False
            worker.skew, worker.brokers_skew, worker.tables_lag_ms = 0, 0, 0
            worker.stalled.clear()
        for executor in self.executors.values():
            executor.at_step.clear()
            executor.network.commit = executor.network.offsets = None
            executor.network.delivery = False
            executor.clock.skew = 0
        while self.cluster.late:
            self.cluster.arrive_late()
        self.cluster.markers_wait = False
        self.cluster.deliver_markers()

    def work(self) -> None:
        """Let everybody work until nothing is left to do at this moment."""
        for _ in range(_TURNS):
            before = self._progress()
            for worker in self.workers:
                self._gate_turn(worker, self._greedy)
            for executor in self.executors.values():
                self._executor_turn(executor, self._greedy)
            self.look()
            if self._progress() == before:
                return

    def pass_time(self, milliseconds: int) -> None:
        """The brokers' clock goes on, and what is open for too long is ended."""
        self.cluster.now_ms += milliseconds
        self.people.driver.now_ms = self.cluster.now_ms
        self.cluster.time_out()

    def reconcile(self) -> None:
        """People settle what is unknown."""
        news = [
            told
            for record, told in self.seen.models[Outcome]
            if record.position not in self.history.ghosts and not told.repeated and told.reason != "conflict"
        ]
        last = {(each.agent, each.action_id): each for each in news}
        for grant in self.seen.of(Grant):
            told = last.get((grant.agent, grant.action_id))
            if told is not None and told.outcome is OutcomeKind.UNKNOWN and told.grant_id == grant.grant_id:
                self.people.reconcile("p-cat", grant, Settled.EXECUTED)

    def _progress(self) -> tuple[int, ...]:
        return (
            *(worker.commits + worker.starts + len(worker.tasks) for worker in self.workers),
            *(sum(executor.counts.values()) for executor in self.executors.values()),
            sum(self.cluster.high_watermark(topic, n) for topic in ("receipts",) for n in range(PARTITIONS)),
        )

    # --- agents ---

    def _do_submit(self, chance: Random) -> None:
        self._submit(chance, None)

    def _do_supersede(self, chance: Random) -> None:
        if earlier := self._pick(chance):
            self._submit(chance, earlier)

    def _submit(self, chance: Random, earlier: Action | None) -> None:
        agent = earlier.agent if earlier else chance.choice(AGENTS)
        age_ms = chance.choice((0, 0, 0, 0, 0, 0, 0, 1_500, 3_600_001))
        action = self.people.action(
            agent,
            chance.choice(TYPES),
            {"n": chance.randrange(4)},
            created_at_ms=self.cluster.now_ms - age_ms,
            supersedes=earlier.action_id if earlier else None,
        )
        self._sent(action, self.people.send(action))

    def _do_copy(self, chance: Random) -> None:
        if self.history.first:
            first = chance.choice(list(self.history.first.values()))
            self._sent(first.action, self.people.driver.produce_again(first.position))

    def _do_conflict(self, chance: Random) -> None:
        if action := self._pick(chance):
            fields: dict[str, Any] = {"created_at_ms": self.cluster.now_ms, "nonce": bytes(16)}
            if chance.random() < 0.8:  # noqa: PLR2004  # most of them say something else
                fields["arguments"] = {"n": 99}
            changed = action.model_copy(update=fields)
            self._sent(changed, self.people.send(changed))

    def _do_withdraw(self, chance: Random) -> None:
        if action := self._pick(chance):
            self.people.withdraw(action)

    def _do_forge(self, chance: Random) -> None:
        """An action that nobody may act upon: another's key, another key under its id, a wrong place, no bytes at all."""
        agent = chance.choice(AGENTS)
        action = self.people.action(agent, chance.choice(TYPES), {"n": 1})
        other, kind = AGENTS[1 - AGENTS.index(agent)], chance.randrange(5)
        match kind:
            case 0:
                position = self.people.send(action, key=seeded_key(other))
            case 1:
                wrong = 1 - self.people.driver.partition_of(action.lane.encode())
                position = self.people.send(action, partition=wrong)
            case 2:
                position = self.people.send(
                    action, alter_headers=lambda found: _with_key_id(found, agent, other)
                )
            case 3:
                position = self.people.driver.produce("actions", agent.encode(), b"\xff\x00", (("x", b"y"),))
            case _:
                position = self.people.append(
                    "actions",
                    action,
                    seeded_key(agent),
                    lane=agent,
                    subject="s",
                    change=lambda value: value[:-1] + bytes([value[-1] ^ 1]),
                )
        self.history.bad[position] = ("signer", "partition", "key id", "bytes", "value")[kind]

    def _sent(self, action: Action, position: Position) -> None:
        record = self.cluster.read(position.topic, position.partition, position.offset, 1)[0][0]
        digest = envelope_digest(payload_type_of(record.headers), record.value or b"")
        submitted = Submitted(action, digest, record.append_ms, position)
        key = action.agent, action.action_id
        if action.created_at_ms < record.append_ms - 3_600_000:
            self.history.stale.append(submitted)
        elif key in self.history.first:
            self.history.later.append(submitted)
        else:
            self.history.first[key] = submitted

    def _pick(self, chance: Random) -> Action | None:
        found = list(self.history.first.values())[-6:]
        return chance.choice(found).action if found else None

    # --- people ---

    def _do_decide(self, chance: Random) -> None:
        request = self._request(chance)
        if request is None:
            return
        wrong: dict[str, Any] = {}
        if chance.random() < 0.25:  # noqa: PLR2004  # a quarter is about something else
            wrong = chance.choice(
                ({"action_digest": bytes(32)}, {"view_digest": bytes(32)}, {"request_id": "rq-other"})
            )
        choice = Choice.REJECT if chance.random() < 0.12 else Choice.APPROVE  # noqa: PLR2004
        reason = None if chance.random() < 0.2 else "seen"  # noqa: PLR2004
        self._decide(chance.choice(LOGINS), request, choice, reason, wrong)

    def _do_agree(self, chance: Random) -> None:
        """Several people approve one request, in any order, the same person perhaps twice."""
        request = self._request(chance)
        if request is not None:
            people = chance.choices(LOGINS, k=chance.randrange(2, 7))
            for login in people:
                self._decide(login, request, Choice.APPROVE, "seen", {})

    def _do_close_call(self, chance: Random) -> None:
        """People approve about when the deadline of a request passes, and the gate looks later."""
        request = self._request(chance)
        if request is None:
            return
        left_ms = request.requirement.deadline_ms - self.cluster.now_ms
        self.pass_time(max(0, left_ms + chance.choice((-500, -1, -1, 1))))
        for login in chance.sample(PEOPLE, k=chance.randrange(3, 8)):
            self._decide(login, request, Choice.APPROVE, "seen", {})
        self._look_later(chance, "decisions")

    def _look_later(self, chance: Random, lagging: str) -> None:
        """The gate looks again and again, and reads everything but one input."""
        self.pass_time(chance.choice((4_001, 6_000)))
        before = [set(worker.stalled) for worker in self.workers]
        for worker in self.workers * 4:
            worker.stalled = {lagging}
            self._gate_turn(worker, self._greedy)
        for worker, stalled in zip(self.workers, before, strict=True):
            worker.stalled = stalled

    def _do_repeat_decision(self, chance: Random) -> None:
        records = self._last("decisions")
        if records:
            self.people.driver.produce_again(chance.choice(records).position)

    def _decide(
        self, login: str, request: ApprovalRequest, choice: Choice, reason: str | None, wrong: dict[str, Any]
    ) -> None:
        decision = self.people.decide(login, request, choice, reason, **wrong)
        self.history.spoke[decision.decision_id] = Said(
            login,
            choice,
            decision.request_id,
            decision.action_digest,
            decision.view_digest,
            reason,
            self.cluster.now_ms,
        )

    def _request(self, chance: Random) -> ApprovalRequest | None:
        requests = self.seen.of(ApprovalRequest)
        ended = {resolution.request_id for resolution in self.seen.of(Resolution)}
        waiting = [request for request in requests if request.request_id not in ended]
        chosen = waiting if waiting and chance.random() < 0.9 else requests  # noqa: PLR2004
        return chance.choice(chosen) if chosen else None

    # --- executors ---

    def _do_executor(self, chance: Random) -> None:
        self._executor_turn(self.executors[chance.choice(EXECUTORS)], chance)

    def _do_executor_dies(self, chance: Random) -> None:
        executor = self.executors[chance.choice(EXECUTORS)]
        step = chance.choice(list(ExecutorStep))
        fault = chance.choice(("die", "die", "reply-lost", "late", "refused"))
        if fault == "die":
            executor.at_step[step] = lambda: self._kill_executor(executor, step)
        elif fault == "refused":
            executor.network.offsets = fault
        else:
            executor.network.commit = fault

    def _kill_executor(self, executor: ExecutorProcess, step: ExecutorStep) -> None:
        self._count_fault(f"executor.{executor.name}.0")
        self.say(f"{executor.name} is killed before step {step.name}")
        raise ExecutorCrashedError

    def _do_told_late(self, chance: Random) -> None:
        """Executors claim and act, and the gate looks later."""
        for executor in self.executors.values():
            self._executor_turn(executor, self._greedy)
        self._look_later(chance, "receipts")

    def _do_stranger_claims(self, chance: Random) -> None:
        """A claim or receipt that the executor did not write: another executor's, or a second claim under its key."""
        grants = self.seen.of(Grant)
        if not grants:
            return
        grant = chance.choice(grants[-4:])
        other = EXECUTORS[1 - EXECUTORS.index(grant.executor)]
        if chance.random() < 0.5:  # noqa: PLR2004
            claim = self.people.claim(grant, executor=other)
            self.history.strangers.add(claim.claim_id)
        else:
            receipt = self.people.receipt(grant, None, executor=other)
            self.history.strangers.add(receipt.receipt_id)

    def _do_copy_grant(self, chance: Random) -> None:
        """Somebody who may write there sends a grant again: in its place or on another partition."""
        topic = f"execution.{chance.choice(EXECUTORS)}"
        records = self._last(topic)
        if records:
            record = chance.choice(records)
            partition = chance.choice((record.position.partition, 0, 1))
            self._ghost(record, partition)

    def _do_rewind_executor(self, chance: Random) -> None:
        """Somebody sets the offsets of an executor's group back to the beginning, and its process begins anew."""
        executor = self.executors[chance.choice(EXECUTORS)]
        for partition in range(PARTITIONS):
            self.cluster.offsets.pop((executor.grants.topic, partition), None)
        executor.restart()

    def _executor_turn(self, executor: ExecutorProcess, chance: Random) -> None:
        try:
            executor.turn(chance)
        except EXECUTOR_ENDED:
            executor.restart()

    def _act(self, action: Action, grant: Grant) -> None:
        """What happens at the target."""
        done = grant.agent, grant.action_id, grant.grant_id
        self.history.tried.append(done)
        if not self.seen.is_claimed(grant.grant_id):
            self.broken.append(Broken("I1", f"{action.action_id} is acted on before its claim is committed"))
        if sha256(grant.grant_id.encode())[0] % 8 == 0:
            raise ConnectionError
        self.history.effects.append(done)
        self.say(f"the target does {action.action_id} for {grant.grant_id}")

    # --- the gate ---

    def _do_gate(self, chance: Random) -> None:
        self._gate_turn(chance.choice(self.workers), chance)

    def _gate_turn(self, worker: GateWorker, chance: Random) -> None:
        try:
            worker.turn(chance)
        except Ended as reason:
            self.say(f"worker {worker.slot} ends: {reason}")
            worker.restart()
            self.cluster.assign(1)

    def _do_crash(self, chance: Random) -> None:
        worker, step = chance.choice(self.workers), chance.choice(list(CommitStep))
        worker.at_step[step] = lambda: self._crash(worker, step)

    def _crash(self, worker: GateWorker, step: CommitStep) -> None:
        self._count_fault(f"gate.{worker.slot}")
        raise Crashed(step)

    def _do_refuse(self, chance: Random) -> None:
        """The next transaction of a worker has to be aborted."""
        worker = chance.choice(self.workers)
        if chance.random() < 0.5:  # noqa: PLR2004
            worker.network.offsets = "refused"
        else:
            worker.network.delivery = True
        self.faults += 1

    def _do_time_out(self, chance: Random) -> None:
        """A call about the next transaction is not answered."""
        worker = chance.choice(self.workers)
        if chance.random() < 0.3:  # noqa: PLR2004
            worker.network.offsets = "reply-lost"
        else:
            worker.network.commit = chance.choice(("reply-lost", "late", "late"))
            if chance.random() < 0.7:  # noqa: PLR2004  # and it stands still in the transaction after that one
                number = chance.getrandbits(32)
                worker.at_step[CommitStep.MERGE] = lambda: worker.at_step.update(
                    {
                        CommitStep.OFFSETS: lambda: self._stand_still(
                            worker,
                            CommitStep.OFFSETS,
                            7_000,
                            Random(number),  # noqa: S311
                        )
                    }
                )
        self.faults += 1

    def _do_pause(self, chance: Random) -> None:
        """A worker stands still in the middle of its next commit, for longer than its session or its transaction."""
        self._pause_next(chance.choice(self.workers), chance)

    def _pause_next(self, worker: GateWorker, chance: Random) -> None:
        step = chance.choice(list(CommitStep))
        for_ms = chance.choice((500, 7_000, 12_000))
        number = chance.getrandbits(32)
        worker.at_step[step] = lambda: self._stand_still(worker, step, for_ms, Random(number))  # noqa: S311

    def _stand_still(self, worker: GateWorker, step: CommitStep, for_ms: int, chance: Random) -> None:
        self._count_fault(f"gate.{worker.slot}")
        self.say(f"worker {worker.slot} stands still before step {step.name} for {for_ms} ms")
        now_ms = worker.now_ms
        self._standing.add(worker.slot)
        self.pass_time(for_ms)
        if for_ms > 6_000:  # noqa: PLR2004  # the session's time
            self.cluster.evict(worker.member)
            self.cluster.assign(1)
        for _ in range(6):
            other = chance.choice(self.workers)
            if other.slot not in self._standing:
                self._gate_turn(other, chance)
        while self.cluster.late:
            self._do_late_request(chance)
        self._standing.discard(worker.slot)
        worker.now_ms = now_ms
        self.say(f"worker {worker.slot} goes on")

    def _do_rebalance(self, _: Random) -> None:
        self.cluster.assign(1)
        self.faults += 1

    def _do_markers(self, chance: Random) -> None:
        """The markers of the next end are late; or some of those that are late arrive."""
        if chance.random() < 0.6:  # noqa: PLR2004
            self.cluster.markers_wait = True
        else:
            self.cluster.deliver_markers(most=chance.randrange(1, 4))

    def _do_late_request(self, _: Random) -> None:
        if self.cluster.late and self.cluster.arrive_late():
            self.say("a late copy of a request has ended a transaction")

    def _do_ghost(self, chance: Random) -> None:
        """A record of an abandoned transaction becomes visible after all: what readers must bear.

        No grant: what people decided meanwhile could make it one that nobody gives any more, and no executor could tell. What
        excludes it is the producer: it flushes before the offsets, and a process that gives up ends without closing it.
        """
        abandoned = [
            record
            for record in self.cluster.abandoned
            if record.position.topic in WRITTEN and not record.position.topic.startswith("execution.")
        ]
        if abandoned:
            record = chance.choice(abandoned)
            self._ghost(record, record.position.partition)

    def _ghost(self, record: Record, partition: int) -> None:
        position = self.people.driver.produce(
            record.position.topic, record.key, record.value, record.headers, partition=partition
        )
        self.history.ghosts.add(position)
        self.say(f"a copy of {record.position} appears at {position}")

    def _do_stall(self, chance: Random) -> None:
        """A worker gets to read one of its inputs no more, or all of them again."""
        worker, source = chance.choice(self.workers), chance.choice(self.topology.sources)
        worker.stalled ^= {source}

    def _count_fault(self, name: str) -> None:
        self.faults += 1
        self.met_open += self.cluster.has_open_records(name)

    # --- time and operators ---

    def _do_wait(self, chance: Random) -> None:
        """Time passes; perhaps something is about to go wrong when what is due then is written."""
        self.pass_time(chance.choice(WAITS_MS))
        if chance.random() < 0.25:  # noqa: PLR2004
            self._do_refuse(chance)

    def _do_skew(self, chance: Random) -> None:
        skews = SKEWS_MS + (WILD_SKEWS_MS if self.wild_clocks else ())
        skew = chance.choice(skews)
        if chance.random() < 0.7:  # noqa: PLR2004
            worker = chance.choice(self.workers)
            # Brokers' clocks are as far apart as the gate bears, machines' as far as they like.
            worker.skew, worker.brokers_skew = skew, 0 if skew in WILD_SKEWS_MS else skew
        else:
            self.executors[chance.choice(EXECUTORS)].clock.skew = skew

    def _do_lag(self, chance: Random) -> None:
        chance.choice(self.workers).tables_lag_ms = chance.choice((0, 500, 1_900))

    def _do_policy(self, chance: Random) -> None:
        if not self.policies_change:
            return
        self.history.policy_changes += 1
        self.people.policy("policy", policy(stricter=chance.random() < 0.6))  # noqa: PLR2004

    def _do_hold(self, chance: Random) -> None:
        """Operators stop one agent, or let it go on."""
        if not self.policies_change:
            return
        body = document.Pause(agent=chance.choice(AGENTS), active=chance.random() < 0.5)  # noqa: PLR2004
        self.people.publish(DocumentKind.PAUSE, "stop", body)

    # --- what there is ---

    def _last(self, topic: str) -> list[Record]:
        found: list[Record] = []
        for partition in range(PARTITIONS):
            found += self.cluster.read(topic, partition)[0][-5:]
        return found


@cache
def _enrolled() -> GateDriver:
    """Everybody's documents, signed once: every simulation begins with the same."""
    people = GateDriver(partitions=PARTITIONS)
    for person in PEOPLE:
        people.person(person, accounts=2 if person == "p-ann" else 1)
    for group, members in MEMBERS.items():
        people.publish(DocumentKind.GROUP, group, document.Group(members=tuple(sorted(members))))
    for agent, owner in OWNERS.items():
        people.agent(agent, owners=[owner])
    people.executor("crm", types=_CRM_TYPES, reconcilers=("privacy",), lease_ms=LEASE_MS)
    people.executor(
        "mailer", types=("mail.send",), reconcilers=("privacy",), grant_life_ms=1_000, lease_ms=1_000
    )
    people.policy("policy", policy(stricter=False))
    return people


def _with_key_id(headers: Any, agent: str, other: str) -> Any:
    """The signature of a key that is not the agent's, under the id of the key that is."""
    sig = next(value for name, value in headers if name == "sig").decode().split(":")[1]
    forged = f"{seeded_key(agent).key_id}:{sig[:-8]}{seeded_key(other).key_id[:6]}AA"
    return tuple((name, forged.encode() if name == "sig" else value) for name, value in headers)


def _line(record: Record, model: Any) -> str:
    about = [
        str(getattr(model, name))
        for name in ("action_id", "outcome", "event", "reason", "happened", "resolution", "grant_id")
        if getattr(model, name, None) is not None
    ]
    return f"{record.position} {model.kind} {' '.join(about)}"


__all__ = ["ALLOWED", "PARTITIONS", "World"]
