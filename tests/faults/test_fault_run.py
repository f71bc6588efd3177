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
from faults.oracle.findings import Wrong
from faults.oracle.history import Effect, History, Needs
from faults.oracle.judge import judge
from faults.oracle.wire import Stored, read
from faults.replaying import replay
from faults.report import PROMISED, WRONGS, is_good, missing
from faults.runs import Kept, Run, shrink
from faults.schedule import Kind, schedule, without
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


def test_a_run_is_good_only_when_nothing_at_all_is_wrong() -> None:
    """One finding of any sort, an action without its end, or a finding of the verifier is enough."""
    told = {**dict.fromkeys(WRONGS, 0), "everything_ended": True, "verifier_ok": True}
    assert is_good(told)
    wrong = [*({name: 1} for name in WRONGS), {"everything_ended": False}, {"verifier_ok": False}]
    assert not any(is_good({**told, **each}) for each in wrong)
