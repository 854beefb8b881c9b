"""What can be asked with `ste why`: what cannot is said before any desk is asked."""

import pytest

from tests.support.commands import said


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "Say one of --notification, --escalation, --escalated, or --event together with --person"),
        (["--notification", "n-1", "--escalated", "e-1"], "Say one of"),
        (["--event", "e-1"], "together with --person"),
        (["--escalation", "default", "--person", "p-1"], "together with --person"),
        (["--escalation", "default:0"], "default:0 is no level of a policy"),
        (["--escalation", "The policy"], "It can be default, or default:2"),
        (["--notification", ""], "'' is no id"),
        (["--escalated", "a b"], "'a b' is no id"),
    ],
    ids=str,
)
def test_a_question_that_is_none_is_not_understood(asked: list[str], words: str) -> None:
    code, answer = said("why", "42", *asked)
    assert (code, words in answer) == (2, True), answer
