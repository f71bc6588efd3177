"""Feed recorded agent tool calls through a real gate and see what it would have let through.

`play` registers one agent per recorded run, submits every call as an action, lets scripted reviewers (or people) decide, and
executes what is granted by returning the recorded result. It runs against the gate that is configured, or starts a temporary
one. Nothing of a recording is executed for real.
"""
