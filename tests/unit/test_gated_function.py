"""How the arguments of a gated call become an action's, and how a granted action becomes a call."""

import asyncio
from typing import Any

import pytest

from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.streams.clients.gated import Gated, gated
from sluicegate.streams.clients.gated_function import GatedFunction, refuse_nested


def move(source: str, target: str = "shelf", *, careful: bool = True, **rest: Any) -> list[Any]:
    """Any function with named arguments."""
    return [source, target, careful, rest]


def test_arguments_are_named_defaults_included() -> None:
    """However a call passes them, arguments have names, and reviewers see the defaults too."""
    target = GatedFunction(move, "shop.move")
    arguments = target.arguments(("box",), {"careful": False, "weight": 3})
    assert arguments == {"source": "box", "target": "shelf", "careful": False, "weight": 3}
    assert target.run(arguments, None) == ["box", "shelf", False, {"weight": 3}]


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), b"bytes"])
def test_arguments_that_are_no_json_are_refused_before_anything_is_sent(value: Any) -> None:
    """What cannot be written down cannot be approved; the error repeats no value."""
    with pytest.raises(RecordError, match=r"the arguments of `shop.move` are no JSON"):
        GatedFunction(move, "shop.move").arguments((value,), {})


def test_a_function_with_unnamed_arguments_cannot_be_gated() -> None:
    """An argument without name could not be shown to anybody."""
    with pytest.raises(ConfigurationError, match="unnamed arguments"):
        GatedFunction(lambda *args: args, "shop.move")
    with pytest.raises(ConfigurationError, match="unnamed arguments"):
        GatedFunction(lambda only, /: only, "shop.move")


def test_a_coroutine_runs_to_its_end_without_a_caller() -> None:
    """A grant that nobody waits for any more runs all the same."""

    async def slow(name: str) -> str:
        await asyncio.sleep(0)
        return name

    assert GatedFunction(slow, "shop.slow").run({"name": "x"}, None) == "x"


def test_a_gated_function_cannot_call_another_one() -> None:
    """It would wait for an executor that is busy with itself: refused at once, sync and async."""

    def outer() -> None:
        refuse_nested("shop.inner")

    async def outer_async() -> None:
        refuse_nested("shop.inner")

    for function in (outer, outer_async):
        with pytest.raises(ConfigurationError, match=r"`shop.inner` was called while `shop.outer` runs"):
            GatedFunction(function, "shop.outer").run({}, None)
    refuse_nested("shop.inner")


def test_one_function_answers_for_an_action_type() -> None:
    """A second function for the same type is a mistake that nobody should find out by what ran."""
    shop = Gated(agent="a", executor="shop")
    shop.function("shop.move")(move)
    with pytest.raises(ConfigurationError, match="gated twice"):
        shop.function("shop.move")(move)


def test_decorating_opens_nothing() -> None:
    """A module with gated functions can be imported anywhere; the first call connects."""

    @gated("shop.imported", agent="nobody", executor="nothing")
    def imported() -> None:
        """Keeps its name."""

    assert imported.__name__ == "imported"
    assert imported.__doc__ == "Keeps its name."
