"""Verifying a desk that is stopped, and a copy of it: the logs, the journal, the files, and what cannot be read."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chassis.database import held
from chassis.settings import SERVICES, Settings
from deploy.backups.checking import files_in
from deploy.backups.making import backup
from deploy.backups.verifying import is_stopped, verify_stopped
from deploy.refusal import Refusal
from events.store import SQLITE
from tests.support.unstarted import unstarted

pytestmark = pytest.mark.timeout(300)
COUNT = 5


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A desk that is stopped, with some events in every log."""
    assert not is_stopped(Settings(data_dir=tmp_path / "var"))
    made = unstarted(tmp_path / "var", events=COUNT)
    assert is_stopped(made)
    return made


def change(service: str, statement: str) -> Callable[[Settings], None]:
    def done(settings: Settings) -> None:
        with closing(SQLITE.connect(files_in(settings.data_dir)[service])) as connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)
            connection.commit()

    return done


def garbage(service: str) -> Callable[[Settings], None]:
    def done(settings: Settings) -> None:
        for path in settings.data_dir.glob(f"{service}.sqlite3-*"):
            path.unlink()
        files_in(settings.data_dir)[service].write_bytes(b"This is no database any more. " * 1000)

    return done


def lose(name: str) -> Callable[[Settings], None]:
    return lambda settings: (settings.data_dir / name).unlink()


def nothing(_service: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def test_a_stopped_desk_is_verified_as_far_as_each_log_goes_and_nothing_in_it_changes(settings: Settings) -> None:
    far: dict[str, tuple[int, int]] = {}
    before = {name: path.read_bytes() for name, path in files_in(settings.data_dir).items()}
    reports = verify_stopped(settings, lambda name, done, total: far.update({name: (done, total)}))
    assert [(report["ok"], report["events"], report["reason"]) for report in reports.values()] == [(True, COUNT, None)] * len(SERVICES)
    assert far == dict.fromkeys(SERVICES, (COUNT, COUNT))
    assert {name: path.read_bytes() for name, path in files_in(settings.data_dir).items()} == before


@pytest.mark.parametrize(
    ("damage", "service", "ok", "sequence", "reason"),
    [
        (change("notifier", "UPDATE events SET type = 'job.retried' WHERE sequence = 3"), "notifier", False, 3, "type"),
        (change("tickets", "UPDATE journal SET subject = 'store/auth' WHERE position = 4"), "tickets", False, 4, "another subject"),
        (change("tickets", "DELETE FROM journal WHERE position = 2"), "tickets", False, None, "lacks its position 2"),
        (garbage("escalator"), "escalator", False, None, "The store cannot be read"),
        (garbage("auth"), "tickets", None, None, "who was erased, cannot be read"),
        (lose("notifier.sqlite3"), "notifier", None, None, "not there"),
        (lose("secrets/signing-tickets"), "tickets", None, None, "signing-tickets is missing"),
    ],
)
def test_what_is_wrong_with_one_store_is_said_of_that_one(
    settings: Settings, damage: Callable[[Settings], None], *, service: str, ok: bool | None, sequence: int | None, reason: str
) -> None:
    damage(settings)
    report = verify_stopped(settings, nothing)[service]
    assert (report["ok"], report["first_bad_sequence"]) == (ok, sequence)
    assert reason in report["reason"]


def test_a_store_that_somebody_uses_is_not_walked_behind_its_back(settings: Settings) -> None:
    with held(settings.data_dir, "tickets"), pytest.raises(Refusal, match="tickets is in use"):
        verify_stopped(settings, nothing)


def test_a_copy_whose_journal_is_not_that_of_its_logs_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    change("tickets", "UPDATE journal SET type = 'ticket.created' WHERE position = 4")(settings)
    with pytest.raises(Refusal, match="The journal is not what was written, at event 4 of tickets: The journal names another type"):
        backup(settings, tmp_path / "copy", print)
    assert not (tmp_path / "copy").exists()
