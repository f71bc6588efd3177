"""The short fault run, and the oracle on what it left behind: untouched nothing is wrong, tampered with it names what is.

Marked `once`: it takes a minute and a half and tests the checkout, so the run on the built wheel leaves it out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from faults.deployment import SKEW_MS
from faults.oracle.executions import check_executions
from faults.oracle.findings import Wrong
from faults.oracle.history import Effect, History, Needs
from faults.oracle.judge import judge
from faults.oracle.people import People, people
from faults.oracle.wire import Stored, read
from faults.replaying import replay
from faults.report import PROMISED, WRONGS, is_good, missing
from faults.runs import Kept, Run, shrink
from faults.schedule import Kind, schedule, without
from sluicegate.schemas.codec import decode, encode
from sluicegate.schemas.errors import ConfigurationError

pytestmark = [pytest.mark.broker, pytest.mark.once]

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2]))
LIMIT_S = 600


@dataclass(frozen=True)
class Played:
    """One short run."""

    exit_code: int
    told: dict[str, Any]
    output: str
    history: History


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """`python -m faults --short`, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("faults")
    command = [sys.executable, "-m", "faults", "--short", "--keep"]
    command += ["--folder", str(folder), "--json", str(folder / "told.json")]
    ran = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    output = ran.stdout + ran.stderr
    assert (folder / "told.json").exists(), output
    history = History.load(folder / "round-0" / "round" / "history.pickle.gz")
    return Played(ran.returncode, json.loads((folder / "told.json").read_text("utf-8")), output, history)


def test_under_faults_nothing_is_lost_doubled_ungranted_or_torn(played: Played) -> None:
    """Every action ends once, every effect has its grant and claim, every transaction is whole, and the verifier agrees."""
    told = played.told
    wrong = {name: told[name] for name in ("lost", "doubled", "ungranted", "torn")}
    assert wrong == dict.fromkeys(wrong, 0), told["findings"]
    assert told["everything_ended"], played.output
    assert told["verifier_ok"], played.output
    assert played.exit_code == 0, played.output


def test_the_faults_really_happened(played: Played) -> None:
    """Kills, rebalances, stalls, a killed broker and requests that were tampered with, many of them in open transactions."""
    told = played.told
    least = {"actions": 300, "kills": 4, "rebalances": 3, "stalls": 1, "broker_kills": 1, "proxy_faults": 5}
    assert {name: told[name] >= number for name, number in least.items()} == dict.fromkeys(least, True), told
    assert told["in_open_transaction"] >= 8


def test_a_good_history_has_no_findings(played: Played) -> None:
    """What is planted below is the only thing that is wrong."""
    assert judge(played.history) == []


def _where(history: History, topic: str, holds: Callable[[Stored], bool]) -> Stored:
    return next(record for record in history.records if record.topic == topic and holds(record))


def _but(history: History, *gone: Stored) -> History:
    return history.with_records(record for record in history.records if record not in gone)


def _and(history: History, *more: Stored) -> History:
    return history.with_records((*history.records, *more))


def _end_of(history: History) -> Stored:
    return _where(history, "outcomes", lambda record: read(record)["outcome"] == "executed")


def _claim_of(history: History) -> Stored:
    done = {effect.grant_id for effect in history.effects}
    return _where(
        history, "receipts", lambda record: record.kind == "claim" and read(record)["grant_id"] in done
    )


def _without_an_outcome(history: History) -> History:
    return _but(history, _end_of(history))


def _with_a_second_end(history: History) -> History:
    end = _end_of(history)
    return _and(history, replace(end, offset=1 << 40))


