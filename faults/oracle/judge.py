"""Everything that is wrong with a history."""

from collections.abc import Sequence

from .ends import check_ends
from .executions import check_executions
from .findings import Finding
from .history import History
from .people import people
from .transactions import check_transactions


def judge(history: History) -> Sequence[Finding]:
    """All findings, empty for a run that kept its promises."""
    topics = history.topics()
    known = people(topics.get("identities", ()), history.known)
    return [
        *check_ends(topics, known, history.acknowledged, history.effects),
        *check_executions(topics, known, history.known, history.effects),
        *check_transactions(topics),
    ]
