"""Gate your own function: it waits for its grant, runs once, and sends the receipt.

::

    from sluicegate import gated

    @gated("iam.grant", agent="ops-agent", executor="iam")
    def grant_role(user: str, role: str) -> dict:
        return iam.grant(user, role)

    grant_role("ann", "viewer")

A call submits an action with the call's arguments as the agent, waits for its outcome, and returns what the function
returned *after masking*: the result goes to `exports.raw` and comes back on `exports.masked`, as for any agent, so that
calling a gated function shows no more than asking for it would. The function runs in this process with the arguments *of the
granted action*: what people saw is what runs. Whatever ends otherwise raises RefusedError with the recorded outcome and
reason, and the function has not run. A result that is withheld, or that cannot come back, raises WithheldError: the function
has run. An exception of the function itself reaches the caller as it is; the receipt names its class only.

The function is an executor of its own, with its own key, principal and topic (`sluicegate executor add iam --types iam.grant`),
and one process at a time may be it. A grant that comes when nobody waits for it any more (the caller timed out, the process was
started again) runs all the same: it was granted. Arguments and result are JSON. Action types need distinct functions.
"""

import asyncio
import atexit
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

from sluicegate.schemas.action import Action
from sluicegate.schemas.errors import (
    ConfigurationError,
    InvariantError,
    SluicegateError,
    TimedOutError,
)
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.grant import Grant
from sluicegate.streams.settings import Settings, load

from .agent import DEFAULT_WAIT_S, AgentClient, Submission
from .async_agent import AsyncAgentClient
from .executor import Executor
from .executor_workplace import Handler
from .gated_ends import elsewhere, has_run, noting, result_of, unfinished
from .gated_function import GatedFunction, refuse_nested
from .signed_record import random_id

P = ParamSpec("P")
R = TypeVar("R")

_DRAIN_S: Final = 30.0
_RESULT_S: Final = 5.0
"""The outcome `failed` comes after the function has raised here; longer means it ran elsewhere."""


@dataclass(slots=True)
class _Call:
    """Somebody waits for this action; `ran` ends, with the function's error, once it ran here."""

    loop: asyncio.AbstractEventLoop | None = None
    ran: "Future[None]" = field(default_factory=Future)


