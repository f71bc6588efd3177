"""Drive masking beside the gate without Kafka: executors and pipelines that send batches as a test writes them.

    world = MaskingDriver(policy_text)
    ... people, agents, executors as in `GateDriver`: `world.gate.agent(...)`
    grant = world.granted("ops-agent", "crm.read")
    world.result(grant, [b'{"name": "..."}'])
    world.run()
    world.masked(grant)

Both run over the same topics in memory; only the topics are.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.processors.masking.exports import MaskingTopology
from sluicegate.processors.masking.releasing_keys import ReleasingKeys
from sluicegate.processors.masking.sealing import Recipient, open_sealed, recipient_of
from sluicegate.processors.tables import Tables, Trust
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import Action
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import envelope_digest, header
from sluicegate.schemas.export import CarriedGrant, ExportBatch, MaskedBatch, QuarantinedBatch, WithheldBatch
from sluicegate.schemas.fields import encode_base64url
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.masking_engine import load_engine

from .driver import TopologyDriver
from .gate_driver import DEPLOYMENT, GateDriver, seeded_key

PRIVACY_KEY: Final = encode_base64url(sha256(b"sluicegate test privacy key"))
"""The private half that test batches are sealed to. Never for production."""
_SECRET: Final = sha256(b"sluicegate test masking secret")
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch that was sent, and where it stands."""

    batch: ExportBatch
    digest: bytes
    position: Position


