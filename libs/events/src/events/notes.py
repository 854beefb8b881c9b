"""Signed notes and the keys that verify them, as C2SP writes both: texts with signature lines. Pure.

Formats: https://c2sp.org/signed-note. A verifier key ("vkey") is the text `name+id+base64(algorithm ‖ public key)`, where the id, in hex,
is the first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key). A signature line is `— name base64(id ‖ signature)`.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256

ED25519 = 1
"""The algorithm of a log's own signatures: Ed25519 over the text of the note."""
COSIGNATURE = 4
"""The algorithm of a witness's: cosignature/v1, Ed25519 over the time and the text (`events.cosignatures`)."""

_KEY_BYTES = 32
_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Key:
    """A verifier key: whose it is, its id of four bytes, what it signs with, and the 32 bytes of the public key."""

    name: str
    id: bytes
    algorithm: int
    raw: bytes

    @classmethod
    def of(cls, name: str, algorithm: int, raw: bytes) -> "Key":
        """Return the key. Raises ValueError for a name that no key can have."""
        check_name(name)
        return cls(name, sha256(name.encode() + b"\n" + bytes([algorithm]) + raw).digest()[:_ID_BYTES], algorithm, raw)

    @classmethod
    def parse(cls, vkey: str) -> "Key":
        """Return the key of a text. Raises ValueError when its id is not that of the key, or it is no key of Ed25519."""
        name, _, rest = vkey.partition("+")
        id_, _, encoded = rest.partition("+")
        raw = unbase64(encoded)
        if not raw:
            raise ValueError("This is not a verifier key.")
        key = cls.of(name, raw[0], raw[1:])
        if key.algorithm not in (ED25519, COSIGNATURE) or len(key.raw) != _KEY_BYTES or key.id.hex() != id_:
            raise ValueError("This is not the verifier key of an Ed25519 key.")
        return key

    def __str__(self) -> str:
        """Return the verifier key as text."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.algorithm]) + self.raw).decode()}"

    def line(self, signature: bytes) -> str:
        """Return the line, with its newline, that adds a signature of this key to a note."""
        return f"\N{EM DASH} {self.name} {base64.b64encode(self.id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: the name and the id of the key that it claims, and the bytes that follow."""

    name: str
    id: bytes
    raw: bytes

    def is_by(self, key: Key) -> bool:
        """Whether it claims to be that key's."""
        return (self.name, self.id) == (key.name, key.id)


def open_note(note: str) -> tuple[str, list[Signature]]:
    """Return the body, with its last newline, and the signature lines. Raises ValueError if it is no note."""
    body, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or len(lines) < 2 or lines.pop():
        raise ValueError("This is not a signed note.")
    return body + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\N{EM DASH}":
        raise ValueError("This is not a signed note.")
    check_name(name)
    raw = unbase64(encoded)
    return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def check_name(name: str) -> None:
    """Raise ValueError for a name that no key can have."""
    if not name or "+" in name or any(character.isspace() for character in name):
        raise ValueError(f"{name!r} cannot name a key: it is empty or has spaces or plus signs.")


def unbase64(text: str) -> bytes:
    """Return the bytes of a text in base64, which must be the one text that these bytes have, and not empty."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise ValueError("This is not base64.")
    return raw
