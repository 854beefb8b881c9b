"""What a figure says of its rounds, its peer and its bar."""

import pytest

from benchmarks.figure import Bar, Figure, number, percentile


def figure(*rounds: float, peer: tuple[float, ...] = (), bar: Bar | None = None) -> Figure:
    return Figure(name="f", group="rates", what="creation", unit="requests/s", rounds=rounds, peer="peer", peer_rounds=peer, bar=bar)


def test_the_ratio_is_the_median_of_the_ratios_within_the_rounds() -> None:
    made = figure(100, 300, 200, peer=(200, 300, 800))
    assert (made.median, made.peer_median, made.ratio) == (200, 300, 0.5)


def test_a_figure_without_rounds_or_with_another_number_of_its_peers_is_refused() -> None:
    with pytest.raises(ValueError, match="rounds"):
        figure()
    with pytest.raises(ValueError, match="rounds"):
        figure(1, 2, peer=(1,))


@pytest.mark.parametrize(("own", "verdict"), [(79, "no"), (80, "accepted"), (99, "accepted"), (100, "yes"), (250, "yes")])
def test_a_ratio_between_bar_and_goal_is_accepted(own: float, verdict: str) -> None:
    assert figure(own, peer=(100,), bar=Bar(of="ratio", least=0.8, goal=1.0)).verdict == verdict


@pytest.mark.parametrize(
    ("bar", "met", "missed"),
    [
        (Bar(of="value", least=200_000), 200_000, 199_999),
        (Bar(of="value", below=50), 49.9, 50.1),
    ],
)
def test_a_value_is_held_to_its_bar(bar: Bar, met: float, missed: float) -> None:
    assert (figure(met, bar=bar).verdict, figure(missed, bar=bar).verdict) == ("yes", "no")


def test_without_its_peer_nobody_knows_whether_a_bar_is_met() -> None:
    assert figure(1, bar=Bar(of="ratio", least=0.8)).verdict == "?"
    assert figure(1).verdict == ""


def test_a_bar_says_what_it_asks_for() -> None:
    assert str(Bar(of="ratio", least=0.8, goal=1.0)) == "≥ 0.80 \u00d7 (goal 1)"
    assert str(Bar(of="ratio", below=1.3)) == "≤ 1.30 \u00d7"
    assert str(Bar(of="value", below=50)) == "< 50"
    assert str(Bar(of="value", least=200_000)) == "≥ 200,000"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (0.5, "0.50"), (7, "7"), (7.25, "7.25"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (99.9, 100), (100, 100), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: int) -> None:
    assert percentile(range(1, 101), percent) == value


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing"):
        percentile([], 50)