def _with_an_acknowledged_action_gone(history: History) -> History:
    told = history.acknowledged[len(history.acknowledged) // 2]
    place = (told.topic, told.partition, told.offset)
    return _but(
        history, _where(history, told.topic, lambda one: (one.topic, one.partition, one.offset) == place)
    )


def _without_a_tally(history: History) -> History:
    return _but(history, _where(history, "approvals", lambda record: record.kind == "tally"))


def _claimed_twice(history: History) -> History:
    return _and(history, replace(_claim_of(history), offset=1 << 40))


def _done_twice(history: History) -> History:
    return replace(history, effects=(*history.effects, history.effects[0]))


def _done_by_nobodys_leave(history: History) -> History:
    return replace(history, effects=(*history.effects, Effect("gr-nobody", "agent-0", "ac-nobody")))


def _without_an_effect(history: History) -> History:
    name = read(_end_of(history))["action_id"]
    return replace(history, effects=tuple(one for one in history.effects if one.action_id != name))


def _done_although_told_that_it_is_denied(history: History) -> History:
    end = read(_where(history, "outcomes", lambda record: read(record)["outcome"] == "denied"))
    effect = replace(history.effects[0], agent=end["agent"], action_id=end["action_id"])
    return replace(history, effects=(*history.effects, effect))


def _without_a_grant(history: History) -> History:
    grant = read(_claim_of(history))["grant_id"]
    found = next(
        record
        for record in history.records
        if record.topic.startswith("execution.") and record.header("ce_id") == grant
    )
    return _but(history, found)


def _with_a_stricter_policy(history: History) -> History:
    types = {**history.known.types, "role.grant": Needs("crm", "review", {"security": 1, "privacy": 1}, 2)}
    return replace(history, known=replace(history.known, types=types))


def _with_a_forged_grant(history: History) -> History:
    found = _where(history, "execution.crm", lambda record: bool(record.value))
    return _and(_but(history, found), replace(found, headers=(*found.headers[:-2], *_other_signature(found))))


def _other_signature(record: Stored) -> Sequence[tuple[str, bytes | None]]:
    sig = record.header("sig")
    return [("sig", (sig[:20] + ("A" if sig[20] != "A" else "B") + sig[21:]).encode()), record.headers[-1]]


def _claimed_too_late(history: History) -> History:
    claim = _claim_of(history)
    return _and(_but(history, claim), replace(claim, append_ms=claim.append_ms + 3_600_000))


def _with_half_a_transaction(history: History) -> History:
    return _but(history, _where(history, "approvals", lambda record: record.kind == "approval-request"))


def _without_a_tile(history: History) -> History:
    return _but(history, _where(history, "audit", lambda record: read(record)["tile"] is not None))


def _without_an_entry(history: History) -> History:
    return _but(history, _where(history, "audit", lambda record: read(record)["leaf"] is not None))


def _with_a_changed_input(history: History) -> History:
    found = _where(history, "receipts", lambda record: record.kind == "receipt")
    return _and(_but(history, found), replace(found, key=b"another"))


def _with_an_output_of_nobody(history: History) -> History:
    end = _end_of(history)
    return _and(history, replace(end, offset=1 << 40, headers=(*end.headers, ("x", b"y"))))


def _without_a_dead_letter(history: History) -> History:
    return _but(history, _where(history, "dlq.actions", lambda _: True))


@pytest.mark.parametrize(
    ("plant", "wrong", "invariant"),
    [
        (_without_an_outcome, Wrong.LOST, "I4"),
        (_with_a_second_end, Wrong.DOUBLED, "I4"),
        (_with_an_acknowledged_action_gone, Wrong.LOST, "I4"),
        (_without_a_tally, Wrong.LOST, "I4"),
        (_claimed_twice, Wrong.DOUBLED, "I2"),
        (_done_twice, Wrong.DOUBLED, "I2"),
        (_done_by_nobodys_leave, Wrong.UNGRANTED, "I2"),
        (_without_an_effect, Wrong.LOST, "I4"),
        (_done_although_told_that_it_is_denied, Wrong.UNGRANTED, "I4"),
        (_without_a_grant, Wrong.UNGRANTED, "I1"),
        (_with_a_stricter_policy, Wrong.UNGRANTED, "I3"),
        (_with_a_forged_grant, Wrong.UNGRANTED, "I3"),
        (_claimed_too_late, Wrong.UNGRANTED, "I8"),
        (_with_half_a_transaction, Wrong.TORN, "I5"),
        (_without_a_tile, Wrong.TORN, "I5"),
        (_without_an_entry, Wrong.LOST, "I5"),
        (_with_a_changed_input, Wrong.TORN, "I5"),
        (_with_an_output_of_nobody, Wrong.TORN, "I5"),
        (_without_a_dead_letter, Wrong.TORN, "I12"),
    ],
    ids=lambda value: (
        value.__name__.strip("_") if callable(value) and not isinstance(value, type) else str(value)
    ),
)
def test_the_oracle_names_what_is_planted(
    played: Played, plant: Callable[[History], History], wrong: Wrong, invariant: str
) -> None:
    """Whatever is dropped from the history of a good run, doubled, forged or torn is found, and under its right name."""
    found = {(finding.wrong, finding.invariant) for finding in judge(plant(played.history))}
    assert (wrong, invariant) in found


# --- one planted flaw for every sentence of the oracle that none of the above brings about ------------------------------


def _grant_of(history: History) -> Stored:
    """A grant that people had to decide on, and that was acted on."""
    done = {effect.grant_id for effect in history.effects}
    return next(
        record
        for record in history.records
        if record.topic.startswith("execution.")
        and (fields := read(record))["grant_id"] in done
        and fields["decisions"]
    )


def _action_of(history: History, grant: Stored) -> Stored:
    name = read(grant)["action_id"]
    return _where(history, "actions", lambda one: one.kind == "action" and read(one)["action_id"] == name)


def _decision_of(history: History, grant: Stored) -> Stored:
    value = read(grant)["decisions"][0]["value"]
    return _where(history, "decisions", lambda one: one.value == value)


def _of_action(history: History, name: str, topic: str) -> list[Stored]:
    return [
        record
        for record in history.records
        if record.topic == topic and read(record).get("action_id") == name
    ]


def _copies(history: History) -> History:
    """The answers to copies with other bytes are gone."""
    return _but(history, *(one for one in history.records if one.topic == "outcomes" and _is_of_a_copy(one)))


def _is_of_a_copy(outcome: Stored) -> bool:
    fields = read(outcome)
    return fields["reason"] == "conflict" or fields["repeated"]


def _unsigned_action(history: History) -> History:
    name = read(_end_of(history))["action_id"]
    return _but(history, *_of_action(history, name, "actions"))


def _again(history: History, record: Stored) -> History:
    return _and(history, replace(record, offset=1 << 40))


def _signed_otherwise(history: History, record: Stored) -> History:
    headers = tuple(
        (name, _other_signature(record)[0][1] if name == "sig" else value) for name, value in record.headers
    )
    return _and(_but(history, record), replace(record, headers=headers))


def _at(history: History, record: Stored, append_ms: int) -> History:
    return _and(_but(history, record), replace(record, append_ms=append_ms))


def _with_types(history: History, **types: Needs) -> History:
    return replace(history, known=replace(history.known, types={**history.known.types, **types}))


def _receipt_of(history: History, *, result: bool = False) -> Stored:
    return _where(
        history,
        "receipts",
        lambda one: (
            one.kind == "receipt"
            and read(one)["claim_id"] is not None
            and (read(one)["result"] is not None or not result)
        ),
    )


def _claim_behind(history: History, receipt: Stored) -> Stored:
    name = read(receipt)["claim_id"]
    return _where(history, "receipts", lambda one: one.kind == "claim" and read(one)["claim_id"] == name)


def _with_another_value(history: History, claim: Stored) -> History:
    model = decode(claim.payload_type, claim.value or b"", {"claim"})
    value = encode(model.model_copy(update={"action_id": "ac-another"})).value
    return _and(_but(history, claim), replace(claim, value=value))


def _done_under_another_grant(history: History) -> History:
    return replace(history, effects=(*history.effects, replace(history.effects[0], grant_id="gr-another")))


def _tiles(history: History) -> list[Stored]:
    return [one for one in history.records if one.topic == "audit" and read(one)["tile"] is not None]


def _without_the_result(history: History) -> History:
    place = read(_receipt_of(history, result=True))["result"]
    gone = [
        one
        for one in history.records
        if (one.topic, one.partition, one.offset) == ("exports.raw", place["partition"], place["offset"])
    ]
    return _but(history, *gone)


def _entry(history: History, holds: Callable[[dict[str, Any]], bool]) -> Stored:
    return _where(history, "audit", lambda one: read(one)["processor"] == "gate" and holds(read(one)))


def _moved(history: History, record: Stored, topic: str) -> History:
    return _and(_but(history, record), replace(record, topic=topic))


def _with_an_entry_of_another_record(history: History) -> History:
    """An entry stands in the partition of another transaction."""
    found = _entry(history, lambda fields: fields["leaf"] is not None)
    other = next(number for number in range(4) if number != found.partition)
    return _and(_but(history, found), replace(found, partition=other, offset=-1))


_REVIEWED = Needs("crm", "review", {"security": 1}, 1)


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (_copies, "has no answer"),
        (_unsigned_action, "an outcome of an action that nobody has signed"),
        (
            lambda one: _again(one, _where(one, "approvals", lambda record: record.kind == "tally")),
            "tallies of one decision",
        ),
        (lambda one: _again(one, _grant_of(one)), "grants of one action"),
        (lambda one: _signed_otherwise(one, _claim_of(one)), "is not signed by the grant's executor"),
        (lambda one: _at(one, _claim_of(one), 1), "is older than its grant"),
        (lambda one: _again(one, _receipt_of(one)), "receipts of one claim"),
        (lambda one: _but(one, _claim_behind(one, _receipt_of(one))), "names no claim"),
        (lambda one: _with_another_value(one, _claim_of(one)), "about something else than its grant"),
        (lambda one: _but(one, _grant_of(one)), "has no grant"),
        (_done_under_another_grant, "the action was done 2 times"),
        (lambda one: _but(one, _claim_of(one)), "done without a claim"),
        (_without_the_result, "the result of"),
        (lambda one: _but(one, _action_of(one, _grant_of(one))), "its action is not on `actions`"),
        (
            lambda one: _with_types(one, **dict.fromkeys(one.known.types, Needs("crm", "deny"))),
            "the policy denies this action",
        ),
        (
            lambda one: replace(one, known=replace(one.known, deployment="another")),
            "it is for something else than its action",
        ),
        (lambda one: _moved(one, _grant_of(one), "execution.other"), "on the topic of another executor"),
        (lambda one: _but(one, _decision_of(one, _grant_of(one))), "does not stand on `decisions`"),
        (lambda one: _at(one, _decision_of(one, _grant_of(one)), 1 << 50), "does not stand on `decisions`"),
        (
            lambda one: _but(one, *_of_action(one, read(_grant_of(one))["action_id"], "approvals")),
            "approves nothing that was shown",
        ),
        (lambda one: _with_types(one, **{"crm.read": _REVIEWED}), "0 people decided"),
        (_with_a_stricter_policy, "done on a grant that is worth nothing"),
        (
            lambda one: _again(one, _entry(one, lambda fields: fields["leaf"] is not None)),
            "a second leaf",
        ),
        (
            lambda one: _but(one, _where(one, "decisions", lambda record: record.kind == "decision")),
            "a leaf of a record that is not there",
        ),
        (
            lambda one: _but(one, _entry(one, lambda fields: fields["leaf"] is not None)),
            "the tile counts",
        ),
        (_with_an_entry_of_another_record, "lies outside its tile"),
        (_with_an_entry_of_another_record, "the tile is not of the transaction"),
        (
            lambda one: _but(one, _entry(one, lambda fields: bool((fields["tile"] or {}).get("inputs")))),
            "the tile of",
        ),
        (
            lambda one: _but(one, *_tiles(one)),
            "entries at the end have no tile",
        ),
    ],
)
def test_every_sentence_of_the_oracle_can_come_about(
    played: Played, plant: Callable[[History], History], sentence: str
) -> None:
    """A check that nothing makes fail checks nothing."""
    assert any(sentence in finding.sentence for finding in judge(plant(played.history)))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            lambda who, agent: who.owners.update({agent: frozenset(who.accounts.values())}),
            "behind the action",
        ),
        (lambda who, agent: who.owners.update({agent: frozenset()}), "behind the action"),
        (lambda who, _: who.account_keys.clear(), "not signed by its account"),
        (lambda who, _: who.groups.update(dict.fromkeys(who.groups, frozenset())), "that is not enough"),
        (lambda who, _: who.agents.clear(), "its agent has not signed the action"),
        (lambda who, _: setattr(who, "gates", frozenset()), "no gate has signed it"),
    ],
)
def test_a_grant_is_worth_nothing_when_people_are_others(
    played: Played, changed: Callable[[People, str], object], sentence: str
) -> None:
    """Owners decide, accounts sign with keys that are not theirs, groups are empty, nobody enrolled agent or gate."""
    topics = played.history.topics()
    who, known = people(topics["identities"], played.history.known), played.history.known
    changed(who, read(_grant_of(played.history))["agent"])
    found = check_executions(topics, who, known, played.history.effects)
    assert any(sentence in finding.sentence for finding in found)


