"""An agent at a clinic, told step by step."""
