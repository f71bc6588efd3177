"""The vocabulary of masking: built once on the user's machine from installed packages, mapped read-only ever after.

Promises: nothing is downloaded and nothing derived is shipped; a pickled source is read only after its SHA-256 is the pinned one, by a
reader that constructs nothing but containers; the file in the cache is written atomically and checked whenever it is mapped.
`sources` names each package with licence, origin and whom to attribute; `vocabulary` holds our own words; `building` says what all
sources say together; `cache` keeps the result.
"""

from .cache import Provided, lexicon_path, load, provide
from .sources import SOURCES, Source

__all__ = ["SOURCES", "Provided", "Source", "lexicon_path", "load", "provide"]