class Gated:
    """Functions of one agent and one executor. Connects at the first call; any number of threads may call."""

    def __init__(
        self,
        *,
        agent: str,
        executor: str,
        timeout_s: float = DEFAULT_WAIT_S,
        slot: int = 0,
        settings: Settings | None = None,
    ) -> None:
        """Act as these two; their keys are `keys/<agent>.ed25519` and `keys/<executor>.ed25519`.

        `timeout_s` is how long a call waits for people, the run and the masked result together, unless its function says
        otherwise.
        """
        self._agent = agent
        self._executor_name = executor
        self._timeout_s = timeout_s
        self._slot = slot
        self._settings = settings
        self._handlers: dict[str, Handler] = {}
        self._calls: dict[str, _Call] = {}
        self._guard = threading.Lock()
        self._client: AgentClient | None = None
        self._executor: Executor | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def function(
        self, action_type: str, *, summary: str | None = None, timeout_s: float | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function, sync or async: every call becomes an action of this type."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            target = GatedFunction(function, action_type)
            if action_type in self._handlers:
                raise ConfigurationError(f"`{action_type}` is gated twice; one function answers for a type")
            self._handlers[action_type] = functools.partial(self._handle, target)
            return cast("Callable[P, R]", self._waiting(target, _Terms(summary, limit_s)))

        return decorate

    def start(self) -> AgentClient:
        """Connect and start the executor's thread; what an earlier process left granted runs from here on."""
        with self._guard:
            if self._client is None:
                settings = self._settings or load()
                executor = Executor.connect(
                    self._executor_name,
                    self._handlers,
                    slot=self._slot,
                    settings=settings,
                    give_up=self._give_up,
                )
                self._client = AgentClient.connect(self._agent, settings=settings)
                self._executor = executor
                self._thread = threading.Thread(target=self._run, args=(executor,), daemon=True)
                self._thread.start()
                atexit.register(self.close)
        self._check()
        return self._client

    def close(self) -> None:
        """Finish what is claimed, then leave; safe to call twice."""
        atexit.unregister(self.close)
        if self._executor is not None and self._thread is not None:
            self._executor.stop()
            self._thread.join(_DRAIN_S)
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the caller's side ---

    def _waiting(self, target: GatedFunction, terms: "_Terms") -> Any:
        if target.is_async:

            @functools.wraps(target.function)
            async def wait(*args: Any, **kwargs: Any) -> Any:
                refuse_nested(target.type)
                arguments = target.arguments(args, kwargs)
                return await self._call_async(target.type, arguments, terms)

            return wait

        @functools.wraps(target.function)
        def call(*args: Any, **kwargs: Any) -> Any:
            refuse_nested(target.type)
            return self._call(target.type, target.arguments(args, kwargs), terms)

        return call

    def _call(self, action_type: str, arguments: JsonObject, terms: "_Terms") -> Any:
        client, action_id, call = self.start(), random_id("ac"), _Call()
        self._calls[action_id] = call
        try:
            submission = client.submit(action_type, arguments, action_id=action_id, summary=terms.summary)
            try:
                answer = client.wait(submission, timeout_s=terms.timeout_s)
            except TimedOutError as error:
                raise self._given_up(client, submission, error) from None
            if has_run(action_type, answer):
                return result_of(action_type, answer)
            try:
                call.ran.result(_RESULT_S)
            except TimeoutError:
                raise elsewhere(action_type, call.ran) from None
            raise unfinished(action_type)
        finally:
            del self._calls[action_id]

    async def _call_async(self, action_type: str, arguments: JsonObject, terms: "_Terms") -> Any:
        client, action_id = await asyncio.to_thread(self.start), random_id("ac")
        call = self._calls[action_id] = _Call(asyncio.get_running_loop())
        try:
            submission = await asyncio.to_thread(
                client.submit, action_type, arguments, action_id=action_id, summary=terms.summary
            )
            try:
                answer = await AsyncAgentClient(client).wait(submission, timeout_s=terms.timeout_s)
            except TimedOutError as error:
                raise await asyncio.to_thread(self._given_up, client, submission, error) from None
            if has_run(action_type, answer):
                return result_of(action_type, answer)
            try:
                await asyncio.wait_for(asyncio.wrap_future(call.ran), _RESULT_S)
            except TimeoutError:
                raise elsewhere(action_type, call.ran) from None
            raise unfinished(action_type)
        finally:
            del self._calls[action_id]

    def _given_up(self, client: AgentClient, submission: Submission, error: TimedOutError) -> SluicegateError:
        """Nobody waits any more, so nobody need decide; the error to raise."""
        self._check()
        latest = submission.awaited.latest()
        if latest is not None and latest.outcome.final:
            return error
        with suppress(SluicegateError):
            client.withdraw(submission.action_id)
        return TimedOutError(
            f"{error}; the action was withdrawn if it still waited for people, else it may run"
        )

    # --- the executor's side ---

    def _run(self, executor: Executor) -> None:
        try:
            executor.keep_running()
        except BaseException as error:  # noqa: BLE001  # whoever calls next must hear of it
            self._failure = error

    def _give_up(self, status: int) -> None:
        del status
        self._failure = TimedOutError("a Kafka call of the executor does not return")

    def _check(self) -> None:
        if self._failure is not None:
            raise InvariantError(
                f"the executor ended with {type(self._failure).__name__}; end this process and start it again"
            ) from self._failure

    def _handle(self, target: GatedFunction, action: Action, grant: Grant) -> Any:
        del grant
        call = self._calls.get(action.action_id) if action.agent == self._agent else None
        call = call or _Call()
        try:
            result = target.run(action.arguments, call.loop)
        except BaseException as error:
            call.ran.set_exception(error)
            raise
        if isinstance(result, Iterator):
            return noting(result, call.ran)
        call.ran.set_result(None)
        return result


def gated(
    action_type: str,
    *,
    agent: str,
    executor: str,
    summary: str | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that every call waits for its grant, runs once and sends the receipt; see the module.

    All functions of one agent and executor share a connection, made at the first call from the settings in force then. A call
    waits `timeout_s` at most (default: one minute), people included, and returns the masked result.
    """
    with _SHARED_GUARD:
        shared = _SHARED.setdefault((agent, executor), Gated(agent=agent, executor=executor))
    return shared.function(action_type, summary=summary, timeout_s=timeout_s)


_SHARED: Final[dict[tuple[str, str], Gated]] = {}
_SHARED_GUARD: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Terms:
    """How a function is asked for."""

    summary: str | None
    timeout_s: float
