"""An executor in a process of its own, which tests kill: what it did stands in a file, written through."""

import os
import time
from collections import Counter
from pathlib import Path
from typing import Final

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.settings import Settings

NAME: Final = "night"
TYPE: Final = "chart.read"
TAKES_S: Final = 0.05


def serve(settings: Settings, effects: Path) -> None:
    """Main function of the process."""

    def act(action: Action, grant: Grant) -> None:
        del grant
        with effects.open("a") as file:
            file.write(action.action_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        time.sleep(TAKES_S)

    Executor.connect(NAME, {TYPE: act}, settings=settings).serve()


def counted(effects: Path) -> Counter[str]:
    """How often each action was done, by its id."""
    return Counter(effects.read_text().split()) if effects.exists() else Counter()
