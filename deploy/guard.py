"""Become a command that ends when its parent does, even when the parent was killed: `guard.py PARENT FD NAME PROGRAM [ARGUMENT…]`.

On Linux the kernel sees to it (PR_SET_PDEATHSIG outlives the exec). Elsewhere (FD is then the read end of a pipe of which only the
parent holds the other end, and -1 on Linux) a small child of the command waits for the end of that pipe and kills the command.
The standard library alone, and little of it: this runs before each process of the desk (`python -I -S`).
"""

import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Exec PROGRAM as NAME. Returns only by raising OSError."""
    parent, pipe, name, program = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    _raise_limit_of_files()
    if pipe < 0:
        end_with(parent)
    else:
        _leave_a_watcher(pipe)
    os.execv(program, [name, *arguments[4:]])  # noqa: S606 - no shell is wanted


def _raise_limit_of_files() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536, hard))
        except (OSError, ValueError):
            return  # the limit that there is will do for a small desk


def end_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends. Raises SystemExit when that has happened already."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)  # it died before it was asked for


def _leave_a_watcher(pipe: int) -> None:
    command = os.getpid()
    if os.fork():
        os.set_inheritable(pipe, False)
        return
    os.setsid()
    for stream in (0, 1, 2):
        os.close(stream)
    while os.getppid() == command:
        if select.select([pipe], [], [], 1.0)[0]:
            os.kill(command, signal.SIGKILL)
            break
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