def test_a_replay_of_other_inputs_gives_other_evidence(played: Played) -> None:
    """The same inputs give the same bytes of evidence and the same state; without one decision they do not."""
    assert replay(played.history, skew_ms=SKEW_MS) == []
    gone = _where(played.history, "decisions", lambda record: record.kind == "decision")
    found = replay(_but(played.history, gone), skew_ms=SKEW_MS)
    assert {(finding.wrong, finding.invariant) for finding in found} == {(Wrong.TORN, "I11")}


def test_a_seed_gives_the_same_faults_again_and_fewer_when_some_are_dropped() -> None:
    """The schedule is pure data: same seed, same faults; dropping keeps the numbers of the others."""
    faults = schedule(7, 60.0)
    assert schedule(7, 60.0) == faults
    assert schedule(8, 60.0) != faults
    assert {fault.kind for fault in faults} >= {
        Kind.WORKER_DIES_AT_STEP,
        Kind.BROKER_STALLS,
        Kind.PROXY,
        Kind.CLOCK,
    }
    left = without(faults, {0, 3})
    assert [fault.number for fault in left] == [one.number for one in faults if one.number not in {0, 3}]


def test_shrinking_leaves_the_faults_that_are_needed() -> None:
    """A run that fails because of two of its faults together is cut down to these two."""
    faults = schedule(7, 60.0)
    culprits = {faults[3].number, faults[-2].number}

    def still_fails(dropped: frozenset[int]) -> bool:
        return not culprits & dropped

    dropped = shrink(faults, still_fails)
    assert {fault.number for fault in faults} - dropped == culprits


