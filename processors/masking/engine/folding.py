"""One byte for every lookalike: what a character counts as when text is searched."""

import unicodedata
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KEEP: Final = 255
"""The character stays as it is: a letter of a script without capitals, or one beyond the table."""
DROP: Final = 0
"""The character is not there for a reader: zero-width, or an accent that stands alone."""

_PLANES: Final = 0x20000
_UNNAMED_SYMBOL: Final = ord("~")
_MARKS: Final = range(0x0300, 0x0370)
_ODD: Final = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u02bc": "'", "\u00b4": "'",
    "\u2044": "/", "\u2215": "/", "\u2212": "-", "\u2236": ":", "\u00ad": "",
    "\u00df": "s", "\u00e6": "a", "\u00c6": "A", "\u0153": "o", "\u0152": "O", "\u00f8": "o", "\u00d8": "O",
    "\u0142": "l", "\u0141": "L", "\u0111": "d", "\u0110": "D", "\u00f0": "d", "\u00d0": "D", "\u00fe": "t", "\u00de": "T",
    "\u0131": "i", "\u0127": "h", "\u0126": "H", "\u0167": "t", "\u0166": "T", "\u014b": "n", "\u014a": "N",
    "\u115f": " ", "\u1160": " ", "\u3164": " ", "\uffa0": " ",
}  # fmt: skip
# Letters of the two other alphabets with capitals, by look or by sound: a name stays a word with a capital.
_GREEK: Final = dict(zip("αβγδεζηθικλμνξοπρςστυφχψω", "abgdeziiiklmnxoprsstufhpo", strict=True))
_CYRILLIC: Final = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёђєѕіїјљњћќўџґ",
        "abvgdegziiklmnoprstufhccssyyieuyedesiijlnckudg",
        strict=True,
    )
)


@cache
def folding_table() -> NDArray[np.uint8]:
    """By code point: `KEEP`, `DROP`, or the ASCII character that stands for it."""
    table = np.full(_PLANES, KEEP, np.uint8)
    for code in range(0x80, _PLANES):
        table[code] = _folded(chr(code))
    return table


def fold_word(word: str) -> str:
    """A word as a folded text shows it; case is kept."""
    if word.isascii():
        return word
    table = folding_table()
    return "".join(_shown(char, table) for char in word)


def _shown(char: str, table: Any) -> str:
    code = ord(char)
    if code < 0x80 or code >= _PLANES or table[code] == KEEP:  # noqa: PLR2004 (ASCII)
        return char
    return "" if table[code] == DROP else chr(table[code])


def _folded(char: str) -> int:
    if char in _ODD:
        return ord(_ODD[char] or "\0")
    category = unicodedata.category(char)
    match category:
        case "Pd":
            return ord("-")
        case "Pi" | "Pf":
            return ord('"')
        case "Zs" | "Zl" | "Zp" | "Cc":
            return ord(" ")
        case "Cf" | "Me":
            return DROP
        case "Nd":
            return ord(str(unicodedata.digit(char)))
        case "Mn" | "Mc":
            return DROP if ord(char) in _MARKS else KEEP
        case "Lo" | "Cn" | "Co" | "Cs":
            return KEEP
        case _:
            return _letter(char) or (KEEP if category.startswith("L") else _UNNAMED_SYMBOL)


def _letter(char: str) -> int:
    """The ASCII character at the heart of a composed or styled one; 0 if there is none."""
    forms = unicodedata.normalize("NFKD", char)
    heart = _alphabets(forms[0])
    single = len(forms) == 1 or unicodedata.combining(forms[1]) or forms.isalpha()
    return ord(heart) if heart.isascii() and single else 0


def _alphabets(char: str) -> str:
    lower = char.lower()
    known = _GREEK.get(lower) or _CYRILLIC.get(lower)
    if known is None:
        return _ODD.get(char) or char
    return known if char == lower else known.upper()
