"""The gate's topology and worker processes, as the settings say."""

from collections.abc import Mapping
from functools import partial

from sluicegate import __version__
from sluicegate.processors.gate import GateTopology
from sluicegate.processors.submissions import Window
from sluicegate.processors.tables import Trust
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.kafka.connection import connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.settings import Settings


def trust_of(settings: Settings) -> Trust:
    """The deployment's name and the operators' keys that the settings pin."""
    operators = {key_id: PublicKey.from_text(text) for key_id, text in settings.trust.operators.items()}
    return Trust(settings.deployment, operators)


def gate_topology(
    deployment: str, operators: Mapping[str, str], partitions: int, window: Window
) -> GateTopology:
    """Made from plain values in each worker's process."""
    keys = {key_id: PublicKey.from_text(text) for key_id, text in operators.items()}
    return GateTopology(Trust(deployment, keys), partitions, __version__, window)


def worker_spec(settings: Settings, key: PrivateKey) -> WorkerSpec:
    """What every gate worker of this deployment is told."""
    gate = settings.gate
    window = Window(closing_ms=gate.closing_window_ms, skew_ms=gate.skew_ms)
    return WorkerSpec(
        topology=partial(
            gate_topology, settings.deployment, dict(settings.trust.operators), settings.partitions, window
        ),
        connection=connect_as(settings, Role.GATE),
        partitions=settings.partitions,
        key=key.secret_text(),
        skew_ms=gate.skew_ms,
        transaction_age_ms=gate.transaction_age_ms,
        transaction_records=gate.transaction_records,
        tables_fresh_ms=gate.tables_fresh_ms,
        stale_tables_limit_ms=gate.stale_tables_limit_ms,
        watchdog_ms=gate.watchdog_ms,
    )
