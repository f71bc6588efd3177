"""The command line: every command is a thin edge over a client, a plan or a pure function that others can call too.

Promises: data on standard output, everything else on standard error; `--json` wherever data is printed; what others
wrote is shown as data, never as markup or control characters; an error is one clear line and an exit status
(0 done, 1 refused or violated, 2 wrong usage, settings or rights, 130 interrupted), never a traceback.

Refuses: to act for somebody whose key is not on this machine, to print private keys or passwords, to show people's
names to somebody who may not read `identities`.

A command acts as the agent or account it is told (`--agent`, `--as`, or `SLUICEGATE_AGENT`, `SLUICEGATE_AS`), else as
the first of `identities.toml` whose key is in the state folder; documents are signed with `keys/operator.ed25519`. It
connects as the principal of its role: agents' commands as `agent-local`, `inbox` as `reviewer-local`, `show` and
`verify` as `analyst-local`, `dlq` as `privacy-local`.

Where things are: `application` lists the commands, one module per group holds them; `invocation` knows settings and who
acts; `failures` turns errors into exit statuses; `screen` prints; `starter` and `identities_file` are the files that
`init` writes and `identity apply` reads.
"""

from .application import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command that the arguments name; ends the process with its exit status."""
    app()
