"""What is kept of second factors: how units find it, and the statements by which they change it.

Keys: ("two-factor", user) → TwoFactor or None, ("challenges", user) → Challenges by digest.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from auth.sealing import VERSION
from auth.tables import login_challenges, recovery_codes, two_factor
from auth.two_factor import Challenge, Challenges, TwoFactor
from events.decider import Key, Transaction
from events.times import from_text, to_text

TWO_FACTOR, CHALLENGES = "two-factor", "challenges"

_insert = insert(two_factor)
_KEEP = _insert.on_conflict_do_update(
    index_elements=[two_factor.c.user_id],
    set_={name: _insert.excluded[name] for name in ("version", "sealed", "begun_at", "enabled_at", "last_step")},
)
_DROP = delete(two_factor).where(two_factor.c.user_id == bindparam("user"))
_INSERT_CODE = plain_insert(recovery_codes)
_DROP_CODE = delete(recovery_codes).where(recovery_codes.c.user_id == bindparam("user"), recovery_codes.c.digest == bindparam("code"))
_DROP_CODES = delete(recovery_codes).where(recovery_codes.c.user_id == bindparam("user"))
_INSERT_CHALLENGE = plain_insert(login_challenges)
_TRY_CHALLENGE = update(login_challenges).where(login_challenges.c.digest == bindparam("which")).values(tries=bindparam("so_far"))
_DROP_CHALLENGE = delete(login_challenges).where(login_challenges.c.digest == bindparam("which"))
_DROP_CHALLENGES = delete(login_challenges).where(login_challenges.c.user_id == bindparam("user"))


def two_factor_of(user: str) -> Key:
    return TWO_FACTOR, user


def challenges_of(user: str) -> Key:
    return CHALLENGES, user


def keep(tx: Transaction, user: str, before: TwoFactor | None, after: TwoFactor | None) -> None:
    """Let `after` be what is kept of a person, of whom `before` was."""
    if after is None:
        forget(tx, user)
        return
    tx.write(
        _KEEP,
        {
            "user_id": user,
            "version": VERSION,
            "sealed": after.sealed,
            "begun_at": to_text(after.begun_at),
            "enabled_at": to_text(after.enabled_at) if after.enabled_at else None,
            "last_step": after.last_step,
        },
    )
    had = before.codes if before is not None else frozenset[str]()
    for code in sorted(had - after.codes):
        tx.write(_DROP_CODE, {"user": user, "code": code})
    for code in sorted(after.codes - had):
        tx.write(_INSERT_CODE, {"user_id": user, "digest": code})
    tx.put(two_factor_of(user), after)


def forget(tx: Transaction, user: str) -> None:
    """Let nothing be kept of a person's second factor."""
    tx.write(_DROP, {"user": user})
    tx.write(_DROP_CODES, {"user": user})
    tx.put(two_factor_of(user), None)
    forget_challenges(tx, user)


def add_challenge(tx: Transaction, made: Challenge, instead_of: Sequence[Challenge]) -> None:
    """Keep a challenge; others of the same person give way to it."""
    for old in instead_of:
        drop_challenge(tx, old)
    row = {"digest": made.digest, "user_id": made.user, "expires_at": to_text(made.expires_at), "tries": made.tries}
    tx.write(_INSERT_CHALLENGE, row)
    _put(tx, made)


def try_challenge(tx: Transaction, tried: Challenge) -> None:
    tx.write(_TRY_CHALLENGE, {"which": tried.digest, "so_far": tried.tries})
    _put(tx, tried)


def drop_challenge(tx: Transaction, done: Challenge) -> None:
    tx.write(_DROP_CHALLENGE, {"which": done.digest})
    left: Challenges = tx.state(challenges_of(done.user))
    tx.put(challenges_of(done.user), {digest: each for digest, each in left.items() if digest != done.digest})


def forget_challenges(tx: Transaction, user: str) -> None:
    """Let no sign-in go on whose password was right before: something else counts now."""
    tx.write(_DROP_CHALLENGES, {"user": user})
    tx.put(challenges_of(user), {})


def _put(tx: Transaction, challenge: Challenge) -> None:
    tx.put(challenges_of(challenge.user), {**tx.state(challenges_of(challenge.user)), challenge.digest: challenge})


# -- reading --------------------------------------------------------------------------------------------------------------------------

_TWO_FACTORS = select(two_factor).where(two_factor.c.user_id.in_(bindparam("ids", expanding=True)))
_CODES = select(recovery_codes).where(recovery_codes.c.user_id.in_(bindparam("ids", expanding=True)))
_CHALLENGES = select(login_challenges).where(login_challenges.c.user_id.in_(bindparam("ids", expanding=True)))
_CHALLENGED = select(login_challenges.c.user_id).where(login_challenges.c.digest == bindparam("digest"))


def find_two_factor(connection: Connection, user: str) -> TwoFactor | None:
    return load_two_factors(connection, [user]).get(user)


def find_challenged(connection: Connection, digest: str) -> str | None:
    """Return whose challenge that is."""
    return connection.execute(_CHALLENGED, {"digest": digest}).scalar()


def load_two_factors(connection: Connection, ids: Sequence[str]) -> Mapping[str, TwoFactor]:
    """("two-factor", user) → what they prove themselves with, also while it waits to be confirmed."""
    found = connection.execute(_TWO_FACTORS, {"ids": list(ids)}).mappings().all()
    if not found:
        return {}
    codes: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(_CODES, {"ids": [row["user_id"] for row in found]}):
        codes[row.user_id].add(row.digest)
    return {row["user_id"]: _two_factor(row, frozenset(codes[row["user_id"]])) for row in found}


def load_challenges(connection: Connection, ids: Sequence[str]) -> Mapping[str, Challenges]:
    """("challenges", user) → those that were not answered, by digest."""
    found: dict[str, dict[str, Challenge]] = {id_: {} for id_ in ids}
    for row in connection.execute(_CHALLENGES, {"ids": list(ids)}):
        challenge = Challenge(digest=row.digest, user=row.user_id, expires_at=from_text(row.expires_at), tries=row.tries)
        found[challenge.user][challenge.digest] = challenge
    return found


def _two_factor(row: Mapping[Any, Any], codes: frozenset[str]) -> TwoFactor:
    return TwoFactor(
        user=row["user_id"],
        sealed=row["sealed"],
        begun_at=from_text(row["begun_at"]),
        enabled_at=from_text(row["enabled_at"]) if row["enabled_at"] else None,
        last_step=row["last_step"],
        codes=codes,
    )
