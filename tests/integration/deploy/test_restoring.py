"""Restoring over a desk whose stores are damaged, without a process: whoever was erased since the backup must not come back."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from chassis.offline import offline
from chassis.settings import SERVICES, Settings
from deploy.backups.checking import files_in
from deploy.backups.cutting import staging
from deploy.backups.making import backup
from deploy.backups.restoring import restore
from deploy.backups.services import all_declared
from deploy.local import up
from deploy.ports import free_ports
from deploy.refusal import Refusal
from deploy.terminal import Terminal
from events.erasures import mark
from events.ledger_tables import watched

pytestmark = pytest.mark.timeout(300)


async def _make(settings: Settings) -> None:
    for declared in all_declared().values():
        async with offline(declared.service, settings):
            pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A desk that is not started; its backup is beside it, and after that somebody was erased."""
    found = Settings(data_dir=tmp_path / "var")
    found.data_dir.mkdir()
    asyncio.run(_make(found))
    backup(found, tmp_path / "backup", print)
    with staging(found.data_dir) as engines:
        for engine in engines.values():
            with engine.begin() as connection:
                mark(connection, ["anna"], datetime.now(UTC))
    return found


def damage(settings: Settings, *services: str) -> None:
    for name in services:
        for path in settings.data_dir.glob(f"{name}.sqlite3-*"):
            path.unlink()
        files_in(settings.data_dir)[name].write_bytes(b"This is no database any more. " * 1000)


@pytest.mark.parametrize("damaged", [(), ("auth",), ("auth", "tickets", "notifier"), ("tickets",)])
def test_any_store_that_can_be_read_tells_who_was_erased(settings: Settings, damaged: tuple[str, ...]) -> None:
    damage(settings, *damaged)
    told: list[str] = []
    done = restore(settings, settings.data_dir.parent / "backup", told.append, replace=True)
    assert done.erased == {"anna"}
    for name in SERVICES:
        assert any(f"In the store of {name} that is replaced" in line for line in told) == (name in damaged)


def test_nobody_comes_back_because_no_store_can_tell(settings: Settings) -> None:
    damage(settings, *SERVICES)
    source = settings.data_dir.parent / "backup"
    with pytest.raises(Refusal, match="who was erased since the backup is not known") as refused:
        restore(settings, source, print, replace=True)
    assert "--erasures FILE" in str(refused.value.mend)
    assert not (settings.data_dir / "replaced").exists()
    assert restore(settings, source, print, replace=True, erased=frozenset({"anna"})).erased == {"anna"}


def test_a_store_that_may_not_be_told_who_was_erased_is_not_put_in_place(tmp_path: Path) -> None:
    """Its witness had found that auth's history was rewritten: it reads nothing of it until that is resolved."""
    made = Settings(data_dir=tmp_path / "var")
    made.data_dir.mkdir()
    asyncio.run(_make(made))
    alarm = {"key": "", "origin": "", "size": 0, "root": "", "seen_sequence": 0, "seen_hash": "", "checked_at": "", "alarm": "It forked."}
    with staging(made.data_dir) as engines, engines["tickets"].begin() as connection:
        connection.execute(insert(watched), {"source": "/auth", **alarm})
    backup(made, tmp_path / "backup", print)
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    with pytest.raises(Refusal, match="Nobody can be erased in the store of tickets: It forked"):
        restore(elsewhere, tmp_path / "backup", print, erased=frozenset({"anna"}))
    assert not list(elsewhere.data_dir.rglob("*.sqlite3"))
    assert restore(elsewhere, tmp_path / "backup", print).erased == frozenset()


@pytest.mark.parametrize("begun", [False, True])
def test_what_a_restore_that_died_had_staged_goes_when_a_desk_starts_unless_it_is_to_be_moved(tmp_path: Path, *, begun: bool) -> None:
    """The start itself ends at a port that is taken."""
    (staged := tmp_path / ".restored").mkdir()
    (staged / "auth.sqlite3").write_bytes(b"Anna")
    if begun:
        (tmp_path / "restore.json").write_text("{}")
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(Refusal) as refused:
        up(Settings(data_dir=tmp_path, port=port), Terminal())
    assert ("A restore into" in str(refused.value)) == begun
    assert staged.exists() == begun
