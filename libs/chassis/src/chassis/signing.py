"""The keys that a store's checkpoints were signed with: today's, and how each one before handed over to its successor.

`secrets/signing-<service>` holds the seed of today's key. `secrets/signing-<service>.keys` is there once there was another: the first
verifier key and the rotation records, none of which is secret.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from chassis.secrets import SecretLost
from events.checkpoints import Signer, keyring


@dataclass(frozen=True, slots=True)
class Keyring:
    """`all` are the verifier keys, from `first` to today's, each handed over to the next by a record of `rotations`."""

    first: str
    rotations: tuple[str, ...]
    all: tuple[str, ...]


def keyring_of(directory: Path, service: str, signer: Signer) -> Keyring:
    """Return the keys of a service. Raises SecretLost when the records do not lead to the signer's key."""
    path = records_path(directory, service)
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


def records_path(directory: Path, service: str) -> Path:
    """Return where the records of a service's keys are."""
    return directory / f"signing-{service}.keys"
