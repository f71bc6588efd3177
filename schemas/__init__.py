"""What is on the wire: models, Avro twins, codec, canonical bytes, envelope and keys.

Promises

- Whatever bytes arrive, `codec.decode` gives a valid, frozen model or a `RecordError` that repeats nothing the bytes said.
- One meaning, one sequence of bytes: JSON is strict (no duplicate keys, no NaN, bounded depth and size), digests are over
  exactly the bytes that were signed, and a signature is verified before anything is parsed.
- What carries authority is signed, and the signed value names its deployment.
- Every schema that a release contained stays readable, in both directions; golden bytes say so.

Refuses

- to know Kafka, to do I/O, to decide anything;
- a field it does not know, a time without unit (`_ms`: integers, milliseconds since the epoch), a digest of another length;
- to be lenient with old mistakes: a record that cannot be read is a dead letter, not a guess.

Where things are

- one module per kind of record, with its `.avsc` beside it;  `fields`: what many of them share
- `canonical`: strict JSON, canonical bytes, digests;  `envelope`: payload types, signatures, headers
- `keys`: Ed25519;  `ids`: derived ids, lane to partition;  `codec`: the Avro frame, the lock file, fingerprints
- `errors`: every error sluicegate raises on purpose
"""
