"""auth's own tables, beside the log.

Primary: how people prove who they are (credentials, second factors, sessions, API tokens), and whom imports brought; no event holds any
of it.
Derived: the list of people.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, SmallInteger, String, Table, Text

from events.tables import Hash, Moment

PRIMARY = MetaData()
USERS = MetaData()

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""A folded text, compared byte by byte on every database, so that keyset pages agree with the index."""

credentials = Table(
    "credentials",
    PRIMARY,
    Column("user_id", String(64), primary_key=True),
    Column("email_key", Key, nullable=False, unique=True),  # what makes one e-mail one account, however users is being rebuilt
    Column("version", SmallInteger, nullable=False),  # of the way of hashing, see passwords
    Column("hash", String(60)),  # null: cannot sign in
    Column("changed_at", Moment, nullable=False),
)

two_factor = Table(
    "two_factor",
    PRIMARY,
    Column("user_id", String(64), primary_key=True),
    Column("version", SmallInteger, nullable=False),  # of the way of sealing, see sealing
    Column("sealed", Text, nullable=False),  # the TOTP secret, encrypted
    Column("begun_at", Moment, nullable=False),
    Column("enabled_at", Moment),  # null: nobody has shown yet that they have it
    Column("last_step", BigInteger, nullable=False),  # RFC 6238 time step of the last code that was used; -1: none
)
Index(
    "two_factor_by_beginning",
    two_factor.c.begun_at,
    sqlite_where=two_factor.c.enabled_at.is_(None),
    postgresql_where=two_factor.c.enabled_at.is_(None),
)

recovery_codes = Table(
    "recovery_codes",
    PRIMARY,
    Column("user_id", String(64), primary_key=True),
    Column("digest", Hash, primary_key=True),  # keyed; a code that was used is gone
)

login_challenges = Table(
    "login_challenges",
    PRIMARY,
    Column("digest", Hash, primary_key=True),  # SHA-256 of what was handed out
    Column("user_id", String(64), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("tries", SmallInteger, nullable=False),  # wrong codes so far
)
Index("login_challenges_by_user", login_challenges.c.user_id)
Index("login_challenges_by_expiry", login_challenges.c.expires_at)

sessions = Table(
    "sessions",
    PRIMARY,
    Column("id", String(36), primary_key=True),  # public; a UUIDv7, so that the order of ids is the order of time
    Column("digest", Hash, nullable=False, unique=True),  # SHA-256 of the token in the cookie
    Column("user_id", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("ended_at", Moment),
)
_not_ended = sessions.c.ended_at.is_(None)
Index("sessions_by_user", sessions.c.user_id, sessions.c.id, sqlite_where=_not_ended, postgresql_where=_not_ended)
Index("sessions_by_last_seen", sessions.c.last_seen_at, sqlite_where=_not_ended, postgresql_where=_not_ended)
Index("sessions_by_creation", sessions.c.created_at, sqlite_where=_not_ended, postgresql_where=_not_ended)
Index("sessions_by_end", sessions.c.ended_at)

api_tokens = Table(
    "api_tokens",
    PRIMARY,
    Column("id", String(36), primary_key=True),
    Column("digest", Hash, nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", String(64), nullable=False),  # separated by spaces
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
)
_not_revoked = api_tokens.c.revoked_at.is_(None)
Index("api_tokens_by_expiry", api_tokens.c.expires_at)
Index("api_tokens_by_user", api_tokens.c.user_id, api_tokens.c.id, sqlite_where=_not_revoked, postgresql_where=_not_revoked)

imported_people = Table(
    "imported_people",
    PRIMARY,
    Column("source", String(64), primary_key=True),
    Column("name_digest", Hash, primary_key=True),  # keyed: a name that is erased is nowhere, and is still not imported again
    Column("user_id", String(64), nullable=False),
    Column("role", String(16), nullable=False),  # that the source asked for, whatever became of it here
    Column("version", BigInteger, nullable=False),  # the person's last event then: a restore that cuts that off takes this back
)

users = Table(
    "users",
    USERS,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Key, unique=True),  # null once erased
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("can_sign_in", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("matchable", Text, nullable=False),  # name and e-mail, folded, a line each: what `q` is looked for in
)
Index("users_by_name", users.c.name_key, users.c.id)
_admin = users.c.role == "admin"
Index("users_admins", users.c.id, sqlite_where=_admin, postgresql_where=_admin)
