"""E-mail addresses, how long sessions live, and how many things one person may have. Times are aware datetimes."""

import re
import unicodedata
from datetime import datetime, timedelta

LONGEST_EMAIL = 254
"""Code points (RFC 5321, 4.5.3.1.3, says octets of the path: 256 with its brackets)."""
_NEVER_IN_EMAIL = frozenset('<>()[]\\,;:"')
"""Allowed by RFC 5322 between quotation marks, used by nobody but those who attack mail headers."""
_LONGEST_SLUG = 50
"""With a number after it, still a local part of at most 64 octets (RFC 5321, 4.5.3.1.1)."""

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What embeds, overrides and isolates directions of writing (UAX 9): no name needs it, and it turns round what stands behind one."""

IDLE = timedelta(hours=24)
ABSOLUTE = timedelta(days=7)
SEEN_EVERY = timedelta(seconds=60)
"""How coarsely it is recorded when a session or a token was last seen."""
MOST_SESSIONS = 50
MOST_TOKENS = 100

ENROLMENT = timedelta(hours=1)
"""How long somebody has to confirm a new secret with a code of it."""
CHALLENGE = timedelta(minutes=5)
"""How long somebody has for the second step of a sign-in."""
MOST_TRIES = 5
"""Wrong codes in one sign-in."""
MOST_CHALLENGES = 20
"""Sign-ins of one person that wait for their second step."""
RECOVERY_CODES = 10


def check_email(text: str) -> str:
    """Return `text` as it is. Raises ValueError, fit to be shown, when no mail could go there."""
    local, at, domain = text.partition("@")
    if len(text) > LONGEST_EMAIL:
        raise ValueError(f"must have at most {LONGEST_EMAIL} characters")
    if not (local and at and domain) or "@" in domain:
        raise ValueError("must look like name@example.org")
    if any(character in _NEVER_IN_EMAIL or unicodedata.category(character)[0] in "CZ" for character in text):
        raise ValueError("must not contain spaces, control characters, brackets or quotation marks")
    if any(not label for part in (local, domain) for label in part.split(".")):
        raise ValueError("must not begin or end a part with a dot, nor have two in a row")
    return text


def check_name(text: str) -> str:
    """Return `text` as it is. Raises ValueError, fit to be shown, when it is not one line of what can be printed."""
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("must be one line, without control characters")
    if not _TURNING.isdisjoint(text):
        raise ValueError("must not contain characters that turn the direction of writing")
    return text


def folded(text: str) -> str:
    """Return what the spellings of a text have in common: neither case nor the form of its accents counts."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def email_key(email: str) -> str:
    """Return the form in which an address is compared: two accounts never share it."""
    return folded(email)


def imported_email(name: str, turn: int) -> str:
    """Return the address of somebody whom an import brings; `turn` counts from 1 those of one name. Nobody can have mail at .invalid.

    Source: RFC 2606, section 2.
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall("[a-z0-9]+", letters))[:_LONGEST_SLUG].strip("-") or "person"
    return f"{slug if turn == 1 else f'{slug}-{turn}'}@imported.invalid"


def session_ends_at(created_at: datetime, last_seen_at: datetime) -> datetime:
    """Return when a session ends if nobody is seen in it again."""
    return min(created_at + ABSOLUTE, last_seen_at + IDLE)


def is_live(created_at: datetime, last_seen_at: datetime, now: datetime) -> bool:
    return now < session_ends_at(created_at, last_seen_at)
