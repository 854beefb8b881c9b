"""Restoring over a desk whose stores are damaged, without a process: whoever was erased since the backup must not come back."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from auth.tables import api_tokens, sessions
from chassis.offline import offline
from chassis.settings import SERVICES, Settings
from deploy.backups.checking import files_in
from deploy.backups.cutting import staging
from deploy.backups.importing import import_desk
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


def test_what_people_gave_up_since_the_backup_is_not_valid_again(tmp_path: Path) -> None:
    """Sessions end with every restore; tokens are as the desk that is replaced tells, or, where none does, as the command says."""
    made = Settings(data_dir=tmp_path / "var")
    made.data_dir.mkdir()
    asyncio.run(_make(made))
    then = "2026-01-01T00:00:00.000000Z"
    of_anna = {"user_id": "anna", "created_at": then}
    token = of_anna | {"name": "a script", "scopes": "read", "expires_at": then}
    with staging(made.data_dir) as engines, engines["auth"].begin() as connection:
        connection.execute(insert(api_tokens), [{"id": id_, "digest": id_ * 32, **token} for id_ in ("aa", "bb")])
        session = {"id": "cc", "digest": "cc" * 32, "address": "", "agent": "", "last_seen_at": then}
        connection.execute(insert(sessions), of_anna | session)
    backup(made, tmp_path / "backup", print)
    with staging(made.data_dir) as engines, engines["auth"].begin() as connection:
        connection.execute(update(api_tokens).where(api_tokens.c.id == "aa").values(revoked_at=then))
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    for settings, valid, hinted in ((made, {"bb"}, False), (elsewhere, {"aa", "bb"}, True)):
        done = restore(settings, tmp_path / "backup", print, replace=True)
        with staging(settings.data_dir) as engines, engines["auth"].begin() as connection:
            assert set(connection.scalars(select(api_tokens.c.id).where(api_tokens.c.revoked_at.is_(None)))) == valid
            assert list(connection.scalars(select(sessions.c.id).where(sessions.c.ended_at.is_(None)))) == []
            assert list(connection.scalars(select(sessions.c.id))) == ["cc"]
        assert [("which API tokens" in hint, "--erasures FILE" in hint) for hint in done.hints] == [(False, True), (True, False)] * hinted


@pytest.mark.parametrize("there", [False, True])
def test_a_restore_or_an_import_that_fails_leaves_a_directory_as_it_was(tmp_path: Path, *, there: bool) -> None:
    place = tmp_path / "deep" / "var"
    if there:
        place.mkdir(parents=True)
        (place / "notes.txt").write_text("Mine.")
    (tmp_path / "no backup").mkdir()
    settings = Settings(data_dir=place)
    with pytest.raises(Refusal, match="is no backup"):
        restore(settings, tmp_path / "no backup", print)
    (tmp_path / "no backup" / "desk.json").write_text("{}")
    with pytest.raises(Refusal, match="another format"):
        import_desk(settings, tmp_path / "no backup", print)
    assert sorted(path.name for path in (tmp_path / "deep").rglob("*")) == (["notes.txt", "var"] if there else [])
    assert (tmp_path / "deep").exists() == there


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
