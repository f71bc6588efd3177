"""From a grant to its end: claims, receipts, lapses, leases, reconciliations, by whom they may come and when."""

import pytest

from sluicegate.processors.events import Event
from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.decision import Settled
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.receipt import Happened, ResultPlace
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import ISSUER, seeded_key

LIFE_MS = 300_000
LEASE_MS = 600_000
SKEW_MS = 2_000


def granted(gate: GateDriver, **fields: object) -> tuple[Action, Grant]:
    """An action that the policy allows, and its grant."""
    action = gate.submit("ops-agent", "crm.read", **fields)  # type: ignore[arg-type]  # as the driver takes them
    gate.run()
    return action, gate.grant(action)


def lost(gate: GateDriver, **fields: object) -> tuple[Action, Grant]:
    """A claimed grant whose executor was never heard of again."""
    action, grant = granted(gate, **fields)
    gate.claim(grant)
    gate.advance(LEASE_MS + SKEW_MS)
    assert gate.outcome(action).outcome is OutcomeKind.UNKNOWN
    return action, grant


def ended(gate: GateDriver, action: Action) -> tuple[str, str | None]:
    """The last outcome and its reason."""
    outcome = gate.outcome(action)
    return outcome.outcome.value, outcome.reason


def ignored(gate: GateDriver) -> list[str | None]:
    """Reasons why claims, receipts and reconciliations changed nothing."""
    events = {"claim.ignored", "receipt.ignored", "reconciliation.ignored"}
    return [entry.reason for entry in gate.entries() if entry.event in events]


@pytest.mark.parametrize(
    ("happened", "fields", "wanted"),
    [
        (Happened.EXECUTED, {"result_digest": bytes(range(32))}, ("executed", None)),
        (Happened.FAILED, {"failure": "TimeoutError"}, ("failed", "TimeoutError")),
        (Happened.REFUSED, {"check": "paused"}, ("refused", "paused")),
    ],
)
def test_a_claimed_grant_ends_as_its_receipt_says(
    clinic: GateDriver, happened: Happened, fields: dict[str, object], wanted: tuple[str, str | None]
) -> None:
    """Executed with its result's digest, failed with its class, refused with its check; told again to a copy."""
    action, grant = granted(clinic)
    claim = clinic.claim(grant)
    clinic.receipt(grant, claim, happened, **fields)
    clinic.send(action)
    clinic.run()
    clinic.send(action)
    clinic.run()
    assert ended(clinic, action) == wanted
    assert clinic.outcome(action).repeated
    assert clinic.outcome(action).result_digest == fields.get("result_digest")


def test_before_a_claim_only_a_refusal_ends_a_grant(clinic: GateDriver) -> None:
    """Executed or failed without a claim is not believed; a refusal without one is."""
    action, grant = granted(clinic)
    clinic.receipt(grant, None, Happened.EXECUTED)
    clinic.receipt(grant, None, Happened.FAILED)
    clinic.run()
    assert ignored(clinic) == ["not-claimed", "not-claimed"]
    clinic.receipt(grant, None, Happened.REFUSED, check="floor")
    clinic.run()
    assert ended(clinic, action) == ("refused", "floor")


def test_d8_a_second_claim_changes_nothing(clinic: GateDriver) -> None:
    """The same claim again, another one, and the receipt of the one that did not count."""
    action, grant = granted(clinic)
    first = clinic.claim(grant)
    position = clinic.driver.read("receipts")[-1].position
    clinic.driver.produce_again(position)
    second = clinic.claim(grant)
    clinic.receipt(grant, second)
    clinic.run()
    assert ignored(clinic) == ["second-claim", "second-claim", "other-claim"]
    clinic.receipt(grant, first)
    clinic.run()
    assert ended(clinic, action) == ("executed", None)
    clinic.claim(grant)
    clinic.receipt(grant, first)
    clinic.run()
    assert ignored(clinic)[3:] == ["already-closed", "already-closed"]
    assert ended(clinic, action) == ("executed", None)


