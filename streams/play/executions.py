"""The executor of a play: returns the recorded result of every action it was granted. Nothing happens for real."""

import threading
from collections.abc import Mapping
from typing import Any, Final, Self

from sluicegate.schemas.action import Action
from sluicegate.schemas.errors import TimedOutError
from sluicegate.schemas.grant import Grant
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.local import LocalDeployment

from .recording import Call

READY_S: Final = 60.0


class RecordedExecutions:
    """An executor in a thread of this process, for as long as the block lasts."""

    def __init__(self, deployment: LocalDeployment, name: str, calls: Mapping[tuple[str, str], Call]) -> None:
        """`calls` by (agent id, action id)."""
        self._calls = calls
        types = {call.tool for call in calls.values()}
        self._executor = Executor.connect(
            name, dict.fromkeys(types, self._result), settings=deployment.settings
        )
        self._thread = threading.Thread(target=self._executor.keep_running, name="play-executor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._executor.ready.wait(READY_S):
            raise TimedOutError(f"the executor was not ready in {READY_S:g} s; is the broker well?")
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.stop()
        self._thread.join()

    def _result(self, action: Action, grant: Grant) -> Any:
        del grant
        return self._calls[action.agent, action.action_id].fields.get("result")
