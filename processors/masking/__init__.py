"""What reviewers, agents and analysts may see of raw values.

`views` renders actions for reviewers. Detectors, operators, profiles, the independent verifier and the processor for
`exports.*` have their place here and are not built yet: until they are, nothing is written to `exports.masked` at all.
"""
