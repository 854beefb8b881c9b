"""The seal over the audit says what is known of the log, and no more."""

from tests.support.seals import drawn, facts


def test_a_log_that_was_never_verified_is_grey_and_can_be() -> None:
    page = drawn(None)
    assert "Not verified yet" in page
    assert 'class="card seal never"' in page
    assert "Verify now" in page


def test_a_log_that_is_well_says_up_to_where_and_when() -> None:
    page = drawn(facts(ok=True))
    assert 'class="card seal good"' in page
    assert "up to 1,042" in page
    assert "1 h ago" in page
    assert 'value="/audit?q=x"' in page


def test_one_that_is_not_says_where_and_why_with_nothing_of_it_taken_for_html() -> None:
    page = drawn(facts(ok=False, reason="<b>the chain is broken</b>"))
    assert 'class="card seal bad"' in page
    assert "wrong at 17" in page
    assert "&lt;b&gt;the chain is broken&lt;/b&gt;" in page


def test_while_it_is_verified_it_says_how_far_and_cannot_be_asked_again() -> None:
    page = drawn(facts(ok=True), "120000/200000")
    assert "data-verifying" in page
    assert "120,000 of 200,000 events" in page
    assert '<progress max="200000" value="120000">' in page
    assert "Verify now" not in page
