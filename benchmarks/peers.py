"""The peers' own environment: made once from `peers.txt` with pip, kept beside the results, made anew when that file changes."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

WANTED = Path(__file__).with_name("peers.txt")
_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Peers:
    """`programs` is where their programs are; None when they could not be had, and then `why` says why."""

    programs: Path | None
    why: str = ""

    def program(self, name: str) -> Path | None:
        found = self.programs / name if self.programs is not None else None
        return found if found is not None and found.exists() else None

    @property
    def versions(self) -> dict[str, str]:
        """The versions by name, as they are pinned."""
        lines = WANTED.read_text(encoding="utf-8").splitlines() if self.programs is not None else []
        pins = [line.partition("==") for line in lines if "==" in line]
        return {name: version for name, _, version in pins if name != "typing_extensions"}


def install(directory: Path) -> Peers:
    """Return the environment in `directory`; whatever keeps it from being made is told, and not raised."""
    wanted = WANTED.read_text(encoding="utf-8")
    place = directory / hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:16]
    done = place / "installed"
    if not done.exists():
        try:
            _run(sys.executable, "-m", "venv", "--clear", str(place))
            _run(str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(WANTED))
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            return Peers(None, said.strip().splitlines()[-1][:200] if said.strip() else type(error).__name__)
        done.touch()
    return Peers(place / "bin")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
