"""A made-up month of a made-up company, as JSON lines for `ste import jsonl`: the same at each call, but for when it ends."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

CUSTOMERS = (
    "Mira Sand",
    "Jonas Vik",
    "Lea Brandt",
    "Tariq Aziz",
    "Nina Kovac",
    "Pavel Dvorak",
    "Sofie Lund",
    "Ivo Petit",
    "Ada Moreau",
    "Tom Berg",
)
AGENTS = ("Anna Falk", "Ben Okoro", "Clara Wolf", "David Ruiz")
MATTERS = (
    ("Laptop does not wake from sleep", "After closing the lid the screen stays black until I hold the power button."),
    ("Cannot print on the third floor", "Jobs are shown as printed, and nothing comes out. Other floors work."),
    ("Access to the sales folder", "I moved to sales on Monday and can not open https://files.example.com/sales yet."),
    ("Mail with attachments bounces", 'Everything above 5 MB comes back with "message too large".\nIt worked last week.'),
    ("Second monitor flickers", "Only when the docking station is used.\nA colleague's dock does the same."),
    ("New phone for a colleague", "She begins on the first of the month, number as short as possible please."),
    ("VPN ends every ten minutes", "From home only. The clock in the corner jumps by a second each time it happens."),
    ("Badge opens no door", "Since this morning. The light stays red at every door but the main one."),
    ("Calendar shows another time zone", "All my meetings are an hour late since Sunday."),
    ("Please reset my second factor", "My old phone is gone. I can come by with my badge."),
    ("Spreadsheet macro stopped working", "It says that macros from the internet are blocked, but the file is our own."),
    ("Meeting room display is black", "Room Aurora. The cable is in, the lamp is green."),
)
_DAYS = 30


def lines(until: datetime, tickets: int = 240, seed: int = 7) -> Iterator[str]:
    """Yield a line for everything that happened in the thirty days before `until`."""
    draw = random.Random(seed)
    for number in range(1, tickets + 1):
        yield from (json.dumps(line) for line in _life(f"H-{number}", until, draw))


def _life(number: str, until: datetime, draw: random.Random) -> Iterator[dict[str, Any]]:
    at = until - timedelta(days=draw.uniform(0.02, _DAYS))
    title, body = draw.choice(MATTERS)
    customer, agent = draw.choice(CUSTOMERS), draw.choice(AGENTS)
    priority = draw.choices(["low", "normal", "high", "urgent"], [2, 6, 3, 1])[0]
    row = 1
    yield {"number": number, "at": at.isoformat(), "by": customer, "title": title, "body": body, "priority": priority, "row": "1"}
    steps: list[dict[str, Any]] = [{"by": agent, "assignee": agent}, {"by": agent, "status": "in_progress"}]
    if draw.random() < 0.5:
        steps.append(
            {"by": agent, "note": draw.choice(["Asked for the model number.", "A spare part is on its way.", "Could repeat it here."])}
        )
    if draw.random() < 0.15:
        other = draw.choice(AGENTS)
        steps.append({"by": agent, "assignee": other})
    steps.append({"by": agent, "status": "resolved"})
    for step in steps:
        at += timedelta(hours=draw.expovariate(1 / 7))
        if at >= until:
            return
        row += 1
        yield {"number": number, "at": at.isoformat(), **step, "row": str(row)}