class MaskingDriver:
    """One gate process and one masking process over one set of topics in memory."""

    def __init__(self, policy: str = "", *, partitions: int = 2) -> None:
        self.gate = GateDriver(policy, partitions=partitions)
        trust = Trust(DEPLOYMENT, {self.gate.operator.key_id: self.gate.operator.public})
        self.recipient: Recipient = recipient_of(PRIVACY_KEY)
        self._draws = 0
        self.topology = MaskingTopology(
            trust, partitions, "test", _SECRET, self.recipient, load_engine(), self._drawn
        )
        self.driver: TopologyDriver[Tables] = TopologyDriver(
            self.topology, partitions=partitions, log=self.gate.driver.log, evidence=("exports.masked",)
        )

    def pipeline(self, name: str, *, owners: Iterable[str] = ()) -> None:
        """A pipeline with a key of its own."""
        key = seeded_key(f"pipeline-{name}").public.text
        body = document.Pipeline(key=key, owners=tuple(owners))
        self.gate.publish(DocumentKind.PIPELINE, name, body)

    def enrol_masking(self, *, owners: Iterable[str], name: str = "masking") -> None:
        """Masking as the agent that asks for releases, and as the executor that carries them out."""
        keys = ReleasingKeys.of(_SECRET)
        self.gate.agent(name, owners=owners, key=keys.agent.public, releases=True)
        self.gate.executor(RELEASER, types=[EXPORT_RELEASE], key=keys.executor.public)

    def releases(self) -> list[Action]:
        """Every release that masking has asked for."""
        return [one for one in self.gate.records_of("actions", Action) if one.type == EXPORT_RELEASE]

    def granted(self, agent: str, action_type: str, **fields: Any) -> Grant:
        """Submit an action that the policy allows; its grant."""
        action = self.gate.submit(agent, action_type, **fields)
        self.gate.run()
        return self.gate.grant(action)

    def carried(self, grant: Grant) -> CarriedGrant:
        """A grant exactly as the gate wrote it."""
        record = self._record_of(grant)
        return CarriedGrant(
            payload_type=(header(record.headers, "content-type") or b"").decode(),
            value=record.value or b"",
            sig=(header(record.headers, "sig") or b"").decode(),
            sig_path=header(record.headers, "sig-path"),
        )

    def batch(
        self, grant: Grant, body: bytes, after: SentBatch | None = None, /, **fields: Any
    ) -> ExportBatch:
        """The next batch of a result as its executor would build it; any field can be set."""
        sequence = 0 if after is None else after.batch.sequence + 1
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "batch_id": self.gate.fresh("batch"),
            "action_id": grant.action_id,
            "lane": grant.lane,
            "agent": grant.agent,
            "source": grant.executor,
            "grant_id": grant.grant_id,
            "grant": None if sequence else self.carried(grant),
            "sequence": sequence,
            "previous": None if after is None else after.digest,
            "media_type": JSON,
            "nonce": sha256(self.gate.fresh("nonce").encode())[:16],
            "body": body,
            "created_at_ms": self.driver.now_ms,
        }
        return ExportBatch(**{**values, **fields})

    def stream_batch(
        self, pipeline: str, stream: str, body: bytes, after: SentBatch | None = None, **fields: Any
    ) -> ExportBatch:
        """The next batch of a standing stream; any field can be set."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "batch_id": self.gate.fresh("batch"),
            "lane": pipeline,
            "source": pipeline,
            "stream": stream,
            "sequence": 0 if after is None else after.batch.sequence + 1,
            "previous": None if after is None else after.digest,
            "media_type": JSON,
            "nonce": sha256(self.gate.fresh("nonce").encode())[:16],
            "body": body,
            "created_at_ms": self.driver.now_ms,
        }
        return ExportBatch(**{**values, **fields})

    def send(self, batch: ExportBatch, *, key: PrivateKey | None = None, **settings: Any) -> SentBatch:
        """Sign a batch as its source, or with another key, and append it."""
        name = batch.source if batch.stream is None else f"pipeline-{batch.source}"
        position = self.gate.append(
            "exports.raw",
            batch,
            key or seeded_key(name),
            lane=batch.lane,
            subject=batch.action_id or batch.stream or batch.batch_id,
            **settings,
        )
        encoded = codec.encode(batch)
        return SentBatch(batch, envelope_digest(encoded.payload_type, encoded.value), position)

    def result(self, grant: Grant, bodies: Iterable[bytes], **fields: Any) -> list[SentBatch]:
        """A whole result: a chain of batches, the last one with the count."""
        parts = list(bodies)
        sent: list[SentBatch] = []
        for number, body in enumerate(parts, start=1):
            closing = {"count": number} if number == len(parts) else {}
            after = sent[-1] if sent else None
            sent.append(self.send(self.batch(grant, body, after, **{**closing, **fields})))
        return sent

    def run(self) -> None:
        """Let gate and masking work until nothing is left to do."""
        self.driver.now_ms = self.gate.driver.now_ms
        while self.gate.run() + self.driver.run():
            pass

    def advance(self, milliseconds: int) -> None:
        """Let time pass, then work."""
        self.gate.driver.advance(milliseconds)
        self.run()

    def masked(self, grant: Grant | None = None) -> list[MaskedBatch | WithheldBatch]:
        """What may be read of results and streams, or of one grant's result."""
        found: list[MaskedBatch | WithheldBatch] = []
        for record in self.driver.read("exports.masked"):
            payload_type = (header(record.headers, "content-type") or b"").decode()
            model = codec.decode(payload_type, record.value or b"", {"masked-batch", "withheld-batch"})
            assert isinstance(model, MaskedBatch | WithheldBatch)  # noqa: S101  # decode was told these kinds
            if grant is None or model.grant_id == grant.grant_id:
                found.append(model)
        return found

    def quarantined(self) -> list[QuarantinedBatch]:
        """What did not pass."""
        return self.gate.records_of("exports.quarantine", QuarantinedBatch)

    def opened(self, batch: QuarantinedBatch) -> bytes:
        """The sealed value, with the privacy office's key."""
        return open_sealed(PRIVACY_KEY, batch.sealed)

    def entries(self, event: str | None = None) -> list[AuditEntry]:
        """The entries that masking wrote."""
        return [entry for entry in self.gate.entries(event) if entry.processor == "masking"]

    def _drawn(self, size: int) -> bytes:
        """Other bytes each time, and the same in each run of a test."""
        self._draws += 1
        return hashlib.shake_128(b"%d" % self._draws).digest(size)

    def _record_of(self, grant: Grant) -> Record:
        topic = f"execution.{grant.executor}"
        for record in self.gate.driver.read(topic):
            if header(record.headers, "ce_id") == grant.grant_id.encode():
                return record
        raise AssertionError("the gate wrote no such grant")
