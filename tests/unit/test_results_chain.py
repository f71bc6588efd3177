"""A masked result is believed when its chain ends in the digest that the outcome names, and in no other case."""

import random
from dataclasses import dataclass
from typing import Any

import pytest

from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.schemas.receipt import ResultPlace
from sluicegate.streams.clients.results_chain import Arrived, assemble


@dataclass(frozen=True)
class Chain:
    """Batches, and the outcome that names the last of them."""

    batches: list[Arrived]
    outcome: Outcome


def digest_of(sequence: int) -> bytes:
    """The digest of a raw batch."""
    return sha256(b"raw", bytes([sequence]))


def batch(sequence: int, body: bytes | None, *, is_last: bool, **fields: Any) -> Arrived:
    """One link; without a body it was withheld."""
    values: dict[str, Any] = {
        "batch_id": f"ba-{sequence}",
        "action_id": "ac-1",
        "lane": "ops",
        "agent": "ops",
        "source": "crm",
        "grant_id": "gr-1",
        "sequence": sequence,
        "previous": digest_of(sequence - 1) if sequence else None,
        "count": sequence + 1 if is_last else None,
        "profile": "pii-basic",
        "source_digest": digest_of(sequence),
        **fields,
    }
    if body is None:
        return WithheldBatch(**values, reasons=("ssn", "email"), withheld_at_ms=1)
    media_type = values.pop("media_type", "application/x-ndjson")
    return MaskedBatch(**values, media_type=media_type, body=body, masked={"email": 2}, masked_at_ms=1)


def chain(*bodies: bytes | None, **fields: Any) -> Chain:
    """A sound chain of these bodies."""
    last = len(bodies) - 1
    batches = [batch(number, body, is_last=number == last, **fields) for number, body in enumerate(bodies)]
    return Chain(batches, outcome(digest_of(last), len(bodies)))


def outcome(digest: bytes, batches: int | None = None) -> Outcome:
    """An executed action whose result ends in this digest."""
    place = None if batches is None else ResultPlace(partition=0, offset=0, batches=batches)
    return Outcome(
        outcome_id="oc-1",
        action_id="ac-1",
        lane="ops",
        agent="ops",
        action_digest=bytes(32),
        outcome=OutcomeKind.EXECUTED,
        grant_id="gr-1",
        result_digest=digest,
        result=place,
        at_ms=1,
    )


def test_one_json_value_comes_back_as_it_is() -> None:
    """With the profile and the counts of what was masked."""
    sound = chain(b'{"a":[1]}', media_type="application/json")
    result = assemble(sound.outcome, sound.batches)
    assert result is not None
    assert (result.value, result.profile, result.withheld) == ({"a": [1]}, "pii-basic", ())
    assert result.masked == {"email": 2}


def test_lines_come_back_as_one_list_whatever_the_order_of_arrival() -> None:
    """Copies of the same batch count once; nothing is there before all of it is."""
    sound = chain(b"1\n2\n", b"3\n", b"4\n5\n")
    arrived = [*sound.batches, sound.batches[1]]
    random.Random(7).shuffle(arrived)  # noqa: S311  # the order of arrival
    result = assemble(sound.outcome, arrived)
    assert result is not None
    assert result.value == [1, 2, 3, 4, 5]
    for missing in range(3):
        left = [each for each in sound.batches if each.sequence != missing]
        assert assemble(sound.outcome, left) is None
    assert assemble(sound.outcome, []) is None


def test_a_withheld_batch_withholds_the_whole() -> None:
    """Half a result would be taken for the whole one; the reasons say why."""
    sound = chain(b"1\n", None, b"3\n")
    result = assemble(sound.outcome, sound.batches)
    assert result is not None
    assert (result.value, result.withheld) == (None, ("email", "ssn"))


def test_batches_of_other_actions_agents_and_grants_do_not_count() -> None:
    """They are passed over: neither believed nor a reason to refuse."""
    sound = chain(b"1\n")
    for name, value in {"action_id": "ac-2", "agent": "eve", "grant_id": "gr-2", "lane": "eve"}.items():
        foreign = batch(0, b"9\n", is_last=True, **{name: value})
        assert assemble(sound.outcome, [foreign]) is None
        result = assemble(sound.outcome, [foreign, *sound.batches])
        assert result is not None
        assert result.value == [1]


