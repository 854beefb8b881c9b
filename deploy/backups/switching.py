"""Putting a new set of stores in the place of an old one, so that whoever dies in between finds it begun and ends it.

Everything new stands in one directory first. Then `restore.json` says what is to be moved; while it is there no service starts. Moving
twice is moving once: what is gone from where it stood has been moved.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from chassis.settings import RESTORE_BEGUN, SERVICES
from events.files import sync

STAGED = ".restored"
REPLACED = "replaced"
"""Under the data directory: what stood there before, in a directory by the time of the restore."""
_STORES = tuple(f"{name}.sqlite3{suffix}" for name in SERVICES for suffix in ("", "-wal", "-shm"))
_OLD = (*_STORES, "secrets")
_CACHE = "broker"
"""Filled again from the logs."""


def present(data_dir: Path) -> list[str]:
    """Return the names of what a desk has in its directory that a restore would replace."""
    found = [name for name in _STORES if (data_dir / name).exists()]
    secrets = data_dir / "secrets"
    return [*found, *(["secrets"] if secrets.is_dir() and any(secrets.iterdir()) else [])]


def begin(data_dir: Path, replaced: str | None) -> None:
    """Say that what is staged is whole, and is to take the place of what is there; `replaced` names where the old goes, if anything is."""
    sync_tree(data_dir / STAGED)
    _say(data_dir, {"phase": "away", "replaced": replaced})


def begun(data_dir: Path) -> bool:
    """Return whether a restore was begun and not ended."""
    return (data_dir / RESTORE_BEGUN).exists()


def sweep(data_dir: Path) -> None:
    """Take away what is staged: copies of stores that a restore which died had not yet put in place, and that no erasure reaches.

    For whoever holds the data directory, when no restore is begun.
    """
    shutil.rmtree(data_dir / STAGED, ignore_errors=True)


def end(data_dir: Path) -> None:
    """Move what is to be moved, from wherever that was left; at the end the desk is the new one."""
    said = json.loads((data_dir / RESTORE_BEGUN).read_text())
    if said["phase"] == "away":
        if said["replaced"] is not None:
            old = data_dir / REPLACED / said["replaced"]
            old.mkdir(parents=True, exist_ok=True, mode=0o700)
            _move(data_dir, old, _OLD)
            sync(old)
        shutil.rmtree(data_dir / _CACHE, ignore_errors=True)
        _say(data_dir, {**said, "phase": "in"})
    staged = data_dir / STAGED
    if staged.exists():
        _move(staged, data_dir, [path.name for path in staged.iterdir()])
        sync(data_dir)
        shutil.rmtree(staged)
    (data_dir / RESTORE_BEGUN).unlink()
    sync(data_dir)


def _move(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        if (source / name).exists():
            if (target / name).is_dir():
                (target / name).rmdir()  # an empty one, which a start has made
            (source / name).rename(target / name)


def _say(data_dir: Path, what: dict[str, str | None]) -> None:
    draft = data_dir / f".{RESTORE_BEGUN}"
    draft.write_text(json.dumps(what))
    sync(draft)
    draft.replace(data_dir / RESTORE_BEGUN)
    sync(data_dir)


def sync_tree(directory: Path) -> None:
    """Bring everything below a directory onto the disk."""
    for folder, _, files in os.walk(directory):
        for name in files:
            sync(Path(folder) / name)
        sync(Path(folder))
