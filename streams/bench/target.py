"""Agents, an executor and a policy for a load: made for it, and taken back after it.

One agent per partition, so that every partition is loaded; a policy that names these agents only and lets one type pass; an
executor that nobody runs, whose grants lapse after ten seconds. Topics go again where Kafka lets the administrator delete
them; elsewhere they stay, empty of use.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException

from sluicegate.schemas import document
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.ids import partition_of
from sluicegate.streams.clients.operator import Operator, Statement
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.kafka.admin import REQUEST_S, Admin
from sluicegate.streams.kafka.topics import Change, Layout, apply_topics, executor_topics, plan_topics
from sluicegate.streams.state_folder import StateFolder

from .load import Submitter

EXECUTOR: Final = "bench"
POLICY: Final = "bench"
PERSON: Final = "p-bench"
ACTION_TYPE: Final = "bench.pass"
GRANT_LIFE_MS: Final = 10_000
MOST_AGENTS: Final = 64
_KEY: Final = "bench-executor"
_SALTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Target:
    """Who submits, and the topics that are made for it."""

    submitters: tuple[Submitter, ...]
    made: tuple[str, ...]


def plan(operator: Operator, admin: Admin, state: StateFolder, layout: Layout) -> Target:
    """What `prepare` will make; nothing is made yet.

    ConfigurationError when the deployment's own topics are not as they should be: there is nothing to put load on. And when
    something of the same name is in force that was not made here: it would be lost.
    """
    _check_deployment(admin, layout)
    missing = plan_topics(admin, layout, (EXECUTOR,)).of(Change.CREATE)
    submitters = tuple(_submitter(state, number, layout.partitions) for number in _numbers(layout))
    operator.refresh()
    for one in _statements(state, submitters, retired=False):
        _check_name(operator, one)
    return Target(submitters, tuple(row.topic for row in missing))


def prepare(operator: Operator, admin: Admin, state: StateFolder, layout: Layout, target: Target) -> None:
    """Topics first, then documents; a gate that runs adopts them. Repeatable."""
    apply_topics(admin, layout, (EXECUTOR,))
    operator.ensure_many(_statements(state, target.submitters, retired=False))


def retire(operator: Operator, state: StateFolder, target: Target) -> None:
    """From now on these agents, this executor and this policy count for nothing; also when not all of them were made."""
    operator.refresh()
    statements = _statements(state, target.submitters, retired=True)
    operator.ensure_many(one for one in statements if operator.current(one.subject, one.id) is not None)


def delete_topics(admin: Admin, target: Target) -> tuple[str, ...]:
    """Delete what `prepare` made, once no gate writes there any more; the topics that Kafka did not let go."""
    names = {admin.naming.topic(topic): topic for topic in target.made}
    if not names:
        return ()
    left = []
    for name, future in admin.client.delete_topics(list(names), request_timeout=REQUEST_S).items():
        try:
            future.result(REQUEST_S)
        except (KafkaException, TimeoutError):
            left.append(names[name])
    return tuple(left)


def _check_deployment(admin: Admin, layout: Layout) -> None:
    own = {spec.name for spec in executor_topics(EXECUTOR)}
    wrong = [row.topic for row in plan_topics(admin, layout).rows if row.change is not Change.KEEP]
    if missing := [topic for topic in wrong if topic not in own]:
        raise ConfigurationError(
            f"under `{admin.naming.prefix}` the topic `{missing[0]}` is missing or differs: this is no deployment to "
            "put load on; look with `sluicegate topics plan`, or try `sluicegate bench` without settings"
        )


def _check_name(operator: Operator, wanted: Statement) -> None:
    found = operator.current(wanted.subject, wanted.id)
    if found is not None and found != wanted.body and not getattr(found, "retired", False):
        raise ConfigurationError(
            f"{wanted.subject.value} `{wanted.id}` is in force and is not what a run from here makes: it is left alone. "
            "Retire it first, or name agents of yours with `--agent` and `--type`"
        )


def _numbers(layout: Layout) -> Iterable[int]:
    return range(min(layout.partitions, MOST_AGENTS))


def _submitter(state: StateFolder, number: int, partitions: int) -> Submitter:
    """The agent on a partition; its lane is the first of a row of names that falls there."""
    agent = f"bench-{number}"
    names = (f"{agent}-{salt}" for salt in range(_SALTS))
    lane = next(name for name in names if partition_of(name, partitions) == number)
    key, _ = key_or_new(state, agent)
    return Submitter(agent, lane, key, ACTION_TYPE, _arguments)


def _arguments(number: int) -> JsonObject:
    return {"record": number, "fields": ["name", "ward"], "limit": 10, "why": "load"}


def _statements(state: StateFolder, submitters: Sequence[Submitter], *, retired: bool) -> list[Statement]:
    executor, _ = key_or_new(state, _KEY)
    bodies: list[tuple[DocumentKind, str, document.Body]] = [
        (DocumentKind.PERSON, PERSON, document.Person(name="sluicegate bench")),
        (
            DocumentKind.EXECUTOR,
            EXECUTOR,
            document.Executor(
                key=executor.public.text, types=(ACTION_TYPE,), grant_life_ms=GRANT_LIFE_MS, retired=retired
            ),
        ),
        (DocumentKind.POLICY, POLICY, document.PolicyText(text=_policy(submitters), retired=retired)),
        *(
            (
                DocumentKind.AGENT,
                one.agent,
                document.Agent(key=one.key.public.text, owners=(PERSON,), lane=one.lane, retired=retired),
            )
            for one in submitters
        ),
    ]
    return [Statement(*each) for each in bodies]


def _policy(submitters: Sequence[Submitter]) -> str:
    agents = ", ".join(one.agent for one in submitters)
    return (
        f"version: 1\nname: {POLICY}\nagents: [{agents}]\ndefault: deny\n"
        f"rules:\n  - {{id: load-passes, on: [{ACTION_TYPE}], effect: allow}}\n"
    )
