"""Policies over HTTP: what an admin reads and changes."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from escalator.calendars import WEEKDAYS
from tests.integration.escalator.conftest import DEADLINES, POLICIES, Escalation, escalation
from tests.integration.tickets.conftest import good, refused

SHIPPED: dict[str, Any] = {"name": "default", "levels": [{"after": "24h", "notify": "assignee"}], "when": {}, "calendar": None}


@pytest.fixture
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Escalation]:
    async with escalation(tmp_path_factory.mktemp("escalation")) as running:
        yield running


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the file, so that tests that change nothing can share a desk."""
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Escalation]:
    async with escalation(tmp_path_factory.mktemp("shared")) as running:
        yield running


async def test_the_shipped_policy_is_there_from_the_beginning_and_changes_by_version(there: Escalation) -> None:
    answer = await there.admin.get(POLICIES)
    assert good(answer) == {"policies": [SHIPPED]}
    assert answer.headers["etag"] == '"1"'

    night = {"name": "night", "levels": [{"after": "8h"}, {"after": "12h", "notify": "admins"}], "when": {"priority": ["urgent", "high"]}}
    changed = await there.set(SHIPPED, night, expected='"1"')
    assert changed.headers["etag"] == '"2"'
    assert [policy["name"] for policy in good(changed)["policies"]] == ["default", "night"]
    assert good(changed)["policies"][1]["when"] == {"priority": ["high", "urgent"]}

    problem = refused(await there.set(SHIPPED, expected='"1"'), 412, "stale")
    assert problem["current_version"] == 2
    again = await there.admin.put(POLICIES, json=good(await there.admin.get(POLICIES)), headers={"If-Match": '"2"'})
    assert (good(again), again.headers["etag"]) == (good(changed), '"2"')

    without = await there.set()
    assert (good(without), without.headers["etag"]) == ({"policies": []}, '"3"')


async def test_a_change_of_policies_stands_in_the_audit_list(there: Escalation) -> None:
    good(await there.set({**SHIPPED, "levels": [{"after": "2h"}]}))
    await there.desk.house.settled()
    entries = good(await there.desk.ada.get("/api/audit", params={"action": "escalation_policy_changed"}))["items"]
    assert [(entry["entity"], entry["actor"]["kind"]) for entry in entries] == [
        ({"type": "policy", "id": "default"}, "user"),
        ({"type": "policy", "id": "default"}, "system"),
    ]
    assert (entries[0]["before"]["levels"], entries[0]["after"]["levels"]) == (
        [{"after": "24h", "notify": "assignee"}],
        [{"after": "2h", "notify": "assignee"}],
    )


