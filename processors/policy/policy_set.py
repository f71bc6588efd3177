"""The policies in force together: which apply to an agent, and their joint verdict."""

from collections import Counter
from collections.abc import Iterable

from sluicegate.schemas.errors import PolicyError

from .policy import Policy
from .projection import Projection
from .shown import shown_by_both
from .standing_streams import Stream, by_id
from .verdict import Verdict, merged

_MOST_REMEMBERED = 1_024


class PolicySet:
    """All loaded policies. The order in which they are given has no influence.

    Every policy that names an agent applies to it, together: the strictest effect wins and obligations merge. A policy
    without `agents` applies to agents that no other policy names. Where none applies, the answer is deny.
    """

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self.policies = tuple(sorted(policies, key=lambda policy: policy.name))
        names = Counter(policy.name for policy in self.policies)
        if twice := [name for name, count in names.items() if count > 1]:
            raise PolicyError(f"two policies are called `{twice[0]}`; rename one of them")
        self._named: dict[str, tuple[Policy, ...]] = {}
        for policy in self.policies:
            for pattern in policy.agents:
                self._named[pattern] = (*self._named.get(pattern, ()), policy)
        self._streams = by_id(stream for policy in self.policies for stream in policy.streams)
        self._applying: dict[str, tuple[Policy, ...]] = {}
        self._unnamed = tuple(policy for policy in self.policies if not policy.agents)

    def applying_to(self, agent_id: str) -> tuple[Policy, ...]:
        """The policies that decide about this agent, by name."""
        found = self._applying.get(agent_id)
        if found is None:
            if len(self._applying) >= _MOST_REMEMBERED:
                self._applying.clear()
            found = self._applying[agent_id] = self._found_for(agent_id)
        return found

    def _found_for(self, agent_id: str) -> tuple[Policy, ...]:
        patterns = (agent_id, *(f"{prefix}/*" for prefix in _prefixes(agent_id)))
        found = {policy.name: policy for key in patterns for policy in self._named.get(key, ())}
        return tuple(found[name] for name in sorted(found)) or self._unnamed

    @property
    def profiles(self) -> frozenset[str]:
        """The masking profiles that some policy names and that are not built in."""
        return frozenset(name for policy in self.policies for name in policy.profiles)

    def stream(self, stream_id: str) -> Stream | None:
        """The standing stream of this id; None when no policy names it, or more than one does."""
        return self._streams.get(stream_id)

    def evaluate(self, agent_id: str, projection: Projection) -> Verdict:
        """The joint verdict of the policies that apply to this agent. Total, like `Policy.evaluate`."""
        return merged([policy.evaluate(projection) for policy in self.applying_to(agent_id)])

    def shown(self, agent_id: str, action_type: str) -> tuple[str, ...]:
        """The argument paths that every applying policy shows to reviewers as they are."""
        policies = self.applying_to(agent_id)
        if not policies:
            return ()
        shown = policies[0].shown(action_type)
        for policy in policies[1:]:
            shown = shown_by_both(shown, policy.shown(action_type))
        return shown


def _prefixes(agent_id: str) -> list[str]:
    """Everything before each slash: `a` and `a/b` for `a/b/c`."""
    parts = agent_id.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
