"""`ste audit rotate-key`, offline: a new key that the old one vouches for, and nothing while the desk runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chassis import secrets
from chassis.database import held
from chassis.signing import keyring_of, signer_of
from deploy.cli import app
from deploy.refusal import Refusal


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STE_DATA_DIR", str(tmp_path))
    secrets.ensure(tmp_path / "secrets", "signing-tickets")
    return tmp_path


def rotate(service: str) -> Result:
    return CliRunner().invoke(app, ["audit", "rotate-key", service])


def key(data: Path) -> str:
    return (data / "secrets" / "signing-tickets").read_text()


def test_the_old_key_vouches_for_the_new_one(data: Path) -> None:
    old = signer_of("tickets", key(data)).public_key
    said = rotate("tickets")
    new = signer_of("tickets", key(data))
    assert (said.exit_code, said.stdout) == (0, f"tickets signs with {new.public_key} from now on; {old} has handed over to it.\n")
    assert keyring_of(data / "secrets", "tickets", new).all == (old, new.public_key)


def test_what_has_no_key_is_given_none(data: Path) -> None:
    said = rotate("auth")
    assert isinstance(said.exception, Refusal)
    assert "has no key" in said.exception.what
    assert rotate("mail").exit_code == 2
    assert [path.name for path in (data / "secrets").iterdir()] == ["signing-tickets"]


def test_a_key_in_use_is_left_alone(data: Path) -> None:
    before = key(data)
    with held(data, "tickets"):
        said = rotate("tickets")
    assert isinstance(said.exception, Refusal)
    assert said.exception.mend == "Stop the desk first."
    assert key(data) == before
