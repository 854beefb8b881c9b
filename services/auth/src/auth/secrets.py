"""Secrets that are handed out once and kept as digests alone: 256 random bits, so a plain SHA-256 tells nothing about them."""

import base64
import hashlib
from collections.abc import Callable
from typing import NamedTuple

from chassis.principal import Credential

TOKEN_PREFIX = "ste_"  # noqa: S105 (by which scanners find a leaked one)
_BYTES = 32


class Secret(NamedTuple):
    """What its owner gets, and what is kept of it: the SHA-256 in hex."""

    text: str
    digest: str


def new_session(random_bytes: Callable[[int], bytes]) -> Secret:
    text = _random_text(random_bytes)
    return Secret(text, Credential.of("session", text).digest)


def new_token(random_bytes: Callable[[int], bytes]) -> Secret:
    text = TOKEN_PREFIX + _random_text(random_bytes)
    return Secret(text, Credential.of("token", text).digest)


def new_challenge(random_bytes: Callable[[int], bytes]) -> Secret:
    """Return what the first step of a sign-in hands out for the second one."""
    text = _random_text(random_bytes)
    return Secret(text, digest_of(text))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _random_text(random_bytes: Callable[[int], bytes]) -> str:
    return base64.urlsafe_b64encode(random_bytes(_BYTES)).decode().rstrip("=")
