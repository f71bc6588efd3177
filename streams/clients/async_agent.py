"""`AgentClient` for asyncio: waiting costs no thread, and nothing blocks the loop.

::

    from sluicegate import AgentClient
    from sluicegate.streams.clients.async_agent import AsyncAgentClient

    async with AsyncAgentClient(AgentClient.connect("clinic-ops")) as agent:
        submission = await agent.submit("crm.read", {"customer": "c-17"})
        answer = await agent.wait(submission)  # .outcome, .reason, .result
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Self

from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.outcome import Outcome

from .agent import DEFAULT_WAIT_S, AgentClient, Draft, Submission
from .outcome_history import Awaited, Until
from .patience import Patience
from .results_answer import Answer


class AsyncAgentClient:
    """The same promises and errors as the client it wraps."""

    def __init__(self, client: AgentClient) -> None:
        """Take over a client; closing this one closes it."""
        self.client = client

    async def submit(self, type: str, arguments: JsonObject, *, action_id: str | None = None) -> Submission:  # noqa: A002
        """Publish an action and return once the broker has it."""
        return await self.submit_draft(Draft(type, arguments, action_id))

    async def submit_draft(self, draft: Draft) -> Submission:
        """Publish a draft with everything it says, and return once the broker has it."""
        # In a thread because a full queue, or the first connection, blocks.
        submission = await asyncio.to_thread(self.client.submit_nowait, draft)
        await asyncio.wrap_future(submission.delivery)
        return submission

    async def submit_many(self, drafts: Iterable[Draft]) -> list[Submission]:
        """Publish all of them at once, return when the broker has every one."""
        return await asyncio.to_thread(self.client.submit_many, list(drafts))

    async def withdraw(self, action_id: str) -> Submission:
        """Take an action back while it waits for people."""
        return await asyncio.to_thread(self.client.withdraw, action_id)

    async def wait(
        self,
        action: Submission | str,
        *,
        timeout_s: float = DEFAULT_WAIT_S,
        until: Until | str = Until.FINAL,
        since_ms: int | None = None,
    ) -> Answer:
        """The outcome that ends the wait, with the masked result; thousands may wait at once."""
        if isinstance(action, str):
            awaited = await asyncio.to_thread(self.client.awaited, action, since_ms=since_ms)
        else:
            awaited = action.awaited
        until = Until(until)
        loop, news, patience = asyncio.get_running_loop(), asyncio.Event(), Patience(awaited, timeout_s)

        def wake() -> None:
            # The loop may end while the reader thread is about to wake it.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(news.set)

        with self.client.waking(awaited, wake):
            while (answer := await self._answer(awaited, until)) is None or (
                answer.release and patience.left_s
            ):
                self.client.feed.check()
                try:
                    async with asyncio.timeout(patience.left_s if answer else patience.next_s()):
                        await news.wait()
                except TimeoutError:
                    continue  # the patience decides whether this was the end
                news.clear()
        return answer

    async def _answer(self, awaited: Awaited, until: Until) -> Answer | None:
        outcome = awaited.answer(until)
        if outcome is None or outcome.result_digest is None or until is not Until.FINAL:
            return self.client.answer(awaited, until)
        # In a thread because starting to read results, or reading them back, blocks.
        return await asyncio.to_thread(self.client.answer, awaited, until)

    async def outcomes(self, *, since_ms: int | None = None) -> AsyncIterator[Outcome]:
        """Every outcome of this agent, from the first `anext` (or from a log-append time) on."""
        told = await asyncio.to_thread(self.client.outcomes, since_ms=since_ms)
        while (outcome := await asyncio.to_thread(next, told, None)) is not None:
            yield outcome

    async def close(self) -> None:
        """Deliver what is on its way, then leave."""
        await asyncio.to_thread(self.client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
