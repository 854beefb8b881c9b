"""What people took back of how they prove who they are, for a desk that takes the place of another: it is not valid again there."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, update

from auth.tables import api_tokens

_WITHDRAWN = select(api_tokens.c.id, api_tokens.c.revoked_at).where(api_tokens.c.revoked_at.is_not(None))
_WITHDRAW = (
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("which"), api_tokens.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
    .returning(api_tokens.c.id)
)


def withdrawn(connection: Connection) -> Mapping[str, str]:
    """Return when each API token was revoked, by its id, of those that were."""
    return {row.id: row.revoked_at for row in connection.execute(_WITHDRAWN)}


def withdraw(connection: Connection, what: Mapping[str, str]) -> int:
    """Revoke the API tokens of these ids that are there and valid; return how many those were."""
    return sum(connection.execute(_WITHDRAW, {"which": id_, "at": at}).first() is not None for id_, at in what.items())
