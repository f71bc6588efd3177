"""I5, I12: what was consumed, what was written down about it, and what was written, are the same; nothing came twice."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .findings import Finding, Wrong
from .history import INPUTS
from .wire import Stored, headers_digest, part_digest, read, written_digest

_OUTPUTS: Final = ("approvals", "outcomes")
_NOT_OURS: Final = frozenset({"actions", "policies", "identities", "controls", "conformance"})
"""Where ids are the senders' and may come again, or there are none: workers only ask there for the time."""
_WORK: Final = frozenset({"record", "punctuation"})

Topics = Mapping[str, Sequence[Stored]]


def check_transactions(topics: Topics) -> Iterator[Finding]:
    """Tiles, leaves, outputs, dead letters, and records that came twice."""
    yield from _twice(topics)
    entries: dict[int, list[tuple[Stored, dict[str, Any]]]] = defaultdict(list)
    for record in topics.get("audit", ()):
        fields = read(record)
        if fields["processor"] == "gate":
            entries[record.partition].append((record, fields))
    for partition, found in sorted(entries.items()):
        yield from _tiles(partition, found)
    everything = [entry for found in entries.values() for entry in found]
    yield from _leaves(topics, everything)
    yield from _outputs(topics, everything)
    yield from _refusals(topics, everything)


def _twice(topics: Topics) -> Iterator[Finding]:
    for topic, records in topics.items():
        if topic in _NOT_OURS or topic.startswith("dlq.") or topic.endswith(".changelog"):
            continue
        seen: dict[tuple[str, str], Stored] = {}
        for record in records:
            name = (record.kind, record.header("ce_id"))
            before = seen.setdefault(name, record)
            if before is not record:
                same = "the same" if before.value == record.value else "another"
                yield Finding(
                    Wrong.DOUBLED, "I5", name[1], f"at {before.place} and, with {same} digest, {record.place}"
                )


def _tiles(partition: int, entries: Sequence[tuple[Stored, dict[str, Any]]]) -> Iterator[Finding]:
    covered: dict[str, int] = {}
    since: list[dict[str, Any]] = []
    for record, fields in entries:
        if fields["tile"] is None:
            since.append(fields)
            continue
        yield from _tile(record, fields["tile"], since, covered)
        since = []
    if since:
        yield Finding(Wrong.TORN, "I5", f"audit-{partition}", f"{len(since)} entries at the end have no tile")


def _tile(
    record: Stored, tile: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], covered: dict[str, int]
) -> Iterator[Finding]:
    """One transaction; `covered` is how far each input has come."""
    work = sum(entry["entry"] in _WORK for entry in entries)
    if work != tile["entries"]:
        yield _torn(record, f"the tile counts {tile['entries']} entries, {work} are there")
    ranges = {covering["topic"]: covering for covering in tile["inputs"]}
    for topic, covering in ranges.items():
        start = covered.get(topic, 0)
        if covering["partition"] != record.partition or covering["start"] != start:
            yield _torn(record, f"the tile of {topic} begins at {covering['start']}, not at {start}")
        covered[topic] = covering["end"]
    for entry in entries:
        if entry["at_ms"] != tile["now_ms"]:
            yield _torn(record, f"the tile is not of the transaction of entry {entry['entry_id']}")
        leaf = entry["leaf"]
        covering = None if leaf is None else ranges.get(leaf["topic"])
        if leaf is not None and not (covering and covering["start"] <= leaf["offset"] < covering["end"]):
            yield _torn(record, f"the leaf at {leaf['topic']}@{leaf['offset']} lies outside its tile")


def _leaves(topics: Topics, entries: Sequence[tuple[Stored, dict[str, Any]]]) -> Iterator[Finding]:
    leaves: dict[tuple[str, int, int], dict[str, Any]] = {}
    for record, fields in entries:
        leaf = fields["leaf"]
        if leaf is None:
            continue
        place = (leaf["topic"], leaf["partition"], leaf["offset"])
        if place in leaves:
            yield Finding(Wrong.DOUBLED, "I5", record.place, f"a second leaf of {place}")
        leaves[place] = leaf
    for topic in INPUTS:
        for record in topics.get(topic, ()):
            leaf = leaves.pop((topic, record.partition, record.offset), None)
            if leaf is None:
                yield Finding(Wrong.LOST, "I5", record.place, "nobody has written down that it was consumed")
            elif _leaf(record) != [leaf[name] for name in ("append_ms", "key", "headers", "value")]:
                yield _torn(record, "its leaf says something else than the record")
    for place in leaves:
        yield Finding(Wrong.TORN, "I5", str(place), "a leaf of a record that is not there")


def _leaf(record: Stored) -> list[object]:
    return [record.append_ms, part_digest(record.key), headers_digest(record), part_digest(record.value)]


def _outputs(topics: Topics, entries: Sequence[tuple[Stored, dict[str, Any]]]) -> Iterator[Finding]:
    told: Counter[tuple[str, bytes]] = Counter()
    for _, fields in entries:
        told.update((output["topic"], output["digest"]) for output in fields["written"])
    for topic, records in topics.items():
        if topic not in _OUTPUTS and not topic.startswith("execution.") and topic not in _dead_letters():
            continue
        for record in records:
            name = (topic, written_digest(record))
            if told[name] <= 0:
                yield _torn(record, "an output that no entry names")
            told[name] -= 1
    for (topic, found), count in told.items():
        if count > 0:
            yield Finding(
                Wrong.TORN, "I5", topic, f"an output that an entry names is not there: {found.hex()[:16]}"
            )


def _dead_letters() -> frozenset[str]:
    return frozenset(f"dlq.{topic}" for topic in INPUTS)


def _refusals(topics: Topics, entries: Sequence[tuple[Stored, dict[str, Any]]]) -> Iterator[Finding]:
    buried = Counter(
        f"dlq.{fields['leaf']['topic']}" for _, fields in entries if fields["event"] == "record.dead-letter"
    )
    for topic in _dead_letters():
        there = len(topics.get(topic, ()))
        if there != buried[topic]:
            yield Finding(
                Wrong.TORN, "I12", topic, f"{there} dead letters, {buried[topic]} entries about them"
            )


def _torn(record: Stored, sentence: str) -> Finding:
    return Finding(Wrong.TORN, "I5", record.place, sentence)
