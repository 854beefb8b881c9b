"""Cosignatures: a witness's word that a checkpoint follows from all that it saw of that log before. Pure.

Format: https://c2sp.org/tlog-cosignature, the version cosignature/v1 with Ed25519. A cosignature is a signature line of the checkpoint's
note; what is signed is the line `cosignature/v1`, the line `time <seconds since 1970>` and the whole text of the checkpoint. The line holds
the same time, eight bytes, big-endian, before the signature.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from events.notes import COSIGNATURE, Key, Signature, open_note

_TIME_BYTES, _SIGNATURE_BYTES = 8, 64


@dataclass(frozen=True, slots=True)
class Cosignature:
    """Whose word it is, by which verifier key, and when it was given, in seconds since 1970."""

    witness: str
    key: str
    time: int


class Cosigner:
    """A witness's Ed25519 key. `seed` is the private key's 32 bytes; the same key may sign a log of its own, as the signed texts differ."""

    def __init__(self, seed: bytes, name: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._key = Key.of(name, COSIGNATURE, self._private.public_key().public_bytes_raw())
        self.name = name

    @property
    def public_key(self) -> str:
        """The verifier key of this cosigner."""
        return str(self._key)

    def cosign(self, body: str, time: int) -> str:
        """Return the signature line, with its newline, that adds this witness's word to the note of a checkpoint whose text is `body`."""
        return self._key.line(time.to_bytes(_TIME_BYTES, "big") + self._private.sign(_message(body, time)))


def verify_cosignature(body: str, line: str, vkey: str) -> Cosignature:
    """Return what a signature line says that is to be this key's. Raises ValueError, with a sentence for people, if it is not."""
    _, (signature, *others) = open_note(f"{body}\n{line}")
    if others:
        raise ValueError("A cosignature is one line.")
    return check_cosignature(body, signature, Key.parse(vkey))


def check_cosignature(body: str, signature: Signature, key: Key) -> Cosignature:
    """Return what a signature of a note says, which is to be this key's cosignature. Raises ValueError if it is not."""
    if key.algorithm != COSIGNATURE or not signature.is_by(key) or len(signature.raw) != _TIME_BYTES + _SIGNATURE_BYTES:
        raise ValueError(f"This is not a cosignature of {key.name}.")
    time = int.from_bytes(signature.raw[:_TIME_BYTES], "big")
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.raw[_TIME_BYTES:], _message(body, time))
    except InvalidSignature:
        raise ValueError(f"The cosignature of {key.name} does not fit the text.") from None
    return Cosignature(key.name, str(key), time)


def _message(body: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{body}".encode()
