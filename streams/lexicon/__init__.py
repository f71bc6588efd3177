"""The vocabulary of masking: built once on the user's machine from installed packages, mapped read-only ever after."""
