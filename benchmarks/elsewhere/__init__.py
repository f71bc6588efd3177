"""The same routing on what a user would otherwise pick: run by `python` of `.venv-bench`, told everything on standard input.

Consume an action as JSON, decide by one rule, produce an outcome and an audit record. No signature, no state, no policy.
"""