def test_a_run_that_was_cut_off_goes_on_with_its_next_round_and_no_other_run_does(tmp_path: Path) -> None:
    """What rounds gave is kept at once; another seed or another commit begins anew."""
    run = Run(seed=1, rounds=3, seconds=10.0)
    kept = Kept(tmp_path / "rounds.jsonl", run, "abc")
    assert kept.take_up() == []
    kept.begin()
    kept.add({"actions": 5})
    assert Kept(tmp_path / "rounds.jsonl", run, "abc").take_up() == [{"actions": 5}]
    for other in (
        Kept(tmp_path / "rounds.jsonl", replace(run, seed=2), "abc"),
        Kept(tmp_path / "rounds.jsonl", run, "d"),
    ):
        with pytest.raises(ConfigurationError, match="another run or commit"):
            other.take_up()
    assert run.plan(1).faults != run.plan(2).faults
    assert [run.plan(number).brokers for number in range(3)] == [1, 1, 3]


def test_a_full_run_must_have_done_enough_of_everything() -> None:
    """One less than promised of anything is named, and so is a kind of fault that never happened: a disk that was not full."""
    faults = {kind.value: {"happened": 1} for kind in Kind}
    told = {**PROMISED, "details": {"faults": faults}}
    assert missing(told) == []
    for name, least in PROMISED.items():
        assert missing({**told, name: least - 1}) == [f"{name}: {least - 1} of {least}"]
    for kind in Kind:
        without_it = {name: one for name, one in faults.items() if name != kind.value}
        assert missing({**told, "details": {"faults": without_it}}) == [f"{kind}: never"]


def test_a_run_is_good_only_when_nothing_at_all_is_wrong_and_something_was_done() -> None:
    """One finding of any sort, an action without its end, or a finding of the verifier is enough; so is a round without work."""
    worked = {"rounds": [{"actions": 300}, {"actions": 1}], "details": {"effects": 1}}
    told = {**dict.fromkeys(WRONGS, 0), "everything_ended": True, "verifier_ok": True, **worked}
    assert is_good(told)
    wrong = [*({name: 1} for name in WRONGS), {"everything_ended": False}, {"verifier_ok": False}]
    idle = [{"rounds": []}, {"rounds": [{"actions": 300}, {"actions": 0}]}, {"details": {"effects": 0}}]
    assert not any(is_good({**told, **each}) for each in wrong + idle)
