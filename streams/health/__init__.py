"""Whether a processor of this machine works, told over HTTP: `/metrics`, `/healthz`, `/readyz`.

Everything is made from what workers say about themselves (`streams.runtime.status`): a scrape asks neither Kafka nor a
worker. `readiness` says in words what is wrong, `metrics` in numbers, `server` answers.

Promised: no value of a record, no id of an action, an agent or a person; labels are slots, partitions, topics and stores,
so their number is bounded by the deployment. Refused: an address that other machines reach, unless that is asked for: the
answers have neither TLS nor a password.
"""

from .readiness import Readiness, Reason, Why, readiness
from .server import HealthServer, serving
from .watched import Watched

__all__ = ["HealthServer", "Readiness", "Reason", "Watched", "Why", "readiness", "serving"]
