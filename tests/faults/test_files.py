"""The checker finds what is wrong in the files of a desk that has stopped."""

import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from events.store import SQLITE
from tests.faults.check import STOPPED, check
from tests.faults.evidence import Evidence
from tests.faults.session import Session

pytestmark = pytest.mark.timeout(400)

_TOLD_TWICE = """
    INSERT INTO notifications
    SELECT position + 100000, id || 'x', recipient, kind, ticket, event, actor, other, facts, created_at, created_at
    FROM notifications LIMIT 1
"""
HARM = [
    ("tickets", "UPDATE tickets SET status = 'lost' WHERE id = 5", "I8 .*tickets: "),
    ("tickets", "DELETE FROM audit WHERE position = 3", "I8 .*audit"),
    ("auth", "UPDATE users SET role = 'admin' WHERE name LIKE 'newcomer%'", "I8 .*users"),
    ("escalator", "UPDATE ticket_copies SET status = 'lost'", "I8 .*ticket_copies"),
    ("notifier", "DELETE FROM people", "I8 .*people"),
    ("notifier", "UPDATE inboxes SET unread = unread + 1", "I8 .*inbox"),
    ("auth", "UPDATE head SET hash = 'f'", "I6 .*does not verify"),
    ("notifier", _TOLD_TWICE, "I7 .*more than one notification"),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What is left of a desk at which people were at work for a moment, and at which all is well."""
    seen: list[Evidence] = []
    with Session(tmp_path_factory.mktemp("files"), seed=3, slack=60.0) as session:
        session.load.go_on(60)
        assert session.finish(seen.append).violations == []
    return seen[0]


def test_whatever_is_wrong_in_the_stores_is_found(stopped: Evidence, tmp_path: Path) -> None:
    assert stopped.data_dir is not None
    evidence = replace(stopped, data_dir=shutil.copytree(stopped.data_dir, tmp_path / "copy"))
    for service, statement, _ in HARM:
        with closing(SQLITE.connect(tmp_path / "copy" / f"{service}.sqlite3", isolation_level=None)) as connection:
            assert connection.execute(statement).rowcount > 0, statement
    violations = check(evidence, STOPPED).violations
    assert [found for *_, found in HARM if not any(re.search(found, violation) for violation in violations)] == []


def test_a_damaged_file_is_found(stopped: Evidence, tmp_path: Path) -> None:
    assert stopped.data_dir is not None
    evidence = replace(stopped, data_dir=shutil.copytree(stopped.data_dir, tmp_path / "copy"))
    path = tmp_path / "copy" / "auth.sqlite3"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 2 * 4096)
        file.write(b"\xff" * 4096)
    assert any(violation.startswith("I11") for violation in check(evidence, STOPPED[:1]).violations)
