"""`$STE_DATA_DIR/run/desk.json`: where the running desk's parts are, written by the runner and read by `ste`."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from deploy.refusal import Refusal

ELSEWHERE = "Stop it first, or start this one elsewhere: STE_DATA_DIR=… STE_PORT=… make run"


@dataclass(kw_only=True)
class DeskFile:
    """`ports` and `pids` are by name of process: broker, auth, tickets, notifier, escalator, gateway."""

    pid: int
    url: str
    monitor_port: int
    ports: Mapping[str, int]
    pids: dict[str, int] = field(default_factory=dict)
    ready: bool = False

    def write(self, data_dir: Path) -> None:
        """Replace the file at once, so that a reader sees the old one or the new one."""
        draft = data_dir / "run" / f".desk.{os.getpid()}.json"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        draft.replace(path_in(data_dir))

    @classmethod
    def read(cls, data_dir: Path) -> "DeskFile | None":
        """Return what the runner wrote, or None when no desk runs on this directory."""
        try:
            found = cls(**json.loads(path_in(data_dir).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Refusal(f"{path_in(data_dir)} cannot be read: {error}.", "Delete it and start the desk again.") from None
        return found if _held(data_dir) else None


def path_in(data_dir: Path) -> Path:
    return data_dir / "run" / "desk.json"


def _held(data_dir: Path) -> bool:
    """Return whether a runner holds the directory; the file of one that was killed stays behind."""
    try:
        with (data_dir / "run" / "desk.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _taken(lock: BinaryIO) -> bool:
    """Take the lock. A reader that only looks holds it for a moment, so one refusal says nothing."""
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _is_in_place(lock: BinaryIO, data_dir: Path) -> bool:
    """Return whether the lock that was taken is still the directory's: a command that failed may have taken the file away meanwhile."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (data_dir / "run" / "desk.lock").stat())
    except FileNotFoundError:
        return False


@contextmanager
def holding(data_dir: Path, mend: str = ELSEWHERE) -> Iterator[None]:
    """Make the directories and be the only one on them. Raises Refusal; `mend` says what to do about a desk that runs there."""
    try:
        for directory in (data_dir, data_dir / "run", data_dir / "log"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data_dir / "run" / "desk.lock").open("ab")
    except OSError as error:
        raise Refusal(f"The data directory {data_dir} cannot be used: {error.strerror}.", "STE_DATA_DIR says where it is.") from None
    with lock:
        if not _taken(lock) or not _is_in_place(lock, data_dir):
            raise Refusal(f"{'Another' if mend == ELSEWHERE else 'A'} desk is running on {data_dir}.", mend)
        try:
            yield
        finally:
            path_in(data_dir).unlink(missing_ok=True)
