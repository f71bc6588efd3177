"""Code without I/O: codec, signatures, Merkle tree, policy, and the gate's allow path as one step per action."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from sluicegate.processors.merkle import Tree, leaf_hash
from sluicegate.processors.policy import Effect, load, project
from sluicegate.schemas import codec
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.testing import GateDriver, seeded_key
from sluicegate.streams.testing.gate_driver import DEPLOYMENT

from .material import ACTION_TYPE, AGENT, EXECUTOR, actions, arguments, arrived, policy, records
from .measuring import Effort, Measure, cpu, repeated

RULES: Final = (10, 50, 200)


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    yield from _codec(effort)
    sign, verify = _signatures(effort)
    yield from (sign, verify)
    yield _merkle(effort)
    for rules in RULES:
        yield _policy(effort, rules)
    for rules in RULES:
        yield _allow_path(effort, rules).against(verify)


def _codec(effort: Effort) -> Iterator[Measure]:
    count, rounds = effort.of(2_000), effort.rounds
    for kind, record in records().items():
        encoded = codec.encode(record)
        decode = partial(codec.decode, encoded.payload_type, encoded.value, {kind})
        yield repeated(f"encode {kind}", count, partial(codec.encode, record), rounds)
        yield repeated(f"decode {kind}", count, decode, rounds)


def _signatures(effort: Effort) -> tuple[Measure, Measure]:
    key, message, count = seeded_key("bench"), bytes(500), effort.of(2_000)
    signature = key.sign(message)
    return (
        repeated("Ed25519 sign, 500 bytes", count, lambda: key.sign(message), effort.rounds),
        repeated(
            "Ed25519 verify, 500 bytes", count, lambda: key.public.verify(message, signature), effort.rounds
        ),
    )


def _merkle(effort: Effort) -> Measure:
    leaves = [sha256(b"%d" % number) for number in range(effort.of(50_000))]
    return cpu(
        "Merkle append (leaf and its share of the nodes)",
        len(leaves),
        lambda: Tree.of([leaf_hash(leaf) for leaf in leaves]),
        effort.rounds,
    )


def _policy(effort: Effort, rules: int) -> Measure:
    loaded, count = load(policy(rules)), effort.of(2_000)

    def work() -> None:
        for number in range(count):
            verdict = loaded.evaluate(project(ACTION_TYPE, AGENT, arguments(number), lane=AGENT))
            if verdict.effect is not Effect.ALLOW:
                raise AssertionError("this action should be allowed")

    return cpu(f"policy verdict, {rules} rules", count, work, effort.rounds, what="policy", rules=rules)


class _NoState:
    """Stores in which nothing is known: every action is new."""

    def get(self, store: str, key: bytes) -> bytes | None:
        del store, key
        return None


def _allow_path(effort: Effort, rules: int) -> Measure:
    gate = gate_with_rules(rules)
    log, topology, now_ms = gate.driver.log, gate.topology, gate.driver.now_ms
    read = {topic: log.read(topic, 0) for topic in topology.table_topics}
    documents = [record for found, _ in read.values() for record in found]
    positions = {topic: end for topic, (_, end) in read.items()}
    tables = topology.apply(topology.no_tables(), documents, positions, frozenset({EXECUTOR}))
    key: PrivateKey = seeded_key(AGENT)
    count = effort.of(2_000)
    submitted = arrived(actions(count, deployment=DEPLOYMENT, key=key, now_ms=now_ms), now_ms)
    stores = _NoState()

    def work() -> None:
        for record in submitted:
            written = [output.topic for output in topology.process(stores, tables, record, now_ms).outputs]
            if written != [f"execution.{EXECUTOR}", "outcomes", "audit"]:
                raise AssertionError("this action should get a grant, an outcome and an entry")

    return cpu(f"gate, signed action allowed, {rules} rules", count, work, effort.rounds)


def gate_with_rules(rules: int) -> GateDriver:
    """A gate in memory that lets every action here through."""
    gate = GateDriver(policy(rules), partitions=1)
    gate.person("p-own", groups=["security"])
    gate.person("p-ann", groups=["security"])
    gate.agent(AGENT, owners=["p-own"])
    gate.executor(EXECUTOR, types=[ACTION_TYPE])
    return gate
