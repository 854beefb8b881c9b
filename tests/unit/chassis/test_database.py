"""The lock file between processes, and migrations of a package made on the spot. SQLite on disk: it is what is tested."""

import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, inspect

from chassis.database import StoreInUse, held, migrate, revision_of

FIRST = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.create_table("others", sa.Column("id", sa.Integer, primary_key=True))
    {then}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = create_engine(f"sqlite:///{tmp_path / 'demo.sqlite3'}", connect_args={"isolation_level": None})

    @event.listens_for(made, "begin")
    def _(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    return made


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "demo_store" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "versions" / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("demo_store")]:
        monkeypatch.delitem(sys.modules, name)
    return folder / "versions"


PACKAGES = ("chassis.migrations", "demo_store.migrations")
OURS = {"cosignatures", "erasures", "kept_answers", "quotas", "tiles", "watched", "witnessed"}
"""What the chassis keeps in every store."""


def tables(engine: Engine) -> set[str]:
    return {name for name in inspect(engine).get_table_names() if not name.startswith("revision_of")}


def test_a_store_is_brought_to_the_newest_revision_from_wherever_it_is(engine: Engine, package: Path) -> None:
    migrate(engine, *PACKAGES)
    assert tables(engine) == OURS | {"things"}
    migrate(engine, *PACKAGES)
    (package / "0002_second.py").write_text(SECOND.format(then=""))
    migrate(engine, *PACKAGES)
    assert tables(engine) == OURS | {"things", "others"}
    with engine.connect() as connection:
        assert revision_of(connection, "demo_store.migrations") == "0002"


def test_a_migration_that_fails_leaves_everything_as_it_was(engine: Engine, package: Path) -> None:
    migrate(engine, *PACKAGES)
    (package / "0002_second.py").write_text(SECOND.format(then="raise RuntimeError('no')"))
    with pytest.raises(RuntimeError, match="no"):
        migrate(engine, *PACKAGES)
    assert tables(engine) == OURS | {"things"}
    with engine.connect() as connection:
        assert revision_of(connection, "demo_store.migrations") == "0001"


def test_several_that_start_at_once_migrate_once(engine: Engine, package: Path) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            migrate(engine, *PACKAGES)
        except BaseException as error:  # noqa: BLE001 -- shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert tables(engine) == OURS | {"things"}


def test_services_share_a_store_and_an_offline_command_takes_it_alone(tmp_path: Path) -> None:
    with held(tmp_path, "tickets"), held(tmp_path, "tickets"):
        with pytest.raises(StoreInUse, match="running service"), held(tmp_path, "tickets", exclusive=True):
            pass
        with held(tmp_path, "auth", exclusive=True):
            pass
    with held(tmp_path, "tickets", exclusive=True):
        for exclusive in (False, True):
            with pytest.raises(StoreInUse), held(tmp_path, "tickets", exclusive=exclusive):
                pass
