"""`submit`, `sign`, `withdraw`: an agent's side, for people and scripts."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.decision import Settled
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.agent import DEFAULT_WAIT_S, AgentClient, Submission
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.signed_record import SignedRecord, sign_json
from sluicegate.streams.clients.stored_key import stored_key

from .failures import OK, REFUSED, reason_of
from .invocation import Invocation, invocation
from .options import AgentId, AsJson, Lane
from .screen import as_json as written
from .screen import fields, note, print_json, say

DONE = frozenset({OutcomeKind.EXECUTED, OutcomeKind.RECONCILED})
TAKEN_BACK = frozenset({OutcomeKind.WITHDRAWN})
STDIN = "-"

WaitFor = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help=f"How long to wait. Default: {DEFAULT_WAIT_S:g}."),
]


def submit(
    ctx: typer.Context,
    action_type: Annotated[str, typer.Argument(metavar="TYPE", help="What is intended, such as crm.delete.")],
    *,
    arg: Annotated[
        list[str] | None,
        typer.Option(
            "--arg", metavar="K=V", help="An argument; V is JSON when it reads as JSON, else text. Repeat it."
        ),
    ] = None,
    arguments: Annotated[
        str | None,
        typer.Option("--arguments", metavar="JSON|FILE|-", help="All arguments as one JSON object."),
    ] = None,
    action_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The idempotency key. Default: a random one.")
    ] = None,
    summary: Annotated[
        str | None, typer.Option("--summary", help="The agent's own words; never shown raw.")
    ] = None,
    supersedes: Annotated[
        str | None, typer.Option("--supersedes", metavar="ID", help="Make this an edit of that action.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    timeout: WaitFor = None,
    agent: AgentId = None,
    lane: Lane = None,
    as_json: AsJson = False,
) -> None:
    """Publish an action that an agent intends. Nothing runs because of it until the gate grants it.

    With --wait the exit status is 1 for every end but `executed`, or `reconciled` as executed; what the executor returned is
    printed as JSON, masked.

    Example: sluicegate submit crm.delete --arg records=3 --wait
    """
    said = read_arguments(arg or [], arguments)
    called = invocation(ctx)
    with _client(called, agent, lane) as client:
        sent = client.submit(action_type, said, action_id=action_id, summary=summary, supersedes=supersedes)
        _tell(client, sent, DONE, wait=wait, timeout_s=timeout, as_json=as_json)


def withdraw(
    ctx: typer.Context,
    action_id: Annotated[str, typer.Argument(metavar="ID", help="The action that is no longer intended.")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome.")] = False,
    timeout: WaitFor = None,
    agent: AgentId = None,
    lane: Lane = None,
    as_json: AsJson = False,
) -> None:
    """Take an action back. It counts only while the action waits for people; otherwise its outcome is told again.

    With --wait the exit status is 1 when it ended in another way than `withdrawn`.

    Example: sluicegate withdraw ac-7f2k --wait
    """
    with _client(invocation(ctx), agent, lane) as client:
        _tell(client, client.withdraw(action_id), TAKEN_BACK, wait=wait, timeout_s=timeout, as_json=as_json)


def sign(
    ctx: typer.Context,
    *,
    agent: AgentId = None,
    lane: Lane = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="ID", help="Sign with this key of the state folder: an account's, for decisions."
        ),
    ] = None,
) -> None:
    """Turn a JSON object on standard input into a signed record, for producers in other languages.

    The input is an action (`type`, `arguments` and what else you want) or has a `kind`: withdrawal, decision,
    reconciliation. Missing ids, nonce, time, agent and lane are filled in. The output is one JSON object: topic,
    partition, key, headers, and the exact value as text. Send key, headers and value unchanged.

    Example: echo '{"type": "crm.read", "arguments": {"id": 7}}' | sluicegate sign
    """
    called = invocation(ctx)
    name = None if key else called.agent(agent)
    record = sign_json(
        stored_key(called.state, key or name or ""),
        sys.stdin.buffer.read(),
        deployment=called.settings.deployment,
        now_ms=time.time_ns() // 1_000_000,
        agent=name,
        lane=lane,
    )
    print_json(_sendable(called, record))


def _client(called: Invocation, agent: str | None, lane: str | None) -> AgentClient:
    return AgentClient.connect(called.agent(agent), lane=lane, settings=called.settings)


def _tell(
    client: AgentClient,
    sent: Submission,
    hoped: frozenset[OutcomeKind],
    *,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    shown: dict[str, Any] = {
        "agent": sent.agent,
        "action_id": sent.action_id,
        "digest": sent.digest.hex(),
        "position": str(sent.position),
    }
    if not wait:
        _print_submission(shown, as_json=as_json)
        return
    if not as_json:
        note(f"{sent.action_id} is on its way; Ctrl-C stops waiting, not the action")
    answer = client.wait(sent, timeout_s=DEFAULT_WAIT_S if timeout_s is None else timeout_s)
    if as_json:
        print_json({**shown, "outcome": written(answer.told), "answer": _came_back(answer)})
    else:
        say(in_words(answer.told))
        _show_result(answer)
    raise typer.Exit(OK if answer.outcome in hoped and answer.reason != Settled.FAILED else REFUSED)


def _came_back(answer: Answer) -> dict[str, Any]:
    return {
        "result": answer.result,
        "profile": answer.profile,
        "withheld": list(answer.withheld),
        "release": list(answer.release),
        "released": list(answer.released),
    }


def _show_result(answer: Answer) -> None:
    """What came back on standard output, what is to be said about it on standard error."""
    if answer.withheld:
        note(f"the result is in quarantine: {', '.join(answer.withheld)}")
        for release in answer.release:
            note(
                f"people may still release it: they decide on `{release}`; wait again, or see `sluicegate show`"
            )
    elif answer.profile is not None:
        note(f"the result, masked under `{answer.profile}`:")
        print_json(answer.result)


def _print_submission(shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        fields({name: str(value) for name, value in shown.items()})
        note(f"follow it with `sluicegate show {shown['action_id']}`")


def in_words(outcome: Outcome) -> str:
    """An outcome as one line."""
    why = f" ({outcome.reason})" if outcome.reason else ""
    rules = f" by {', '.join(outcome.rules)}" if outcome.rules else ""
    return f"{outcome.action_id}: {outcome.outcome.value}{why}{rules}{', told again' if outcome.repeated else ''}"


def _sendable(called: Invocation, record: SignedRecord) -> dict[str, Any]:
    topic = "actions" if record.kind in {"action", "withdrawal"} else "decisions"
    return {
        "topic": f"{called.settings.prefix}{topic}",
        "partition": record.partition(called.settings.partitions),
        "key": record.lane,
        "headers": {name: (value or b"").decode("ascii") for name, value in record.headers},
        "value": record.value.decode("utf-8"),
        "id": record.id,
        "digest": record.digest.hex(),
    }


def read_arguments(pairs: list[str], whole: str | None) -> JsonObject:
    """Arguments from `K=V` pairs and one JSON object (itself, a file, or `-`); a name given twice is refused."""
    said = _json_object(_text(whole)) if whole is not None else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigurationError("an argument is K=V, such as --arg records=3")
        if name in said:
            raise ConfigurationError(f"the argument `{name}` is given twice")
        said[name] = _value(value)
    return said


def _text(whole: str) -> bytes:
    if whole == STDIN:
        return sys.stdin.buffer.read()
    if whole.lstrip().startswith("{"):
        return whole.encode()
    try:
        return Path(whole).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"`--arguments` is a JSON object, a file or -: the file cannot be read ({reason_of(error)})"
        ) from None


def _json_object(text: bytes) -> JsonObject:
    said = parse_json(text)
    if not isinstance(said, dict):
        raise RecordError("`--arguments` must be one JSON object")
    return said


def _value(text: str) -> Any:
    try:
        return parse_json(text.encode())
    except RecordError:
        return text
