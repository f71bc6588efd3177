"""The token classifier of the masking engine: its files, and the library that runs it (extra `ner`)."""