def test_d9_another_executors_claim_and_receipt_change_nothing(clinic: GateDriver) -> None:
    """Recorded with its reason; the action's outcome is unchanged, and the audience goes on."""
    action, grant = granted(clinic)
    state = clinic.driver.state()
    foreign = clinic.claim(grant, executor="mailer")
    clinic.receipt(grant, foreign, executor="mailer")
    clinic.receipt(grant, None, Happened.REFUSED, executor="mailer", check="floor")
    clinic.run()
    assert clinic.driver.state() == state
    assert ignored(clinic) == ["not-the-audience"] * 3
    claim = clinic.claim(grant)
    clinic.receipt(grant, claim)
    clinic.run()
    assert ended(clinic, action) == ("executed", None)


@pytest.mark.parametrize("forged", [{"grant_id": "gr-never"}, {"action_id": "never-seen"}])
def test_a_claim_of_a_grant_that_is_none_changes_nothing(clinic: GateDriver, forged: dict[str, str]) -> None:
    """An unknown grant, or an action that never was."""
    _, grant = granted(clinic)
    state = clinic.driver.state()
    clinic.claim(grant, **forged)
    clinic.run()
    assert clinic.driver.state() == state
    assert ignored(clinic)[0] in {"unknown-grant", "already-closed"}


def test_a_claim_of_a_waiting_action_changes_nothing(clinic: GateDriver) -> None:
    """No grant, nothing to claim."""
    action = clinic.submit("ops-agent", "crm.write")
    _, other = granted(clinic)
    clinic.claim(other, action_id=action.action_id)
    clinic.run()
    assert ignored(clinic) == ["unknown-grant"]
    assert ended(clinic, action) == ("pending", None)


@pytest.mark.parametrize(("after_ms", "wanted"), [(-1, "granted"), (0, "refused"), (1, "refused")])
def test_i8_a_claim_at_or_after_the_expiry_has_no_effect(
    clinic: GateDriver, after_ms: int, wanted: str
) -> None:
    """By the broker's clock; what the executor's own clock says is not asked (Z6)."""
    action, grant = granted(clinic)
    clinic.driver.now_ms = grant.expires_at_ms + after_ms
    claim = clinic.claim(grant, claimed_at_ms=grant.expires_at_ms - LIFE_MS)
    clinic.run()
    assert ended(clinic, action)[0] == wanted
    clinic.receipt(grant, claim)
    clinic.run()
    assert ended(clinic, action)[0] == {"granted": "executed", "refused": "refused"}[wanted]


def test_z6_an_executor_with_a_clock_an_hour_ahead_claims_in_time(clinic: GateDriver) -> None:
    """Its own time is recorded nowhere that decides."""
    action, grant = granted(clinic)
    claim = clinic.claim(grant, claimed_at_ms=clinic.driver.now_ms + 3_600_000)
    clinic.receipt(grant, claim, created_at_ms=0)
    clinic.run()
    assert ended(clinic, action) == ("executed", None)


def test_a_grant_nobody_claims_lapses_once(clinic: GateDriver) -> None:
    """After expiry and skew; a claim that comes then finds it closed."""
    action, grant = granted(clinic)
    clinic.advance(LIFE_MS + SKEW_MS - 1)
    assert ended(clinic, action)[0] == "granted"
    clinic.advance(1)
    assert ended(clinic, action) == ("lapsed", "no-claim-in-time")
    clinic.claim(grant)
    clinic.advance(10 * LIFE_MS)
    assert ignored(clinic) == ["already-closed"]
    assert len([one for one in clinic.outcomes(action) if one.outcome.final]) == 1


