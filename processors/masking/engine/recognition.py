"""How a token classifier takes part, in the words of settings and options."""

from enum import StrEnum


class Recognition(StrEnum):
    """Which sentences the classifier reads."""

    OFF = "off"
    GATED = "gated"
    """Those in which a name, place or institution was found, or a word is left that could be one."""
    ALL = "all"
