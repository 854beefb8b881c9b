"""`ste simulate` on a desk that runs: what people read, what programs read, and what is said of a file that is no policy."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.waiting import eventually

POLICY = """
# A policy as docs/what-if.md shows it
name: default
levels:
  - after: 1s
  - after: 1h
    notify: admins
calendar:
  zone: UTC
  hours: {mon: &all ["00:00-24:00"], tue: *all, wed: *all, thu: *all, fri: *all, sat: *all, sun: *all}
  holidays: [2016-12-25]
"""


def written(directory: Path, text: str) -> str:
    path = directory / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_it_says_what_the_policy_would_have_done(desk: Desk, tmp_path: Path) -> None:
    """The demo's tickets are of this moment; some of them are open. What others imported into this desk is older."""
    policy = written(tmp_path, POLICY)
    lately = ["--since", (datetime.now(UTC) - timedelta(hours=1)).isoformat()]

    def some() -> bool:
        asked = desk.ste("simulate", policy, *lately, "--json")
        assert asked.returncode == 0, asked.stderr
        return bool(json.loads(asked.stdout)["total"])

    eventually(some, within=60, what="a demo ticket that is open for a second")
    answer = json.loads(desk.ste("simulate", policy, *lately, "--json").stdout)
    assert answer["current_total"] == 0
    assert answer["only_new_total"] == answer["total"] == len(answer["only_new"])
    said = desk.ste("simulate", policy, *lately)
    assert said.returncode == 0, said.stderr
    assert f"default would have escalated {answer['total']} tickets, where today's (default) would have" in said.stdout
    assert "the admins" in said.stdout or "Admin" in said.stdout
    before = desk.ste("simulate", policy, "--until", "2000-01-01")
    assert "default would have escalated 0 tickets" in before.stdout
    assert "From 1970-01-01T00:00:00Z to 2000-01-01T00:00:00Z." in before.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "line 1, column 8 cannot be read as YAML: expected the node content"),
        ("name: a\nname: b\n", "line 2, column 1 cannot be read as YAML: name stands here twice"),
        ("- name: a\n", "is no policy: it must hold a name and levels"),
        ("name: !!python/object:os.system x\n", "cannot be read as YAML: could not determine a constructor"),
        ("\x00", "is no text that can be read as YAML"),
        ("name: a\nlevels: []\n", "policy.levels: List should have at least 1 item"),
        ("name: a\nlevels: [{after: 4}]\n", "policy.levels.0.after: Input should be a valid string"),
        ("name: a\nlevels: [{after: 4h}]\nwhen: {assigned: no}\n", "policy.when.assigned: Input should be a valid boolean"),
        (
            "name: a\nlevels: [{after: 4h}]\ncalendar: {zone: Berlin, hours: {mon: [09:00-17:00]}}\n",
            "policy.calendar.zone: Not a time zone",
        ),
    ],
)
def test_a_file_that_is_no_policy_is_said_in_words(desk: Desk, tmp_path: Path, text: str, words: str) -> None:
    refused = desk.ste("simulate", written(tmp_path, text))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "yesterday is no time"),
        (["--until", "2026-08-32"], "2026-08-32 is no time"),
    ],
)
def test_a_time_that_cannot_be_meant_is_not_understood(desk: Desk, tmp_path: Path, arguments: list[str], words: str) -> None:
    refused = desk.ste("simulate", written(tmp_path, POLICY), *arguments)
    assert refused.returncode == 2
    assert words in " ".join(refused.stderr.split())


def test_where_no_desk_runs_it_says_so(own: Desk, tmp_path: Path) -> None:
    own.directory.mkdir()
    refused = own.ste("simulate", written(tmp_path, POLICY))
    assert refused.returncode == 3
    assert "No desk is running" in refused.stderr
