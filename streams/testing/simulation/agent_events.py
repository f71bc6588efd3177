"""What agents do, and those who pretend to be agents."""

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from sluicegate.processors.contract import Position
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, payload_type_of
from sluicegate.streams.testing.gate_driver import seeded_key

from .history import TYPES, Submitted
from .stage import AGENTS, Happening, Stage


def submit(stage: Stage, chance: Random) -> None:
    """An agent asks for something new."""
    _ask(stage, chance, None)


def supersede(stage: Stage, chance: Random) -> None:
    """It asks for something in the place of what it has asked before."""
    if earlier := _pick(stage, chance):
        _ask(stage, chance, earlier)


def copy(stage: Stage, chance: Random) -> None:
    """The same record once more."""
    if stage.history.first:
        first = chance.choice(list(stage.history.first.values()))
        _note(stage, first.action, stage.people.driver.produce_again(first.position))


def conflict(stage: Stage, chance: Random) -> None:
    """Another record under the same id."""
    if action := _pick(stage, chance):
        fields: dict[str, Any] = {"created_at_ms": stage.cluster.now_ms, "nonce": bytes(16)}
        if chance.random() < 0.8:  # noqa: PLR2004  # most of them say something else
            fields["arguments"] = {"n": 99}
        changed = action.model_copy(update=fields)
        _note(stage, changed, stage.people.send(changed))


def withdraw(stage: Stage, chance: Random) -> None:
    """It wants it no more."""
    if action := _pick(stage, chance):
        stage.people.withdraw(action)


def forge(stage: Stage, chance: Random) -> None:
    """An action that nobody may act upon: another's key, another key under its id, a wrong place, no bytes at all."""
    agent = chance.choice(AGENTS)
    action = stage.people.action(agent, chance.choice(TYPES), {"n": 1})
    other, kind = AGENTS[1 - AGENTS.index(agent)], chance.randrange(5)
    match kind:
        case 0:
            position = stage.people.send(action, key=seeded_key(other))
        case 1:
            wrong = 1 - stage.people.driver.partition_of(action.lane.encode())
            position = stage.people.send(action, partition=wrong)
        case 2:
            position = stage.people.send(
                action, alter_headers=lambda found: _with_key_id(found, agent, other)
            )
        case 3:
            position = stage.people.driver.produce("actions", agent.encode(), b"\xff\x00", (("x", b"y"),))
        case _:
            position = stage.people.append(
                "actions",
                action,
                seeded_key(agent),
                lane=agent,
                subject="s",
                change=lambda value: value[:-1] + bytes([value[-1] ^ 1]),
            )
    stage.history.bad[position] = ("signer", "partition", "key id", "bytes", "value")[kind]


def _ask(stage: Stage, chance: Random, earlier: Action | None) -> None:
    agent = earlier.agent if earlier else chance.choice(AGENTS)
    age_ms = chance.choice((0, 0, 0, 0, 0, 0, 0, 1_500, 3_600_001))
    action = stage.people.action(
        agent,
        chance.choice(TYPES),
        {"n": chance.randrange(4)},
        created_at_ms=stage.cluster.now_ms - age_ms,
        supersedes=earlier.action_id if earlier else None,
    )
    _note(stage, action, stage.people.send(action))


def _note(stage: Stage, action: Action, position: Position) -> None:
    record = stage.cluster.read(position.topic, position.partition, position.offset, 1)[0][0]
    digest = envelope_digest(payload_type_of(record.headers), record.value or b"")
    submitted = Submitted(action, digest, record.append_ms, position)
    key = action.agent, action.action_id
    if action.created_at_ms < record.append_ms - 3_600_000:
        stage.history.stale.append(submitted)
    elif key in stage.history.first:
        stage.history.later.append(submitted)
    else:
        stage.history.first[key] = submitted


def _pick(stage: Stage, chance: Random) -> Action | None:
    found = list(stage.history.first.values())[-6:]
    return chance.choice(found).action if found else None


def _with_key_id(headers: Any, agent: str, other: str) -> Any:
    """The signature of a key that is not the agent's, under the id of the key that is."""
    sig = next(value for name, value in headers if name == "sig").decode().split(":")[1]
    forged = f"{seeded_key(agent).key_id}:{sig[:-8]}{seeded_key(other).key_id[:6]}AA"
    return tuple((name, forged.encode() if name == "sig" else value) for name, value in headers)


EVENTS: Final[Mapping[str, Happening]] = {
    "submit": submit,
    "supersede": supersede,
    "copy": copy,
    "conflict": conflict,
    "withdraw": withdraw,
    "forge": forge,
}
