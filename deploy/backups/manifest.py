"""`manifest.json`: what a backup holds. It is written last, so a directory without one is no backup."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.refusal import Refusal
from events.files import sync

FORMAT, VERSION = "support-ticket-express backup", 1
NAME = "manifest.json"
_CHUNK = 1024 * 1024
_PLAIN = re.compile("[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEntry:
    """One store: its file, and where its log stood. `consumed` is the last event of every source that it had handled.

    `key` is the verifier key of its checkpoints; `revisions` are those of its schema, by package.
    """

    file: str
    bytes: int
    sha256: str
    source: str
    origin: str
    sequence: int
    hash: str
    key: str
    revisions: Mapping[str, str | None]
    consumed: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`stores` are by service, `secrets` are SHA-256 in hex by file name, `journal` is the last position in it."""

    made_at: str
    version: str
    running: bool
    journal: int
    stores: Mapping[str, StoreEntry]
    secrets: Mapping[str, str]
    format: str = FORMAT
    format_version: int = VERSION
    sqlite: str = field(default="")

    def write(self, directory: Path) -> None:
        """Write it into the directory, and bring both onto the disk."""
        path = directory / NAME
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
        sync(path)
        sync(directory)

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Return the manifest of a backup. Raises Refusal when there is none that can be read."""
        if not directory.is_dir():
            raise Refusal(f"{directory} is no directory.", "Name the directory that ste backup made.")
        try:
            found = json.loads((directory / NAME).read_text())
            if (found.get("format"), found.get("format_version")) != (FORMAT, VERSION):
                raise Refusal(f"{directory / NAME} is of another format, {found.get('format')} {found.get('format_version')}.")
            stores = {name: StoreEntry(**entry) for name, entry in found.pop("stores").items()}
            manifest = cls(stores=stores, **found)
        except FileNotFoundError:
            raise Refusal(f"{directory} is no backup: it has no {NAME}, which is written last.", "Take another one.") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Refusal(f"{directory / NAME} cannot be read: {error}.", "Take another backup.") from None
        # what is copied by these names stays where it belongs
        names = [*(entry.file for entry in stores.values()), *manifest.secrets]
        if strange := [name for name in names if not _PLAIN.fullmatch(name)]:
            raise Refusal(f"{directory / NAME} names files that no backup has: {', '.join(strange)}.")
        return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
