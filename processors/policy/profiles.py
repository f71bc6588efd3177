"""The masking profiles a policy may name, and which of two is the stricter."""

# From the weakest to the strictest. This order is the only place that knows it.
PROFILES = ("pii-basic", "limited-data-set", "hipaa-safe-harbor")

_STRICTNESS: dict[str | None, int] = {None: -1, **{name: rank for rank, name in enumerate(PROFILES)}}


def strictest(*names: str | None) -> str | None:
    """The strictest of some profiles; None asks for no masking and is the weakest.

    A name that is not in `PROFILES` is a `KeyError`: such a policy does not load.
    """
    return max(names, key=_STRICTNESS.__getitem__, default=None)
