"""Where the output of the desk's processes goes: into files of bounded size, and what is wrong also to the terminal."""

import json
import re
from pathlib import Path

_LOUD = re.compile(rb'"level": ?"(warn|warning|error|critical|fatal|panic|dpanic)"|\[(WRN|ERR|FTL)\]|^\w*(Error|Exception)\b')
_BROKER = re.compile(r"^\[\d+\] \S+ \S+ \[(WRN|ERR|FTL)\] (.*)$")
_DULL = frozenset({"level", "event", "msg", "message", "timestamp", "ts", "time", "logger", "service", "exception", "stack"})
_EXPECTED = (b"Plaintext passwords detected", b"admin endpoint disabled", b'"error":"reading: context canceled"')
"""Warnings about what is so on purpose: the passwords are random, in a file of the owner's; the admin endpoint is to be off; a visitor
may close a window, and with it the stream of its bell."""
_LEVELS = {"WRN": "warning", "ERR": "error", "FTL": "error", "warn": "warning", "warning": "warning"}


class RotatingLog:
    """Appends to a file; a full one becomes `.1`, and so on to `keep`. A disk that is full loses lines, not the desk."""

    def __init__(self, path: Path, limit: int = 10_000_000, keep: int = 3) -> None:
        """`limit` is in bytes."""
        self.path, self.limit, self.keep = path, limit, keep
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        try:
            if self._file.tell() + len(data) > self.limit and self._file.tell():
                self._rotate()
            self._file.write(data)
        except OSError:
            return

    def _rotate(self) -> None:
        self._file.close()
        try:
            for number in range(self.keep - 1, 0, -1):
                older = self.path.with_name(f"{self.path.name}.{number}")
                if older.exists():
                    older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        finally:
            self._file = self.path.open("ab", buffering=0)

    def tail(self, lines: int) -> str:
        """Return the last lines, as text."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 16384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        self._file.close()


def last_words(log: RotatingLog, most: int = 3) -> str:
    """Return what a process that can not go on said of it: its last warnings and errors, each once, or else its last lines as they are."""
    said = [loud[1] for line in log.tail(200).splitlines() if (loud := headline(line.encode()))]
    return "\n".join(list(dict.fromkeys(reversed(said)))[:most][::-1]) or log.tail(8)


def headline(line: bytes) -> tuple[str, str] | None:
    """Return (level, what it says on one line) of a log line that is a warning or worse, else None."""
    found = _LOUD.search(line)
    if not found or any(expected in line for expected in _EXPECTED):
        return None
    text = line.decode(errors="replace").strip()
    if broker := _BROKER.match(text):
        return _LEVELS[broker[1]], broker[2]
    try:
        fields = json.loads(text)
    except ValueError:
        return "error", text
    return _LEVELS.get(str(fields.get("level")), "error"), _sentence(fields)


def _sentence(fields: dict[str, object]) -> str:
    what = str(fields.get("event") or fields.get("msg") or fields.get("message") or "")
    if what.startswith("Traceback "):
        what = _cause(what)  # one line here; the log has all of it
    facts = [f"{name}={value}" for name, value in fields.items() if name not in _DULL and isinstance(value, str | int | float | bool)]
    return " ".join(part for part in (what, *facts, _cause(fields.get("exception"))) if part)[:400]


def _cause(exception: object) -> str:
    """Return the last line of what was raised: of a traceback as text, or as the list of dictionaries that structlog makes of it."""
    if isinstance(exception, list) and exception and isinstance(exception[0], dict):
        return f"({exception[0].get('exc_type')}: {str(exception[0].get('exc_value')).partition(chr(10))[0]})"
    return str(exception or "").strip().rpartition("\n")[2]
