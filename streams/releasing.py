"""Enrol masking where people may release what it holds: as the agent that asks for `export.release`, and as its executor.

Both keys derive from masking's secret, so this runs where `keys/masking.ed25519` is.
"""

from collections.abc import Mapping
from typing import Final

from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.processors.masking.releasing_keys import ReleasingKeys
from sluicegate.schemas.document import Executor, Floor
from sluicegate.schemas.fields import decode_base64url
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.masking_workers import MASKING_KEY
from sluicegate.streams.state_folder import StateFolder

FLOOR: Final[Mapping[str, Floor]] = {EXPORT_RELEASE: Floor(quorum=1)}
"""Somebody must approve, whatever a policy says; `executor add masking --floor` says who."""

__all__ = ["FLOOR", "RELEASER", "releaser", "releasing_keys"]


def releasing_keys(state: StateFolder) -> ReleasingKeys:
    """The keys of the masking whose secret is in this state folder; ConfigurationError when there is none."""
    return ReleasingKeys.of(decode_base64url(stored_key(state, MASKING_KEY).secret_text()))


def releaser(keys: ReleasingKeys, known: Executor | None) -> Executor:
    """Masking as the executor of releases; what operators have said of it before stays."""
    if known is not None:
        return known.model_copy(update={"key": keys.executor.public.text, "types": (EXPORT_RELEASE,)})
    return Executor(key=keys.executor.public.text, types=(EXPORT_RELEASE,), floor=dict(FLOOR))
