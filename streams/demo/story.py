"""What happens, step by step. Every step ends in a finding: what had to be, and whether it was."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.events import Event, Reason
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.errors import AccessError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.audit_reader import AuditReader, Selection
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.sending import Sender, acknowledged
from sluicegate.streams.clients.signed_record import SignedRecord, nonce, random_id, sign_record
from sluicegate.streams.kafka.principals import Role

from .clinic import BEDS, IDENTIFYING
from .scene import AGENT, ISSUER, Scene


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that had to be so: in words, what was seen, and whether it was so."""

    claim: str
    seen: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of the story; `view` is what a reviewer looks at."""

    sentence: str
    view: str | None = None


Line = Told | Finding
Step = Callable[[Scene], Iterator[Line]]


def reads_a_ward(scene: Scene) -> Iterator[Line]:
    """It reads."""
    yield Told("The agent wants to read ward 3. The policy lets reading pass; an executor runs it once.")
    read = scene.submit("ward.read", {"ward": "3"})
    answer = scene.ended(read)
    yield _ended(
        scene,
        read.action_id,
        answer.outcome,
        OutcomeKind.EXECUTED,
        "reading was allowed and executed once",
    )
    came_back = json.dumps(answer.result, ensure_ascii=False)
    yield Told("The executor returned a patient's record. What comes back to the agent is masked:", came_back)
    yield _masked(answer, came_back)


def starts_containers(scene: Scene) -> Iterator[Line]:
    """It starts containers."""
    yield Told("Two containers pass. Forty wait for security, and Mara says no.")
    small = scene.submit("container.start", {"image": "reports", "replicas": 2})
    yield _ended(
        scene,
        small.action_id,
        scene.ended(small).outcome,
        OutcomeKind.EXECUTED,
        "two replicas were allowed and started once",
    )
    large = scene.submit("container.start", {"image": "reports", "replicas": 40})
    request = scene.request(large)
    yield Told("What Mara sees:", request.view.text)
    scene.decide("mara", request, Choice.REJECT)
    yield _ended(
        scene,
        large.action_id,
        scene.ended(large).outcome,
        OutcomeKind.REJECTED,
        "forty replicas were rejected and nothing started",
    )


def exports_patient_rows(scene: Scene) -> Iterator[Line]:
    """It exports patient rows."""
    yield Told("120 patient rows. Two people of two groups have to agree, and give a reason.")
    export = scene.submit(
        "data.export",
        {"table": "patients", "rows": 120, "destination": "registry", "filter": "name = 'Ann Kovac'"},
    )
    request = scene.request(export)
    yield Told(
        "What the reviewers see: the filter, where the agent wrote a name, stays hidden.", request.view.text
    )
    own = scene.decide("olu", request)
    yield _refused(
        "Olu answers for the agent, so Olu's approval does not count",
        own.counted,
        own.reason,
        Reason.OWN_ACTION,
    )
    first = scene.decide("ines", request)
    yield Finding(
        "the first approval counts, and is not enough",
        f"{first.people} of {first.needed}",
        first.counted and first.people == 1,
    )
    again = scene.decide("ines", request)
    yield _refused(
        "the same person does not count twice", again.counted, again.reason, Reason.ALREADY_DECIDED
    )
    scene.decide("dara", request)
    yield _ended(
        scene,
        export.action_id,
        scene.ended(export).outcome,
        OutcomeKind.EXECUTED,
        "with both the export ran, once",
    )


def changes_a_role(scene: Scene) -> Iterator[Line]:
    """It changes a role, and tries to approve that itself."""
    denied = scene.submit("iam.grant", {"user": "u-17", "role": "admin"})
    outcome = scene.ended(denied)
    yield Finding(
        "the administrator's role is denied by policy",
        f"{outcome.outcome}, {', '.join(outcome.rules)}",
        outcome.outcome is OutcomeKind.DENIED,
    )
    role = scene.submit("iam.grant", {"user": "u-17", "role": "ward-viewer"})
    request = scene.request(role)
    yield Told("The agent writes an approval of its own request into `decisions`.")
    forged = _own_approval(scene, request)
    yield _denied_by_kafka(scene, forged)
    yield Told("It borrows a reviewer's connection and signs with its own key.")
    yield _dead_letter(scene, forged)
    scene.decide("mara", request)
    yield _ended(
        scene,
        role.action_id,
        scene.ended(role).outcome,
        OutcomeKind.EXECUTED,
        "only Mara's approval let it run, once",
    )


def edits_after_an_approval(scene: Scene) -> Iterator[Line]:
    """It edits what was approved."""
    yield Told("Ines approves an export of 10 rows. Then the agent makes it 90,000.")
    small = scene.submit("data.export", {"table": "visits", "rows": 10, "destination": "registry"})
    request = scene.request(small)
    scene.decide("ines", request)
    edit = scene.submit(
        "data.export",
        {"table": "visits", "rows": 90_000, "destination": "registry"},
        supersedes=small.action_id,
    )
    yield _ended(
        scene,
        small.action_id,
        scene.ended(small).outcome,
        OutcomeKind.SUPERSEDED,
        "the first request ended, superseded",
    )
    late = scene.decide("dara", request)
    yield _refused(
        "Dara's approval of the old request does not count", late.counted, late.reason, Reason.NOT_WAITING
    )
    second = scene.request(edit)
    tally = scene.decide("dara", second)
    yield Finding(
        "the edit starts from the beginning: Ines' approval is not carried over",
        f"{tally.people} of {tally.needed}",
        tally.people == 1,
    )
    scene.decide("ines", second, Choice.REJECT)
    yield _ended(
        scene,
        edit.action_id,
        scene.ended(edit).outcome,
        OutcomeKind.REJECTED,
        "Ines rejects the edit; nothing left the house",
    )


def asks_for_the_unknown(scene: Scene) -> Iterator[Line]:
    """It asks for something nobody has heard of."""
    unknown = scene.submit("pharmacy.order", {"drug": "any"})
    outcome = scene.ended(unknown)
    yield Finding(
        "an unknown action type is denied",
        f"{outcome.outcome}, {outcome.reason}",
        outcome.outcome is OutcomeKind.DENIED,
    )


def replays_its_grants(scene: Scene) -> Iterator[Line]:
    """Somebody replays every grant."""
    yield Told("The executor is stopped and its place in its grants is set back to the beginning.")
    before = sum(scene.clinic.effects.values())
    scene.stop_executor()
    scene.rewind_executor()
    scene.start_executor()
    marker = scene.submit("ward.read", {"ward": "4"})
    scene.ended(marker)
    # Every grant so far was executed once, so that many must be refused now: without it nothing was read again.
    refused = scene.refused_by_executor(before)
    ran = sum(scene.clinic.effects.values()) - before - 1
    worst = max(scene.clinic.effects.values())
    yield Finding(
        "every grant was read again and refused, and none ran again",
        f"{before} effects before, {refused} refused, {ran} more",
        refused == before and ran == 0 and worst == 1,
    )


def lets_one_expire(scene: Scene) -> Iterator[Line]:
    """It asks, and nobody answers."""
    yield Told("A reboot has to be decided within four seconds. Everybody is at lunch.")
    reboot = scene.submit("device.reboot", {"device": "infusion-pump-12"})
    outcome = scene.ended(reboot)
    yield _ended(
        scene,
        reboot.action_id,
        outcome.outcome,
        OutcomeKind.EXPIRED,
        "the request expired and nothing was rebooted",
    )


STEPS: Final[tuple[Step, ...]] = (
    reads_a_ward,
    starts_containers,
    exports_patient_rows,
    changes_a_role,
    edits_after_an_approval,
    asks_for_the_unknown,
    replays_its_grants,
    lets_one_expire,
)


def _ended(scene: Scene, action_id: str, outcome: OutcomeKind, wanted: OutcomeKind, claim: str) -> Finding:
    """The agent was told `wanted`, and the clinic saw exactly one effect if it was executed, else none."""
    effects = scene.clinic.effects[action_id]
    return Finding(
        claim,
        f"{outcome}, {_times(effects)}",
        outcome is wanted and effects == (wanted is OutcomeKind.EXECUTED),
    )


def _masked(answer: Answer, came_back: str) -> Finding:
    """What identifies the patient is gone, and the rest is there."""
    left = [words for words in IDENTIFYING if words in came_back]
    useful = isinstance(answer.result, dict) and answer.result.get("beds") == BEDS
    return Finding(
        "the agent gets the ward without the name, birth date, phone or address of a patient",
        f"{sum(answer.masked.values())} places masked under `{answer.profile}`",
        not left and useful and not answer.withheld,
    )


def _refused(claim: str, counted: bool, reason: str | None, wanted: Reason) -> Finding:  # noqa: FBT001  # what a tally says
    return Finding(
        claim, "counted" if counted else f"not counted: {reason}", not counted and reason == wanted
    )


def _own_approval(scene: Scene, request: ApprovalRequest) -> SignedRecord:
    decision = Decision(
        deployment=scene.deployment.settings.deployment,
        decision_id=random_id("de"),
        request_id=request.request_id,
        action_id=request.action_id,
        lane=request.lane,
        agent=request.agent,
        action_digest=request.action_digest,
        view_digest=request.view.digest,
        account=AccountName(issuer=ISSUER, subject="mara"),
        choice=Choice.APPROVE,
        decided_at_ms=request.requested_at_ms,
        nonce=nonce(),
    )
    return sign_record(scene.deployment.key(AGENT), decision)


def _denied_by_kafka(scene: Scene, forged: SignedRecord) -> Finding:
    claim = "Kafka does not let an agent write decisions"
    sender = Sender(scene.deployment.connection(Role.AGENT))
    try:
        acknowledged(sender.send("decisions", forged))
    except AccessError:
        return Finding(claim, "refused by the broker", holds=True)
    finally:
        sender.close()
    return Finding(claim, "written", holds=False)


def _dead_letter(scene: Scene, forged: SignedRecord) -> Finding:
    sender = Sender(scene.deployment.connection(Role.REVIEWER))
    try:
        place = acknowledged(sender.send("decisions", forged))
    finally:
        sender.close()
    reason = None
    reader = AuditReader(scene.deployment.connection(Role.ANALYST))
    for placed in reader.tail(Selection(since_ms=0, events={Event.DEAD_LETTER})):
        leaf = placed.entry.leaf
        if leaf is not None and (leaf.topic, leaf.partition, leaf.offset) == (
            place.topic,
            place.partition,
            place.offset,
        ):
            reason = placed.entry.reason
            break
    return Finding(
        "an approval signed by the agent's key is a dead letter",
        f"dead letter: {reason}",
        reason == Reason.WRONG_SIGNER,
    )


def _times(effects: int) -> str:
    return {0: "no effect", 1: "1 effect"}.get(effects, f"{effects} effects")
