"""Texts, versions, settings, secrets, limits, pages of the feed: each a rule or two."""

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from chassis import secrets
from chassis.answers import json_answer
from chassis.conditional import IfMatch, etag
from chassis.declared import declared
from chassis.lean import LeanRoute
from chassis.limits import Limit, Limits
from chassis.peers import feed_page, wires
from chassis.principal import current_admin, current_principal
from chassis.problems import PROBLEMS, declare, merge, responses, status_of
from chassis.settings import SERVICES, Settings, service_of
from chassis.strings import Secret, Spelled, Text
from events.errors import Conflict, DomainError, Invalid, Stale, TooMany
from tests.unit.chassis.conftest import Visit, desk

TITLE: TypeAdapter[str] = TypeAdapter(Annotated[str, Text(1, 5)])
WORD: TypeAdapter[str] = TypeAdapter(Annotated[str, Spelled("^[a-z]{1,5}$", "must be a word")])
PASSWORD: TypeAdapter[str] = TypeAdapter(Annotated[str, Secret(8, 20)])


def test_a_text_is_trimmed_and_counted_in_code_points() -> None:
    assert TITLE.validate_python(" \t a b \n") == "a b"
    assert TITLE.validate_python("😀" * 5) == "😀" * 5
    for bad in ("", "   ", "\u2003", "😀" * 6, "a\x00b", "a\ud800"):
        with pytest.raises(ValidationError):
            TITLE.validate_python(bad)


def test_who_breaks_a_spelling_is_told_the_rule_and_programs_are_told_the_pattern() -> None:
    assert WORD.validate_python("abc") == "abc"
    for bad in ("", "abcdef", "abc\n", "ABC", "ａｂｃ"):  # noqa: RUF001 -- letters in full width are meant
        with pytest.raises(ValidationError, match="must be a word"):
            WORD.validate_python(bad)
    assert WORD.json_schema() == {"type": "string", "pattern": "^[a-z]{1,5}$"}


def test_a_password_counts_exactly_as_it_was_typed() -> None:
    assert PASSWORD.validate_python("  a  b  ") == "  a  b  "


@given(st.text(st.characters(codec="utf-16-le", exclude_categories=[])))
def test_every_text_that_passes_can_be_stored(text: str) -> None:
    try:
        kept = TITLE.validate_python(text)
    except ValidationError:
        return
    assert 1 <= len(kept) <= 5
    assert kept.strip() == kept
    assert "\x00" not in kept
    kept.encode()


versioned = APIRouter(route_class=LeanRoute)


@versioned.get("/version")
async def version(expected: IfMatch) -> Response:
    return json_answer({"expected": expected}, headers={"etag": etag(7)})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [([], None), (["*"], None), (['"7"'], 7), (['"0"'], 0)],
)
async def test_if_match_names_a_version_or_any(visiting: Visit, sent: list[str], expected: int | None) -> None:
    async with visiting(desk(versioned)) as client:
        answer = await client.get("/version", headers=[("if-match", value) for value in sent])
    assert answer.json() == {"expected": expected}
    assert answer.headers["etag"] == '"7"'


@pytest.mark.parametrize(
    "sent", [["7"], ['W/"7"'], ['"7", "8"'], ['"07"'], ['"x"'], [""], ['"7"'] * 2, ['"' + "9" * 30 + '"'], ["*", '"7"']]
)
async def test_any_other_if_match_is_422(visiting: Visit, sent: list[str]) -> None:
    async with visiting(desk(versioned)) as client:
        answer = await client.get("/version", headers=[("if-match", value) for value in sent])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["header", "if-match"]


def test_an_error_finds_its_status_by_its_code_or_else_by_its_kind() -> None:
    class Taken(Conflict):
        code = "demo-taken"

    assert status_of(Taken("")) == (409, "Conflict")
    declare("demo-taken", 410, "Gone for good")
    assert status_of(Taken("")) == (410, "Gone for good")
    assert declare("demo-taken", 410, "Gone for good") == "demo-taken"
    with pytest.raises(ValueError, match="something else"):
        declare("demo-taken", 409, "Other")
    del PROBLEMS["demo-taken"]
    assert status_of(Stale(8))[0] == 412
    assert status_of(DomainError("unheard of"))[0] == 500


def test_several_problems_of_one_status_are_examples_of_one_answer() -> None:
    answers = merge(responses("not-permitted", "stale"), responses("cross-site"))
    assert list(answers) == [403, 412]
    assert set(answers[403]["content"]["application/problem+json"]["examples"]) == {"not-permitted", "cross-site"}


def test_what_one_dependency_declares_another_may_add_to() -> None:
    assert set(declared(current_admin).problems) == {"not-permitted", *declared(current_principal).problems}
    assert declared(current_admin).security
    assert declared(print).problems == ()


