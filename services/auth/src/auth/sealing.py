"""Second factors as they are kept: useless to whoever has the store alone, for the keys are made of the pepper, which is a file.

Version 1: AES-256-GCM over the secret, with the person as associated data, so that none can be moved to another account; HMAC-SHA-256 over
person and recovery code. Each has a key of its own: HKDF-SHA-256 of the pepper (RFC 5869).
"""

import hmac
import logging
from collections.abc import Callable
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth.codes import folded_code, is_totp, step_of
from auth.commands import Proof
from auth.two_factor import TwoFactor

logger = logging.getLogger(__name__)

VERSION = 1
_NONCE_BYTES = 12


class Sealing:
    """Seals secrets, opens them for the moment of a comparison, and hashes recovery codes."""

    def __init__(self, pepper: str) -> None:
        """`pepper` is hex."""
        secret = bytes.fromhex(pepper)
        self._cipher = AESGCM(_key(secret, b"ste auth two-factor secret 1"))
        self._hashing = _key(secret, b"ste auth recovery code 1")

    def seal(self, user: str, secret: str, random_bytes: Callable[[int], bytes]) -> str:
        """Return the secret encrypted, in hex."""
        nonce = random_bytes(_NONCE_BYTES)
        return (nonce + self._cipher.encrypt(nonce, secret.encode(), user.encode())).hex()

    def open(self, user: str, sealed: str) -> str:
        """Return the secret. Raises ValueError when it was not sealed for this person with this pepper."""
        raw = bytes.fromhex(sealed)
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], user.encode()).decode()
        except InvalidTag:
            raise ValueError("It was sealed for somebody else, or with another pepper.") from None

    def digest(self, user: str, code: str) -> str:
        """Return the keyed hash of a recovery code, as typed, in hex."""
        return hmac.digest(self._hashing, f"{user}\0{folded_code(code)}".encode(), "sha256").hex()

    def proof(self, standing: TwoFactor, typed: str, at: datetime) -> Proof:
        """Return what a code comes to, as of `standing` and that time; whether it was used before, the decider knows."""
        code = folded_code(typed)
        if not is_totp(code):
            return Proof(recovery=self.digest(standing.user, code))
        try:
            return Proof(sealed=standing.sealed, step=step_of(self.open(standing.user, standing.sealed), code, at))
        except ValueError:
            # recovery codes and a reset still help; a wrong code is all that the visitor needs to hear
            logger.exception("The two-factor secret of user %s cannot be opened.", standing.user)
            return Proof()


def _key(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
