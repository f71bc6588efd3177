"""`inbox`, `approve`, `reject`: a reviewer's side."""

import time
from typing import Annotated, Any

import typer

from sluicegate.processors.events import Event as Happening
from sluicegate.processors.story import sentence_of_reason
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Resolution, Tally
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import Account, DocumentKind
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.inbox import Alarm, Event
from sluicegate.streams.clients.reviewer import DEFAULT_WAIT_S, ReviewerClient
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.kafka.principals import Role

from .failures import REFUSED
from .identities_file import body_of
from .invocation import Invocation, invocation
from .options import AccountId, AsJson
from .person_names import names_of_persons
from .request_card import card
from .screen import as_json as written
from .screen import note, print_json, print_json_line, say, span
from .waiting import Waiting, read_waiting

RequestId = Annotated[
    str, typer.Argument(metavar="REQUEST", help="A request's id, its beginning, or the id of its action.")
]
WaitFor = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for the gate's tally.")
]


def inbox(
    ctx: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what happens, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for people, earliest deadline first: who is needed, why, and the view of the action.

    Lines after `|` are an agent's words. Values that no operator declared harmless appear as type and size.

    Example: sluicegate inbox --watch
    """
    called = invocation(ctx)
    connection = called.connection(Role.REVIEWER)
    waiting = read_waiting(connection)
    if not as_json:
        waiting.names = names_of_persons(called)
    if watch:
        _watch(called, waiting, as_json=as_json)
        return
    requests = waiting.requests()
    if as_json:
        print_json([_request_json(one, waiting) for one in requests])
        return
    for request in requests:
        _print_card(request, waiting)
    note(f"{len(requests)} waiting" if requests else "nothing waits")
    for alarm in waiting.alarms:
        note(_alarm(alarm))


def approve(
    ctx: typer.Context,
    request: RequestId,
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; some requests demand it.")] = None,
    account: AccountId = None,
    timeout: WaitFor = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Approve exactly what is printed. Whether it counts is the gate's answer; exit status 1 when it does not.

    Example: sluicegate approve rq-4fj2ab --reason "checked with the ward"
    """
    _decide(ctx, request, Choice.APPROVE, reason, account, timeout, as_json=as_json)


def reject(
    ctx: typer.Context,
    request: RequestId,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; the agent is not told, audit keeps its digest.")
    ],
    account: AccountId = None,
    timeout: WaitFor = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Reject it; one counted rejection is final.

    Example: sluicegate reject rq-4fj2ab --reason "wrong ward"
    """
    _decide(ctx, request, Choice.REJECT, reason, account, timeout, as_json=as_json)


def account_name(called: Invocation, account_id: str) -> AccountName:
    """The login of an account of `identities.toml`; `ISSUER:SUBJECT` names one that is not in it."""
    said = called.identities.fields_of("accounts", account_id)
    if said is not None:
        body = body_of(DocumentKind.ACCOUNT, account_id, {key: said[key] for key in said if key != "key"})
        assert isinstance(body, Account)  # noqa: S101  # the model of this kind
        return body.account
    issuer, colon, subject = account_id.rpartition(":")
    if not colon or not issuer or not subject:
        raise ConfigurationError(
            f"`{account_id}` is no account of `{called.identities_path}`: name one, or write ISSUER:SUBJECT"
        )
    return AccountName(issuer=issuer, subject=subject)


def reviewer(called: Invocation, account_id: str) -> ReviewerClient:
    """The client of this account; its key is `keys/<account>.ed25519`."""
    name = account_name(called, account_id)
    known = called.identities.fields_of("accounts", account_id) is not None
    return ReviewerClient(
        called.connection(Role.REVIEWER),
        stored_key(called.state, account_id if known else name.subject),
        deployment=called.settings.deployment,
        account=name,
    )


def _decide(
    ctx: typer.Context,
    request_id: str,
    choice: Choice,
    reason: str | None,
    account: str | None,
    timeout_s: float,
    *,
    as_json: bool,
) -> None:
    called = invocation(ctx)
    chosen = called.account(account)
    waiting = read_waiting(called.connection(Role.REVIEWER))
    request = waiting.named(request_id)
    if not as_json:
        waiting.names = names_of_persons(called)
        _print_card(request, waiting)
    with reviewer(called, chosen) as client:
        tally = client.decide(request, choice, reason, timeout_s=timeout_s)
    if as_json:
        print_json(written(tally))
    else:
        say(f"{choice.value} as {chosen}: {tally_in_words(tally, choice)}")
    if not tally.counted:
        raise typer.Exit(REFUSED)


def tally_in_words(tally: Tally, choice: Choice | None = None) -> str:
    """The gate's answer to a decision in one sentence."""
    if not tally.counted:
        return f"not counted ({tally.reason}): {sentence_of_reason(Happening.DECISION_NOT_COUNTED, tally.reason or 'no reason')}"
    if choice is Choice.REJECT:
        return "counted; the request is rejected"
    missing = f"; missing: {', '.join(tally.open_groups)}" if tally.open_groups else ""
    return f"counted, {tally.people} of {tally.needed}{missing}"


def reminder_in_words(reminder: Reminder, now_ms: int) -> str:
    """What a reminder says, in one sentence."""
    left = span(max(0, reminder.deadline_ms - now_ms))
    missing = f"; missing: {', '.join(reminder.open_groups)}" if reminder.open_groups else ""
    return f"reminder: {reminder.people} of {reminder.needed} have decided, {left} left{missing}"


def _watch(called: Invocation, waiting: Waiting, *, as_json: bool) -> None:
    client = ReviewerClient(
        called.connection(Role.REVIEWER),
        PrivateKey.generate(),  # of nobody: who only watches signs nothing
        deployment=called.settings.deployment,
    )
    with client:
        client.pending()  # what has ended before is no news
        for event in client.watch():
            if as_json:
                print_json_line(_event_json(event))
            else:
                _print_event(event, waiting)


def _print_event(event: Event, waiting: Waiting) -> None:
    match event:
        case ApprovalRequest():
            _print_card(event, waiting)
        case Tally():
            if event.counted:
                waiting.counted[event.request_id] = event
            say(f"{event.request_id}  a decision of {_name(event.person, waiting)}: {tally_in_words(event)}")
        case Reminder():
            say(f"{event.request_id}  {reminder_in_words(event, _now_ms())}")
        case Resolution():
            say(f"{event.request_id}  {event.resolution.value}{f' ({event.reason})' if event.reason else ''}")
        case Alarm():
            note(_alarm(event))


def _print_card(request: ApprovalRequest, waiting: Waiting) -> None:
    for line in card(request, waiting.counted.get(request.request_id), _now_ms(), waiting.names):
        say(line)
    say()


def _request_json(request: ApprovalRequest, waiting: Waiting) -> dict[str, Any]:
    tally = waiting.counted.get(request.request_id)
    return {**written(request), "counted": tally.people if tally else 0}


def _event_json(event: Event) -> dict[str, Any]:
    if isinstance(event, Alarm):
        return {
            "kind": "alarm",
            "reason": event.reason.value,
            "position": str(event.position),
            "id": event.id,
        }
    return written(event)


def _name(person: str | None, waiting: Waiting) -> str:
    return "somebody unknown" if person is None else waiting.names.get(person, person)


def _alarm(alarm: Alarm) -> str:
    return f"ALARM at {alarm.position}: {alarm.reason.value}; decide nothing about `{alarm.id}`, call the operators"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
