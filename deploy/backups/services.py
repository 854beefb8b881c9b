"""The services as what their stores are opened by, by name: `deploy` knows none of them."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.rewinding import JournalKeeper, Rewind, Withdrawal
from chassis.service import Service
from chassis.settings import SERVICES

_KEEPER = "tickets"
_DOORKEEPER = "auth"


@dataclass(frozen=True, slots=True)
class Declared:
    """A service, and what it says of its tables; `journal` and `withdrawal` are of the one that has each."""

    service: Service
    rewind: Rewind
    journal: JournalKeeper | None = None
    withdrawal: Withdrawal | None = None


def all_declared() -> dict[str, Declared]:
    """Return all services, by name."""
    return {name: _declared(name) for name in SERVICES}


def journal_keeper(services: Mapping[str, Declared]) -> tuple[str, JournalKeeper]:
    """Return the name of the service that has the journal of all, and how it keeps it."""
    return next((name, each.journal) for name, each in services.items() if each.journal is not None)


def _declared(name: str) -> Declared:
    service: Service = importlib.import_module(f"{name}.app").SERVICE
    rewind: Rewind = importlib.import_module(f"{name}.rewinding")
    journal: JournalKeeper | None = importlib.import_module(f"{name}.keeping") if name == _KEEPER else None
    withdrawal: Withdrawal | None = importlib.import_module(f"{name}.withdrawing") if name == _DOORKEEPER else None
    return Declared(service, rewind, journal, withdrawal)
