"""The keys with which masking asks for a release and carries it out: both derive from its secret, so there is one file to keep.

Operators enrol the public halves as an agent that `releases` and as the executor `masking`.
"""

from dataclasses import dataclass, field
from typing import Self

from sluicegate.processors.directory import Directory, SignerKind
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.schemas.keys import PrivateKey

from .sealing import derived


@dataclass(frozen=True, slots=True)
class ReleasingKeys:
    """`agent` signs actions, `executor` claims and receipts."""

    agent: PrivateKey = field(repr=False)
    executor: PrivateKey = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """The keys of the masking that has this secret."""
        return cls(
            PrivateKey.from_seed(derived(secret, "releasing agent", b"")),
            PrivateKey.from_seed(derived(secret, "releasing executor", b"")),
        )

    def enrolled_as(self, directory: Directory) -> str | None:
        """The agent that masking is; None unless operators enrolled both keys and route releases to masking alone."""
        signer = directory.signer(self.agent.key_id)
        if signer is None or signer.kind is not SignerKind.AGENT or signer.id not in directory.releasing:
            return None
        executor = directory.signer(self.executor.key_id)
        if executor is None or (executor.kind, executor.id) != (SignerKind.EXECUTOR, RELEASER):
            return None
        return signer.id if directory.executors_for(EXPORT_RELEASE) == (RELEASER,) else None
