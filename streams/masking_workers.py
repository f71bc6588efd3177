"""From settings to the workers of masking: topology, connection, secret, recipient and limits in one `WorkerSpec`."""

import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sluicegate import __version__
from sluicegate.processors.masking.sealing import Recipient
from sluicegate.processors.tables import Trust
from sluicegate.schemas.fields import decode_base64url
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.clients.privacy_key import recipient
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.gate_workers import check_installed, check_operators
from sluicegate.streams.kafka.connection import connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.runtime.broker_time import TIME_TOPIC
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.settings import Settings
from sluicegate.streams.state_folder import StateFolder

if TYPE_CHECKING:
    from sluicegate.processors.masking.exports import MaskingTopology

MASKING_KEY: Final = "masking"
"""The id of the key file under whose seed the secrets of open exports are kept; nothing is signed with it."""

EVIDENCE: Final = ("exports.masked",)
"""Not `audit`, which the gate writes too: a gate that has worked proves nothing about masking."""


class Secret(str):
    """Text that its representation does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Never the text."""
        return "Secret(...)"


def masking_topology(
    deployment: str,
    operators: Mapping[str, str],
    partitions: int,
    secret: Secret,
    privacy_key: str,
    lexicon: Path,
    skew_ms: int,
    audit_as_json: bool,  # noqa: FBT001  # a worker process is told by position
) -> "MaskingTopology":
    """The topology of masking, made in each worker process; `operators` are public keys by key id."""
    # Every command imports this module; only a worker needs the engine (extra `masking`).
    from sluicegate.processors.masking.exports import MaskingTopology  # noqa: PLC0415
    from sluicegate.streams.masking_engine import load_engine  # noqa: PLC0415

    keys = {key_id: PublicKey.from_text(text) for key_id, text in operators.items()}
    return MaskingTopology(
        Trust(deployment, keys),
        partitions,
        __version__,
        decode_base64url(secret),
        Recipient.from_text(privacy_key),
        load_engine(lexicon_file=lexicon),
        secrets.token_bytes,
        skew_ms,
        audit_as_json,
    )


def masking_spec(
    settings: Settings,
    *,
    before_building: Callable[[], None] = lambda: None,
    log_json: bool = False,
    log_level: int = logging.INFO,
) -> WorkerSpec:
    """What every worker of this deployment's masking is told; the vocabulary is built here if it must be, after `before_building`.

    `ConfigurationError` when no operator is pinned, a pinned key is not its id's, the secret is missing, there is nobody to
    seal to what does not pass, or there is no vocabulary.
    """
    check_operators(settings.trust.operators)
    check_installed()
    state, masking = StateFolder(settings.state_dir), settings.masking
    # Only who runs masking has the extra.
    from sluicegate.streams.lexicon import provide  # noqa: PLC0415

    lexicon = provide(built_elsewhere=settings.lexicon, before_building=before_building)
    return WorkerSpec(
        topology=partial(
            masking_topology,
            settings.deployment,
            dict(settings.trust.operators),
            settings.partitions,
            Secret(stored_key(state, MASKING_KEY).secret_text()),
            recipient(state, masking.privacy_key).text,
            lexicon.path,
            settings.gate.skew_ms,
            "audit" in settings.gate.json_topics,
        ),
        connection=connect_as(settings, Role.MASKING),
        partitions=settings.partitions,
        skew_ms=settings.gate.skew_ms,
        time_topic=TIME_TOPIC,
        transaction_age_ms=masking.transaction_age_ms,
        transaction_records=masking.transaction_records,
        tables_fresh_ms=settings.gate.tables_fresh_ms,
        stale_tables_limit_ms=settings.gate.stale_tables_limit_ms,
        documents_first=True,
        watchdog_ms=masking.watchdog_ms,
        evidence=EVIDENCE,
        log_json=log_json,
        log_level=log_level,
    )
