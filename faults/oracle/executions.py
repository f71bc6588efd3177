"""I1, I2, I3, I8: claims and effects rest on one valid grant each, grants on the people that the policy asks for."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .findings import Finding, Wrong
from .history import Effect, Known, Needs
from .people import People
from .wire import Stored, decode, digest, grant_signer, read, signed_bytes, signer

Topics = Mapping[str, Sequence[Stored]]


@dataclass(frozen=True, slots=True)
class Granted:
    """One grant as it stands in the log."""

    record: Stored
    fields: Mapping[str, Any]
    flaw: str
    """Why it is worth nothing, empty for a good one."""


def check_executions(
    topics: Topics, people: People, known: Known, effects: Sequence[Effect]
) -> Iterator[Finding]:
    """Every grant, claim, receipt and effect."""
    grants: dict[str, list[Granted]] = defaultdict(list)
    for granted in _grants(topics, people, known):
        grants[granted.fields["grant_id"]].append(granted)
        if granted.flaw:
            yield _ungranted(
                "I3", granted.fields["grant_id"], f"the grant at {granted.record.place}: {granted.flaw}"
            )
    by_action = Counter(
        (one.fields["agent"], one.fields["action_id"]) for found in grants.values() for one in found
    )
    for (_, action), count in by_action.items():
        if count > 1:
            yield Finding(Wrong.DOUBLED, "I2", action, f"{count} grants of one action")
    claims: dict[str, list[tuple[Stored, Mapping[str, Any]]]] = defaultdict(list)
    for record in topics.get("receipts", ()):
        if record.kind == "claim":
            fields = read(record)
            claims[fields["grant_id"]].append((record, fields))
            yield from _claim(record, fields, grants.get(fields["grant_id"], ()), people)
    for grant, found in claims.items():
        if len(found) > 1:
            yield Finding(Wrong.DOUBLED, "I2", grant, f"{len(found)} claims of one grant")
    yield from _receipts(topics, claims)
    yield from _effects(effects, grants, claims)


def _grants(topics: Topics, people: People, known: Known) -> Iterator[Granted]:
    actions = {
        digest(record.payload_type, record.value or b""): record
        for record in topics.get("actions", ())
        if record.kind == "action"
    }
    decisions = {
        (record.payload_type, record.value): record.append_ms for record in topics.get("decisions", ())
    }
    views = defaultdict(set)
    for record in topics.get("approvals", ()):
        if record.kind == "approval-request":
            request = read(record)
            views[request["request_id"]].add(request["view"]["digest"])
    for topic, records in topics.items():
        if topic.startswith("execution."):
            for record in records:
                fields = read(record)
                judged = _Judged(record, fields, people, known, actions, decisions, views)
                yield Granted(record, fields, judged.flaw())


@dataclass(frozen=True, slots=True)
class _Judged:
    record: Stored
    grant: Mapping[str, Any]
    people: People
    known: Known
    actions: Mapping[bytes, Stored]
    decisions: Mapping[tuple[str, bytes | None], int]
    views: Mapping[str, Collection[bytes]]

    def flaw(self) -> str:
        """Why this grant is worth nothing."""
        grant = self.grant
        signed_by = grant_signer(self.record, self.people.keys)
        if signed_by not in self.people.gates:
            return "no gate has signed it"
        action = self.actions.get(grant["action_digest"])
        inside = grant["action"]
        if action is None or (inside["payload_type"], inside["value"]) != (action.payload_type, action.value):
            return "its action is not on `actions`"
        covered = signed_bytes(action.payload_type, action.value or b"")
        agent = signer(inside["sig"], covered, self.people.keys)
        asked = read(action)
        if (
            agent is None
            or self.people.agents.get(agent) != grant["agent"]
            or asked["agent"] != grant["agent"]
        ):
            return "its agent has not signed the action"
        needs = self.known.types.get(asked["type"])
        if needs is None or needs.effect == "deny":
            return "the policy denies this action"
        names = (grant["deployment"], grant["executor"], grant["type"], grant["action_id"])
        if names != (self.known.deployment, needs.executor, asked["type"], asked["action_id"]):
            return "it is for something else than its action"
        if self.record.topic != f"execution.{needs.executor}":
            return "it stands on the topic of another executor"
        return self._people_missing(needs) if needs.effect == "review" else ""

    def _people_missing(self, needs: Needs) -> str:
        persons: set[str] = set()
        for signed in self.grant["decisions"]:
            person = self._approver(signed)
            if person.startswith("!"):
                return person[1:]
            persons.add(person)
        origin = self.people.owners.get(self.grant["agent"], frozenset())
        if persons & origin or not origin:
            return "somebody behind the action has decided"
        speaking = {
            person: {group for group, members in self.people.groups.items() if person in members}
            for person in persons
        }
        places = [group for group, count in needs.groups.items() for _ in range(count)]
        if len(persons) < needs.quorum or not _seated(places, speaking):
            return f"{len(persons)} people decided, and that is not enough"
        return ""

    def _approver(self, signed: Mapping[str, Any]) -> str:
        """The person behind one approval, or `!` and why it is none."""
        covered = signed_bytes(signed["payload_type"], signed["value"])
        account = self.people.account_keys.get(signer(signed["sig"], covered, self.people.keys) or "")
        decision = decode(signed["payload_type"], signed["value"])
        named = (decision["account"]["issuer"], decision["account"]["subject"])
        if account is None or account != named:
            return "!a decision is not signed by its account"
        if self.decisions.get((signed["payload_type"], signed["value"]), 1 << 62) > self.record.append_ms:
            return "!a decision does not stand on `decisions` before the grant"
        about = tuple(decision[name] for name in ("request_id", "action_id", "action_digest", "agent"))
        if about != tuple(self.grant[name] for name in ("request_id", "action_id", "action_digest", "agent")):
            return "!a decision is about something else"
        if decision["choice"] != "approve" or decision["view_digest"] not in self.views.get(
            decision["request_id"], ()
        ):
            return "!a decision approves nothing that was shown"
        return self.people.accounts[account]


def _seated(places: Sequence[str], speaking: Mapping[str, Collection[str]]) -> bool:
    """Whether every place can be filled by another person."""
    if not places:
        return True
    first, rest = places[0], places[1:]
    return any(
        first in groups
        and _seated(rest, {name: spoken for name, spoken in speaking.items() if name != person})
        for person, groups in speaking.items()
    )


def _claim(
    record: Stored, fields: Mapping[str, Any], grants: Sequence[Granted], people: People
) -> Iterator[Finding]:
    name = fields["grant_id"]
    signed_by = signer(
        record.header("sig"), signed_bytes(record.payload_type, record.value or b""), people.keys
    )
    if not grants:
        yield _ungranted("I1", name, f"the claim at {record.place} has no grant")
        return
    grant = grants[0]
    if people.executors.get(signed_by or "") != grant.fields["executor"]:
        yield _ungranted("I1", name, f"the claim at {record.place} is not signed by the grant's executor")
    if grant.record.append_ms > record.append_ms:
        yield _ungranted("I1", name, f"the claim at {record.place} is older than its grant")
    about = ("action_id", "agent", "action_digest", "executor")
    if [fields[part] for part in about] != [grant.fields[part] for part in about]:
        yield _ungranted("I1", name, f"the claim at {record.place} is about something else than its grant")


def _receipts(
    topics: Topics, claims: Mapping[str, Sequence[tuple[Stored, Mapping[str, Any]]]]
) -> Iterator[Finding]:
    """At most one per claim, and what it says was returned stands where it says."""
    batches = {(one.partition, one.offset) for one in topics.get("exports.raw", ())}
    seen: Counter[str] = Counter()
    for record in topics.get("receipts", ()):
        if record.kind != "receipt":
            continue
        fields = read(record)
        if fields["claim_id"] is not None:
            seen[fields["claim_id"]] += 1
            if fields["claim_id"] not in {
                claim["claim_id"] for _, claim in claims.get(fields["grant_id"], ())
            }:
                yield _ungranted("I1", fields["grant_id"], f"the receipt at {record.place} names no claim")
        place = fields["result"]
        if place is not None and (place["partition"], place["offset"]) not in batches:
            yield Finding(Wrong.TORN, "I5", fields["grant_id"], f"the result of {record.place} is not there")
    for claim, count in seen.items():
        if count > 1:
            yield Finding(Wrong.DOUBLED, "I2", claim, f"{count} receipts of one claim")


def _effects(
    effects: Sequence[Effect],
    grants: Mapping[str, Sequence[Granted]],
    claims: Mapping[str, Sequence[tuple[Stored, Mapping[str, Any]]]],
) -> Iterator[Finding]:
    for name, count in Counter(effect.grant_id for effect in effects).items():
        if count > 1:
            yield Finding(Wrong.DOUBLED, "I2", name, f"done {count} times")
    for action, count in Counter((effect.agent, effect.action_id) for effect in effects).items():
        if count > 1:
            yield Finding(Wrong.DOUBLED, "I2", action[1], f"the action was done {count} times")
    for effect in effects:
        name = effect.grant_id
        if name not in grants:
            yield _ungranted("I2", name, "done without a grant")
        elif grants[name][0].flaw:
            yield _ungranted("I2", name, "done on a grant that is worth nothing")
        elif name not in claims:
            yield _ungranted("I2", name, "done without a claim")
        elif claims[name][0][0].append_ms >= grants[name][0].fields["expires_at_ms"]:
            yield _ungranted("I8", name, "done although the claim came too late")


def _ungranted(invariant: str, about: str, sentence: str) -> Finding:
    return Finding(Wrong.UNGRANTED, invariant, about, sentence)
