"""Decide what the policies in force say about an action: allow, review or deny.

Promises: a verdict is a pure function of the policies' bytes and the action; its cost is bounded (size-capped
projection, no string building, no nested loops, patterns only from the operator). Nothing matches: the file's default,
`review` or `deny`, never `allow`. A rule that errs counts as matching where that makes the answer stricter and as not
matching where it would make it weaker; a policy set in which nothing applies, and an engine that fails, deny. A file
loads whole or not at all: every finding is named with line and column, and a failing embedded test is a finding.

Refuses: an empty requirement, a masking profile's name with a slip of the pen, a fact it cannot name, YAML anchors and
tags, duplicate keys.
No message and no verdict contains a value of the action; only `Policy.explain_with_raw_values` does, and says so.

Where things are: `loading` goes from text to `Policy` (`document`, `section`, `reviews` and `reading` turn YAML nodes into
`rules`; `findings` collects what is wrong); `expressions` is what we ask of an expression language, `cel_evaluator`
answers with CEL; `projection` is what rules see; `matching` finds the rules that match; `policy` and `policy_set` give
verdicts. A `Requirement` and a `Verdict` can be read without the extra `gate`: only `load` needs CEL and YAML.
"""

from .cases import CaseFailure, run_tests
from .effect import Effect
from .policy import Explanation, Fact, Policy
from .policy_set import PolicySet
from .profiles import PROFILES
from .projection import Projection, project
from .requirement import Requirement
from .shown import is_shown
from .standing_streams import Stream
from .verdict import Denial, RuleError, Verdict

__all__ = [
    "PROFILES",
    "CaseFailure",
    "Denial",
    "Effect",
    "Explanation",
    "Fact",
    "Policy",
    "PolicySet",
    "Projection",
    "Requirement",
    "RuleError",
    "Stream",
    "Verdict",
    "is_shown",
    "load",
    "project",
    "run_tests",
]


def load(text: str, *, source: str = "policy") -> Policy:
    """The policy written in `text`, checked, compiled and tested.

    Raises `PolicyError` with one line per finding: `source:line:column: rule ...: what is wrong; what to do`.
    """
    from .loading import load_policy  # noqa: PLC0415 - only a gate has CEL and YAML (extra `gate`)

    return load_policy(text, source=source)
