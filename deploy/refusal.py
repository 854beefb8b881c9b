"""What `ste` says when it can not do what it was asked to."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of `ste`. 2 is typer's own: the command was not understood."""

    FINE = 0
    WRONG = 1
    NOT_RUNNING = 3


class Refusal(Exception):
    """What happened and why, and, apart from it, what to do about it."""

    def __init__(self, what: str, mend: str = "", code: Exit = Exit.WRONG) -> None:
        super().__init__(what)
        self.what, self.mend, self.code = what, mend, code
