"""Start a process and either let it go, or hold it until its owner ends. Standard library only, run as a file.

    leash.py go     LOG -        COMMAND...     start, print the process number, leave it running
    leash.py hold   LOG -        COMMAND...     end it when standard input closes
    leash.py hold   LOG FOLDER   COMMAND...     the same, then delete FOLDER

Holding works on any POSIX system: the owner keeps the other end of our standard input, which closes however the
owner ends. On Linux the kernel also ends the process when this one is killed. `subprocess` alone can do neither:
its `preexec_fn` is unsafe beside threads, and a parent-death signal fires when the *thread* that started it ends.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1  # prctl(2)
TERMINATE_LIMIT_S = 15.0


def main() -> int:
    """Start the command of the arguments; see the module's text."""
    mode, log, folder, *command = sys.argv[1:]
    os.umask(0o077)
    with Path(log).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our caller's command
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()) if mode == "hold" else None,  # noqa: PLW1509 - no other thread yet
        )
    sys.stdout.write(f"{process.pid}\n")
    sys.stdout.flush()
    if mode == "go":
        process.returncode = 0  # ours no longer: nothing to wait for
        return 0
    return _hold(process, None if folder == "-" else Path(folder))


def _hold(process: "subprocess.Popen[bytes]", folder: Path | None) -> int:
    def on_terminate(_number: int, _frame: FrameType | None) -> None:
        process.terminate()

    signal.signal(signal.SIGTERM, on_terminate)
    threading.Thread(target=_end_at_eof, args=(process,), daemon=True).start()
    status = process.wait()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if status >= 0 else 1


def _end_at_eof(process: "subprocess.Popen[bytes]") -> None:
    # Not `sys.stdin`: its lock would be held when the process ended first, and the interpreter dies of that at its end.
    while os.read(0, 4096):
        pass
    process.terminate()
    try:
        process.wait(TERMINATE_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _die_with(parent: int) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return before_exec


if __name__ == "__main__":
    sys.exit(main())
