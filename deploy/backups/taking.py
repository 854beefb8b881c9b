"""Holding the stores of a data directory for a command that works on them while no desk runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from chassis.database import StoreInUse, held
from chassis.settings import SERVICES, Settings
from deploy.desk_file import holding
from deploy.refusal import Refusal

_MADE = (*(f"{name}.lock" for name in SERVICES), "run/desk.lock", "run", "log")
"""What is made in a data directory only to hold it."""
_STOP_IT = "Stop it first, or have the desk made in another directory: STE_DATA_DIR=…"
SAY_AGAIN = "It was started just now. Say the command again: it works beside a desk that runs, too."


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold every store as the only one. Raises Refusal when a service uses its store."""
    with ExitStack() as stack:
        for name in SERVICES:
            try:
                stack.enter_context(held(settings.data_dir, name, exclusive=True))
            except StoreInUse as error:
                raise Refusal(str(error), "Stop it first.") from None
        yield


@contextmanager
def taking(settings: Settings) -> Iterator[None]:
    """Hold the data directory and every store in it; when the block fails, what was made to hold them is taken away again.

    Raises Refusal when a desk or a service uses it.
    """
    place = settings.data_dir
    absent = [path for path in (*(place / name for name in _MADE), place, *place.parents) if not path.exists()]
    with holding(place, _STOP_IT), alone(settings):
        try:
            yield
        except BaseException:
            for path in absent:  # what is in a directory stands before it
                _take_away(path)
            raise


def _take_away(path: Path) -> None:
    with suppress(OSError):  # a directory that holds something else by now stays
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
