"""What an import says of the rows that it could not bring in: enough to see what is wrong, and no more."""

from deploy.importing.reporting import Reports


def reported(*rows: tuple[int, str], everything: bool = False) -> tuple[list[str], list[str]]:
    """Return what was said of each row, and at the end."""
    said: list[str] = []
    reports = Reports(said.append, everything=everything)
    for line, what in rows:
        reports.report(line, what)
    return said, reports.rest()


OTHER_ZONE = [(line, f"was refused: row {line} of 'INC{line}' says something else") for line in range(2, 5002)]
BROKEN = (6000, "has 3 columns")


def test_a_flaw_of_every_row_is_told_of_ten_and_does_not_hide_another() -> None:
    said, rest = reported(*OTHER_ZONE, BROKEN)
    assert said == [*(f"line {line} {what}" for line, what in OTHER_ZONE[:10]), "line 6000 has 3 columns"]
    assert rest == ["… and 4,990 more like line 2, which was refused: row 2 of 'INC2' says something else"]


def test_whoever_wants_every_row_gets_every_row() -> None:
    said, rest = reported(*OTHER_ZONE, BROKEN, everything=True)
    assert (len(said), rest) == (5001, [])


def test_ten_of_a_kind_have_no_rest() -> None:
    assert reported(*OTHER_ZONE[:10])[1] == []


def test_what_is_told_apart_does_not_grow_with_the_file() -> None:
    letters = "abcdefghijklmnop"
    kinds = [(number, f"is a flaw {first}{second}") for number, (first, second) in enumerate((a, b) for a in letters for b in letters)]
    said, rest = reported(*kinds)
    assert len(said) == 110
    assert rest == ["… and 146 more of other kinds"]
