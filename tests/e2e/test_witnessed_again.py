"""Witnesses after a restore: what they saw is still there, or is known to be cut off; nobody is alarmed by a history that was put back."""

from pathlib import Path
from typing import Any

import pytest

from chassis.settings import SERVICES
from deploy.backups.manifest import Manifest
from tests.support.backups import rows_of
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)


def looked(desk: Desk) -> dict[str, list[Any]]:
    """Return what every service knows of the others, once each has looked since the desk was started."""
    return {service: rows_of(desk.data_dir / f"{service}.sqlite3")["watched"] for service in SERVICES}


def has_looked(desk: Desk) -> bool:
    heads = {f"/{service}": rows_of(desk.data_dir / f"{service}.sqlite3")["head"][0] for service in SERVICES}
    found = looked(desk)
    return all(found[service] for service in ("tickets", "notifier")) and all(
        row[2] == heads[row[0]][2] for rows in found.values() for row in rows
    )


def test_nobody_is_alarmed_by_a_restore_whatever_it_cut_off(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    desk = Desk(tmp_path / "desk")
    with desk:
        user = desk.client("usera")
        for _ in range(5):
            assert user.post("/api/tickets", json={"title": "A", "body": "B"}).status_code == 201
        assert desk.ste("backup", str(tmp_path / "first")).returncode == 0
    position = Manifest.read(tmp_path / "first").journal
    source = "first"
    # a plain restore lets everybody look at a signed checkpoint; then a cut below that restore, above it, and again as it was
    for number, options in enumerate(([], ["--to-position", str(position - 3)], ["--to-position", str(position - 2)], [])):
        done = desk.ste("restore", str(tmp_path / source), "--replace", *options)
        assert done.returncode == 0, done.stderr
        with desk:
            eventually(lambda: has_looked(desk), within=90, what="a look of every witness at the restored logs")
            assert {row[8] for rows in looked(desk).values() for row in rows} == {None}, "an alarm"
            assert desk.ste("audit", "verify").returncode == 0
            assert desk.client("usera").post("/api/tickets", json={"title": "A", "body": "B"}).status_code == 201
            source = f"kept-{number}"
            assert desk.ste("backup", str(tmp_path / source)).returncode == 0
