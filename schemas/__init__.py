"""What is on the wire: models, Avro twins, codec, canonical bytes, envelope and keys.

Promises: whatever bytes arrive, `codec.decode` gives a valid model or a RecordError that repeats nothing the bytes said; every
schema that a release contained stays readable. Refuses to know Kafka and to decide anything.
"""
