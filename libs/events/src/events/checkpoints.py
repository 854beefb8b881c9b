"""Signed roots: C2SP tlog-checkpoints in signed notes, and the Ed25519 keys that sign them. Pure.

Formats: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note (`events.notes`). When a checkpoint was signed stands in an
extension line, `time ` and the time as `events.times` writes it, so that the signatures cover it too. Older ones have no such line.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from events.notes import ED25519, Key, open_note, unbase64
from events.times import from_text

EVERY = 1000
"""Events: a batch that crosses a multiple of it ends in a checkpoint."""

_ROTATION = "ste/key-rotation"
_TIME = "time "


def checkpoint_origin(source: str, origin: str) -> str:
    """Return the first line of a store's checkpoints, as "ste/tickets/<uuid>"; `source` may be "/tickets" or "tickets"."""
    return f"ste/{source.strip('/')}/{origin}"


def checkpoint_body(origin: str, size: int, root: bytes, time: str | None = None) -> str:
    """Return the text of a checkpoint: origin (`checkpoint_origin`), size in events, root in base64, when it is signed, each on a line.

    Without a time it is as all were before the time was signed too.
    """
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n" + (f"{_TIME}{time}\n" if time is not None else "")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the store `origin` had `size` events with this root when it was signed, at `time` if it says so."""

    origin: str
    size: int
    root: bytes
    time: str | None = None

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Return what a body says. Raises ValueError if it is no checkpoint, or has a time that is none, or two.

        Lines after the third are extensions: all but the time are ignored, as the format asks.
        """
        lines = body.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0] or not lines[1].isascii() or not lines[1].isdecimal():
            raise ValueError("This is not a checkpoint.")
        size = int(lines[1])
        if str(size) != lines[1]:
            raise ValueError("The size of a checkpoint has no leading zeros.")
        return cls(lines[0], size, unbase64(lines[2]), _time_in(lines[3:-1]))


def _time_in(extensions: Sequence[str]) -> str | None:
    times = [line.removeprefix(_TIME) for line in extensions if line.startswith(_TIME)]
    if len(times) > 1:
        raise ValueError("A checkpoint is signed at one time.")
    for time in times:
        from_text(time)
    return times[0] if times else None


class Signer:
    """An Ed25519 key with its name. `seed` is the private key's 32 bytes; a name has neither spaces nor plus signs."""

    def __init__(self, seed: bytes, name: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._key = Key.of(name, ED25519, self._private.public_key().public_bytes_raw())
        self.name = name

    @property
    def public_key(self) -> str:
        """The verifier key of this signer."""
        return str(self._key)

    def sign(self, body: str) -> str:
        """Return the note: body, empty line, this key's signature line. Raises ValueError for a body that does not end in a newline."""
        if not body.endswith("\n"):
            raise ValueError("The text of a note ends in a newline.")
        return f"{body}\n{self._key.line(self._private.sign(body.encode()))}"

    def hand_over_to(self, successor: "Signer") -> str:
        """Return the rotation record: a note of this key that names the key which signs from now on."""
        return self.sign(f"{_ROTATION}\n{successor.public_key}\n")

    @staticmethod
    def verify(note: str, vkey: str) -> str:
        """Return the body of a note that the key has signed. Raises ValueError, with a sentence for people, if it has not."""
        return verify_note(note, [vkey])


def verify_note(note: str, vkeys: Iterable[str]) -> str:
    """Return the body of a note that one of the keys has signed. Signatures of other keys are passed over, as the format asks.

    Raises ValueError, with a sentence for people, if none has, or if a signature of one of them does not fit.
    """
    body, signatures = open_note(note)
    keys = [_log_key(vkey) for vkey in vkeys]
    signed = False
    for signature in signatures:
        for key in keys:
            if signature.is_by(key):
                _check(key, signature.raw, body)
                signed = True
    if not signed:
        raise ValueError("None of the known keys has signed it.")
    return body


def signer_of(note: str, vkeys: Sequence[str]) -> int:
    """Return which of the keys, the oldest first, has signed a note. Raises ValueError when none has."""
    for number, vkey in enumerate(vkeys):
        try:
            verify_note(note, [vkey])
        except ValueError:
            continue
        return number
    raise ValueError("None of the known keys has signed it.")


def _check(key: Key, signature: bytes, body: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, body.encode())
    except InvalidSignature:
        raise ValueError(f"The signature of {key.name} does not fit the text.") from None


def _log_key(vkey: str) -> Key:
    key = Key.parse(vkey)
    if key.algorithm != ED25519:
        raise ValueError("This is not the verifier key of a log.")
    return key


def keyring(first: str, rotations: Sequence[str]) -> list[str]:
    """Return all verifier keys that follow from the first one: each rotation record must be signed by the key before it.

    Raises ValueError at a record that is not.
    """
    keys = [first]
    for record in rotations:
        kind, vkey, *rest = verify_note(record, keys[-1:]).split("\n")
        if kind != _ROTATION or rest != [""]:
            raise ValueError("This note is no rotation record.")
        _log_key(vkey)
        keys.append(vkey)
    return keys
