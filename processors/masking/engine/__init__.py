"""The engine that finds identifiers in columns of text: arrays in, spans out, no Python object per word.

Promises: every stage is a pure function of a `TextBatch` (and of read-only arrays it is handed) that returns spans; a stage never
uncovers what another stage found; spans stay inside one row and never split a code point. Refuses to do I/O: vocabularies are
built, checked and mapped into memory by `sluicegate.streams.lexicon`.

Where things are: `batch` joins rows and folds lookalikes; `tokens` finds words, `hashing` names them by 64 bits, `lexicon` says what
a word is; `closed_world` takes for a name what no vocabulary explains; `known_values`, `encoded` and `doubt` are the further stages of
files. `fields` gathers a batch by what the profile says of each place; `records` walks JSON, `cells` columns, `tables` Arrow.
"""
