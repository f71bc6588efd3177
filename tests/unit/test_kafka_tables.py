"""The tables of topics, rights and names, without a broker."""

from dataclasses import replace

import pytest

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka import access, topics
from sluicegate.streams.kafka.admin import FoundTopic
from sluicegate.streams.kafka.principals import LOCAL_PRINCIPALS, Naming, Principal, Role
from sluicegate.streams.kafka.rights import TABLE, Right, denials, rights_of
from sluicegate.streams.kafka.topics import Change, Layout

NAMING = Naming("sluicegate.")
LAYOUT = Layout(partitions=6)
EVERYONE = (*LOCAL_PRINCIPALS, Principal(Role.EXECUTOR, "crm"), Principal(Role.NOTARY))


@pytest.mark.parametrize("user", ["gate", "executor-crm", "agent-a-b-c", "executor-0"])
def test_a_principal_survives_its_user_name(user: str) -> None:
    """Parsing what `user` gives returns the principal, names with dashes included."""
    assert Principal.parse(user).user == user


@pytest.mark.parametrize(
    "user",
    [
        "",
        "gate-1",
        "agent",
        "agent-",
        "executor-UPPER",
        "executor-a.b",
        "root",
        "agent--",
        "executor-" + "a" * 64,
    ],
)
def test_what_is_no_principal_is_refused(user: str) -> None:
    """Unknown roles, missing names and names out of shape are errors."""
    with pytest.raises(ConfigurationError):
        Principal.parse(user)


def test_no_group_or_transactional_stem_is_a_prefix_of_anothers() -> None:
    """`a` cannot reach `a-b`: groups are literal, and a transactional stem ends with a dot."""
    one, other = Principal(Role.EXECUTOR, "a"), Principal(Role.EXECUTOR, "a-b")
    stem = next(right for right in rights_of(one, NAMING) if right.resource == "transactional_id")
    assert stem.name == "sluicegate.executor.a."
    assert not NAMING.transactional_id(other, 0).startswith(stem.name)


def test_the_prefix_is_taken_off_only_from_our_own_topics() -> None:
    """A topic of another deployment has no logical name."""
    assert NAMING.logical(NAMING.topic("execution.crm")) == "execution.crm"
    assert NAMING.logical("other.actions") is None


def test_every_role_has_a_row() -> None:
    """No role is without rights by accident."""
    assert set(TABLE) == set(Role)


@pytest.mark.parametrize("principal", EVERYONE, ids=lambda principal: principal.user)
def test_run_time_roles_hold_no_cluster_rights(principal: Principal) -> None:
    """Only the administrator may alter the cluster: who may, could delete the denials."""
    found = {right.operation for right in rights_of(principal, NAMING) if right.resource == "cluster"}
    assert found == ({"alter"} if principal.role is Role.ADMIN else set())


@pytest.mark.parametrize("principal", EVERYONE, ids=lambda principal: principal.user)
def test_every_right_stays_within_the_deployment(principal: Principal) -> None:
    """Whatever is named starts with the prefix."""
    assert all(
        right.name.startswith(NAMING.prefix)
        for right in rights_of(principal, NAMING)
        if right.resource != "cluster"
    )


def test_only_reviewers_write_decisions_and_only_the_gate_writes_grants() -> None:
    """The two rights that everything rests on are held by exactly one role each."""

    def writers(topic: str) -> set[str]:
        name = NAMING.topic(topic)
        return {
            principal.user
            for principal in EVERYONE
            for right in rights_of(principal, NAMING)
            if right.operation == "write"
            and (right.name == name or (right.pattern == "prefixed" and name.startswith(right.name)))
        }

    assert writers("decisions") == {"reviewer-local"}
    assert writers("execution.crm") == {"gate"}
    assert writers("audit") == {"gate", "masking"}
    assert writers("checkpoints") == {"notary"}


def test_every_topic_in_the_table_of_rights_exists() -> None:
    """A right names a topic of the table of topics, so neither table can drift alone."""
    known = {NAMING.topic(spec.name) for spec in topics.table(LAYOUT, ["crm"])}
    for principal in EVERYONE:
        for right in rights_of(principal, NAMING):
            if right.resource == "topic" and right.pattern == "literal":
                assert right.name in known, f"{principal.user}: {right.name}"


