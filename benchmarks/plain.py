"""What one would write without a second thought: a FastAPI app with the desk's own models, on the same server, with nothing behind it.

No sign-in, no store, no events: its figures are what the framework alone costs, and the bar that the desk is measured against.
"""

import gc
import sys

import uvicorn
from fastapi import FastAPI, Response

from tickets.answers import RequesterOut, SummaryOut, TicketOut, TicketsOut
from tickets.schemas import NewTicket

_SUMMARY = {
    "id": 1,
    "title": "The printer on the second floor burns",
    "priority": "normal",
    "status": "open",
    "requester": RequesterOut(id="0192f0c1-2345-7abc-8def-0123456789ab", name="Anna Example", email="anna@example.com"),
    "assignee": None,
    "escalated_at": None,
    "escalation_level": 0,
    "created_at": "2026-11-23T09:00:00.123456Z",
    "updated_at": "2026-11-23T09:00:00.123456Z",
    "version": 1,
}

app = FastAPI()


@app.post("/api/tickets", status_code=201)
async def open_ticket(new: NewTicket, response: Response) -> TicketOut:
    response.headers["Location"] = "/api/tickets/1"
    response.headers["ETag"] = '"1"'
    return TicketOut.model_validate({**_SUMMARY, "title": new.title, "body": new.body, "priority": new.priority})


@app.get("/api/tickets/{ticket}")
async def get_ticket(ticket: int) -> TicketOut:
    return TicketOut.model_validate({**_SUMMARY, "id": ticket, "body": "It began this morning, in tray 2."})


@app.get("/api/tickets")
async def list_tickets(limit: int = 25) -> TicketsOut:
    items = [SummaryOut.model_validate({**_SUMMARY, "id": number}) for number in range(1, limit + 1)]
    return TicketsOut(items=items, next_cursor=None)


def serve(port: int) -> None:
    """Serve on loopback until the process is ended, with the services' own settings (`chassis.server`)."""
    gc.collect()
    gc.freeze()
    options = {"http": "httptools", "loop": "uvloop", "ws": "none", "log_config": None, "access_log": False}
    uvicorn.run(app, host="127.0.0.1", port=port, server_header=False, proxy_headers=False, backlog=1024, **options)  # type: ignore[arg-type]


if __name__ == "__main__":
    serve(int(sys.argv[1]))
