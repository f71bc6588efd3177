"""Names that a person could take for another one, refused when they are created. Pure.

Names are compared by the gate as exact text, never folded; so two names that look alike would be two people, and only
creation can prevent that. The rules, after UTS 39 (https://www.unicode.org/reports/tr39/) and far simpler than it:

- a login is in normal form C, without spaces, control or invisible characters, and its letters are of one script
  (Han with Kana or Hangul counts as one);
- no new name has the skeleton of an existing one of its kind. Skeleton: compatibility form, accents removed, case folded,
  Cyrillic and Greek letters replaced by the Latin ones they look like, `0` as `o`, `1` `i` `|` as `l`, `rn` as `m`,
  `vv` as `w`, punctuation that separates words as one dash.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from sluicegate.schemas.errors import RefusedError

_LOOKALIKES: Final = {
    # Latin letter: characters (after case folding) that look like it, Cyrillic and Greek by code point.
    "a": "\u0430\u03b1\u0251",
    "b": "\u0432\u03b2",
    "c": "\u0441",
    "d": "\u0501",
    "e": "\u0435\u03b5",
    "g": "\u0261",
    "h": "\u04bb",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "1i|\u0456\u04cf\u03b9\u0131",
    "m": "\u043c",
    "n": "\u03b7",
    "o": "0\u043e\u03bf",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "v": "\u03bd",
    "w": "\u051d\u03c9",
    "x": "\u0445\u03c7",
    "y": "\u0443\u04af\u03b3\u03c5",
}
_TO_LATIN: Final = str.maketrans({char: letter for letter, chars in _LOOKALIKES.items() for char in chars})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


def skeleton(text: str) -> str:
    """What a name looks like: two names with one skeleton are confusable."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char) and _visible(char))
    plain = plain.translate(_TO_LATIN).replace("rn", "m").replace("vv", "w")
    return re.sub(r"[-_.\u2010-\u2015\u2212]+", "-", plain)


def refuse_misleading(text: str, what: str) -> None:
    """RefusedError unless a login is well-formed by the first rule; `what` names the field."""
    if unicodedata.normalize("NFC", text) != text:
        raise RefusedError(f"the {what} is not in Unicode normal form C; write it in its composed form")
    if not all(_visible(char) for char in text):
        raise RefusedError(f"the {what} has a space, a control or an invisible character; leave it out")
    scripts = {_script(char) for char in text if char.isalpha()}
    if len(scripts) > 1:
        raise RefusedError(f"the {what} mixes letters of different scripts; use one script")


def refuse_twin(name: str, others: Iterable[str], what: str) -> None:
    """RefusedError when a new name looks like one of `others`; the same name again is no twin."""
    looks = skeleton(name)
    for other in others:
        if other != name and skeleton(other) == looks:
            raise RefusedError(
                f"this {what} looks like an existing one; choose one that nobody can confuse with it"
            )


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE


def _script(char: str) -> str:
    # Python has no script property; the first word of a letter's name is its script.
    word = unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]
    return "CJK" if word in _EAST_ASIAN else word
