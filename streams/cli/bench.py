"""`bench`: put load on a gate and measure how long an action waits for its outcome."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sluicegate.schemas.errors import ConfigurationError, RefusedError, TimedOutError
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.bench import Latencies, Load, Loaded, Submitter, run_load
from sluicegate.streams.bench.target import Target, delete_topics, plan, prepare, retire
from sluicegate.streams.clients.agent import AgentClient
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.clients.outcome_history import Until
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.local.adoption import await_adoption
from sluicegate.streams.settings import Settings, find_file
from sluicegate.streams.state_folder import StateFolder

from .actions import read_arguments
from .bars import Bar, bar
from .failures import REFUSED
from .invocation import Invocation, invocation
from .operators import operator_of
from .options import AsJson, Lane
from .screen import fields, note, print_json, rows, say

PROBE_S: Final = 20.0
ADOPTED_S: Final = 60.0
_EARLIER_MS: Final = 60_000
"""Clocks of this machine and of the broker may differ by so much."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What load is put on."""

    settings: Settings
    submitters: tuple[Submitter, ...]


def bench(
    ctx: typer.Context,
    *,
    rate: Annotated[float, typer.Option("--rate", min=0.1, max=100_000, help="Actions per second.")] = 200.0,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="For how long; a warm-up comes before.")
    ] = 10.0,
    warm: Annotated[
        float, typer.Option("--warm-up", min=0.0, metavar="SECONDS", help="Sent, and not counted.")
    ] = 2.0,
    prepare_all: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Make agents, an executor and a policy for the run, and take them back after it.",
        ),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave what --prepare made in force, for further runs.")
    ] = False,
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="ID", help="An agent of yours whose key is here. Repeat it."),
    ] = None,
    action_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="What your agents ask for; it should pass.")
    ] = None,
    lane: Lane = None,
    arguments: Annotated[
        str | None, typer.Option("--arguments", metavar="JSON|FILE|-", help="Arguments of every action.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a steady load on a gate and measure how long each action waits for its outcome.

    Due times are fixed in advance and waiting counts from them, so a gate that stands still is charged for everything
    that should have come meanwhile. Without settings it starts a temporary Kafka and gate on this machine and removes
    them. On a deployment of yours, say who acts: `--prepare` makes agents (one per partition), an executor that nobody
    runs and a policy that names only them, and retires them afterwards; it needs the operator's key and the
    administrator's password. Or name agents of yours with --agent and --type: then only an agent's rights are needed,
    and what is granted is executed by whoever serves that type. Records of the run stay in `actions`, `outcomes` and `audit`.
    Exit status 1 when an action was not granted or nothing was heard of it.

    Example: sluicegate bench --rate 1000 --seconds 30 --prepare
    """
    called = invocation(ctx)
    load = Load(rate, seconds, warm)
    with (
        bar() as progress,
        _place(called, progress, prepare_all, keep, agent, action_type, lane, arguments) as place,
    ):
        progress.say("one action first")
        _probe(place)
        loaded = run_load(
            connect_as(place.settings, Role.AGENT),
            place.settings.deployment,
            place.submitters,
            load,
            progress=lambda done, total: progress.update("actions", done, total),
        )
    if as_json:
        print_json(result_of(load, place.submitters, loaded))
    else:
        _print(load, loaded)
    if dict(loaded.told) != {OutcomeKind.GRANTED.value: loaded.submitted}:
        raise typer.Exit(REFUSED)


def result_of(load: Load, submitters: tuple[Submitter, ...], loaded: Loaded) -> dict[str, Any]:
    """What `--json` prints; times in milliseconds."""
    return {
        "rate": load.rate,
        "seconds": load.seconds,
        "warm_up_seconds": load.warm_s,
        "agents": [one.agent for one in submitters],
        "type": submitters[0].type,
        "submitted": loaded.submitted,
        "told": dict(loaded.told),
        "missing": loaded.missing,
        "per_second": round(loaded.per_second, 1),
        "latency_ms": None if loaded.latencies is None else asdict(loaded.latencies),
        "generator_behind_ms": None if loaded.behind is None else asdict(loaded.behind),
    }


@contextmanager
def _place(
    called: Invocation,
    progress: Bar,
    prepare_all: bool,  # noqa: FBT001  # as the command was told
    keep: bool,  # noqa: FBT001
    agents: list[str] | None,
    action_type: str | None,
    lane: str | None,
    arguments: str | None,
) -> Iterator[_Place]:
    if (agents is None) != (action_type is None):
        raise ConfigurationError("`--agent` and `--type` belong together: who asks, and for what")
    if agents is not None and action_type is not None:
        said = read_arguments([], arguments)
        own = tuple(_own(called.settings, name, lane, action_type, said) for name in agents)
        yield _Place(called.settings, own)
    elif not _is_configured(called):
        with LocalDeployment.temporary(said=progress.say) as deployment:
            parts = deployment.operator, deployment.admin
            with _prepared(deployment.settings, *parts, progress, keep=True) as place:
                yield place
    elif prepare_all:
        with (
            operator_of(called) as operator,
            _prepared(called.settings, operator, called.admin(), progress, keep=keep) as place,
        ):
            yield place
    else:
        raise ConfigurationError(
            "who acts? `--prepare` makes agents, an executor and a policy for this run and retires them afterwards; "
            "or name agents of yours with `--agent` and what they ask for with `--type`"
        )


def _is_configured(called: Invocation) -> bool:
    found = called.config is not None or find_file(Path.cwd()) is not None
    return found or "SLUICEGATE_BOOTSTRAP" in os.environ


def _own(
    settings: Settings, agent: str, lane: str | None, action_type: str, arguments: JsonObject
) -> Submitter:
    key = stored_key(StateFolder(settings.state_dir), agent)
    return Submitter(agent, lane or agent, key, action_type, lambda _number: arguments)


@contextmanager
def _prepared(
    settings: Settings, operator: Operator, admin: Admin, progress: Bar, *, keep: bool
) -> Iterator[_Place]:
    state, layout = StateFolder(settings.state_dir), Layout.of(settings)
    progress.say("agents, an executor and a policy")
    since_ms = time.time_ns() // 1_000_000 - _EARLIER_MS
    target = plan(operator, admin, state, layout)
    before = dict(operator.tables.positions)
    # Whoever ends it with SIGTERM wants it taken back as much as who presses Ctrl-C.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        prepare(operator, admin, state, layout, target)
        if dict(operator.tables.positions) != before:
            progress.say("the gate adopts them")
            _await_adoption(settings, operator, since_ms)
        yield _Place(settings, target.submitters)
    finally:
        if not keep:
            progress.say("taking them back")
            _take_back(settings, operator, admin, target, since_ms)
        signal.signal(signal.SIGTERM, previous)


def _take_back(settings: Settings, operator: Operator, admin: Admin, target: Target, since_ms: int) -> None:
    try:
        retire(operator, StateFolder(settings.state_dir), target)
    except BaseException:
        note(
            "what was made for this run may still be in force: `sluicegate bench --prepare` once more takes it back"
        )
        raise
    left = target.made
    # A topic must not go while a gate may still write to it: it would stand still.
    if left and _has_adopted(settings, operator, since_ms):
        left = delete_topics(admin, target)
    if left:
        note(f"retired; Kafka keeps {' and '.join(f'`{topic}`' for topic in left)}, unused")


def _has_adopted(settings: Settings, operator: Operator, since_ms: int) -> bool:
    try:
        _await_adoption(settings, operator, since_ms)
    except TimedOutError:
        return False
    return True


def _await_adoption(settings: Settings, operator: Operator, since_ms: int) -> None:
    operator.refresh()
    analyst = connect_as(settings, Role.ANALYST)
    await_adoption(analyst, settings.partitions, operator.tables.positions, ADOPTED_S, start=since_ms)


def _probe(place: _Place) -> None:
    """One action before thousands; RefusedError says what is missing."""
    first = place.submitters[0]
    with AgentClient.connect(first.agent, lane=first.lane, key=first.key, settings=place.settings) as client:
        sent = client.submit(first.type, first.arguments(0))
        try:
            told = client.wait(sent, timeout_s=PROBE_S, until=Until.DECIDED).told
        except TimedOutError:
            raise RefusedError(
                f"the gate said nothing about one action of `{first.agent}`: does it run, and is the agent enrolled with "
                "the key that is here? See `sluicegate doctor` and `sluicegate dlq list`; `--prepare` makes agents"
            ) from None
    if told.outcome is OutcomeKind.DENIED:
        raise RefusedError(
            f"`{first.type}` of `{first.agent}` is denied ({told.reason}): a load of it would measure refusals. Let a "
            "policy allow it and enrol an executor for it, or use `--prepare`"
        )


def _print(load: Load, loaded: Loaded) -> None:
    shown = {
        "submitted": f"{loaded.submitted:,} at {load.rate:g} per second, {load.warm_s:g} s of warm-up among them",
        **{kind: f"{count:,}" for kind, count in sorted(loaded.told.items())},
        "no outcome": f"{loaded.missing:,}",
        "outcomes": f"{loaded.per_second:,.0f} per second, until the last one",
    }
    fields(shown)
    say()
    rows(
        ("", "p50 ms", "p95 ms", "p99 ms", "worst ms"),
        [
            ("due to outcome", *_cells(loaded.latencies)),
            ("generator behind", *_cells(loaded.behind)),
        ],
    )
    note("\na generator that is far behind says that this machine is too slow for the rate")


def _cells(found: Latencies | None) -> tuple[str, ...]:
    if found is None:
        return ("", "", "", "")
    return tuple(f"{value:,.1f}" for value in (found.p50, found.p95, found.p99, found.worst))
