"""Every error sluicegate raises on purpose.

::

    SluicegateError
    ├── ConfigurationError      settings, files or names that cannot work
    ├── BrokerError             the development broker cannot start, stop or answer
    ├── AccessError             Kafka refused: a right, a password, a topic is missing
    ├── PolicyError             a policy file that must not be loaded
    ├── RecordError             bytes that are not a record of the kind they claim
    │   └── SignatureError      a signature that is missing, malformed, unknown or wrong
    ├── InvariantError          a promise of the design would break: stop instead
    ├── WithheldError           it was executed, and what it returned does not come back
    ├── RefusedError            the gate, an executor or a reviewer's client refused
    └── TimedOutError           an answer did not come in the time given

Messages are lower case, say what was wrong and what to do, and never contain a value taken from a record.
"""


class SluicegateError(Exception):
    """The root: catch this to catch everything sluicegate raises on purpose."""


class ConfigurationError(SluicegateError):
    """Settings, files or names that cannot work; the message says which and what would."""


class BrokerError(SluicegateError):
    """The development broker cannot start, stop or answer; the message names its log file."""


class AccessError(SluicegateError):
    """Kafka refused: a right, a password or a topic is missing."""


class PolicyError(SluicegateError):
    """A policy file that must not be loaded; the message names file, line, rule and column."""


class RecordError(SluicegateError):
    """Bytes that are not a record of the kind they claim to be."""


class SignatureError(RecordError):
    """A signature that is missing, malformed, by an unknown key, or wrong."""


class InvariantError(SluicegateError):
    """A promise of the design would break if work went on: stop instead."""


class RefusedError(SluicegateError):
    """The gate, an executor or a client refused; the message carries the recorded reason."""


class WithheldError(SluicegateError):
    """It was executed, and what it returned is in quarantine or cannot be sent; the message carries the codes."""


class TimedOutError(SluicegateError):
    """An answer did not come in the time given; nothing is known about what happened."""