@pytest.mark.parametrize("restarts", [False, True])
def test_a_claim_in_time_that_is_read_late_counts(clinic: GateDriver, *, restarts: bool) -> None:
    """A gate that lags never lapses what was claimed in time."""
    action, grant = granted(clinic)
    clinic.driver.stalled = {"receipts"}
    clinic.driver.now_ms = grant.expires_at_ms - 1
    claim = clinic.claim(grant)
    clinic.advance(LIFE_MS)
    assert ended(clinic, action)[0] == "granted"
    clinic.driver.stalled = set()
    if restarts:
        clinic.driver.restart()
    clinic.run()
    clinic.receipt(grant, claim)
    clinic.run()
    assert ended(clinic, action) == ("executed", None)


def test_a_receipt_in_time_that_is_read_late_counts(clinic: GateDriver) -> None:
    """A lease that ended while receipts were not read makes nothing unknown."""
    action, grant = granted(clinic)
    claim = clinic.claim(grant)
    clinic.run()
    clinic.driver.stalled = {"receipts"}
    clinic.driver.advance(LEASE_MS)
    clinic.receipt(grant, claim)
    clinic.advance(LEASE_MS)
    clinic.driver.stalled = set()
    clinic.run()
    assert ended(clinic, action) == ("executed", None)


def test_z4_a_claim_without_a_receipt_becomes_unknown_and_stays_so(clinic: GateDriver) -> None:
    """Never tried again: a copy is told unknown, a second claim is ignored, time changes nothing."""
    action, grant = lost(clinic)
    clinic.claim(grant)
    clinic.send(action)
    clinic.advance(100 * LEASE_MS)
    clinic.driver.restart()
    clinic.run()
    assert [one.outcome.value for one in clinic.outcomes(action)] == ["granted", "unknown", "unknown"]
    assert len(clinic.grants(action)) == 1


@pytest.mark.parametrize("happened", list(Happened))
def test_z4_the_claims_own_late_receipt_reconciles(clinic: GateDriver, happened: Happened) -> None:
    """However late, and once, and its agent learns what it says; a receipt of another claim does not."""
    action, grant = granted(clinic)
    claim = clinic.claim(grant)
    clinic.advance(LEASE_MS + SKEW_MS)
    clinic.receipt(grant, claim.model_copy(update={"claim_id": "another"}), happened)
    clinic.run()
    assert ended(clinic, action)[0] == "unknown"
    clinic.advance(10 * LEASE_MS)
    clinic.receipt(grant, claim, happened)
    clinic.receipt(grant, claim, Happened.EXECUTED)
    clinic.run()
    said = {"executed": "late-receipt", "failed": "late-failure", "refused": "late-refusal"}
    assert ended(clinic, action) == ("reconciled", said[happened])
    assert ignored(clinic) == ["other-claim", "already-closed"]


@pytest.mark.parametrize("settled", list(Settled))
def test_a_reconciler_settles_what_is_unknown(clinic: GateDriver, settled: Settled) -> None:
    """A person of the executor's groups, outside the origin set; once."""
    action, grant = lost(clinic)
    clinic.reconcile("p-cat", grant, settled)
    clinic.reconcile("p-dan", grant, Settled.FAILED)
    clinic.run()
    assert ended(clinic, action) == ("reconciled", settled.value)
    assert ignored(clinic) == ["already-closed"]


@pytest.mark.parametrize(
    ("login", "reason"), [("p-ann", "not-a-reconciler"), ("p-owner", "own-action"), ("p-nobody", None)]
)
def test_the_wrong_people_settle_nothing(clinic: GateDriver, login: str, reason: str | None) -> None:
    """In none of the groups, behind the action, or nobody: an entry, and the end stays unknown."""
    action, grant = lost(clinic)
    clinic.reconcile(login, grant, Settled.EXECUTED)
    clinic.run()
    assert ended(clinic, action)[0] == "unknown"
    if reason is None:
        assert [letter for letter, _ in clinic.dead_letters("decisions")] == ["unknown-key"]
    else:
        assert ignored(clinic) == [reason]


