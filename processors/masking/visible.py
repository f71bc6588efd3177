"""Write text of others so that nothing in it deceives the eye: what is shown can be told apart from what only looks like it.

Needs no extra: whoever shows text uses it, clients included.
"""

import re
import unicodedata
from typing import Final

from .identifiers import Kind

_DECEPTIVE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_WIDE: Final = "\uff1c"
"""A less-than sign that is none; `visible` marks it."""
_TAG: Final = re.compile(f"({_WIDE}*)(<?)(?=(?:{'|'.join(kind.value for kind in Kind)})[>:-])", re.IGNORECASE)


def visible(text: str) -> str:
    """The text with every control, format, bidirectional, unassigned or odd space character as `<U+XXXX>`.

    Against Trojan Source (https://trojansource.codes) and invisible text. In text of several scripts every letter that is not
    Latin is marked by its code point too, so look-alikes show (UTS 39).
    """
    mixed = _is_mixed(text)
    # INVARIANT: two texts never look the same, so a text that spells a mark itself is marked: no two keys become one.
    return "<U+003C>U+".join(_marked(piece, mixed=mixed) for piece in text.split("<U+"))


def visible_again(text: str) -> str:
    """Text of a view once more, for who shows it: marks stay, and a view that lacks some gets them all the same."""
    return _marked(text, mixed=_is_mixed(text))


def without_tags(text: str) -> str:
    """Raw text before it is masked: what imitates a tag such as `<name>` is no tag, and `visible` will mark it.

    Two texts stay two: an odd number of wide signs stands for a tag, an even one for wide signs that were there.
    """
    return _TAG.sub(lambda found: _WIDE * (2 * len(found[1]) + len(found[2])), text)


def _marked(text: str, *, mixed: bool) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char, mixed=mixed) for char in text)


def _is_mixed(text: str) -> bool:
    return not text.isascii() and len({_script(char) for char in text if char.isalpha()}) > 1


def _visible(char: str, *, mixed: bool) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    odd = category in _DECEPTIVE or category == "Zs" or category.startswith("M")
    foreign = mixed and char.isalpha() and _script(char) != "LATIN"
    # Full-width, mathematical and other compatibility forms of ASCII look like what they are not.
    twin = unicodedata.normalize("NFKC", char).isascii()
    return f"<U+{ord(char):04X}>" if odd or foreign or twin else char


def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]
