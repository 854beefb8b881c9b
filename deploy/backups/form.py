"""Is an export of the form that this program writes? Whatever it is not is said in a sentence, before anything is made of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from chassis.settings import SERVICES
from deploy.backups.services import Declared
from deploy.refusal import Refusal

AGAIN = "Export the desk again."
_Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Consumed(_Part):
    origin: str
    sequence: _Count
    hash: str


class _Store(_Part):
    source: str
    origin: str
    events: _Count
    hash: str
    keys: list[str]
    consumed: dict[str, _Consumed]


class _Said(_Part):
    made_at: str
    version: str
    journal: _Count
    stores: dict[str, _Store]
    files: dict[str, str]
    primary: bool
    format: str
    format_version: int


def require_form(found: Any) -> None:
    """Raise ValueError, with a sentence, when what `desk.json` says is not of its form or does not hang together."""
    try:
        said = _Said.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from None
    for name, store in said.stores.items():
        for source, at in store.consumed.items():
            if (log := said.stores.get(source.removeprefix("/"))) is None or at.sequence > log.events:
                raise ValueError(f"{name} has consumed event {at.sequence} of {source}, which is not exported")


def require_files(directory: Path, files: Mapping[str, str], *, secrets: Sequence[str], primary: bool) -> None:
    """Raise Refusal when a file is not named that every export has, or one is there that is not named: nobody vouches for that one."""
    needed = [f"{name}{kind}.jsonl" for name in SERVICES for kind in ("", ".checkpoints")] + ["journal.jsonl"]
    if primary:
        needed += ["primary/auth.credentials.jsonl", *(f"secrets/{name}" for name in secrets)]
    for name in needed:
        if name not in files:
            raise Refusal(f"{directory / 'desk.json'} does not name {name}, which every such export has.", AGAIN)
    there = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    if strange := sorted(there - files.keys() - {"desk.json"}):
        raise Refusal(
            f"{directory / 'desk.json'} does not name {', '.join(strange[:3])}: nothing says what that was when it was written.",
            "Take it away if it is yours, or export the desk again.",
        )


def without_rows(services: Mapping[str, Declared], files: Mapping[str, str]) -> list[str]:
    """Return the tables, as "auth.two_factor", that stand in no event and of which an export has no file: an older release had none."""
    tables = [f"{name}.{table.name}" for name, declared in services.items() for table in declared.rewind.PORTABLE]
    return [name for name in tables if f"primary/{name}.jsonl" not in files]


def row_of(table: Table, line: bytes) -> dict[str, Any]:
    """Return a line as a row of a table. Raises ValueError when it is none."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("a line is no row")  # noqa: TRY004 (of what stands in a file)
    if strange := sorted(row.keys() - set(table.columns.keys())):
        raise ValueError(f"a row has the column {strange[0]!r}, which {table.name} has not")
    if missing := [column.name for column in table.primary_key if row.get(column.name) is None]:
        raise ValueError(f"a row has no {missing[0]}")
    return row


@contextmanager
def reading_of(name: str) -> Iterator[None]:
    """Raise Refusal, with the file's name, for what a block finds in it that cannot stand there."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SQLAlchemyError) as error:
        what = getattr(error, "orig", None) or error
        raise Refusal(f"{name} cannot be read: {type(what).__name__}: {what}.", AGAIN) from None
