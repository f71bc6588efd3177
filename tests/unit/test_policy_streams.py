"""Section `streams` of a policy: which standing streams exist, who feeds them, and how they are masked."""

import pytest

from sluicegate.processors.policy import PolicySet, Stream, load
from sluicegate.schemas.errors import PolicyError

RULES = "rules:\n  - {id: a, on: [t], effect: allow}\n"


def written(streams: str, name: str = "p") -> str:
    """A policy with this section."""
    return f"version: 1\nname: {name}\ndefault: deny\nstreams:{streams}\n{RULES}"


def test_a_stream_says_who_feeds_it_and_how_it_is_masked() -> None:
    """And knows the policy it comes from; without `mask` it is the basic profile."""
    policy = load(
        written(
            "\n  - {id: crm-nightly, from: [crm, erp], mask: hipaa-safe-harbor}"
            "\n  - {id: a.b_c, from: [crm]}"
            "\n  - {id: ours, from: [crm], mask: our-profile}"
        )
    )
    assert policy.streams == (
        Stream("crm-nightly", ("crm", "erp"), "hipaa-safe-harbor", "p"),
        Stream("a.b_c", ("crm",), "pii-basic", "p"),
        Stream("ours", ("crm",), "our-profile", "p"),
    )
    assert policy.profiles == {"our-profile"}


@pytest.mark.parametrize(
    ("streams", "finding"),
    [
        (" []", "p.yaml:4:10: `streams` names no stream"),
        (" {a: b}", "p.yaml:4:10: `streams` must be a list"),
        (" [x]", "p.yaml:4:11: stream: must be a map"),
        (" [{from: [a]}]", "p.yaml:4:11: stream: `id` is missing"),
        (" [{id: A, from: [a]}]", "p.yaml:4:16: stream `A`: `id` must have the form"),
        (" [{id: s}]", "p.yaml:4:11: stream `s`: `from` is missing"),
        (" [{id: s, from: []}]", "p.yaml:4:25: stream `s`: `from` names no pipeline"),
        (" [{id: s, from: a}]", "p.yaml:4:25: stream `s`: `from` must be a list"),
        (" [{id: s, from: ['*']}]", "p.yaml:4:26: stream `s`: `*` is no pipeline"),
        (" [{id: s, from: [a, a]}]", "p.yaml:4:29: stream `s`: `a` is in `from` twice"),
        (" [{id: s, form: [a]}]", "p.yaml:4:19: stream `s`: unknown field `form`; did you mean `from`?"),
        (
            " [{id: s, from: [a], mask: hipaa-safe-harbour}]",
            "stream `s`: `mask` cannot be `hipaa-safe-harbour`",
        ),
        (" [{id: s, from: [a]}, {id: s, from: [b]}]", "p.yaml:4:31: stream `s`: this id is taken"),
    ],
)
def test_what_is_wrong_with_a_stream_is_named_with_its_place(streams: str, finding: str) -> None:
    """File, line, column, stream, and what to do."""
    with pytest.raises(PolicyError) as refused:
        load(written(streams), source="p.yaml")
    assert finding in str(refused.value)


def test_a_stream_is_found_by_its_id_in_all_policies() -> None:
    """And one that nobody names is none."""
    one = load(written(" [{id: s, from: [a]}]", "one"))
    two = load(written(" [{id: t, from: [b]}]", "two"))
    both = PolicySet([one, two])
    assert (both.stream("s"), both.stream("t")) == (one.streams[0], two.streams[0])
    assert both.stream("u") is None
    assert PolicySet([]).stream("s") is None


def test_a_stream_that_two_policies_name_is_none() -> None:
    """Nobody can say which of them holds, so nothing passes: not even when both say the same."""
    one = load(written(" [{id: s, from: [a]}]", "one"))
    two = load(written(" [{id: s, from: [a]}]", "two"))
    three = load(written(" [{id: s, from: [a]}]", "three"))
    assert PolicySet([one, two]).stream("s") is None
    assert PolicySet([one, two, three]).stream("s") is None