def test_settings_have_defaults_and_read_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    plain = Settings()
    assert plain.origins == {"http://localhost:8080", "http://127.0.0.1:8080"}
    assert plain.database_of("tickets") == f"sqlite:///{tmp_path}/var/tickets.sqlite3"
    assert plain.url_of("auth") == "http://127.0.0.1:8081"
    assert [plain.processes_of(name) for name in SERVICES] == [(name,) for name in SERVICES]
    assert not plain.secure
    monkeypatch.setenv("STE_TICKETS_PORT", "1234")
    monkeypatch.setenv("STE_AUTH_URL", "http://auth:8000/")
    monkeypatch.setenv("STE_TICKETS_URL", "http://one:8000/, http://two:8000")
    monkeypatch.setenv("STE_TICKETS_PROCESSES", "3")
    monkeypatch.setenv("TICKETS_DATABASE_URL", "postgresql+psycopg://db/tickets")
    monkeypatch.setenv("STE_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.1")
    monkeypatch.setenv("STE_ORIGIN", "https://Desk.example.org/")
    (tmp_path / ".env").write_text("STE_PORT=9999\nSTE_TICKETS_PORT=1\n")
    found = Settings()
    assert (found.port, found.port_of("tickets")) == (9999, 1234)
    assert found.urls_of("auth") == ("http://auth:8000",)
    assert found.urls_of("tickets") == ("http://one:8000", "http://two:8000")
    assert found.processes_of("tickets") == ("tickets", "tickets-2", "tickets-3")
    assert {service_of(name) for name in found.processes_of("tickets")} == {"tickets"}
    assert found.database_of("tickets") == "postgresql+psycopg://db/tickets"
    assert [str(network) for network in found.trusted_proxies] == ["10.0.0.0/8", "192.168.1.1/32"]
    assert found.origins == {"https://desk.example.org"}
    assert found.secure


@pytest.mark.parametrize(
    ("settings", "origins"),
    [
        ({"port": 80}, {"http://localhost", "http://127.0.0.1"}),
        ({"origin": "http://desk.lan:80"}, {"http://desk.lan"}),
        ({"origin": "https://desk.example.org:443/"}, {"https://desk.example.org"}),
        ({"origin": "https://desk.example.org:80"}, {"https://desk.example.org:80"}),
        ({"origin": "http://[::1]:80"}, {"http://[::1]"}),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(settings: dict[str, Any], origins: set[str]) -> None:
    assert Settings(_env_file=None, **settings).origins == origins


@pytest.mark.parametrize("origin", ["desk.example.org", "https://", "https://a@b", "https://a/path", "ftp://a"])
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, origin=origin)


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    first = secrets.ensure(directory, "pepper")
    assert len(bytes.fromhex(first)) == 32
    assert secrets.ensure(directory, "pepper") == first
    assert secrets.ensure(directory, "cursor") != first
    assert stat.S_IMODE((directory / "pepper").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (directory / "pepper").chmod(0o644)
    secrets.ensure(directory, "pepper")
    assert stat.S_IMODE((directory / "pepper").stat().st_mode) == 0o600


def test_many_who_make_a_secret_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: secrets.ensure(tmp_path, "services"), range(64)))
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["services"]


LOGINS = Limit("logins", 3, 600)


async def test_a_limit_counts_per_bucket_and_says_how_long_to_wait() -> None:
    limits = Limits("memory://", enabled=True)
    for _ in range(3):
        await limits.spend(LOGINS, "a@example.com", "1.1.1.1")
    with pytest.raises(TooMany) as told:
        await limits.spend(LOGINS, "a@example.com", "1.1.1.1")
    assert 590 <= told.value.retry_after <= 600
    await limits.spend(LOGINS, "a@example.com", "1.1.1.2")
    await limits.spend(Limit("registrations", 3, 600), "a@example.com", "1.1.1.1")


async def test_what_is_given_back_may_be_spent_again() -> None:
    limits = Limits("memory://", enabled=True)
    for _ in range(20):
        await limits.spend(LOGINS, "a")
        await limits.give_back(LOGINS, "a")
    await limits.give_back(LOGINS, "a")  # more than was spent gains nothing
    for _ in range(3):
        await limits.spend(LOGINS, "a")
    with pytest.raises(TooMany):
        await limits.spend(LOGINS, "a")


async def test_many_at_once_do_not_slip_through() -> None:
    limits = Limits("memory://", enabled=True)
    results = await asyncio.gather(*(limits.spend(LOGINS, "a") for _ in range(50)), return_exceptions=True)
    assert sum(result is None for result in results) == 3


async def test_limits_can_be_switched_off() -> None:
    limits = Limits("memory://", enabled=False)
    for _ in range(20):
        await limits.spend(LOGINS, "a")
    await limits.give_back(LOGINS, "a")


@pytest.mark.parametrize("events", [[], [b"{}"], [b'{"a":"],[{"}', b'{"b":[1,{"c":"\\""}]}', b'{"d":"\xc3\xa4"}']])
def test_a_page_of_the_feed_gives_back_the_very_bytes(events: list[bytes]) -> None:
    page = feed_page(events, 7)
    assert wires(page.decode()) == events
    assert page.endswith(b'],"head":7}')


def test_what_is_no_page_of_the_feed_is_refused() -> None:
    bad: list[Any] = ["", "{}", '{"events":{}}', '{"events":[{']
    for text in bad:
        with pytest.raises((ValueError, IndexError)):
            wires(text)


def test_an_invalid_error_lists_its_places() -> None:
    assert Invalid("m", [(("body", "x"), "y")]).facts == {"errors": [{"loc": ["body", "x"], "msg": "y"}]}
