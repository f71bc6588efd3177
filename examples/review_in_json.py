"""Approve one action with nothing of sluicegate: confluent-kafka, PyNaCl and JSON.

python review_in_json.py CLIENT.json KEYFILE DEPLOYMENT PREFIX ISSUER SUBJECT ACTION
"""

import base64
import hashlib
import json
import secrets
import sys
import time

import confluent_kafka as kafka
from nacl.signing import SigningKey

config, keyfile, deployment, prefix, issuer, subject, action_id = sys.argv[1:]
client = json.load(open(config))


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


text = open(keyfile).read().strip().rpartition(":")[2]
key = SigningKey(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
key_id = hashlib.sha256(bytes(key.verify_key)).hexdigest()[:16]

reader = kafka.Consumer({**client, "isolation.level": "read_committed", "enable.auto.commit": False})
partitions = reader.list_topics(prefix + "approvals").topics[prefix + "approvals"].partitions
reader.assign([kafka.TopicPartition(prefix + "approvals", number, 0) for number in partitions])
while True:
    record = reader.poll(1.0)
    headers = {} if record is None else dict(record.headers())
    if (
        headers.get("ce_type") == b"sluicegate.approval-request.v1"
        and headers["ce_subject"] == action_id.encode()
    ):
        break
request = json.loads(record.value())  # `[gate] json_topics` names `approvals`
assert hashlib.sha256(request["view"]["text"].encode()).hexdigest() == request["view"]["digest"]
print(request["view"]["text"])

copied = ("request_id", "action_id", "action_digest", "lane", "agent")
decision = {name: request[name] for name in copied} | {
    "kind": "decision",
    "deployment": deployment,
    "decision_id": "de-" + secrets.token_hex(16),
    "view_digest": request["view"]["digest"],
    "account": {"issuer": issuer, "subject": subject},
    "choice": "approve",
    "decided_at_ms": int(time.time() * 1000),
    "nonce": b64(secrets.token_bytes(16)),
}
value = json.dumps(decision).encode()
kind = b"application/vnd.sluicegate.decision.v1+json"
signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(value), value)  # DSSE's pre-authentication encoding
headers = {
    "ce_type": b"sluicegate.decision.v1",
    "content-type": kind,
    "sig": f"{key_id}:{b64(key.sign(signed).signature)}".encode(),
}
writer = kafka.Producer({**client, "acks": "all", "enable.idempotence": True})
# The request stands on the partition of its lane, and the decision belongs on the same one.
writer.produce(prefix + "decisions", value, request["lane"], record.partition(), headers=headers)
assert writer.flush(10) == 0