def test_an_age_of_the_shipped_policy_that_cannot_be_meant_is_said_at_the_start(tmp_path: Path) -> None:
    variables = {"STE_ESCALATE_AFTER": "tomorrow", "STE_DATA_DIR": str(tmp_path), "STE_ESCALATOR_PORT": "0"}
    command = [sys.executable, "-m", "escalator"]
    ended = subprocess.run(command, env=os.environ | variables, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "STE_ESCALATE_AFTER: A duration is a whole number above 0 and a unit" in ended.stdout + ended.stderr


async def test_the_shipped_age_is_read_once_whatever_stands_there_later(tmp_path: Path) -> None:
    for after in ("2h", "3h", "tomorrow"):
        async with escalation(tmp_path, escalate_after=after) as there:
            answer = await there.admin.get(POLICIES)
            assert (good(answer)["policies"][0]["levels"][0]["after"], answer.headers["etag"]) == ("2h", '"1"')


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        ({"name": "Default", "levels": [{"after": "1h"}]}, ["body", "policies", 0, "name"]),
        ({"name": "a" * 41, "levels": [{"after": "1h"}]}, ["body", "policies", 0, "name"]),
        ({"name": "a", "levels": []}, ["body", "policies", 0, "levels"]),
        ({"name": "a", "levels": [{"after": "1h"}] * 11}, ["body", "policies", 0, "levels"]),
        ({"name": "a", "levels": [{"after": "1.5h"}]}, ["body", "policies", 0, "levels", 0, "after"]),
        ({"name": "a", "levels": [{"after": "9999d"}]}, ["body", "policies", 0, "levels", 0, "after"]),
        ({"name": "a", "levels": [{"after": 24}]}, ["body", "policies", 0, "levels", 0, "after"]),
        ({"name": "a", "levels": [{"after": "1h", "notify": "everybody"}]}, ["body", "policies", 0, "levels", 0, "notify"]),
        ({"name": "a", "levels": [{"after": "1h"}], "when": {"priority": []}}, ["body", "policies", 0, "when", "priority"]),
        ({"name": "a", "levels": [{"after": "1h"}], "when": {"priority": ["huge"]}}, ["body", "policies", 0, "when", "priority", 0]),
        ({"name": "a", "levels": [{"after": "1h"}], "when": {"assigned": "yes"}}, ["body", "policies", 0, "when", "assigned"]),
        ({"name": "a", "levels": [{"after": "1h"}], "calendar": "office"}, ["body", "policies", 0, "calendar"]),
        ({"name": "a", "levels": [{"after": "1h"}], "colour": "red"}, ["body", "policies", 0, "colour"]),
    ],
)
async def test_a_policy_that_cannot_be_is_refused_where_it_is_wrong(shared: Escalation, policy: dict[str, Any], where: list[Any]) -> None:
    problem = refused(await shared.set(policy), 422, "invalid")
    assert where in [error["loc"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("calendar", "where", "words"),
    [
        ({"zone": "Mars/Olympus"}, ["zone"], "Not a time zone of the IANA database, such as Europe/Berlin or UTC."),
        ({"zone": None}, ["zone"], "Input should be a valid string"),
        ({"hours": {}}, ["hours"], "At least one weekday has a span, or nothing would ever be due."),
        ({"hours": {"monday": ["09:00-17:00"]}}, ["hours", "monday"], "Extra inputs are not permitted"),
        ({"hours": {"mon": ["9-17"]}}, ["hours", "mon", 0], "A span is two times of day, as 09:00-17:30; one that ends on the next day is"),
        ({"hours": {"mon": ["22:00-06:00"], "tue": ["05:00-09:00"]}}, ["hours", "tue"], "Spans overlap on this day; one over midnight"),
        ({"holidays": ["2026-02-30"]}, ["holidays", 0], "Input should be a valid date"),
        ({"colour": "red"}, ["colour"], "Extra inputs are not permitted"),
    ],
)
async def test_a_calendar_that_cannot_be_is_refused_in_words(
    shared: Escalation, calendar: dict[str, Any], where: list[Any], words: str
) -> None:
    whole = {"zone": "Europe/Berlin", "hours": {"mon": ["09:00-17:00"]}, "holidays": [], **calendar}
    problem = refused(await shared.set({"name": "a", "levels": [{"after": "1h"}], "calendar": whole}), 422, "invalid")
    (error,) = problem["errors"]
    assert error["loc"] == ["body", "policies", 0, "calendar", *where]
    assert error["msg"].startswith(words)


async def test_a_level_that_working_time_reaches_only_in_decades_is_refused(shared: Escalation) -> None:
    calendar = {"zone": "UTC", "hours": {"mon": ["09:00-10:00"]}}
    good(await shared.set({"name": "a", "levels": [{"after": "20d"}], "calendar": calendar}))
    problem = refused(await shared.set({"name": "a", "levels": [{"after": "30d"}], "calendar": calendar}), 422, "invalid")
    assert problem["errors"] == [
        {"loc": ["body", "policies", 0, "levels", 0, "after"], "msg": "With so few working hours a week this is later than 3650 days."}
    ]


async def test_a_calendar_is_kept_in_order_and_is_no_change_in_another(there: Escalation) -> None:
    calendar = {
        "zone": "Asia/Kathmandu",
        "hours": {"tue": ["13:00-17:00", "09:00-12:00"], "mon": ["22:00-00:00"]},
        "holidays": ["2026-12-25"],
    }
    policy = {"name": "office", "levels": [{"after": "8h"}], "calendar": calendar}
    changed = await there.set(policy)
    assert good(changed)["policies"][0]["calendar"] == {
        "zone": "Asia/Kathmandu",
        "hours": {"mon": ["22:00-24:00"], "tue": ["09:00-12:00", "13:00-17:00"]},
        "holidays": ["2026-12-25"],
    }
    again = await there.set({**policy, "calendar": {**calendar, "holidays": ["2026-12-25", "2026-12-25"]}})
    assert again.headers["etag"] == changed.headers["etag"]


async def test_working_time_is_what_a_deadline_counts(there: Escalation) -> None:
    """A calendar whose only working day lies some days away: the deadline does too, and it is live that it is kept."""
    ticket = await there.desk.open()
    opened = datetime.fromisoformat(ticket["created_at"])
    day = WEEKDAYS[(opened.weekday() + 3) % 7]
    calendar = {"zone": "UTC", "hours": {day: ["00:00-24:00"]}}
    good(await there.set({"name": "rare", "levels": [{"after": "90m"}], "calendar": calendar}))
    await there.desk.house.settled()
    (deadline,) = [each for each in await there.deadlines_of(ticket) if each["policy"] == "rare"]
    midnight = opened.replace(hour=0, minute=0, second=0, microsecond=0)
    assert datetime.fromisoformat(deadline["due_at"]) == midnight + timedelta(days=3, minutes=90)


async def test_two_policies_of_one_name_are_refused(shared: Escalation) -> None:
    problem = refused(await shared.set(SHIPPED, SHIPPED), 422, "invalid")
    assert problem["errors"] == [{"loc": ["body", "policies", 1, "name"], "msg": "Another policy has this name."}]


async def test_more_than_fifty_policies_are_refused(shared: Escalation) -> None:
    refused(await shared.set(*({"name": f"p{number}", "levels": [{"after": "1h"}]} for number in range(51))), 422, "invalid")


@pytest.mark.parametrize("path", [POLICIES, DEADLINES])
async def test_only_admins_see_policies_and_deadlines(shared: Escalation, path: str) -> None:
    refused(await shared.user.get(path), 403, "not-permitted")
    async with shared.desk.house.client("escalator") as anonymous:
        refused(await anonymous.get(path), 401, "not-signed-in")


async def test_only_admins_change_policies(shared: Escalation) -> None:
    body = {"policies": [SHIPPED]}
    refused(await shared.user.put(POLICIES, json=body), 403, "not-permitted")
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    refused(await shared.admin.put(POLICIES, json=body, headers=elsewhere), 403, "cross-site")


@pytest.mark.parametrize(
    "query", [{"state": "waiting"}, {"limit": 0}, {"cursor": "nonsense"}, {"ticket": 0}, {"ticket": "x"}, {"colour": "red"}]
)
async def test_a_list_that_cannot_be_meant_is_refused(shared: Escalation, query: dict[str, Any]) -> None:
    refused(await shared.admin.get(DEADLINES, params=query), 422, "invalid")
