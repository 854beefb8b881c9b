"""`ste why` as whoever answers a customer reads it."""

from typing import Any

from deploy.commands.why import told

BY = {"kind": "user", "id": "ada", "name": "Ada"}


def step(kind: str, sentence: str, *, time: str | None = None, event: int | None = None, **more: Any) -> dict[str, Any]:
    at = None if event is None else {"id": "x", "source": "/tickets", "sequence": event, "type": "t", "hash": "h"}
    return {"kind": kind, "sentence": sentence, "time": time, "event": at, "actor": None, "request": None, "reason": None, **more}


CLICK = step("request", "Ada asked for what follows, in the request r-1.", time="2026-11-23T12:00:00.000000Z", request="r-1")
MOVED = step("event", "Ada resolved it.", time="2026-11-23T12:00:00.000000Z", event=7, actor=BY, request="r-1")
LATER = step("event", "Ada opened it.", time="2026-11-23T12:01:00.000000Z", event=8, actor=BY, request="r-2")


def answer(*steps: dict[str, Any], happened: bool = True) -> dict[str, Any]:
    return {"ticket_id": 42, "happened": happened, "reason": None, "summary": "Anna was told “Solved”.", "steps": steps}


def test_the_answer_comes_first_and_each_step_says_when_and_where_it_is_found() -> None:
    due = step("deadline", "It is due 2026-11-24T12:00:00Z.", time="2026-11-24T12:00:00.000000Z")
    assert told(answer(CLICK, MOVED, LATER, due, step("rule", "Whoever opened it is told."))) == (
        "Anna was told “Solved”.\n"
        "\n"
        "How it came to that:\n"
        "  1. 2026-11-23T12:00:00Z  Ada resolved it.  [tickets 7, request r-1]\n"
        "  2. 2026-11-23T12:01:00Z  Ada opened it.  [tickets 8]\n"
        "  3.                       It is due 2026-11-24T12:00:00Z.\n"
        "  4.                       Whoever opened it is told."
    )


def test_a_click_of_a_program_is_told_from_one_of_its_owner() -> None:
    shown = told(answer(CLICK, {**MOVED, "actor": {**BY, "kind": "token"}}))
    assert shown.endswith("[tickets 7, request r-1 with an API token]")


def test_what_stands_in_the_way_comes_last_and_is_no_step() -> None:
    obstacles = [step("obstacle", "It is resolved.", time="2026-11-23T12:00:00.000000Z", event=7), step("obstacle", "It is not due.")]
    shown = told(answer(MOVED, *obstacles, happened=False))
    assert shown.splitlines()[2] == "What happened:"
    assert shown.endswith("\n\nWhy not:\n  - It is resolved.\n  - It is not due.")


def test_long_sentences_are_broken_at_the_terminals_width_and_stay_in_their_column() -> None:
    lines = told(answer(step("rule", "word " * 40)), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(line.startswith(" " * 27 + "word") for line in lines[4:])
