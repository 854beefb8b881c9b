"""The keys of a service's log: one from its first day, others after it, and no moment in which there is none."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis import secrets
from chassis.secrets import SecretLost
from chassis.signing import Keyring, finish, keyring_of, rotate, signer_of


def key(directory: Path) -> str:
    return signer_of("tickets", (directory / "signing-tickets").read_text()).public_key


def ring(directory: Path) -> Keyring:
    """Return the keys as a service finds them that starts."""
    finish(directory, "tickets")
    return keyring_of(directory, "tickets", signer_of("tickets", secrets.ensure(directory, "signing-tickets")))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    secrets.ensure(tmp_path, "signing-tickets")
    return tmp_path


def test_a_key_that_was_never_changed_stands_for_itself(directory: Path) -> None:
    assert ring(directory) == Keyring(key(directory), (), (key(directory),))


def test_each_key_hands_over_to_the_next(directory: Path) -> None:
    known = [key(directory)]
    for _ in range(3):
        assert rotate(directory, "tickets") == ring(directory)
        known.append(key(directory))
    assert len(set(known)) == 4
    assert (ring(directory).first, ring(directory).all) == (known[0], tuple(known))
    assert sorted(path.name for path in directory.iterdir()) == ["signing-tickets", "signing-tickets.keys"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in directory.iterdir())


class Death(BaseException):
    """The process is gone."""


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return how many renames there still are before the process dies."""
    left, move = [100], Path.replace

    def dying(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise Death
        left[0] -= 1
        return move(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    yield left
    monkeypatch.undo()


@pytest.mark.parametrize(("after", "changed"), [(0, False), (1, False), (2, True), (3, True)])
def test_death_on_the_way_leaves_the_old_key_or_the_new_one(directory: Path, moves: list[int], after: int, changed: bool) -> None:
    old = key(directory)
    moves[0] = after
    if after < 3:
        with pytest.raises(Death):
            rotate(directory, "tickets")
    else:
        rotate(directory, "tickets")
    moves[0] = 100
    found = ring(directory)
    assert (found.all[0], len(found.all)) == (old, 2 if changed else 1)
    assert found.all[-1] == key(directory)
    rotate(directory, "tickets")
    assert len(ring(directory).all) == len(found.all) + 1


def test_records_that_lead_elsewhere_are_refused(directory: Path) -> None:
    old = (directory / "signing-tickets").read_text()
    rotate(directory, "tickets")
    (directory / "signing-tickets").write_text(old)
    with pytest.raises(SecretLost, match="from one backup"):
        ring(directory)
    (directory / "signing-tickets.keys").write_text("{}")
    with pytest.raises(SecretLost, match="not what it was"):
        ring(directory)
