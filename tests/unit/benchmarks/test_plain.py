"""The plain app answers with the desk's own models."""

from fastapi.testclient import TestClient

from benchmarks.plain import app
from benchmarks.suites.rates import BODY
from tickets.answers import TicketOut, TicketsOut


def test_the_plain_app_answers_what_the_desk_would() -> None:
    client = TestClient(app)
    created = client.post("/api/tickets", content=BODY, headers={"Content-Type": "application/json"})
    assert created.status_code == 201
    assert TicketOut.model_validate(created.json()).title == "The printer on the second floor burns"
    assert TicketOut.model_validate(client.get("/api/tickets/7").json()).id == 7
    assert len(TicketsOut.model_validate(client.get("/api/tickets", params={"limit": 25}).json()).items) == 25
