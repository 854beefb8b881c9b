"""How each service says it is, through the gateway, of a desk that runs."""

from typing import Any

import httpx2
import pytest

from tests.contract.cast import SERVICES
from tests.support.waiting import eventually

DERIVED = {"auth": {"users"}, "tickets": {"desk", "history", "people", "audit"}, "notifier": set[str](), "escalator": set[str]()}
HEARD = {
    "auth": set[str](),
    "tickets": {"/auth", "/notifier", "/escalator"},
    "notifier": {"/auth", "/tickets"},
    "escalator": {"/auth", "/tickets"},
}


def told(admin: httpx2.Client, service: str) -> dict[str, Any]:
    answer = admin.get(f"/api/{service}/system")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_where_it_and_all_that_it_follows_stand(service: str, admin: httpx2.Client) -> None:
    def settled() -> bool:
        found = told(admin, service)
        lags = [found["relay"]["lag_events"], *(each["lag_events"] for each in found["consumers"])] if found["relay"] else [1]
        return found["status"] == "ok" and not any(lags)

    eventually(settled, within=60, what=f"{service}, well and without lag")
    found = told(admin, service)
    assert {each["name"] for each in found["projections"]} == DERIVED[service]
    assert not [each for each in found["projections"] if each["stopped"]]
    assert {each["source"] for each in found["consumers"]} >= HEARD[service]
    assert found["store"]["events"] > 0 or service == "notifier"
