"""What becomes of accounts when a desk is put back to an earlier point.

How people prove who they are stands in no event, so only what came with a later event can be taken away: an account that was opened, a
session that was begun, a token that was made. What was ended stays ended, and a password and a second factor stay the last ones that were
chosen: nothing that somebody gave up is valid again by a cut, and no account is easier to get into.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, cast, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from auth.erasing import erase_the_marked
from auth.importing import forget
from auth.rows import credential
from auth.rules import email_key
from auth.tables import api_tokens, credentials, imported_people, login_challenges, recovery_codes, sessions, two_factor
from chassis.service import Running
from events.cutting import Cut
from events.tables import events
from events.times import from_text, to_text

PORTABLE = (credentials, two_factor, recovery_codes, api_tokens, imported_people)
_CHUNK = 500
_OPENED = (
    select(events.c.sequence, events.c.subject, events.c.personal, events.c.time)
    .where(events.c.sequence > bindparam("after"), events.c.type == "user.registered")
    .order_by(events.c.sequence)
    .limit(_CHUNK)
)
_ADOPT = insert(credentials).on_conflict_do_nothing()


def cut(connection: Connection, where: Cut) -> None:
    """Take away the accounts, sessions and tokens that later events tell of, and whom later imports brought."""
    for table in (credentials, two_factor, recovery_codes):
        connection.execute(delete(table).where(func.concat("user/", table.c.user_id).in_(_later(where, "user.registered"))))
    connection.execute(delete(login_challenges))
    connection.execute(delete(sessions).where(sessions.c.id.in_(_later(where, "user.logged_in", "session"))))
    connection.execute(delete(api_tokens).where(api_tokens.c.id.in_(_later(where, "token.created", "token"))))
    forget(connection, where.kept)


def adopt(connection: Connection) -> None:
    """Let every account have its e-mail to itself; nobody can sign in who brings no credentials along."""
    after = 0
    while found := connection.execute(_OPENED, {"after": after}).all():
        for row in found:
            email = json.loads(row.personal)["email"] if row.personal else None
            if email is not None:
                made = credential(row.subject.partition("/")[2], email_key(email), None, from_text(row.time))
                connection.execute(_ADOPT, made)
        after = found[-1].sequence


def settle(connection: Connection) -> None:
    """End every session, and every sign-in that waits for its second step: which of them were given up since is known to nobody."""
    connection.execute(update(sessions).where(sessions.c.ended_at.is_(None)).values(ended_at=to_text(datetime.now(UTC))))
    connection.execute(delete(login_challenges))


def _later(where: Cut, type_: str, fact: str | None = None) -> Select[Any]:
    """Return a fact of all later events of that type; without one, their subjects."""
    told = events.c.subject if fact is None else func.json_extract(cast(events.c.data, Text), f"$.{fact}")
    return select(told).where(events.c.sequence > where.kept, events.c.type == type_)


async def resume(live: Running) -> None:
    """Say of those who were erased, and of whom the log does not say so any more, that they are."""
    await erase_the_marked(live)
