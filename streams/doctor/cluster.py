"""What the cluster says, asked as the principals whose passwords are on this machine. Runs in a child process."""

from collections.abc import Iterator
from contextlib import suppress

from sluicegate.processors.tables import Trust
from sluicegate.schemas.errors import AccessError, SluicegateError
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import Connection, connect
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.kafka.topics import Change, Layout, plan_topics
from sluicegate.streams.settings import Settings
from sluicegate.streams.state_folder import StateFolder

from .findings import Finding, fail, ok, warn
from .held_readers import examine_held_readers
from .machine import gate_key_here, principals_here
from .rights import differences, expected_operations
from .transactions import examine_transactions

ANSWER_S = 10.0
_SHOWN = 6


def examine_cluster(settings: Settings) -> Iterator[Finding]:
    """Every finding about the cluster, as they come."""
    here = principals_here(StateFolder(settings.state_dir))
    if not here:
        yield warn("connection", "no password of a principal is on this machine", "copy `secrets/<user>`")
        return
    answering: list[Principal] = []
    for principal in here:
        finding = _connection(settings, principal)
        yield finding
        if not finding.todo:
            answering.append(principal)
    by_role = {principal.role: principal for principal in answering}
    topics: list[str] = []
    if Role.OPERATOR in by_role:
        connection = connect(settings, by_role[Role.OPERATOR])
        admin = Admin(connection)
        topics = sorted(admin.partitions())
        yield from _topics(admin, settings)
        yield from _documents(connection, settings)
        yield from examine_held_readers(admin)
    elif answering:
        yield warn("topics", "only an operator may read their configuration", "run the doctor where one is")
    for principal in answering:
        yield from _rights(connect(settings, principal), topics)
    if Role.GATE in by_role:
        yield from examine_transactions(connect(settings, by_role[Role.GATE]), settings.gate.skew_ms)


def _connection(settings: Settings, principal: Principal) -> Finding:
    about = f"connection as {principal.user}"
    try:
        connection = connect(settings, principal)
        Admin(connection).reachable(ANSWER_S)
    except AccessError as error:
        return fail(about, str(error), "give this machine the user's present password")
    except SluicegateError as error:
        return fail(about, str(error), "is the broker running, and `bootstrap` right?")
    return ok(about, f"`{connection.bootstrap}` answers")


def _topics(admin: Admin, settings: Settings) -> Iterator[Finding]:
    plan = plan_topics(admin, Layout.of(settings))
    for row in plan.rows:
        about = f"topic {row.topic}"
        said = "; ".join(row.differences)
        if row.change is Change.CREATE:
            yield fail(about, "it does not exist", "sluicegate topics apply")
        elif row.change is Change.CONFIGURE:
            yield fail(
                about, said, "sluicegate topics apply; if `audit` or `checkpoints`: find out who did it"
            )
        elif row.change is Change.CONFLICT:
            yield fail(about, said, "partitions and replication cannot be changed: correct the settings")
    if plan.is_clean:
        yield ok(
            "topics", f"{len(plan.rows)} as the table says: partitions, retention, log-append time, copies"
        )


def _rights(connection: Connection, topics: list[str]) -> Iterator[Finding]:
    principal = connection.principal
    if principal is None or not topics:
        return
    about = f"rights of {principal.user}"
    expected = expected_operations(principal, connection.naming, topics)
    try:
        missing, extra = differences(expected, Admin(connection).may_all(topics))
    except SluicegateError as error:
        yield fail(about, str(error), "compare with `sluicegate acl plan`")
        return
    if missing:
        yield fail(about, f"missing: {_some(missing)}", "sluicegate acl apply")
    if extra:
        yield fail(
            about,
            f"more than the table allows: {_some(extra)}",
            "sluicegate acl plan shows which; remove them",
        )
    if not missing and not extra:
        yield ok(about, f"exactly those of the table, on {len(topics)} topics")


def _documents(connection: Connection, settings: Settings) -> Iterator[Finding]:
    operators = {name: PublicKey.from_text(text) for name, text in settings.trust.operators.items()}
    try:
        # Nothing is signed here; the reader of documents comes with a key.
        with Operator(connection, PrivateKey.generate(), Trust(settings.deployment, operators)) as reader:
            tables = reader.tables
    except SluicegateError as error:
        yield fail("documents", str(error), "may the operator read policies, identities and controls?")
        return
    if tables.ignored:
        yield warn(
            "documents",
            f"{len(tables.ignored)} do not count",
            "see the entries `document.ignored` in `audit`",
        )
    else:
        yield ok("documents", f"{sum(tables.positions.values())} read, all count")
    if tables.loaded:
        yield ok("policy", f"in force: {', '.join(sorted(tables.loaded))}")
    else:
        yield warn("policy", "none is in force: everything is denied", "sluicegate policy publish")
    key = None
    with suppress(SluicegateError):
        key = gate_key_here(StateFolder(settings.state_dir))
    if key is not None:
        enrolled = key.key_id in tables.directory.signers
        yield (
            ok("gate enrolled", f"`{key.key_id}` is the key of a gate")
            if enrolled
            else fail(
                "gate enrolled",
                "executors do not know this machine's gate key",
                "sluicegate identity add gate",
            )
        )


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
