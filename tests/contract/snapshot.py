"""The published event types as data: `python -m tests.contract.snapshot` writes what is new into `events.json` beside this file.

A version that stands there was published: somebody's log may hold such events for ever. The command adds types and versions; it changes
none.
"""

import inspect
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from events.catalogue import EventType
from events.contracts import CATALOGUE

FILE = Path(__file__).with_name("events.json")

Published = dict[str, dict[str, dict[str, Any]]]
"""Type's name to version to {"action", "data": {field: type}, "personal": {field: type}}."""


def described(kind: EventType) -> dict[str, Any]:
    """Return what others rely on: the audit word, and every field with its type."""
    types = {field.name: inspect.formatannotation(field.type) for field in fields(kind.cls)}
    return {
        "action": kind.action,
        "data": {name: types[name] for name in kind.data_fields},
        "personal": {name: types[name] for name in kind.personal_fields},
    }


def today() -> Published:
    """Return the catalogue as it is in the code."""
    return {kind.name: {str(kind.version): described(kind)} for kind in CATALOGUE}


def published() -> Published:
    """Return the catalogue as it was published, every version that ever was."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main() -> int:
    """Add what is new. Returns 1, and writes nothing, when the code changes what was published."""
    known = published()
    for name, versions in today().items():
        for version, description in versions.items():
            before = known.setdefault(name, {}).setdefault(version, description)
            if before != description:
                print(f"{name} version {version} was published with other fields. Write a new version and an upcast.")
                return 1
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
