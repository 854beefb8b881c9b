"""The statements by which units change primary tables, and the rows they take; rows of one statement are sent together."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, update

from auth.commands import CreateToken
from auth.decider import Session, Token
from auth.passwords import VERSION
from auth.tables import api_tokens, credentials, sessions
from events.times import to_text

Row = Mapping[str, Any]

INSERT_CREDENTIAL = insert(credentials)
DROP_CREDENTIAL = delete(credentials).where(credentials.c.user_id == bindparam("user"))
CHANGE_HASH = (
    update(credentials)
    .where(credentials.c.user_id == bindparam("user"))
    .values(hash=bindparam("new_hash"), version=bindparam("by"), changed_at=bindparam("at"))
)
INSERT_SESSION = insert(sessions)
END_SESSION = update(sessions).where(sessions.c.id == bindparam("session"), sessions.c.ended_at.is_(None)).values(ended_at=bindparam("at"))
SEE_SESSION = (
    update(sessions)
    .where(sessions.c.id == bindparam("which"), sessions.c.last_seen_at < bindparam("at"))
    .values(last_seen_at=bindparam("at"))
)
INSERT_TOKEN = insert(api_tokens)
REVOKE_TOKEN = (
    update(api_tokens).where(api_tokens.c.id == bindparam("token"), api_tokens.c.revoked_at.is_(None)).values(revoked_at=bindparam("at"))
)
SEE_TOKEN = (
    update(api_tokens)
    .where(
        api_tokens.c.id == bindparam("which"),
        or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at"))
)


def credential(user: str, email_key: str, hash_: str | None, at: datetime) -> Row:
    return {"user_id": user, "email_key": email_key, "version": VERSION, "hash": hash_, "changed_at": to_text(at)}


def changed_hash(user: str, hash_: str, at: datetime) -> Row:
    return {"user": user, "new_hash": hash_, "by": VERSION, "at": to_text(at)}


def session(made: Session, digest: str, at: datetime) -> Row:
    """`digest` is the SHA-256, in hex, of the token in the cookie."""
    since = to_text(at)
    return {
        "id": made.id,
        "digest": digest,
        "user_id": made.user,
        "address": made.device.address,
        "agent": made.device.agent,
        "created_at": since,
        "last_seen_at": since,
    }


def token_of(user: str, command: CreateToken) -> Token:
    return Token(id=command.token, user=user, name=command.name, expires_at=command.expires_at)


def token(made: Token, digest: str, command: CreateToken) -> Row:
    """`digest` is the SHA-256, in hex, of the token that is shown once."""
    return {
        "id": made.id,
        "digest": digest,
        "user_id": made.user,
        "name": made.name,
        "scopes": " ".join(sorted(command.scopes)),
        "created_at": to_text(command.created_at),
        "expires_at": to_text(command.expires_at),
    }
