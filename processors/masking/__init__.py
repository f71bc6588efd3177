"""What reviewers, agents and analysts may see of raw values.

Promises: masking is a pure function of the body, the profile and, for surrogates, the export's secret; it is linear in the
body, never raises for what a body holds, and replaces places: every other byte stays. What it cannot read it refuses with a
code. `verifier` looks at exports, `check` at views, with other eyes and no code of what they look after; in doubt nothing leaves.
No error, reason or representation holds a value.

Refuses to guess what is harmless: an unknown column is free text, wherever it is, and reported; a key is data as soon as it
looks like an identifier; base64 that decodes to no text is masked. `keep` is the operator's signed word, believed unless the
column holds a longer identifier of the same batch.

Exports and files are masked by `engine`. Views of actions, which every gate makes, by a first form without a vocabulary: a name that
is in no identifier column, in lower case or in up to three capitals a word (`MIA LI` could be two codes), and without a title or
label is not found there; nor is one listed in `ordinary_words`.

Where things are: `profile` (`profile_reading`, `identifiers`, `*.yaml`) says what to do. `exports` is the processor for `exports.*`:
`masking` takes a batch, `second_look` asks the verifier, `export_secrets` keeps what surrogates derive from. `views` renders actions:
`text` masks what people look at, `records` walks JSON (`json_tree`) by its `columns`, `free_text` joins `known_values`, `detectors`,
`names` and `encodings` on `folding`-ed text into `spans`, `operators` writes tags, `check` has `check_columns`, `check_literals` and
`check_shapes`.

What the look objects to leaves only when people release it, and only where a profile says so: `held` keeps it, `release_requests` asks by
the action `export.release` with a `release_report`, `releasing` acts on the grant or destroys it (`ends`), as an executor does.
"""
