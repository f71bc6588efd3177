"""What travels on `exports.*`: results of actions and standing streams, before and after masking.

The batches of one action's result are a chain: each names the digest of the one before it, and the last one says how many
there are. The executor's receipt names the digest of the last batch, so nothing can be added, dropped or exchanged later. A
batch's digest is SHA-256 over its signed envelope, and hides what the batch says because every batch carries a random nonce.
"""

from typing import Annotated, Literal

from pydantic import Field

from .fields import Blob, Count, Digest, ExecutorName, Milliseconds, Name, Nonce, Wire
from .grant import Signed


class CarriedGrant(Signed):
    """A grant as the gate wrote it, with the Merkle path that its signature needs (header `sig-path`)."""

    sig_path: Blob | None = None


class ExportBatch(Wire):
    """Raw records that an action returned, or one slice of a standing stream; signed by who sends it.

    For an action: `action_id`, `agent`, `grant_id`, and in the first batch (`sequence` 0) the grant itself. For a standing
    stream: `stream`. `source` is the executor or pipeline that signs. `count` is set in the last batch of an action and says
    how many there are; `previous` is the digest of the batch before, None in the first.
    """

    kind: Literal["export-batch"] = "export-batch"
    deployment: Name
    batch_id: Name
    action_id: Name | None = None
    lane: Name
    agent: Name | None = None
    source: ExecutorName
    grant_id: Name | None = None
    grant: CarriedGrant | None = None
    stream: Name | None = None
    sequence: Count
    previous: Digest | None = None
    count: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None
    media_type: str
    nonce: Nonce
    body: Blob
    created_at_ms: Milliseconds


class MaskedBatch(Wire):
    """The same batch after masking and after the independent look at the bytes.

    `source_digest` is the raw batch's digest, `previous` and `count` are as in the raw batch: who reads a result follows the
    chain to the digest that the outcome names. `masked` counts replaced spans per type; `reported` counts the fields that the
    profile does not know and that were therefore treated as free text. `release_id` is the action by which people released a batch
    that the look at the bytes had objected to; it takes the place of its `WithheldBatch`.
    """

    kind: Literal["masked-batch"] = "masked-batch"
    batch_id: Name
    action_id: Name | None = None
    lane: Name
    agent: Name | None = None
    source: ExecutorName
    grant_id: Name | None = None
    stream: Name | None = None
    sequence: Count
    previous: Digest | None = None
    count: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None
    profile: Name
    media_type: str
    body: Blob
    masked: dict[Name, Count] = Field(default_factory=dict)
    reported: Count = 0
    source_digest: Digest
    masked_at_ms: Milliseconds
    release_id: Name | None = None


class WithheldBatch(Wire):
    """In the place of a masked batch: this one did not pass and is in quarantine. Codes only.

    While `release_id` is set, masking holds it and people decide under that action: a `MaskedBatch` or a notice without it follows.
    """

    kind: Literal["withheld-batch"] = "withheld-batch"
    batch_id: Name
    action_id: Name | None = None
    lane: Name
    agent: Name | None = None
    source: ExecutorName
    grant_id: Name | None = None
    stream: Name | None = None
    sequence: Count
    previous: Digest | None = None
    count: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None
    profile: Name
    reasons: tuple[Name, ...]
    source_digest: Digest
    withheld_at_ms: Milliseconds
    release_id: Name | None = None


class QuarantinedBatch(Wire):
    """A batch that did not pass: sealed to the privacy office, with the reasons (codes).

    `sealed` is a libsodium sealed box of the raw batch's exact value under the public key that `recipient` names. `release_id` is the
    action by which people are asked whether the masked batch may leave all the same.
    """

    kind: Literal["quarantined-batch"] = "quarantined-batch"
    batch_id: Name
    action_id: Name | None = None
    lane: Name
    agent: Name | None = None
    source: ExecutorName
    grant_id: Name | None = None
    stream: Name | None = None
    sequence: Count
    profile: Name
    reasons: tuple[Name, ...]
    recipient: Name
    sealed: Blob
    source_digest: Digest
    quarantined_at_ms: Milliseconds
    release_id: Name | None = None
