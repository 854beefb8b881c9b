"""The small rules of the runner: what is shown of a log, which versions will do, what a setting may be."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chassis.settings import Settings, service_of
from deploy import versions
from deploy.checks import Finding, _guarded, check_secrets
from deploy.commands.events import line
from deploy.desk_file import DeskFile, holding, path_in
from deploy.first_start import demo_wanted, is_loopback
from deploy.local import require_room_for_several
from deploy.logs import RotatingLog, headline, last_words
from deploy.parts import _as_set, forkserver_command, plan, service_command
from deploy.ports import free_ports, is_free, require_free
from deploy.refusal import Refusal
from deploy.terminal import Terminal

SHOWN = [
    (b'{"level":"error","event":"it broke","path":"/x","timestamp":"2026"}', ("error", "it broke path=/x")),
    (b'{"event": "slow", "level": "warning", "ms": 7}', ("warning", "slow ms=7")),
    (b'{"level":"error","ts":1.5,"logger":"http.log.error","msg":"dial tcp: refused"}', ("error", "dial tcp: refused")),
    (b"[42] 2026/11/24 03:58:04.1 [ERR] JetStream out of space", ("error", "JetStream out of space")),
    (b"[42] 2026/11/24 03:58:04.1 [WRN] slow consumer", ("warning", "slow consumer")),
    (b'{"level":"error","event":"x","exception":[{"exc_type":"ValueError","exc_value":"a\\nb"}]}', ("error", "x (ValueError: a)")),
    (b'{"level":"error","event":"x","exception":"Traceback\\n  File\\nValueError: a"}', ("error", "x ValueError: a")),
    (b"ModuleNotFoundError: No module named 'x'", ("error", "ModuleNotFoundError: No module named 'x'")),
]
NOT_SHOWN = [
    b'{"level":"info","event":"a warning was read"}',
    b"[42] 2026/11/24 03:58:04.1 [INF] Server is ready",
    b'{"level":"warn","msg":"admin endpoint disabled"}',
    b'{"level":"warn","ts":1.5,"msg":"aborting with incomplete response","upstream":"127.0.0.1:1","error":"reading: context canceled"}',
    b"",
]


@pytest.mark.parametrize(("raw", "shown"), SHOWN)
def test_what_is_wrong_is_shown_in_a_sentence(raw: bytes, shown: tuple[str, str]) -> None:
    assert headline(raw) == shown


@pytest.mark.parametrize("raw", NOT_SHOWN)
def test_what_is_ordinary_stays_in_the_log(raw: bytes) -> None:
    assert headline(raw) is None


def test_a_log_never_grows_beyond_its_bounds(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "a.log", limit=100, keep=2)
    for number in range(50):
        log.write(b"%030d\n" % number)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert log.tail(1) == f"{49:030d}"


def test_a_flood_of_warnings_does_not_flood_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    for number in range(1000):
        terminal.tell("auth", f"warning {number}", "warning")
    terminal.tell("tickets", "one of another", "warning")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) < 20
    assert "tickets  one of another" in printed[-1]


def test_what_a_process_says_again_and_again_is_passed_on_once(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    for number in range(5):
        terminal.pass_on("tickets", f"A batch of {number} units was not written.", "error")
        terminal.pass_on("notifier", "Another's word", "error")
        terminal.tell("tickets", "was ended; starting it again in 0.1 s", "warning")
    printed = capsys.readouterr().out.splitlines()
    assert [sum(part in line for line in printed) for part in ("A batch of", "Another's word", "was ended")] == [1, 1, 5]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in printed)


def test_the_last_words_of_a_process_are_what_was_wrong_each_once(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "auth.log")
    for _ in range(3):
        log.write(b'{"level":"info","event":"it begins"}\n')
        log.write(b'{"level":"error","event":"Traceback (most recent call last):\\n  File\\nSecretLost: pepper is missing"}\n')
        log.write(b'{"level":"error","event":"Application startup failed. Exiting."}\n')
    assert last_words(log) == "SecretLost: pepper is missing\nApplication startup failed. Exiting."
    quiet = RotatingLog(tmp_path / "quiet.log")
    quiet.write(b"what nobody knows how to read\n")
    assert last_words(quiet) == "what nobody knows how to read"
    for each in (log, quiet):
        each.close()


def test_a_service_is_told_everything_that_was_set_when_the_desk_started() -> None:
    settings = Settings(origin="https://desk.example.org", trusted_proxies="10.0.0.0/8, ::1/128", demo=True, log_level="debug")  # type: ignore[arg-type]
    told = _as_set(settings)
    assert Settings(_env_file=None, **{name.removeprefix("STE_").lower(): value for name, value in told.items()}) == settings  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("secrets/pepper", "pepper is missing, and the store that needs it is there: without it no password is right any more"),
        ("secrets/signing-tickets", "signing-tickets is missing, and the store that needs it is there: without it none of its checkpoints"),
    ],
)
def test_the_doctor_misses_what_cannot_be_made_anew(tmp_path: Path, lost: str, words: str) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    for name in ("auth", "tickets"):
        (tmp_path / f"{name}.sqlite3").touch()
    for name in ("pepper", "signing-auth", "signing-tickets"):
        (secrets / name).touch(mode=0o600)
    assert [finding.level for finding in check_secrets(secrets)] == ["ok"]
    (tmp_path / lost).unlink()
    (finding,) = check_secrets(secrets)
    assert (finding.level, words in finding.what) == ("bad", True), finding


def test_the_doctor_says_what_it_may_not_look_at() -> None:
    def refused() -> Iterator[Finding]:
        yield Finding("ok", "first", "is seen")
        raise PermissionError(13, "Permission denied", "/var/desk/secrets")

    assert [(finding.level, finding.what) for finding in _guarded(refused(), "secrets")] == [
        ("ok", "is seen"),
        ("bad", "/var/desk/secrets cannot be looked at: Permission denied"),
    ]


@pytest.mark.parametrize(
    ("found", "good"), [("2.11.4", True), ("2.11.10", True), ("2.11.3", False), ("v3", True), (None, False), ("2.9", False)]
)
def test_versions_are_compared_as_numbers(found: str | None, good: bool) -> None:
    assert versions.Stood(name="caddy", found=found, floor="2.11.4", why="").good is good


def test_what_the_lock_brings_is_above_every_floor() -> None:
    assert [part.name for part in versions.everything() if not part.good] == []


@pytest.mark.parametrize(
    ("address", "only_here"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_loopback_is_what_only_this_machine_reaches(address: str, only_here: bool) -> None:
    assert is_loopback(address) is only_here


DEMO = [
    ({}, True),
    ({"bind": "0.0.0.0"}, False),
    ({"bind": "0.0.0.0", "demo": True}, True),
    ({"demo": False}, False),
    ({"origin": "https://desk.example.org"}, False),
    ({"origin": "http://localhost:9000"}, True),
    ({"trusted_proxies": "10.0.0.0/8"}, False),
]


@pytest.mark.parametrize(("given", "wanted"), DEMO)
def test_accounts_with_a_known_password_are_not_made_where_others_reach_them(given: dict[str, object], wanted: bool) -> None:
    assert demo_wanted(Settings(**given), Terminal()) is wanted  # type: ignore[arg-type]


async def never_asked(_url: str = "") -> bool:
    raise AssertionError


@pytest.mark.parametrize(("fail_at", "options"), [(None, ["-O"]), ("commit:1", [])])
def test_services_run_optimised_unless_a_crash_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: str | None, options: list[str]
) -> None:
    """Fail points stand behind `__debug__`."""
    monkeypatch.delenv("STE_FAIL_AT", raising=False)
    if fail_at:
        monkeypatch.setenv("STE_FAIL_AT", fail_at)
    desk = plan(Settings(data_dir=tmp_path, port=1))
    for command in (service_command(desk, "auth", never_asked), forkserver_command(desk, never_asked)):
        assert command.arguments[: len(options) + 1] == [*options, "-m"]


def test_several_processes_of_a_service_differ_in_name_and_port_alone(tmp_path: Path) -> None:
    desk = plan(Settings(data_dir=tmp_path, port=1, tickets_processes=3))
    commands = [service_command(desk, name, never_asked) for name in desk.service_ports if service_of(name) == "tickets"]
    assert [(command.name, command.module, command.environment["STE_PROCESS"]) for command in commands] == [
        ("tickets", "tickets", "tickets"),
        ("tickets-2", "tickets", "tickets-2"),
        ("tickets-3", "tickets", "tickets-3"),
    ]
    ports = [command.environment["STE_TICKETS_PORT"] for command in commands]
    urls = " ".join(f"http://127.0.0.1:{port}" for port in ports)
    assert len(set(ports)) == 3
    assert [command.environment["STE_TICKETS_URL"] for command in commands] == [urls] * 3


def test_several_processes_are_refused_where_two_could_corrupt_a_store(tmp_path: Path) -> None:
    old, new = (
        versions.Stood(name="sqlite", found=found, floor="3.51.3", why="older ones can corrupt it") for found in ("3.40.1", "3.53.0")
    )
    several = Settings(data_dir=tmp_path, notifier_processes=2)
    with pytest.raises(Refusal, match=r"notifier can not run as several processes: SQLite is 3\.40\.1"):
        require_room_for_several(several, old)
    require_room_for_several(several, new)
    require_room_for_several(Settings(data_dir=tmp_path), old)
    elsewhere = {"notifier_database_url": "postgresql+psycopg://db/notifier"}
    require_room_for_several(Settings(data_dir=tmp_path, notifier_processes=2, **elsewhere), old)  # type: ignore[arg-type]


def test_free_ports_are_free_and_differ() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    assert all(is_free("127.0.0.1", port) for port in found)


@pytest.mark.parametrize("port", [0, -1, 65536, 99999])
def test_what_is_no_port_is_refused_in_words(port: int) -> None:
    with pytest.raises(Refusal, match="is no port"):
        require_free("127.0.0.1", port)


def test_an_address_of_somebody_else_is_refused_in_words() -> None:
    with pytest.raises(Refusal, match=re.escape("192.0.2.1")):
        require_free("192.0.2.1", free_ports(1)[0])


def test_only_one_runner_holds_a_directory(tmp_path: Path) -> None:
    with holding(tmp_path):
        with pytest.raises(Refusal, match="Another desk is running"), holding(tmp_path):
            raise AssertionError
        DeskFile(pid=1, url="u", monitor_port=2, ports={"auth": 3}).write(tmp_path)
        found = DeskFile.read(tmp_path)
        assert found is not None
        assert found.ports == {"auth": 3}
        assert path_in(tmp_path).stat().st_mode & 0o077 == 0
    assert DeskFile.read(tmp_path) is None


def test_what_a_killed_runner_left_behind_is_no_desk(tmp_path: Path) -> None:
    with holding(tmp_path):
        DeskFile(pid=1, url="u", monitor_port=2, ports={}).write(tmp_path)
        kept = path_in(tmp_path).read_text()
    path_in(tmp_path).write_text(kept)
    assert DeskFile.read(tmp_path) is None


def test_an_event_is_told_on_one_line() -> None:
    head = {
        "recordedtime": "2026-11-23T09:00:00.123456Z", "source": "/tickets", "sequence": 42, "type": "ticket.status_changed",
        "subject": "ticket/7", "actorkind": "user", "actorid": "0192", "imported": True,
    }  # fmt: skip
    told = line({"head": head, "data": {"before": "open", "after": "resolved", "long": "x" * 100}, "personal": {"title": "secret"}})
    assert "\n" not in told
    assert "secret" not in told
    assert re.search(
        r"09:00:00\.123456Z tickets +42 ticket\.status_changed +ticket/7 +by user:0192 imported +before=open after=resolved", told
    )


LOCK = Path(__file__).parents[3] / "requirements.lock"


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert "index-url" not in text
    pins = re.findall(r"^[a-z0-9][a-z0-9.-]*==", text, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9][a-z0-9.-]*==)", text, flags=re.MULTILINE)[1:]
    assert len(pins) > 50
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_fits_what_the_projects_ask_for() -> None:
    pinned = {
        canonicalize_name(name): version for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", LOCK.read_text(), re.MULTILINE)
    }
    projects = [tomllib.loads(path.read_text()) for path in (LOCK.parent / "pyproject.toml", *LOCK.parent.glob("*/*/pyproject.toml"))]
    own = {canonicalize_name(project["project"]["name"]) for project in projects}
    asked = [
        Requirement(line)
        for project in projects
        for line in (*project["project"].get("dependencies", ()), *project.get("dependency-groups", {}).get("dev", ()))
    ]
    assert len(asked) > 20
    assert [
        str(wish) for wish in asked if (name := canonicalize_name(wish.name)) not in own and not wish.specifier.contains(pinned[name])
    ] == []


def test_every_variable_is_in_the_example() -> None:
    example = (LOCK.parent / ".env.example").read_text()
    names = [
        field.validation_alias if isinstance(field.validation_alias, str) else f"STE_{name.upper()}"
        for name, field in Settings.model_fields.items()
    ]
    assert [name for name in names if not re.search(rf"^# ?{name}=", example, re.MULTILINE) and name not in OURS] == []


OURS = {"STE_PARENT_PID", "STE_PROCESS"}
"""Set by the runner, never by a person."""


def test_the_documents_page_fetches_what_the_gateway_serves() -> None:
    page = LOCK.parent / "deploy" / "docs_page"
    for name in re.findall(r'(?:src|href)="/api/docs/([^"]+)"', (page / "index.html").read_text()):
        assert (page / name).is_file()
    assert "innerHTML" not in "".join(path.read_text() for path in page.glob("*.js"))
    services = json.loads(re.search(r"const SERVICES = (\[.*\]);", (page / "docs.js").read_text())[1])  # type: ignore[index]
    assert services == ["auth", "tickets", "notifier", "escalator"]
