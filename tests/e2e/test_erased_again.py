"""Whoever was erased since a backup is erased in the desk that is restored from it, wherever that is."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.backups import caught_up
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)

CANARY = "Xaverine Quillfeather"


def erased_people(desk: Desk) -> set[str]:
    with desk.operator() as operator:
        return set(operator.get("auth", "/internal/erasures")["people"])


def holds(directory: Path, text: str) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file() and "replaced" not in path.parts]
    return [str(path) for path in files if text.encode() in path.read_bytes()]


def test_who_was_erased_since_the_backup_is_erased_again(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    desk = Desk(tmp_path / "desk")
    with desk:
        person = {"name": CANARY, "email": "canary@example.com", "password": "correct horse 9"}
        id_ = desk.client().post("/api/auth/register", json=person).json()["id"]
        user = desk.client("canary@example.com", "correct horse 9")
        number = user.post("/api/tickets", json={"title": f"I am {CANARY}", "body": "B"}).json()["id"]
        eventually(partial(caught_up, desk), within=60, what="every consumer at its source's end")
        assert desk.ste("backup", str(tmp_path / "before")).returncode == 0
        done = desk.ste("user", "erase", id_, "--yes")
        assert done.returncode == 0, done.stderr + done.stdout
        eventually(partial(caught_up, desk), within=60, what="every consumer at its source's end")
        assert desk.ste("backup", str(tmp_path / "after")).returncode == 0
        assert desk.ste("export", str(tmp_path / "text"), "--primary").returncode == 0
    assert holds(tmp_path / "before", CANARY) != []
    assert holds(tmp_path / "after", CANARY) == []
    (tmp_path / "erased.txt").write_text(f"# whom we erased\nuser/{id_}\n")
    for name, command in (
        ("desk", ["restore", "before", "--replace"]),
        ("there", ["restore", "before", "--erasures", "erased.txt"]),
        ("whole", ["restore", "after"]),
        ("cut", ["restore", "after", "--to-position", "15"]),
        ("read", ["import", "desk", "text"]),
    ):
        (tmp_path / name).mkdir(exist_ok=True)
        restored = desk if name == "desk" else Desk(tmp_path / name)
        done = restored.ste(*(str(tmp_path / word) if (tmp_path / word).exists() and word != "desk" else word for word in command))
        assert done.returncode == 0, done.stderr
        assert holds(restored.data_dir, CANARY) == [], "before anybody can be served"
        with restored:
            assert id_ in erased_people(restored)
            assert _all_done(restored, id_)
            admin = restored.client("admina")
            eventually(partial(caught_up, restored), within=60, what="every consumer at its source's end")
            if name != "cut":
                assert CANARY not in admin.get(f"/api/tickets/{number}").text
                late = admin.post(f"/api/tickets/{number}/notes", json={"body": "Of somebody who is gone."})
                assert late.status_code == 409, late.text
            verified = restored.ste("audit", "verify")
            assert verified.returncode == 0, verified.stdout
        assert holds(restored.data_dir, CANARY) == []


def _all_done(desk: Desk, person: str) -> bool:
    with desk.operator() as operator:
        told = [operator.try_get(name, f"/internal/erasures/{person}") for name in ("auth", "tickets", "notifier", "escalator")]
    return all(status == 200 and answer["done_at"] for status, answer in told)
