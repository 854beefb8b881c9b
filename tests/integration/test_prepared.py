"""Statements that pass by the toolkit: in the words of both databases, and what they refuse."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, create_engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from events.prepared import Prepared, Query
from events.store import Store

NUMBERS = Table("numbers", MetaData(), Column("id", Integer, primary_key=True), Column("word", String))
DIALECTS: tuple[Any, ...] = (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]


def everything() -> Iterator[tuple[str, Any]]:
    """Yield the statements of all modules of all services, by name."""
    for package in ("events", "chassis", "auth", "tickets", "notifier", "escalator"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                for name, value in vars(importlib.import_module(module.name)).items():
                    if isinstance(value, Prepared | Query):
                        yield f"{module.name}.{name}", value


STATEMENTS = dict(everything())
PLACE = {"sqlite": "?", "postgresql": "%s"}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("name", STATEMENTS)
def test_each_has_its_words_for_both_databases(name: str, dialect: Any) -> None:
    statement = STATEMENTS[name]
    if isinstance(statement, Prepared):
        assert PLACE[dialect.name] in statement.text(dialect)
    else:
        text, names, _ = statement.compiled(dialect)
        assert text.count(PLACE[dialect.name]) == len(names), text


def test_rows_and_values_go_in_and_come_out() -> None:
    engine = create_engine("sqlite://")
    add = Prepared(insert(NUMBERS), ("id", "word"))
    rename = Prepared(update(NUMBERS).where(NUMBERS.c.id == bindparam("key")).values(word=bindparam("new")), ("new", "key"))
    above = Query(select(NUMBERS.c.word).where(NUMBERS.c.id > bindparam("least"), NUMBERS.c.word != "three").order_by(NUMBERS.c.id))
    with engine.begin() as connection:
        NUMBERS.metadata.create_all(connection)
        add.run(connection, [])
        add.run(connection, [(1, "one"), (2, "two"), (3, "three")])
        rename.run(connection, [("deux", 2)])
        assert above.rows(connection, {"least": 0, "unused": 7}) == [("one",), ("deux",)]
        assert above.first(connection, {"least": 1}) == ("deux",)
        assert above.first(connection, {"least": 3}) is None


def test_names_in_another_order_than_the_text_has_are_refused() -> None:
    wrong = Prepared(update(NUMBERS).where(NUMBERS.c.id == bindparam("key")).values(word=bindparam("new")), ("key", "new"))
    with pytest.raises(TypeError, match="parameters are"):
        wrong.text(sqlite.dialect())


def test_a_glance_finds_what_was_committed_and_says_what_the_driver_says_as_everybody_else_does(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'numbers.sqlite3'}")
    missing, words = Query(select(Table("nothing", MetaData(), Column("id", Integer)))), Query(select(NUMBERS.c.word))
    with store.writing.begin() as connection:
        NUMBERS.metadata.create_all(connection)
        connection.execute(insert(NUMBERS), {"id": 1, "word": "one"})
    with store.glance() as first, store.glance() as second:
        assert first is not second
        assert words.rows(first, {}) == words.rows(second, {}) == [("one",)]
        with pytest.raises(OperationalError, match="nothing"):
            missing.rows(first, {})
    with store.glance() as again:
        assert again in (first, second)
        with store.writing.begin() as connection:
            connection.execute(insert(NUMBERS), {"id": 2, "word": "two"})
            assert words.rows(again, {}) == [("one",)]
        assert words.rows(again, {}) == [("one",), ("two",)]
    store.close()
