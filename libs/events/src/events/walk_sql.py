"""What a walk over a log reads with, as text: it also goes to processes that have no SQLAlchemy.

The database itself compares the columns with the head: most of them then need not become values of Python, which costs more than all of the
hashing. Equal bytes are equal columns, if no value brings a quotation mark of its own; that is what the marks are counted for.
"""

from dataclasses import dataclass
from typing import Any

from events.envelope import COLUMNS

_OPTIONAL = ("causationid", "correlationid", "personaldigest", "personalof", "tokenid")
_QUOTES = 50
"""Quotation marks in a head without optional attributes: two for each name, two for each value that is text."""
_CONCAT_SINCE = (3, 44)
_ALWAYS = ("id", "source", "origin", "type", "subject", "time", "recordedtime", "actorkind", "actorid")
_TEXTS = ", ".join([*_ALWAYS, *(f"coalesce({name}, '')" for name in _OPTIONAL)])
# SQLite takes bytes where a text belongs, and shows them as one; every text is less than any bytes there
_IN_SQLITE = f"max({_TEXTS}, coalesce(traceparent, '')) < x'' AND imported IN (0, 1)"
# outside the head, so it is looked at for itself; nothing else was ever stored than what is spelled as W3C does it
_TRACE_LENGTHS = (2, 32, 16, 2)
_SQLITE_TRACE = "-".join("[0-9a-f]" * length for length in _TRACE_LENGTHS)
_POSTGRES_TRACE = "-".join(f"[0-9a-f]{{{length}}}" for length in _TRACE_LENGTHS)
_SPELLED_IN_SQLITE = f"traceparent IS NULL OR (length(CAST(traceparent AS BLOB)) = 55 AND traceparent GLOB '{_SQLITE_TRACE}')"
_SPELLED_IN_POSTGRES = f"traceparent IS NULL OR traceparent ~ '^{_POSTGRES_TRACE}$'"
_HEAD = """concat(
    '{"actorid":"', actorid, '","actorkind":"', actorkind, '",',
    '"causationid":"' || causationid || '",', '"correlationid":"' || correlationid || '",',
    '"datadigest":"', datadigest, '","dataversion":', dataversion, ',"id":"', id, '",',
    CASE WHEN imported THEN '"imported":true,' END, '"origin":"', origin, '",',
    '"personaldigest":"' || personaldigest || '",', '"personalof":"' || personalof || '",',
    '"recordedtime":"', recordedtime, '","sequence":', sequence, ',"source":"', source,
    '","specversion":"1.0","streamversion":', streamversion, ',"subject":"', subject, '","time":"', time, '",',
    '"tokenid":"' || tokenid || '",', '"type":"', type, '"}')"""


@dataclass(frozen=True, slots=True)
class WalkSql:
    """`rows` is asked with (source, after, limit), `whole` and `place` with (sequence,)."""

    rows: str
    """What `events.walk` takes. After the head comes how many quotation marks it must have; null if the columns do not say what it says."""
    whole: str
    """A row as it is, columns as in COLUMNS."""
    place: str
    """What a walk that begins behind an event takes for granted of it: (sequence, hash, recordedtime, origin)."""


def _statements(same: str, number: str, mark: str) -> WalkSql:
    optional = " + ".join(f"({name} IS NOT NULL){number}" for name in _OPTIONAL)
    quotes = f"CASE WHEN source = {mark} AND {same} THEN {_QUOTES} + 4 * ({optional}) + 2 * imported{number} END"
    rows = (
        f"sequence, origin, recordedtime, prevhash, hash, head, {quotes}, data, datadigest, personal, salt, personaldigest,"
        " CASE WHEN personal IS NULL THEN personalof END, CASE WHEN type = 'user.erased' THEN subject END"
    )
    one = f"FROM events WHERE sequence = {mark}"
    return WalkSql(
        rows=f"SELECT {rows} FROM events WHERE sequence > {mark} ORDER BY sequence LIMIT {mark}",  # noqa: S608 -- all of it stands here
        whole=f"SELECT {', '.join(COLUMNS)} {one}",
        place=f"SELECT sequence, hash, recordedtime, origin {one}",
    )


WALK_SQL = {
    "sqlite": _statements(f"{_IN_SQLITE} AND ({_SPELLED_IN_SQLITE}) AND CAST({_HEAD} AS BLOB) = head", "", "?"),
    "postgresql": _statements(f"({_SPELLED_IN_POSTGRES}) AND convert_to({_HEAD}, 'UTF8') = head", "::integer", "%s"),
}
"""By the database's name."""


def teach(library: Any, connection: Any) -> None:
    """Give the driver's connection to an older SQLite the function `concat`."""
    if library.sqlite_version_info < _CONCAT_SINCE:
        connection.create_function("concat", -1, _concat, deterministic=True)


def _concat(*values: Any) -> str:
    return "".join(each.decode() if isinstance(each, bytes) else str(each) for each in values if each is not None)
