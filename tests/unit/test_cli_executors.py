"""How `executor add` reads types and floors."""

import pytest

from sluicegate.schemas.document import Floor
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.cli.executors import read_floor, read_list


def test_types_are_repeated_or_separated_by_commas() -> None:
    """In the order given, each once."""
    assert read_list(["crm.read,crm.delete", "crm.read", " crm.rename "]) == (
        "crm.read",
        "crm.delete",
        "crm.rename",
    )


def test_a_floor_names_a_type_and_how_many_of_which_groups() -> None:
    """So many distinct people in total, too."""
    assert read_floor("crm.delete=security:2,privacy:1") == (
        "crm.delete",
        Floor(groups={"security": 2, "privacy": 1}, quorum=3),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "crm.delete",
        "=security:1",
        "crm.delete=security",
        "crm.delete=:1",
        "crm.delete=security:0",
        "a=b:x",
    ],
)
def test_a_floor_that_demands_nobody_by_mistake_is_refused(text: str) -> None:
    """A typo must not become a floor that protects nothing."""
    with pytest.raises(ConfigurationError, match="is no floor"):
        read_floor(text)
