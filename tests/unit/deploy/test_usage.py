"""What `ste` does not understand is said at once, with the exit code for that: no desk need run."""

from pathlib import Path

import pytest

from deploy.backups.erasing import people_in
from deploy.refusal import Refusal
from tests.support.commands import said

EMPTY = "Nothing lies between: "


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("replay --from 5 --to 2", f"{EMPTY}--from is 5, and --to is 2."),
        ("replay --from 2026-11-27 --to 2026-11-27", f"{EMPTY}--from is 2026-11-27T00:00:00"),
        ("replay --to 0", "Positions begin with 1"),
        ("replay --from yesterday", "yesterday is no time"),
        ("replay --type ticket.create", "There are, for example, ticket.created"),
        ("replay --type ticket", "There are, for example, ticket."),
        ("events tail --type nosuch", "There are no events of the type 'nosuch'"),
        ("events tail --source nosuch", "There are auth, tickets, notifier, escalator"),
        ("audit search --since 1d --until 2d", f"{EMPTY}--since is "),
        ("audit search --since=", "Nothing is no time"),
        ("audit rotate-key nosuch", "There is no service 'nosuch'"),
        ("rebuild nosuch", "There is no service 'nosuch'"),
        ("rebuild tickets a/b", "'a/b' is no id"),
        ("relay refill nosuch", "There is no service 'nosuch'"),
        ("parked retry tickets nosuch 1", "There is no service 'nosuch'"),
        ("parked skip nosuch tickets 1", "There is no service 'nosuch'"),
        ("witness resolve tickets nosuch", "There is no service 'nosuch'"),
        ("jobs retry a/b", "'a/b' is no id"),
        ("ticket list --status shut", "'--status': 'shut' is not one of 'open', 'in_progress', 'resolved'."),
        ("ticket show seven", "'number': It is a whole number."),
    ],
)
def test_what_cannot_be_meant_is_refused(command: str, words: str) -> None:
    code, answer = said(*command.split())
    assert (code, words in answer) == (2, True), answer


def test_a_simulation_of_no_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("name: x\nlevels: [{after: 4h}]\n", encoding="utf-8")
    code, answer = said("simulate", str(tmp_path / "policy.yaml"), "--since", "2999-01-01")
    assert (code, f"{EMPTY}--since is 2999-01-01" in answer) == (2, True), answer


def test_a_list_of_the_erased_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "erased").write_bytes(b"\xff\xfe")
    with pytest.raises(Refusal, match="is no text in UTF-8"):
        people_in(tmp_path / "erased")
