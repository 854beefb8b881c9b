"""An export that is not whole, or not what was written: it is said in a sentence which file that is of, and nothing is made of it."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from auth.tables import credentials
from chassis.settings import SERVICES, Settings
from deploy.backups.cutting import staging
from deploy.backups.exporting import Exported, export
from deploy.backups.importing import import_desk
from deploy.backups.making import backup
from deploy.backups.restoring import restore
from deploy.refusal import Refusal
from tests.support.unstarted import unstarted

pytestmark = pytest.mark.timeout(300)

NEEDED = [*(f"{name}{kind}.jsonl" for name in SERVICES for kind in ("", ".checkpoints")), "journal.jsonl"]
NEEDED += ["primary/auth.credentials.jsonl", "secrets/pepper", "secrets/login-hmac"]
SEED = 11


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole export, with an event in each log, and somebody who can sign in."""
    directory = tmp_path_factory.mktemp("whole")
    desk = unstarted(directory / "desk")
    with staging(desk.data_dir) as engines, engines["auth"].begin() as connection:
        then = "2026-01-01T00:00:00.000000Z"
        connection.execute(insert(credentials), {"user_id": "anna", "email_key": "a@b.org", "version": 1, "hash": None, "changed_at": then})
    backup(desk, directory / "backup", print)
    restore(desk, directory / "backup", print, replace=True)
    export(desk, directory / "text", print, primary=True)
    assert Exported.read(directory / "text").files.keys() >= set(NEEDED)
    return directory / "text"


@pytest.fixture
def text(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "text")


def said(text: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what desk.json says."""
    found = json.loads((text / "desk.json").read_text())
    change(found)
    (text / "desk.json").write_text(json.dumps(found))


def stand_by(text: Path, name: str) -> None:
    """Let desk.json vouch for a file as it is now."""
    said(text, lambda found: found["files"].update({name: hashlib.sha256((text / name).read_bytes()).hexdigest()}))


def refused(text: Path) -> str:
    """Import it, and return why that was refused; nothing may be left of it."""
    place = text.parent / "new"
    with pytest.raises(Refusal) as found:
        import_desk(Settings(data_dir=place), text, print)
    assert not place.exists()
    return str(found.value.what)


@pytest.mark.parametrize("name", NEEDED)
def test_a_file_that_is_gone_or_not_named_is_named(text: Path, name: str) -> None:
    content, unnamed = (text / name).read_bytes(), f"does not name {name}, which every such export has"
    (text / name).unlink()
    assert refused(text) == f"{text / name} is not the file that was written."
    said(text, lambda found: found["files"].pop(name))
    assert unnamed in refused(text)
    (text / name).write_bytes(content)
    assert unnamed in refused(text)


def test_rows_that_are_not_named_any_more_are_not_left_out_in_silence(text: Path) -> None:
    name = "primary/notifier.preferences.jsonl"
    said(text, lambda found: found["files"].pop(name))
    assert f"does not name {name}: nothing says what that was" in refused(text)
    (text / name).unlink()
    told: list[str] = []
    import_desk(Settings(data_dir=text.parent / "new"), text, told.append)
    assert any("The export has no rows of notifier.preferences" in line for line in told)


def test_whatever_is_cut_or_swapped_or_scribbled_over_is_named(text: Path, whole: Path) -> None:
    dice = random.Random(SEED)
    for name in [*NEEDED, "desk.json"]:
        content = (whole / name).read_bytes()
        other = (whole / dice.choice([each for each in NEEDED if each != name])).read_bytes() + b"\n"
        for damaged in (b"", content[: len(content) // 2], other, dice.randbytes(50), b'{"a": ' * 5_000, b"[]", b"null", b'"\xff"'):
            if damaged != content:
                (text / name).write_bytes(damaged)
                assert str(text / name) in refused(text)
        (text / name).write_bytes(content)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda found: found.pop("journal"), "journal: Field required"),
        (lambda found: found.update(journal=-1), "journal: "),
        (lambda found: found.update(journal="7"), "journal: "),
        (lambda found: found.update(more=1), "more: "),
        (lambda found: found.update(files=[]), "files: "),
        (lambda found: found.update(stores={}), "lacks the events of auth, tickets, notifier, escalator"),
        (lambda found: found["stores"].pop("notifier"), "notifier"),
        (lambda found: found["stores"].update(auth=None), "stores.auth: "),
        (lambda found: found["stores"]["auth"].pop("keys"), "stores.auth.keys: Field required"),
        (lambda found: found["stores"]["auth"].update(keys=["x", 1]), "stores.auth.keys.1: "),
        (lambda found: found["stores"]["tickets"]["consumed"].update({"/x": {"origin": "", "sequence": 1, "hash": ""}}), "not exported"),
        (lambda found: found["stores"]["tickets"]["consumed"].update({"/auth": {"origin": "", "sequence": 9, "hash": ""}}), "not exported"),
        (lambda found: found["files"].update({"../../etc/passwd": "0" * 64}), "passwd is not the file that was written"),
    ],
)
def test_what_desk_json_cannot_mean_is_said(text: Path, change: Callable[[dict[str, Any]], object], why: str) -> None:
    said(text, change)
    assert why in refused(text)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("journal.jsonl", b'{"position": 1}\n', "journal.jsonl cannot be read: KeyError"),
        ("journal.jsonl", b"7\n", "journal.jsonl cannot be read: TypeError"),
        ("journal.jsonl", b'{"position": 1, "source": "/x", "sequence": 1}\n', "journal.jsonl cannot be read: KeyError"),
        ("journal.jsonl", b"", "journal.jsonl has 0 lines"),
        ("primary/auth.credentials.jsonl", b"\xff\n", "primary/auth.credentials.jsonl cannot be read"),
        ("primary/auth.credentials.jsonl", b'{"user_id": "anna"}\n', "primary/auth.credentials.jsonl cannot be read: IntegrityError"),
        ("primary/auth.credentials.jsonl", b'{"nobody": 1}\n', "a row has the column 'nobody', which credentials has not"),
        ("primary/auth.credentials.jsonl", b'{"hash": null}\n', "a row has no user_id"),
        ("primary/auth.credentials.jsonl", b"[1]\n", "primary/auth.credentials.jsonl cannot be read"),
        ("secrets/pepper", b"salt", "secrets/pepper cannot be read: ValueError: it is no secret"),
        ("secrets/pepper", b"\xff", "secrets/pepper cannot be read"),
        ("tickets.jsonl", b"7\n", "Line 1 of tickets.jsonl is not the event that was exported"),
        ("tickets.checkpoints.jsonl", b"[]\n", "A checkpoint of tickets is not valid"),
    ],
)
def test_what_a_file_cannot_hold_is_said_though_desk_json_vouches_for_it(text: Path, name: str, content: bytes, why: str) -> None:
    (text / name).write_bytes(content)
    stand_by(text, name)
    assert why in refused(text)
