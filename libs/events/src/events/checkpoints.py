"""Signed roots: C2SP tlog-checkpoints in signed notes, and the Ed25519 keys that sign them. Pure.

Formats: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note. A verifier key ("vkey") is the text
`name+hash+base64(0x01 ‖ public key)`.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

EVERY = 1000
"""Events: a batch that crosses a multiple of it ends in a checkpoint."""

_ED25519 = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 4
_ROTATION = "ste/key-rotation"


def checkpoint_origin(source: str, origin: str) -> str:
    """Return the first line of a store's checkpoints, as "ste/tickets/<uuid>"; `source` may be "/tickets" or "tickets"."""
    return f"ste/{source.strip('/')}/{origin}"


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint: origin (`checkpoint_origin`), size in events, root in base64, each on a line."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the store `origin` had `size` events with this root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Return what a body says; lines after the third are extensions and ignored. Raises ValueError if it is no checkpoint."""
        lines = body.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0] or not lines[1].isascii() or not lines[1].isdecimal():
            raise ValueError("This is not a checkpoint.")
        size = int(lines[1])
        if str(size) != lines[1]:
            raise ValueError("The size of a checkpoint has no leading zeros.")
        return cls(lines[0], size, _decoded(lines[2]))


class Signer:
    """An Ed25519 key with its name. `seed` is the private key's 32 bytes; a name has neither spaces nor plus signs."""

    def __init__(self, seed: bytes, name: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._raw = self._key.public_key().public_bytes_raw()
        _check_name(name)
        self.name = name
        self._id = _key_id(name, self._raw)

    @property
    def public_key(self) -> str:
        """The verifier key of this signer."""
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(_ED25519 + self._raw).decode()}"

    def sign(self, body: str) -> str:
        """Return the note: body, empty line, this key's signature line. Raises ValueError for a body that does not end in a newline."""
        if not body.endswith("\n"):
            raise ValueError("The text of a note ends in a newline.")
        signature = base64.b64encode(self._id + self._key.sign(body.encode())).decode()
        return f"{body}\n\N{EM DASH} {self.name} {signature}\n"

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
    body, signatures = _open(note)
    keys = {(name, key_id): raw for name, key_id, raw in map(_parse_vkey, vkeys)}
    signed = False
    for name, key_id, signature in signatures:
        raw = keys.get((name, key_id))
        if raw is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, body.encode())
        except InvalidSignature:
            raise ValueError(f"The signature of {name} does not fit the text.") from None
        signed = True
    if not signed:
        raise ValueError("None of the known keys has signed it.")
    return body


def keyring(first: str, rotations: Sequence[str]) -> list[str]:
    """Return all verifier keys that follow from the first one: each rotation record must be signed by the key before it.

    Raises ValueError at a record that is not.
    """
    keys = [first]
    for record in rotations:
        kind, vkey, *rest = verify_note(record, keys[-1:]).split("\n")
        if kind != _ROTATION or rest != [""]:
            raise ValueError("This note is no rotation record.")
        _parse_vkey(vkey)
        keys.append(vkey)
    return keys


def _key_id(name: str, raw: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + raw).digest()[:_ID_BYTES]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise ValueError(f"{name!r} cannot name a key: it is empty or has spaces or plus signs.")


def _parse_vkey(vkey: str) -> tuple[str, bytes, bytes]:
    """Return (name, key id, public key). Raises ValueError when the id is not that of the key, or the key is not Ed25519."""
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    _check_name(name)
    decoded = _decoded(encoded)
    raw = decoded[1:]
    if decoded[:1] != _ED25519 or len(raw) != _KEY_BYTES or _key_id(name, raw).hex() != key_id:
        raise ValueError("This is not the verifier key of an Ed25519 key.")
    return name, bytes.fromhex(key_id), raw


def _open(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return the body, with its last newline, and (name, key id, signature) of each signature line. Raises ValueError if it is no note."""
    body, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or len(lines) < 2 or lines.pop():
        raise ValueError("This is not a signed note.")
    signatures = []
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "\N{EM DASH}":
            raise ValueError("This is not a signed note.")
        _check_name(name)
        decoded = _decoded(encoded)
        signatures.append((name, decoded[:_ID_BYTES], decoded[_ID_BYTES:]))
    return body + "\n", signatures


def _decoded(text: str) -> bytes:
    """Return the bytes of a text in base64, which must be the one text that these bytes have."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise ValueError("This is not base64.")
    return raw
