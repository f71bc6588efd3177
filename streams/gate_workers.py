"""From settings to the workers of a gate: topology, connection, key and limits in one `WorkerSpec`."""

import logging
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import Final

from sluicegate import __version__
from sluicegate.processors.gate.submissions import Window
from sluicegate.processors.gate.topology import SOURCE, GateTopology
from sluicegate.processors.tables import Trust
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.kafka.connection import connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.runtime.broker_time import TIME_TOPIC
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.settings import Settings
from sluicegate.streams.state_folder import StateFolder

GATE_KEY: Final = "gate"
"""The id of the gate's key file; operators publish its public half as a document."""
_NEEDED: Final = ("cel_expr_python", "re2", "yaml")
"""What policies, profiles and detectors are read and run with; `pip install sluicegate` brings none of it."""


def gate_topology(
    deployment: str,
    operators: Mapping[str, str],
    partitions: int,
    closing_ms: int,
    skew_ms: int,
    json_topics: frozenset[str],
) -> GateTopology:
    """The gate's topology, made in each worker process; `operators` are public keys by key id."""
    keys = {key_id: PublicKey.from_text(text) for key_id, text in operators.items()}
    return GateTopology(
        Trust(deployment, keys), partitions, __version__, Window(closing_ms, skew_ms), json_topics
    )


def gate_spec(settings: Settings, *, log_json: bool = False, log_level: int = logging.INFO) -> WorkerSpec:
    """What every worker of this deployment's gate is told.

    `ConfigurationError` when no operator is pinned, a pinned key is not its id's, the gate's key is missing, or an extra is.
    """
    check_operators(settings.trust.operators)
    check_installed()
    gate = settings.gate
    return WorkerSpec(
        topology=partial(
            gate_topology,
            settings.deployment,
            dict(settings.trust.operators),
            settings.partitions,
            gate.closing_window_ms,
            gate.skew_ms,
            frozenset(gate.json_topics),
        ),
        connection=connect_as(settings, Role.GATE),
        source=SOURCE,
        partitions=settings.partitions,
        key=stored_key(StateFolder(settings.state_dir), GATE_KEY).secret_text(),
        skew_ms=gate.skew_ms,
        time_topic=TIME_TOPIC,
        transaction_age_ms=gate.transaction_age_ms,
        transaction_records=gate.transaction_records,
        tables_fresh_ms=gate.tables_fresh_ms,
        stale_tables_limit_ms=gate.stale_tables_limit_ms,
        watchdog_ms=gate.watchdog_ms,
        log_json=log_json,
        log_level=log_level,
    )


def check_installed() -> None:
    """`ConfigurationError` unless what workers need beside the core is there: they would only learn of it at the first document."""
    if not all(map(find_spec, _NEEDED)):
        raise ConfigurationError("the workers need the extra `gate`: pip install 'sluicegate[gate]'")


def check_operators(operators: Mapping[str, str]) -> None:
    """`ConfigurationError` unless there is an operator, and each public key has the id it is pinned under."""
    # INVARIANT: a gate without operators would believe nobody, and look as if it worked.
    if not operators:
        raise ConfigurationError(
            "no operator is pinned: put key id and public key into `[trust] operators` (`sluicegate init` does it)"
        )
    for key_id, text in operators.items():
        if PublicKey.from_text(text).key_id != key_id:
            raise ConfigurationError(f"`[trust] operators`: the public key under `{key_id}` has another id")
