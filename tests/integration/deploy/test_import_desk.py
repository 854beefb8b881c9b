"""Whose word an import takes for the events of an export: signatures over all of them, of keys that are known from elsewhere if given."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import SERVICES, Settings
from deploy.backups.exporting import export
from deploy.backups.importing import import_desk
from deploy.backups.making import backup
from deploy.backups.restoring import restore
from deploy.refusal import Refusal
from events.checkpoints import Checkpoint, Signer, verify_note
from tests.support.unstarted import unstarted

pytestmark = pytest.mark.timeout(300)

FORGER = Signer(bytes(32), "ste-tickets")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """An export of a desk that was restored twice: its logs say so, with an event and a checkpoint each time."""
    desk = unstarted(tmp_path / "desk")
    for number in range(2):
        backup(desk, tmp_path / f"backup{number}", print)
        restore(desk, tmp_path / f"backup{number}", print, replace=True)
    export(desk, tmp_path / "text", print, primary=False)
    return tmp_path / "text"


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    (tmp_path / "new").mkdir()
    return Settings(data_dir=tmp_path / "new")


def keys_in(text: Path) -> dict[str, str]:
    return {name: store["keys"][-1] for name, store in json.loads((text / "desk.json").read_text())["stores"].items()}


def write_notes(text: Path, notes: list[dict[str, Any]], **said: Any) -> None:
    """Put other checkpoints under the log of tickets, and say in desk.json that these are the ones that were exported."""
    path = text / "tickets.checkpoints.jsonl"
    path.write_text("".join(f"{json.dumps(note)}\n" for note in notes))
    desk = json.loads((text / "desk.json").read_text())
    desk["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    desk["stores"]["tickets"].update(said)
    (text / "desk.json").write_text(json.dumps(desk))


def notes_in(text: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (text / "tickets.checkpoints.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kept", [0, 1])
def test_events_that_no_signature_covers_are_not_taken_in(text: Path, new: Settings, kept: int) -> None:
    notes = notes_in(text)
    assert len(notes) > 1
    write_notes(text, notes[:kept])
    with pytest.raises(Refusal, match=f"signed checkpoints of tickets reach event {kept} of 2: nothing vouches for the rest"):
        import_desk(new, text, print)
    assert not list(new.data_dir.glob("*.sqlite3"))


def test_a_checkpoint_that_was_signed_for_another_origin_vouches_for_nothing(text: Path, new: Settings) -> None:
    notes = notes_in(text)
    body = verify_note(notes[-1]["note"], [keys_in(text)["tickets"]])
    notes[-1]["note"] = FORGER.sign(body.replace(Checkpoint.parse(body).origin, "ste/tickets/elsewhere"))
    write_notes(text, notes, keys=[keys_in(text)["tickets"], FORGER.public_key])
    with pytest.raises(Refusal, match="not those that its signed checkpoint vouches for"):
        import_desk(new, text, print)


def test_keys_that_are_known_from_elsewhere_must_have_signed(text: Path, new: Settings) -> None:
    keys = keys_in(text)
    with pytest.raises(Refusal, match=r"The last checkpoint of tickets is signed by .*, which is none of the keys"):
        import_desk(new, text, print, keys=[key for name, key in keys.items() if name != "tickets"])
    notes = [{**note, "note": FORGER.sign(verify_note(note["note"], [keys["tickets"]]))} for note in notes_in(text)]
    honest = notes_in(text)
    write_notes(text, notes, keys=[FORGER.public_key])
    with pytest.raises(Refusal, match="which is none of the keys"):
        import_desk(new, text, print, keys=list(keys.values()))
    write_notes(text, honest, keys=[keys["tickets"]])
    done = import_desk(new, text, print, keys=list(keys.values()))
    assert done.vouched == keys
    assert [hint for hint in done.hints if "--erasures FILE" in hint] == list(done.hints) != []


def test_without_keys_it_is_said_who_signed_and_who_was_erased_since_is_erased(text: Path, new: Settings) -> None:
    notes = [{**note, "note": FORGER.sign(verify_note(note["note"], [keys_in(text)["tickets"]]))} for note in notes_in(text)]
    write_notes(text, notes, keys=[FORGER.public_key])
    done = import_desk(new, text, print, erased=frozenset({"anna"}))
    assert done.vouched["tickets"] == FORGER.public_key
    assert done.vouched.keys() == set(SERVICES)
    assert done.erased == {"anna"}
    assert list(done.hints) == []
