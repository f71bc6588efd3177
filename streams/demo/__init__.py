"""An agent's day at a clinic, behind the gate: a story that is checked while it is told.

Everything is real but the clinic: Apache Kafka, the gate, the signatures, the refusals. `story` is what happens, `clinic` the
pretended systems that count what was really done to them, `scene` who is there, `stage` how it is told.
"""
