"""The main function of an executor's process: the real executor, and an outside world that is one file."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.processors.tables import Trust
from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.clients.executor_workplace import Clock, Workplace
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import configure_logging

from .board import wall_clock_ms
from .hooks import StepHook, card_of


class WantedError(RuntimeError):
    """What an action asked for."""


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """Everything an executor's process is told."""

    connection: Connection
    key: str = field(repr=False)
    types: tuple[str, ...]
    deployment: str
    operators: Mapping[str, str]
    effects: Path
    board: Path


class _WrongClock(Clock):
    """A wall clock as wrong as the process's card says."""

    def __init__(self, board: Path) -> None:
        self._board = board

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return wall_clock_ms(card_of(self._board))


class _Executor(Executor):
    """The real one, with that clock at its workplace."""

    board: Path

    def _open(self) -> Workplace:
        work = super()._open()
        work.clock = _WrongClock(self.board)
        return work


def serve(spec: ExecutorSpec) -> None:
    """Work until SIGTERM; ends the process."""
    configure_logging(level=logging.WARNING)
    operators = {name: PublicKey.from_text(text) for name, text in spec.operators.items()}

    def act(action: Action, grant: Grant) -> Any:
        note_effect(spec.effects, grant.grant_id, action.agent, action.action_id)
        if action.type.endswith(".fail"):
            raise WantedError
        return {"done": True} if action.type == "mail.send" else None

    executor = _Executor(
        spec.connection,
        PrivateKey.from_text(spec.key),
        dict.fromkeys(spec.types, act),
        trust=Trust(spec.deployment, operators),
        fault=StepHook(spec.board, ExecutorStep.READ, ExecutorStep.RECEIPT),
    )
    executor.board = spec.board
    executor.serve()


def note_effect(path: Path, grant: str, agent: str, action: str) -> None:
    """It has happened when this returns: one line, appended by one write, which nothing can halve."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{grant} {agent} {action}\n".encode())
    finally:
        os.close(handle)
