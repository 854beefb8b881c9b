"""Gives the notifier a way out of the house, wherever it is imported: Python runs this at its start, in every process that finds it.

The desk ships no outward channel yet. This one is not repeatable, as mail is not, and writes each delivery down before it returns, so that
what left the house can be counted whoever dies. One in five it refuses: those jobs end dead, and somebody has them tried again.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import zlib
from collections.abc import Sequence
from datetime import timedelta
from types import ModuleType
from typing import Any

DELIVERIES = "STE_TEST_DELIVERIES"
"""The variable that names the file; without it nothing is changed."""
CLAIM = timedelta(seconds=4)
"""In place of a minute: what a worker that died held is settled within a round."""


class Recording:
    """An `events` channel that delivers into a file."""

    repeatable = False

    async def deliver(self, job: Any) -> None:
        from notifier.channels import Refused

        if zlib.crc32(job.dedupe_key.encode()) % 5 == 0:
            raise Refused("Nobody has this address.")
        line = json.dumps({"key": job.dedupe_key, "job": job.id, "attempt": job.attempts}) + "\n"
        file = os.open(os.environ[DELIVERIES], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)


class _Loader(importlib.abc.Loader):
    """Loads the notifier's application, and declares it with the channel."""

    def __init__(self, real: importlib.abc.Loader) -> None:
        self._real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        import notifier.jobs
        import notifier.worker

        notifier.jobs.CLAIM = notifier.worker.CLAIM = CLAIM  # type: ignore[attr-defined]
        module.SERVICE = module.declare({"email": Recording()})  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name != "notifier.app":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if DELIVERIES in os.environ:
    sys.meta_path.insert(0, _Finder())