def test_nothing_is_settled_before_it_is_unknown(clinic: GateDriver) -> None:
    """Granted, claimed, waiting or closed: not unknown, nothing to settle."""
    _, free = granted(clinic)
    _, taken = granted(clinic)
    clinic.claim(taken)
    clinic.run()
    waits = clinic.submit("ops-agent", "crm.write")
    for grant in (free, taken, free.model_copy(update={"action_id": waits.action_id})):
        clinic.reconcile("p-cat", grant, Settled.EXECUTED)
    clinic.run()
    assert ignored(clinic) == ["not-unknown", "not-unknown", "already-closed"]


def test_a_reconciliation_names_its_grant(clinic: GateDriver) -> None:
    """Another grant's id settles nothing."""
    action, grant = lost(clinic)
    clinic.reconcile("p-cat", grant, Settled.EXECUTED, grant_id="gr-other")
    clinic.run()
    assert ignored(clinic) == ["unknown-grant"]
    assert ended(clinic, action)[0] == "unknown"


def test_a3_the_person_acted_for_settles_nothing_even_when_the_delegation_is_gone(clinic: GateDriver) -> None:
    """An allowed action asks nobody, and still nobody behind it says how it ended."""
    delegator = AccountName(issuer=ISSUER, subject="p-cat")
    clinic.agent("ops-agent", owners=["p-owner"], delegators=["p-cat"])
    clinic.run()
    action, grant = lost(clinic, on_behalf_of=delegator)
    clinic.agent("ops-agent", owners=["p-boss"])
    clinic.run()
    for login in ("p-cat", "p-owner", "p-boss"):
        clinic.reconcile(login, grant, Settled.FAILED)
        clinic.run()
    assert ignored(clinic) == ["own-action"] * 3
    clinic.reconcile("p-dan", grant, Settled.FAILED)
    clinic.run()
    assert ended(clinic, action) == ("reconciled", "failed")


def test_an_unknown_origin_lets_nobody_settle(clinic: GateDriver) -> None:
    """Somebody who is not enrolled is behind the agent by now: might be anybody."""
    action, grant = lost(clinic)
    clinic.agent("ops-agent", owners=["p-owner", "p-ghost"])
    clinic.run()
    clinic.reconcile("p-cat", grant, Settled.EXECUTED)
    clinic.run()
    assert ignored(clinic) == ["unknown-origin"]
    assert ended(clinic, action)[0] == "unknown"


def test_an_executor_retired_after_the_claim_ends_unknown_and_people_settle_it(clinic: GateDriver) -> None:
    """Its receipt is signed by nobody any more; its reconcilers still are who they were."""
    action, grant = granted(clinic)
    claim = clinic.claim(grant)
    clinic.run()
    key = seeded_key("crm").public.text
    gone = document.Executor(key=key, types=(), reconcilers=("privacy",), retired=True)
    clinic.publish(DocumentKind.EXECUTOR, "crm", gone)
    clinic.receipt(grant, claim)
    clinic.advance(LEASE_MS + SKEW_MS)
    assert [letter for letter, _ in clinic.dead_letters("receipts")] == ["unknown-key"]
    assert ended(clinic, action)[0] == "unknown"
    clinic.reconcile("p-cat", grant, Settled.EXECUTED)
    clinic.run()
    assert ended(clinic, action) == ("reconciled", "executed")


@pytest.mark.parametrize(
    ("policy_life", "executor_life_ms", "wanted_ms"),
    [("1h", 3_600_000, 3_600_000), ("1m", 300_000, 60_000), ("10m", 1_000, 1_000)],
)
def test_d15_a_grant_lives_as_short_as_anybody_asks(
    clinic: GateDriver, policy_life: str, executor_life_ms: int, wanted_ms: int
) -> None:
    """The least of policy, executor and one hour."""
    clinic.policy(
        "policy",
        "version: 1\nname: clinic\ndefault: deny\nrules:\n"
        f"  - {{id: reads, on: [crm.read], effect: allow, grant: {{life: {policy_life}}}}}\n",
    )
    clinic.executor("crm", types=["crm.read"], grant_life_ms=executor_life_ms)
    clinic.run()
    _, grant = granted(clinic)
    assert grant.expires_at_ms - clinic.driver.now_ms == wanted_ms


