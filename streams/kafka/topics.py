"""The table of topics, the difference between it and a cluster, and its application.

All values are explicit, log-append time everywhere: the broker says when a record was appended, not its writer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sluicegate.processors.export_release import RELEASER
from sluicegate.schemas.errors import AccessError, ConfigurationError
from sluicegate.streams.settings import CLOSING_WINDOW_MS, Settings

from .admin import Admin, FoundTopic
from .principals import NAME

FOREVER = -1
DAY_MS = 86_400_000
KIB = 1024
MIB = 1024 * KIB
SUPERSEDED_MS = 3_600_000
EXECUTION = "execution."


class Spread(StrEnum):
    """How many partitions a topic has."""

    CO_PARTITIONED = "co-partitioned"
    """As many as the deployment has: partition *p* of all of them belongs to one task."""
    SINGLE = "single"


class Cleanup(StrEnum):
    """Kafka's `cleanup.policy`."""

    DELETE = "delete"
    COMPACT = "compact"
    BOTH = "compact,delete"
    """What a key said before goes within `SUPERSEDED_MS`, the last word at the end of the retention."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One row of the table, by logical name."""

    name: str
    retention_ms: int
    largest_bytes: int = MIB
    spread: Spread = Spread.CO_PARTITIONED
    cleanup: Cleanup = Cleanup.DELETE

    def partitions(self, layout: "Layout") -> int:
        """The number of partitions in a deployment."""
        return 1 if self.spread is Spread.SINGLE else layout.partitions

    def config(self, layout: "Layout") -> dict[str, str]:
        """Every value that matters, so that no broker-wide default can shorten what is kept."""
        soon = {"max.compaction.lag.ms": str(SUPERSEDED_MS)} if self.cleanup is Cleanup.BOTH else {}
        return {
            **soon,
            "cleanup.policy": self.cleanup.value,
            "max.message.bytes": str(self.largest_bytes),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, layout.replication - 1)),
            "retention.bytes": str(FOREVER),
            "retention.ms": str(self.retention_ms),
            "unclean.leader.election.enable": "false",
        }


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between deployments: the number of partitions cannot change once the topics exist."""

    partitions: int
    replication: int = 1
    closing_window_ms: int = CLOSING_WINDOW_MS

    @classmethod
    def of(cls, settings: Settings) -> "Layout":
        """The layout that the settings ask for."""
        return cls(settings.partitions, settings.replication, settings.gate.closing_window_ms)


def table(layout: Layout, executors: Iterable[str] = ()) -> tuple[TopicSpec, ...]:
    """Every topic of a deployment, with those of its executors; masking is one, of releases."""
    names = sorted({*executors, RELEASER})
    return (*_fixed(layout), *(spec for name in names for spec in executor_topics(name)))


def executor_topics(name: str) -> tuple[TopicSpec, TopicSpec]:
    """The grants for one executor, and what it could not read of them."""
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"`{name}` cannot name an executor: use 1 to 63 of a-z, 0-9 and -")
    return TopicSpec(f"{EXECUTION}{name}", 7 * DAY_MS, 8 * MIB), _dead_letters(f"{EXECUTION}{name}")


def _fixed(layout: Layout) -> tuple[TopicSpec, ...]:
    actions = TopicSpec("actions", 30 * DAY_MS, 4 * MIB)
    return (
        actions,
        TopicSpec("approvals", 30 * DAY_MS),
        TopicSpec("decisions", 365 * DAY_MS),
        TopicSpec("receipts", 30 * DAY_MS),
        TopicSpec("outcomes", 7 * DAY_MS),
        TopicSpec("audit", FOREVER),
        TopicSpec("exports.raw", DAY_MS, 4 * MIB),
        TopicSpec("exports.masked", 7 * DAY_MS, 4 * MIB),
        TopicSpec("exports.quarantine", 30 * DAY_MS, 8 * MIB),
        TopicSpec("policies", FOREVER, spread=Spread.SINGLE),
        TopicSpec("identities", FOREVER, spread=Spread.SINGLE),
        TopicSpec("controls", FOREVER, spread=Spread.SINGLE),
        TopicSpec("checkpoints", FOREVER, spread=Spread.SINGLE),
        TopicSpec("conformance", DAY_MS, spread=Spread.SINGLE),
        TopicSpec("gate.pending.changelog", FOREVER, 8 * MIB, cleanup=Cleanup.COMPACT),
        # Markers expire by the stream's time, the broker deletes by the wall clock. A gate that was away as long
        # as its inputs are kept must still find the markers of actions closed one window before it stopped.
        TopicSpec("gate.closed.changelog", actions.retention_ms + 2 * layout.closing_window_ms, 8 * MIB),
        # Chains are kept two days and an hour of stream time, see `processors/masking/export_progress`; a worker that was
        # away as long as its input is kept must still find them. A chain's secret goes with its last batch, so the state before
        # must not stay.
        TopicSpec("masking.exports.changelog", 4 * DAY_MS, cleanup=Cleanup.BOTH),
        # Held for 31 days at most; what was released or destroyed must not stay in an older record.
        TopicSpec("masking.held.changelog", 40 * DAY_MS, 8 * MIB, cleanup=Cleanup.BOTH),
        *(
            _dead_letters(topic)
            for topic in (
                "actions",
                "decisions",
                "receipts",
                "policies",
                "identities",
                "controls",
                "exports.raw",
            )
        ),
    )


def _dead_letters(topic: str) -> TopicSpec:
    # One partition: rare, and each partition a transaction touches makes its commit dearer.
    return TopicSpec(f"dlq.{topic}", 30 * DAY_MS, 8 * MIB, spread=Spread.SINGLE)


class Change(StrEnum):
    """What `apply` would do about a topic."""

    KEEP = "keep"
    CREATE = "create"
    CONFIGURE = "configure"
    CONFLICT = "conflict"
    """Cannot be changed on a topic that holds records: `apply` refuses as a whole."""


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic of the plan."""

    topic: str
    change: Change
    differences: tuple[str, ...] = ()
    """One `name: found, wanted` for each difference."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """The difference between the table and a cluster, one row per topic."""

    rows: tuple[TopicRow, ...]

    @property
    def is_clean(self) -> bool:
        """Whether the cluster is as the table says."""
        return all(row.change is Change.KEEP for row in self.rows)

    def of(self, change: Change) -> tuple[TopicRow, ...]:
        """The rows with this change."""
        return tuple(row for row in self.rows if row.change is change)


def plan_topics(admin: Admin, layout: Layout, executors: Iterable[str] = ()) -> TopicPlan:
    """What `apply_topics` would do; changes nothing. Executors that have a topic already are included."""
    found = admin.topics()
    return compare(_with_present_executors(layout, found, executors), layout, found)


def apply_topics(admin: Admin, layout: Layout, executors: Iterable[str] = ()) -> TopicPlan:
    """Create and configure what differs and return the plan that was carried out.

    A conflict is a `ConfigurationError` and nothing is changed. The configuration of `audit` and `checkpoints` is
    denied to everybody, so a difference there ends in an `AccessError`: somebody has tampered, find out who.
    """
    found = admin.topics()
    specs = {spec.name: spec for spec in _with_present_executors(layout, found, executors)}
    plan = compare(specs.values(), layout, found)
    if conflicts := plan.of(Change.CONFLICT):
        row = conflicts[0]
        raise ConfigurationError(
            f"topic `{row.topic}` cannot be changed ({'; '.join(row.differences)}): "
            "correct the settings, or move the records by hand; nothing was changed"
        )
    admin.create_topics(
        {
            row.topic: (
                specs[row.topic].partitions(layout),
                layout.replication,
                specs[row.topic].config(layout),
            )
            for row in plan.of(Change.CREATE)
        }
    )
    _configure(admin, layout, specs, plan, found)
    return plan


def compare(specs: Iterable[TopicSpec], layout: Layout, found: Mapping[str, FoundTopic]) -> TopicPlan:
    """The plan, from the topics found; pure."""
    return TopicPlan(tuple(_row(spec, layout, found.get(spec.name)) for spec in specs))


def _row(spec: TopicSpec, layout: Layout, found: FoundTopic | None) -> TopicRow:
    if found is None:
        return TopicRow(spec.name, Change.CREATE)
    fixed = {
        "partitions": (found.partitions, spec.partitions(layout)),
        "replication": (found.replication, layout.replication),
    }
    if conflicts := _differences(fixed):
        return TopicRow(spec.name, Change.CONFLICT, conflicts)
    wanted = spec.config(layout)
    differences = _differences({key: (found.config.get(key), value) for key, value in wanted.items()})
    return TopicRow(spec.name, Change.CONFIGURE if differences else Change.KEEP, differences)


def _differences(pairs: Mapping[str, tuple[object, object]]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {found}, wanted {wanted}" for name, (found, wanted) in pairs.items() if found != wanted
    )


def _configure(
    admin: Admin,
    layout: Layout,
    specs: Mapping[str, TopicSpec],
    plan: TopicPlan,
    found: Mapping[str, FoundTopic],
) -> None:
    changes = {
        row.topic: {
            key: value
            for key, value in specs[row.topic].config(layout).items()
            if found[row.topic].config.get(key) != value
        }
        for row in plan.of(Change.CONFIGURE)
    }
    try:
        admin.configure_topics(changes)
    except AccessError as error:
        raise AccessError(
            f"{error}; nobody may change `audit` and `checkpoints`: if one of them differs, find out who did"
        ) from None


def _with_present_executors(
    layout: Layout, found: Mapping[str, FoundTopic], executors: Iterable[str]
) -> tuple[TopicSpec, ...]:
    names = {name.removeprefix(EXECUTION) for name in found if name.startswith(EXECUTION)}
    return table(layout, {name for name in names if NAME.fullmatch(name)} | set(executors))
