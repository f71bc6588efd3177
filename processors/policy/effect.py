"""The three effects of a rule, ordered by strictness."""

from enum import StrEnum


class Effect(StrEnum):
    """What a rule or a verdict leads to: `allow` < `review` < `deny`, so `max` is the strictest.

    Strings compare by their letters; these compare by strictness, also against a plain string.
    """

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """0 for `allow`, 1 for `review`, 2 for `deny`."""
        return _ORDER[self.value]

    def __lt__(self, other: str) -> bool:
        return self.strictness < Effect(other).strictness

    def __le__(self, other: str) -> bool:
        return self.strictness <= Effect(other).strictness

    def __gt__(self, other: str) -> bool:
        return self.strictness > Effect(other).strictness

    def __ge__(self, other: str) -> bool:
        return self.strictness >= Effect(other).strictness


_ORDER = {"allow": 0, "review": 1, "deny": 2}
