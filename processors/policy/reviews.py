"""Read reviews: who must decide, how many, and until when."""

import re

from yaml.nodes import MappingNode, Node, ScalarNode

from .durations import DAY_MS, HOUR_MS, SECOND_MS
from .findings import Findings, did_you_mean
from .requirement import Requirement
from .rules import Review
from .section import Section

MAX_COUNT = 20
"""Most people one group may have to send."""
MAX_QUORUM = 100
"""Most people one review may need in total."""
MIN_WITHIN_MS = 100
"""Shortest deadline; below a second only tests are served."""
MAX_WITHIN_MS = 30 * DAY_MS
MAX_GRANT_LIFE_MS = HOUR_MS

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""The form of names of policies, reviews and groups."""

_FIELDS = ("groups", "quorum", "within", "remind", "reason", "grant")
_NEVER = "never"


def read_reviews(file: Section) -> dict[str, Review | None]:
    """The named reviews of a file; None stands for one that has findings."""
    section = file.section("reviews", None, "reviews")
    found: dict[str, Review | None] = {}
    for name, node in section.names():
        if not NAME.fullmatch(name):
            section.problem(node, f"`{name}` is no review name; it must have the form `{NAME.pattern}`")
        found[name] = read_review(node, file.findings, f"review `{name}`")
    return found


def review_of(rule: Section, reviews: dict[str, Review | None]) -> Review | None:
    """The review a rule names, or writes out in place."""
    node = rule.require("review", "the name of a review")
    if isinstance(node, MappingNode):
        return read_review(node, rule.findings, rule.subject)
    name = rule.text("review") if node is not None else None
    if name is not None and name not in reviews:
        hint = did_you_mean(name, reviews, "add it to `reviews`")
        rule.problem(node, f"review `{name}` does not exist; {hint}")
    return reviews.get(name) if name is not None else None


def read_review(node: Node, findings: Findings, subject: str) -> Review | None:
    """One review, None after a finding."""
    section = Section(node, findings, subject, _FIELDS)
    groups = read_groups(section)
    section.require("within", "30m")
    within_ms = section.duration("within", MIN_WITHIN_MS, MAX_WITHIN_MS)
    remind_after_ms = _remind_after_ms(section, within_ms)
    reason = section.choice("reason", ("required", "optional"))
    quorum = _quorum(section, groups)
    life_ms = read_grant_life(section)
    if quorum is None or within_ms is None:
        return None
    requirement = Requirement(
        groups, quorum, within_ms, reason == "required", remind_after_ms=remind_after_ms
    )
    return Review(requirement, life_ms)


def read_groups(section: Section) -> tuple[tuple[str, int], ...]:
    """The field `groups`: group name -> people needed from it, sorted by name."""
    groups = section.section("groups", None)
    counts = {}
    for name, node in groups.names():
        if not NAME.fullmatch(name):
            section.problem(node, f"`{name}` is no group name; it must have the form `{NAME.pattern}`")
        elif (count := groups.whole(name, 1, MAX_COUNT)) is not None:
            counts[name] = count
    return tuple(sorted(counts.items()))


def read_grant_life(section: Section) -> int | None:
    """The field `grant: {life: ...}`, in milliseconds."""
    grant = section.section("grant", ("life",))
    if grant.node is None:
        return None
    grant.require("life", "5m")
    return grant.duration("life", SECOND_MS // 10, MAX_GRANT_LIFE_MS)


def _remind_after_ms(section: Section, within_ms: int | None) -> int | None:
    """The field `remind`: that long before the deadline, or `never`. Without it, in the last quarter of `within`."""
    if within_ms is None:
        return None
    node = section.get("remind")
    if node is None:
        return within_ms - within_ms // 4
    if isinstance(node, ScalarNode) and node.value == _NEVER:
        return None
    before_ms = section.duration("remind", 1, within_ms - 1)
    return None if before_ms is None else within_ms - before_ms


def _quorum(section: Section, groups: tuple[tuple[str, int], ...]) -> int | None:
    """The quorum as written, else the sum of the groups; a review that asks nobody is refused."""
    least = sum(count for _, count in groups)
    # INVARIANT: who may decide follows from the groups alone; a quorum of just anybody would be nobody.
    if least == 0:
        section.problem(section.get("groups"), "nobody is asked; name `groups`")
        return None
    if section.get("quorum") is not None:
        return section.whole("quorum", max(1, least), MAX_QUORUM)
    if least > MAX_QUORUM:
        section.problem(section.get("groups"), f"more than {MAX_QUORUM} people are needed; ask fewer")
        return None
    return least
