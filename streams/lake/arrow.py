"""pyarrow when it is needed, and what to install when it is not there."""

from importlib import import_module
from typing import Any

from sluicegate.schemas.errors import ConfigurationError


def arrow() -> Any:
    """The module `pyarrow`; a ConfigurationError that names the extra without it."""
    return _module("pyarrow")


def parquet() -> Any:
    """The module `pyarrow.parquet`; a ConfigurationError that names the extra without it."""
    return _module("pyarrow.parquet")


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(
            "Arrow and Parquet need pyarrow, which is not installed: pip install 'sluicegate[lake]'"
        ) from None
