"""A whole deployment on one machine: broker, topics, rights, operator, gate. For `up`, `demo` and `play`.

Nothing here is used by a production gate: it only calls, in the right order, what an operator would call.
"""

from .deployment import LocalDeployment

__all__ = ["LocalDeployment"]