def test_evidence_is_kept_for_ever_and_never_compacted() -> None:
    """`audit`, `checkpoints` and the documents have no limit of time or size."""
    specs = {spec.name: spec.config(LAYOUT) for spec in topics.table(LAYOUT)}
    for name in ("audit", "checkpoints", "policies", "identities", "controls"):
        assert specs[name]["retention.ms"] == specs[name]["retention.bytes"] == "-1"
        assert specs[name]["cleanup.policy"] == "delete"


def test_the_state_of_open_exports_is_cleared_away_soon() -> None:
    """What masking's state held before, a sealed secret or a destroyed batch, goes within an hour and not at the end of the retention."""
    specs = {spec.name: spec.config(LAYOUT) for spec in topics.table(LAYOUT)}
    soon = {"masking.exports.changelog", "masking.held.changelog"}
    for name in soon:
        config = specs[name]
        assert (config["cleanup.policy"], config["max.compaction.lag.ms"]) == ("compact,delete", "3600000")
    assert all("max.compaction.lag.ms" not in specs[name] for name in specs.keys() - soon)


def test_closed_markers_outlive_the_inputs_they_guard() -> None:
    """A gate that was away as long as `actions` are kept still finds the markers of its last window."""
    specs = {spec.name: spec for spec in topics.table(Layout(6, closing_window_ms=7_200_000))}
    assert specs["gate.closed.changelog"].retention_ms >= specs["actions"].retention_ms + 2 * 7_200_000


def test_co_partitioned_topics_have_the_partitions_of_the_deployment_and_documents_one() -> None:
    """The number of partitions follows the topic's kind."""
    counts = {spec.name: spec.partitions(LAYOUT) for spec in topics.table(LAYOUT, ["crm"])}
    assert {counts[name] for name in ("actions", "audit", "outcomes", "execution.crm", "receipts")} == {6}
    assert {
        counts[name] for name in ("identities", "policies", "controls", "checkpoints", "dlq.actions")
    } == {1}


def as_found(layout: Layout) -> dict[str, FoundTopic]:
    """A cluster that is exactly as the table says."""
    return {
        spec.name: FoundTopic(spec.partitions(layout), layout.replication, spec.config(layout))
        for spec in topics.table(layout)
    }


def test_a_plan_tells_absent_different_and_impossible_apart() -> None:
    """Create what is absent, configure what differs, refuse what cannot change, keep the rest."""
    found = as_found(LAYOUT)
    del found["audit"]
    found["actions"] = replace(found["actions"], config={**found["actions"].config, "retention.ms": "1"})
    found["outcomes"] = replace(found["outcomes"], partitions=12)
    plan = topics.compare(topics.table(LAYOUT), LAYOUT, found)
    assert [row.topic for row in plan.of(Change.CREATE)] == ["audit"]
    assert [row.topic for row in plan.of(Change.CONFIGURE)] == ["actions"]
    assert [(row.topic, row.differences) for row in plan.of(Change.CONFLICT)] == [
        ("outcomes", ("partitions: 12, wanted 6",))
    ]
    assert not plan.is_clean
    assert topics.compare(topics.table(LAYOUT), LAYOUT, as_found(LAYOUT)).is_clean


def test_rights_of_principals_on_the_cluster_are_checked_though_nobody_names_them() -> None:
    """An executor known only by one of its rights is planned in full."""
    wanted = rights_of(Principal(Role.EXECUTOR, "crm"), NAMING)
    lost = next(right for right in wanted if right.resource == "group")
    plan = access.compare(denials(NAMING) | (wanted - {lost}), (), NAMING)
    assert (plan.missing, plan.unexpected) == ((lost,), ())


@pytest.mark.parametrize(
    "stray",
    [
        Right("somebody", "topic", "sluicegate.audit", "read"),
        Right("somebody", "topic", "*", "read"),
        Right("somebody", "topic", "slu", "write", "prefixed"),
        Right("gate", "cluster", "", "alter"),
        Right("agent-local", "group", "sluicegate.gate", "read"),
    ],
)
def test_rights_that_reach_us_and_are_in_no_row_are_unexpected(stray: Right) -> None:
    """Strangers, wildcards, shorter prefixes and cluster rights are all found."""
    right_now = denials(NAMING).union(*(rights_of(each, NAMING) for each in LOCAL_PRINCIPALS), {stray})
    assert access.compare(right_now, LOCAL_PRINCIPALS, NAMING).unexpected == (stray,)


def test_rights_of_other_deployments_are_not_ours() -> None:
    """What names another prefix is neither missing nor unexpected."""
    other = rights_of(Principal.parse("gate"), Naming("other."))
    assert access.compare(denials(NAMING) | other, (), NAMING).is_clean