def _tampered() -> dict[str, Chain]:
    three = chain(b"1\n", b"2\n", b"3\n")
    first, second, third = three.batches
    other = bytes(31) + b"x"
    return {
        "another end": Chain(three.batches, outcome(other, 3)),
        "cut and closed": Chain([first, second.model_copy(update={"count": 2})], outcome(digest_of(2), 3)),
        "added behind the end": Chain([*three.batches, batch(3, b"4\n", is_last=True)], three.outcome),
        "added in the middle": Chain([first, batch(1, b"9\n", is_last=False), second, third], three.outcome),
        "exchanged": Chain([first, second.model_copy(update={"source_digest": other}), third], three.outcome),
        "not from the beginning": Chain(
            [first.model_copy(update={"previous": other}), second, third], three.outcome
        ),
        "another count": Chain([first, second, third.model_copy(update={"count": 4})], three.outcome),
        "fewer than the outcome says": Chain(three.batches, outcome(digest_of(2), 4)),
        "no json": chain(b"{\n"),
        "two values": chain(b"1", b"2", media_type="application/json"),
        "another form": chain(b"1", media_type="text/plain"),
    }


@pytest.mark.parametrize("name", list(_tampered()))
def test_a_tampered_chain_is_refused(name: str) -> None:
    """Refused with a sentence that says what is wrong, never repaired and never waited for."""
    tampered = _tampered()[name]
    with pytest.raises(InvariantError, match="the masked result of `ac-1` is refused: "):
        assemble(tampered.outcome, tampered.batches)


def asked(sound: Chain, number: int, release_id: str = "rl-1") -> Arrived:
    """The notice that people decide on a batch."""
    standing = sound.batches[number]
    same = {
        name: getattr(standing, name)
        for name in WithheldBatch.model_fields
        if name in MaskedBatch.model_fields and name not in {"kind", "release_id"}
    }
    return WithheldBatch(**same, reasons=("digits",), withheld_at_ms=1, release_id=release_id)


def released(sound: Chain, number: int, **fields: Any) -> Arrived:
    """The same batch as people let it leave."""
    return sound.batches[number].model_copy(update={"release_id": "rl-1", **fields})


@pytest.mark.parametrize("turned", [False, True])
def test_what_people_release_takes_the_place_of_its_notice(*, turned: bool) -> None:
    """In whatever order both are read: until then the result waits, afterwards it is whole and says by which release."""
    sound = chain(b"1", b"2")
    batches = [asked(sound, 0), sound.batches[1]]
    waiting = assemble(sound.outcome, batches)
    assert waiting is not None
    assert (waiting.value, waiting.withheld, waiting.release) == (None, ("digits",), ("rl-1",))
    batches.append(released(sound, 0))
    whole = assemble(sound.outcome, reversed(batches) if turned else batches)
    assert whole is not None
    assert (whole.value, whole.release, whole.released) == ([1, 2], (), ("rl-1",))


def test_what_nobody_releases_is_withheld_for_good() -> None:
    """The second notice ends the wait, also for another batch of the result that people still decide on."""
    sound = chain(b"1", b"2")
    gone = asked(sound, 0).model_copy(update={"release_id": None})
    result = assemble(sound.outcome, [asked(sound, 0), asked(sound, 1, "rl-2"), gone])
    assert result is not None
    assert (result.value, result.withheld, result.release) == (None, ("digits",), ())


@pytest.mark.parametrize(
    "fields", [{"release_id": "rl-2"}, {"release_id": None}, {"source_digest": bytes(32)}, {"count": 7}]
)
def test_a_notice_gives_way_to_its_own_release_alone(fields: dict[str, Any]) -> None:
    """A batch of another release, of none, or in another place of the chain is refused beside the notice."""
    sound = chain(b"1", b"2")
    with pytest.raises(InvariantError):
        assemble(sound.outcome, [asked(sound, 0), sound.batches[1], released(sound, 0, **fields)])