def test_d2_a_grant_holds_the_exact_bytes_of_action_and_decisions(clinic: GateDriver) -> None:
    """Byte for byte as they were signed, with the digest that was approved."""
    action = clinic.submit("ops-agent", "crm.write", {"note": "x"})
    clinic.run()
    clinic.decide("p-ann", clinic.request(action))
    clinic.run()
    grant = clinic.grant(action)
    assert grant.action.value == clinic.driver.read("actions")[-1].value
    assert [one.value for one in grant.decisions] == [clinic.driver.read("decisions")[-1].value]
    assert grant.action_digest == clinic.request(action).action_digest


@pytest.mark.parametrize(
    ("happened", "reason"), [(Happened.REFUSED, "floor"), (Happened.EXECUTED, "not-claimed")]
)
def test_only_a_refusal_states_its_check(clinic: GateDriver, happened: Happened, reason: str) -> None:
    """A receipt that changes nothing is written down with the gate's reason, unless it refuses and says which check failed."""
    _, grant = granted(clinic)
    clinic.receipt(grant, None, Happened.REFUSED, check="paused")
    clinic.run()
    _, other = granted(clinic)
    used = grant if happened is Happened.REFUSED else other
    clinic.receipt(used, None, happened, check="floor")
    clinic.run()
    assert ignored(clinic) == [reason]


def test_what_was_returned_is_named_in_outcome_and_entry(clinic: GateDriver) -> None:
    """Digest and place go on as the receipt says them; a copy is told the digest again, without the place."""
    action, grant = granted(clinic)
    place = ResultPlace(partition=1, offset=40, batches=3)
    clinic.receipt(grant, clinic.claim(grant), result_digest=bytes(range(32)), result=place)
    clinic.run()
    outcome = clinic.outcome(action)
    assert (outcome.result_digest, outcome.result) == (bytes(range(32)), place)
    entry = next(entry for entry in clinic.entries() if entry.event == Event.RECEIPT_COUNTED)
    assert (entry.result_digest, entry.result_batches) == (bytes(range(32)), 3)
    clinic.send(action)
    clinic.run()
    assert (clinic.outcome(action).result_digest, clinic.outcome(action).result) == (bytes(range(32)), None)


@pytest.mark.parametrize(
    ("happened", "fields", "reason"),
    [
        (Happened.EXECUTED, {"failure": "result-too-large"}, "result-too-large"),
        (Happened.EXECUTED, {"failure": "Ann-Kovac"}, None),
        (Happened.FAILED, {"failure": "KeyError"}, "KeyError"),
        (Happened.REFUSED, {"check": "paused"}, "paused"),
        (Happened.REFUSED, {"check": "Ann-Kovac"}, "unknown-check"),
    ],
)
def test_an_executor_does_not_write_what_it_likes_into_the_log(
    clinic: GateDriver, happened: Happened, fields: dict[str, str], reason: str | None
) -> None:
    """Only codes that the gate knows, and the class of an error, become a reason."""
    action, grant = granted(clinic)
    clinic.receipt(grant, clinic.claim(grant), happened, **fields)
    clinic.run()
    assert ended(clinic, action) == (happened.value, reason)


def test_a_check_that_nobody_knows_is_not_written_down_of_an_ignored_receipt(clinic: GateDriver) -> None:
    """After the end too, the word of an executor is a known code or `unknown-check`."""
    _, grant = granted(clinic)
    clinic.receipt(grant, clinic.claim(grant))
    clinic.run()
    clinic.receipt(grant, None, Happened.REFUSED, check="Ann-Kovac")
    clinic.run()
    assert ignored(clinic) == ["unknown-check"]
