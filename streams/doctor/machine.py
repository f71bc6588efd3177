"""What can be seen without Kafka: versions, the state folder, keys and passwords, pinned operators."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka

from sluicegate import __version__
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.gate_workers import GATE_KEY, check_operators
from sluicegate.streams.kafka.principals import Principal
from sluicegate.streams.settings import Settings
from sluicegate.streams.state_folder import StateFolder

from .findings import Finding, fail, ok, warn

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Every finding about this machine."""
    python = ".".join(map(str, sys.version_info[:3]))
    client, library = confluent_kafka.version(), confluent_kafka.libversion()
    yield ok(
        "versions",
        f"sluicegate {__version__}, Python {python}, confluent-kafka {_text(client)}, librdkafka {_text(library)}",
    )
    yield _operators(settings)
    yield from _private_files(StateFolder(settings.state_dir))
    yield _gate_key(StateFolder(settings.state_dir))


def principals_here(state: StateFolder) -> tuple[Principal, ...]:
    """The principals whose password is on this machine."""
    found = []
    for path in sorted((state.path / "secrets").glob("*")):
        try:
            found.append(Principal.parse(path.name))
        except ConfigurationError:
            continue  # the broker's own users
    return tuple(found)


def gate_key_here(state: StateFolder) -> PublicKey | None:
    """The public half of the gate's key, if the key is on this machine and readable."""
    try:
        return stored_key(state, GATE_KEY).public
    except ConfigurationError:
        return None


def _text(version: object) -> str:
    return str(version[0]) if isinstance(version, tuple) else str(version)


def _operators(settings: Settings) -> Finding:
    try:
        check_operators(settings.trust.operators)
    except ConfigurationError as error:
        return fail("operators", str(error), "correct `[trust] operators` in the settings")
    return ok("operators", f"{len(settings.trust.operators)} pinned")


def _private_files(state: StateFolder) -> Iterator[Finding]:
    files = [path for folder in ("keys", "secrets") for path in sorted((state.path / folder).glob("*"))]
    open_ones = [path for path in files if _is_open(path)]
    for path in open_ones:
        yield fail("private files", f"others can read `{path}`", f"chmod 600 {path}")
    if not open_ones:
        yield ok("private files", f"{len(files)} keys and passwords, all for their owner only")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return True


def _gate_key(state: StateFolder) -> Finding:
    try:
        key = stored_key(state, GATE_KEY)
    except ConfigurationError as error:
        return warn(
            "gate key", str(error), "only a machine that runs a gate needs it: `sluicegate key new gate`"
        )
    return ok("gate key", f"present, `{key.key_id}`")
