"""The gate between AI agents and the systems they can break, on Apache Kafka.

The names below are loaded when they are first used: importing `sluicegate` costs nothing and needs no Kafka client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluicegate.streams.clients.agent import AgentClient
    from sluicegate.streams.clients.audit_reader import AuditReader
    from sluicegate.streams.clients.executor import Executor
    from sluicegate.streams.clients.gated import gated
    from sluicegate.streams.clients.reviewer import ReviewerClient

__version__ = "0.1.0"

__all__ = ["AgentClient", "AuditReader", "Executor", "ReviewerClient", "gated"]

_HOMES = {
    "AgentClient": "agent",
    "AuditReader": "audit_reader",
    "Executor": "executor",
    "ReviewerClient": "reviewer",
    "gated": "gated",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `sluicegate` has no attribute `{name}`")
    found = getattr(import_module(f"sluicegate.streams.clients.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
