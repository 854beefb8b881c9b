"""What the desk stands on, and the oldest version of each that it may stand on."""

import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from deploy.parts import program
from deploy.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """`found` is None when it is not there at all; `why` is what older ones did."""

    name: str
    found: str | None
    floor: str
    why: str

    @property
    def good(self) -> bool:
        """Whether it is there and new enough."""
        return self.found is not None and numbers(self.found) >= numbers(self.floor)


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, to compare by: "v2.11.7-beta" is (2, 11, 7)."""
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def everything() -> list[Stood]:
    """Look at every part that has a floor."""
    return [
        Stood(name="python", found=platform.python_version(), floor="3.11", why="the code needs it"),
        Stood(name="caddy", found=_said_by("caddy", "version"), floor="2.11.4", why="older ones let forged identity headers through"),
        Stood(name="nats-server", found=_said_by("nats-server", "--version"), floor="2.14.3", why="older ones can be crashed unasked"),
        sqlite(),
        Stood(name="starlette", found=_package("starlette"), floor="1.5.1", why="older ones can be made to use all CPU or confuse paths"),
        Stood(name="uvicorn", found=_package("uvicorn"), floor="0.51", why="older ones are slow on large bodies and restart badly"),
    ]


def sqlite() -> Stood:
    """Look at the library that the stores are opened with."""
    return Stood(name="sqlite", found=_sqlite(), floor="3.51.3", why="older ones can corrupt a store that two connections write")


def lines() -> list[str]:
    """Return `name version`, one line each, our own first."""
    return [
        f"support-ticket-express {_package('support-ticket-express') or 'unknown'}",
        *(f"{part.name} {part.found or 'missing'}" for part in everything()),
    ]


def _said_by(name: str, argument: str) -> str | None:
    try:
        said = subprocess.run([program(name), argument], capture_output=True, text=True, timeout=10, check=True).stdout
    except (Refusal, OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v?(\d+\.\d+\.\d+\S*)", said)
    return found[1] if found else None


def _sqlite() -> str:
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        import sqlite3 as dbapi2
    return str(dbapi2.sqlite_version)


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
