"""Secrets in files: made when missing, readable by the owner alone, part of the backup."""

import os
import secrets as randomness
import stat
from pathlib import Path


class SecretLost(RuntimeError):
    """A secret is gone that the store cannot do without: another one in its place would hide that, and lose what depends on it."""


def kept_with(service: str) -> tuple[str, ...]:
    """Return the names of the secrets that belong to a service's store: without them it is not what it was."""
    return (f"signing-{service}", "pepper") if service == "auth" else (f"signing-{service}",)


def ensure(directory: Path, name: str, size: int = 32) -> str:
    """Return the secret of that name in hex text, making it from `size` random bytes if there is none yet.

    Several processes may ask at once: the first to link its file into place wins, and all return that one's. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / name
    if not path.exists():
        _make(path, randomness.token_hex(size))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)
    return path.read_text().strip()


def _make(path: Path, secret: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{randomness.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, it fails when another process was first
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        draft.unlink(missing_ok=True)
