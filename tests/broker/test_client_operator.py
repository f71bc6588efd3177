"""An operator's client and the reader of dead letters against real Kafka."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from sluicegate.processors.contract import Position
from sluicegate.processors.tables import Trust
from sluicegate.schemas import document
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.errors import AccessError, PolicyError, RefusedError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.dead_letters import DeadLetterReader
from sluicegate.streams.clients.operator import Operator, Statement
from sluicegate.streams.clients.sending import Sender, acknowledged
from sluicegate.streams.clients.signed_record import SignedRecord
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.settings import Settings

pytestmark = pytest.mark.broker

KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
POLICY = """\
version: 1
name: clinic
default: deny
rules:
  - id: reads-pass
    on: [crm.read]
    effect: allow
"""


class Cluster(Protocol):
    """What these tests use of the shared fixture."""

    settings: Settings

    def connection(self, user: str) -> Connection:
        """The connection of a SASL user."""
        ...


Open = Callable[..., Operator]


@pytest.fixture
def open_operator(cluster: Cluster) -> Iterator[Open]:
    """Make operators that are closed after the test."""
    trust = Trust(cluster.settings.deployment, {key.key_id: key.public for key in (KEY, OTHER)})
    with ExitStack() as stack:
        yield lambda key=KEY: stack.enter_context(Operator(cluster.connection("operator"), key, trust))


def test_a_deployment_is_enrolled_and_a_gate_would_see_it(open_operator: Open) -> None:
    """Persons, logins, groups, agents, executors, bridges, gates and a policy, read back by another operator."""
    operator = open_operator()
    dana = operator.enrol_person("Dana")
    operator.enrol_account("https://login.test", "dana", dana, key=PrivateKey.generate().public)
    operator.enrol_group("privacy", [dana])
    operator.enrol_agent("ops", PrivateKey.generate().public, [dana])
    operator.enrol_executor("crm", PrivateKey.generate().public, ["crm.read"], lease_ms=1_000)
    operator.enrol_bridge("slack", PrivateKey.generate().public, ["slack:T1"])
    operator.enrol_gate("gate", PrivateKey.generate().public)
    assert operator.publish_policy("clinic", POLICY) == 1
    tables = open_operator(OTHER).tables
    assert tables.directory.members("privacy") == {dana}
    assert tables.directory.executors_for("crm.read") == ("crm",)
    assert tables.directory.executors["crm"].lease_ms == 1_000
    assert set(tables.loaded) == {"clinic"}
    assert tables.ignored == ()
    assert dana.startswith("p-")


def test_an_unchanged_body_makes_no_new_version(open_operator: Open) -> None:
    """`ensure` is idempotent, `publish` is not."""
    operator = open_operator()
    body = document.Group(members=("p-1",))
    assert operator.ensure(DocumentKind.GROUP, "privacy", body) == 1
    assert operator.ensure(DocumentKind.GROUP, "privacy", body) == 1
    assert operator.publish(DocumentKind.GROUP, "privacy", body) == 2
    assert operator.ensure(DocumentKind.GROUP, "privacy", document.Group(members=())) == 3


def test_a_second_operator_who_publishes_at_once_is_told(open_operator: Open) -> None:
    """Both think the next version is theirs: the later one is ignored by every gate and gets an error."""
    first, second = open_operator(), open_operator(OTHER)
    first.publish(DocumentKind.GROUP, "privacy", document.Group(members=("p-1",)))
    with pytest.raises(RefusedError, match="at the same time"):
        second.publish(DocumentKind.GROUP, "privacy", document.Group(members=("p-2",)))
    assert second.current(DocumentKind.GROUP, "privacy") == document.Group(members=("p-1",))
    assert second.publish(DocumentKind.GROUP, "privacy", document.Group(members=("p-2",))) == 2


def test_a_key_that_is_not_pinned_publishes_nothing(open_operator: Open) -> None:
    """The document stands on the topic and counts nowhere, and its author is told."""
    with pytest.raises(RefusedError, match="not pinned"):
        open_operator(PrivateKey.generate()).publish(
            DocumentKind.GROUP, "privacy", document.Group(members=())
        )
    assert open_operator().current(DocumentKind.GROUP, "privacy") is None


def test_a_policy_that_does_not_load_is_never_written(open_operator: Open) -> None:
    """The topic stays as it was."""
    operator = open_operator()
    with pytest.raises(PolicyError):
        operator.publish_policy("clinic", "version: 1\nname: clinic\ndefault: allow\n")
    operator.refresh()
    assert operator.tables.positions["policies"] == 0


def test_hundreds_of_agents_are_enrolled_at_once(open_operator: Open) -> None:
    """One batch, one read back; a second run writes nothing."""
    operator = open_operator()
    statements = [
        Statement(
            DocumentKind.AGENT,
            f"play/run-{number}",
            document.Agent(key=PrivateKey.generate().public.text, owners=("p-1",)),
        )
        for number in range(500)
    ]
    assert operator.ensure_many(statements) == [1] * 500
    position = operator.tables.positions["identities"]
    assert operator.ensure_many(statements) == [1] * 500
    assert operator.tables.positions["identities"] == position


def test_a10_twins_of_ids_and_logins_are_refused_at_creation(open_operator: Open) -> None:
    """Case, look-alike digits and letters of other scripts; changing what exists is no creation."""
    operator = open_operator()
    key = PrivateKey.generate().public
    operator.enrol_agent("ops-1", key, ["p-1"])
    with pytest.raises(RefusedError, match="looks like"):
        operator.enrol_agent("Ops-l", PrivateKey.generate().public, ["p-1"])
    assert operator.enrol_agent("ops-1", key, ["p-2"]) == 2
    operator.enrol_account("https://login.test", "paypal", "p-1")
    for twin in (
        "p\u0430ypal",
        "\u0440\u0430\u0443\u0440\u0430\u04cf",
        "PayPal",
        "paypaI",
        "pay pal",
        "pa\u0301ypal",
        "pay\u200bpal",
    ):
        with pytest.raises(RefusedError):
            operator.enrol_account("https://login.test", twin, "p-1")
    operator.enrol_account("https://elsewhere.test", "paypal", "p-2")


def test_a_pause_stops_and_ends_and_a_key_is_revoked(open_operator: Open) -> None:
    """As a gate sees it."""
    operator = open_operator()
    operator.pause("everything")
    assert operator.tables.controls.paused(action_type="x", executor=None, agent="a")
    operator.resume("everything")
    assert not operator.tables.controls.paused(action_type="x", executor=None, agent="a")
    operator.revoke_key("0123456789abcdef", from_ms=5)
    assert operator.tables.controls.key_revoked("0123456789abcdef", 5)


def test_dead_letters_are_listed_without_content(cluster: Cluster) -> None:
    """Reason, origin, sizes; bytes only where they are asked for by name."""
    headers = (
        ("dlq-reason", b"unreadable"),
        ("dlq-origin", b"actions-1@7"),
        ("content-type", b"secret"),
        ("x-ssn", b"1"),
    )
    gate = Sender(cluster.connection("gate"))
    place = acknowledged(gate.send("dlq.actions", SignedRecord("", "", "", "k", b"secret", headers, b"")))
    gate.close()
    reader = DeadLetterReader(cluster.connection("privacy-local"))
    assert "dlq.actions" in reader.topics()
    (found,) = reader.list()
    assert (found.reason, found.origin, found.key_bytes, found.value_bytes) == (
        "unreadable",
        "actions-1@7",
        1,
        6,
    )
    assert found.headers == ("content-type",)
    assert "secret" not in repr(found)
    assert reader.show(place) == found
    assert reader.raw_value_unmasked(place) == b"secret"
    with pytest.raises(RefusedError, match="nothing stands"):
        reader.show(Position("dlq.actions", 0, 99))


def test_only_the_privacy_office_reads_dead_letters(cluster: Cluster) -> None:
    """Anybody else is told which topic it may not read."""
    with pytest.raises(AccessError, match=r"may not read `dlq\.actions`"):
        list(DeadLetterReader(cluster.connection("agent-local")).list("actions"))
