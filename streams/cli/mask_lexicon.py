"""`mask lexicon`: build the vocabulary of masking ahead of time, and say what it is built from."""

from .options import AsJson
from .screen import fields, note, print_json, rows, say


def lexicon(*, as_json: AsJson = False) -> None:
    """Build the vocabulary that finds names and places, unless it is built, and show what it comes from.

    It is read from the packages of the extra `lexicon`, on this machine; nothing is downloaded. The result stays in the cache folder
    (`$XDG_CACHE_HOME/sluicegate/lexicon`), a file per set of package versions. Masking builds it by itself when it starts first;
    building ahead saves it those seconds. A machine without the packages takes a copy of the file: setting `lexicon`, or
    SLUICEGATE_LEXICON.

    Example: sluicegate mask lexicon
    """
    from sluicegate.streams.lexicon import SOURCES, provide  # noqa: PLC0415 - extras of their own
    from sluicegate.streams.lexicon.sources import installed  # noqa: PLC0415 - as above

    provided = provide(before_building=lambda: note("building the lexicon from packages: some seconds, once"))
    versions = installed()
    read = [source for source in SOURCES if source.distribution in versions]
    told = {
        "path": str(provided.path),
        "built": provided.built,
        "bytes": provided.path.stat().st_size,
        "digest": provided.lexicon.digest.hex(),
    }
    if as_json:
        sources = [
            {
                "package": source.distribution,
                "version": versions[source.distribution],
                "reads": source.reads,
                "licence": source.licence,
                "origin": source.origin,
                "attribution": source.attribution,
            }
            for source in read
        ]
        print_json({**told, "sources": sources})
        return
    fields({name: str(value) for name, value in told.items() if name != "built"})
    say()
    rows(
        ["package", "version", "licence", "origin of what is read"],
        [
            [source.distribution, versions[source.distribution], source.licence, source.origin]
            for source in read
        ],
    )
    say()
    for source in read:
        if source.attribution:
            say(source.attribution)
