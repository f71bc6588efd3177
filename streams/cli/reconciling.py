"""`reconcile`: a person settles what became of an execution whose end is unknown."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer

from sluicegate.schemas.decision import Settled
from sluicegate.schemas.errors import ConfigurationError, RefusedError, TimedOutError
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.reviewer import DEFAULT_WAIT_S
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Role

from .actions import in_words
from .invocation import invocation
from .options import AccountId, AsJson
from .reviews import reviewer
from .screen import as_json as written
from .screen import print_json, say

TOPIC = "outcomes"
POLL_S = 0.2


def reconcile(
    ctx: typer.Context,
    action_id: Annotated[str, typer.Argument(metavar="ID", help="An action whose outcome is `unknown`.")],
    *,
    executed: Annotated[bool, typer.Option("--executed", help="It did happen.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="It did not happen.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="How you know; audit keeps its digest.")],
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="ID", help="Whose action, when two agents use the same id."),
    ] = None,
    account: AccountId = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait until it is settled.")
    ] = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Say what really happened, as a signed record. Counts for the executor's `reconcilers` outside the origin set.

    Example: sluicegate reconcile ac-7f2k --executed --reason "the record is gone in the CRM"
    """
    if executed == failed:
        raise ConfigurationError("say what happened: either `--executed` or `--failed`")
    called = invocation(ctx)
    connection = called.connection(Role.REVIEWER)
    unknown = _unknown(connection, action_id, agent)
    settled = Settled.EXECUTED if executed else Settled.FAILED
    since_ms = time.time_ns() // 1_000_000 - called.settings.gate.skew_ms
    with reviewer(called, called.account(account)) as client:
        client.reconcile(unknown.agent, action_id, unknown.grant_id or "", settled, reason, lane=unknown.lane)
    outcome = _reconciled(connection, unknown, since_ms, timeout)
    if as_json:
        print_json(written(outcome))
    else:
        say(in_words(outcome))


def _unknown(connection: Connection, action_id: str, agent: str | None) -> Outcome:
    """What is known of the action; RefusedError unless exactly one agent's execution of it is unknown."""
    latest: dict[str, Outcome] = {}
    with TopicReader(connection, TOPIC, From.BEGINNING) as reader:
        for record in reader.to_end():
            told = read_record(record, Outcome)
            if told.action_id == action_id and agent in {None, told.agent} and not told.repeated:
                latest[told.agent] = told
    unknown = [told for told in latest.values() if told.outcome is OutcomeKind.UNKNOWN]
    if not unknown:
        raise RefusedError(f"no execution of `{action_id}` is unknown; see `sluicegate show {action_id}`")
    if len(unknown) > 1:
        raise RefusedError(f"`{action_id}` is unknown for {len(unknown)} agents; say which with `--agent`")
    return unknown[0]


def _reconciled(connection: Connection, about: Outcome, since_ms: int, timeout_s: float) -> Outcome:
    until = time.monotonic() + timeout_s
    with TopicReader(connection, TOPIC, since_ms) as reader:
        while time.monotonic() < until:
            for told in _told(reader):
                if (told.agent, told.action_id) == (about.agent, about.action_id) and told.outcome.final:
                    return told
    raise TimedOutError(
        f"it is not settled after {timeout_s:g} s: the record may not count (see `sluicegate show {about.action_id}`), "
        "or no gate runs"
    )


def _told(reader: TopicReader) -> Iterator[Outcome]:
    return (read_record(record, Outcome) for record in reader.poll(POLL_S))
