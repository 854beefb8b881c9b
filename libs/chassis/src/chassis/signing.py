"""The keys that a store's checkpoints were signed with: today's, and how each one before handed over to its successor.

`secrets/signing-<service>` holds the seed of today's key. `secrets/signing-<service>.keys` is there once there was another: the first
verifier key and the rotation records, none of which is secret. A change is three files written in an order in which death at any point
leaves either the old key or the new one, as the records say.
"""

import json
import os
import secrets as randomness
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chassis.secrets import SecretLost
from events.checkpoints import Signer, keyring

_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keyring:
    """`all` are the verifier keys, from `first` to today's, each handed over to the next by a record of `rotations`."""

    first: str
    rotations: tuple[str, ...]
    all: tuple[str, ...]


def signer_of(service: str, seed: str) -> Signer:
    """Return the signer of a service's log; `seed` is hex."""
    return Signer(bytes.fromhex(seed), f"ste-{service}")


def keyring_of(directory: Path, service: str, signer: Signer) -> Keyring:
    """Return the keys of a service. Raises SecretLost when the records do not lead to the signer's key."""
    path = _records(directory, service)
    try:
        told = json.loads(path.read_text())
        keys = keyring(told["first"], told["rotations"])
    except FileNotFoundError:
        return Keyring(signer.public_key, (), (signer.public_key,))
    except (ValueError, KeyError, TypeError) as error:
        raise SecretLost(f"{path} is not what it was: {error}") from error
    if keys[-1] != signer.public_key:
        raise SecretLost(f"{path} does not lead to the key in signing-{service}: put both back from one backup.")
    return Keyring(told["first"], tuple(told["rotations"]), tuple(keys))


def rotate(directory: Path, service: str) -> Keyring:
    """Give a service a new key, which the old one hands over to, and return all its keys. Nobody else may use them meanwhile.

    Raises SecretLost, or OSError.
    """
    finish(directory, service)
    path = directory / f"signing-{service}"
    old = signer_of(service, path.read_text().strip())
    before = keyring_of(directory, service, old)
    seed = randomness.token_hex(_SEED_BYTES)
    new = signer_of(service, seed)
    rotations = (*before.rotations, old.hand_over_to(new))
    _write(_next(directory, service), seed)
    _write(_records(directory, service), json.dumps({"first": before.first, "rotations": rotations}))
    _next(directory, service).replace(path)
    _sync(directory)
    return Keyring(before.first, rotations, (*before.all, new.public_key))


def finish(directory: Path, service: str) -> None:
    """Complete a rotation that died on its way: once the records tell of the new key it is today's, before that it never was."""
    path = _next(directory, service)
    with suppress(FileNotFoundError):  # there is none, or another process was first
        new = signer_of(service, path.read_text().strip())
        try:
            keyring_of(directory, service, new)
            known = _records(directory, service).exists()
        except SecretLost:
            known = False
        if known:
            path.replace(directory / f"signing-{service}")
        else:
            path.unlink()
        _sync(directory)


def _records(directory: Path, service: str) -> Path:
    return directory / f"signing-{service}.keys"


def _next(directory: Path, service: str) -> Path:
    return directory / f"signing-{service}.next"


def _write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, and readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
