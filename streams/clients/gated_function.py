"""A gated function and how the arguments of a call become JSON and back. No Kafka here."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, cast

from sluicegate.schemas.canonical import canonical_json, parse_json
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.schemas.fields import JsonObject

_RUNNING: Final[ContextVar[str | None]] = ContextVar("sluicegate_running", default=None)
"""The action type whose function runs in this context."""


class GatedFunction:
    """One function, sync or async, that answers for one action type."""

    def __init__(self, function: Callable[..., Any], action_type: str) -> None:
        """ConfigurationError for a function with arguments that have no name."""
        self.function = function
        self.type = action_type
        self.is_async = inspect.iscoroutinefunction(function)
        self._signature = inspect.signature(function)
        kinds = {parameter.kind for parameter in self._signature.parameters.values()}
        if kinds & {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}:
            raise ConfigurationError(
                f"`{action_type}` cannot gate a function with unnamed arguments; give every argument a name"
            )

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JsonObject:
        """A call's arguments by name, defaults included.

        RecordError when they are no JSON; TypeError, as for any function, when they do not fit.
        """
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            is_rest = self._signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            named.update(value if is_rest else {name: value})
        try:
            return cast("JsonObject", parse_json(canonical_json(named)))
        except (TypeError, ValueError, RecursionError):
            raise RecordError(
                f"the arguments of `{self.type}` are no JSON; pass text, numbers, lists and dicts"
            ) from None

    def run(self, arguments: JsonObject, loop: asyncio.AbstractEventLoop | None) -> Any:
        """Call the function with what was granted: a coroutine on its caller's loop, while that runs."""
        token = _RUNNING.set(self.type)
        try:
            if not self.is_async:
                return self.function(**arguments)
            coroutine: Coroutine[Any, Any, Any] = self.function(**arguments)
            if loop is None or not loop.is_running():
                return asyncio.run(coroutine)
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
        finally:
            _RUNNING.reset(token)


def refuse_nested(action_type: str) -> None:
    """ConfigurationError inside a gated function: its executor is busy with it and could never run another."""
    running = _RUNNING.get()
    if running is not None:
        raise ConfigurationError(
            f"`{action_type}` was called while `{running}` runs; call gated functions one after the other"
        )
