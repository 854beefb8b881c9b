"""Small pure functions by which pages say things."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.agents import browser
from web.pages.account import by_region
from web.pages.two_factor import secret_of
from web.preferences import zones
from web.qr import to_svg
from web.refusals import Refused, sentence

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Linux",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome on Windows",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": "Edge on Windows",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    f"Mozilla/5.0 (Linux; Android 15) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    "curl/8.5.0": "curl/8.5.0",
    "": "An unknown program",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_browser_has_a_name_that_people_know(agent: str) -> None:
    assert browser(agent) == AGENTS[agent]


@given(st.text(max_size=300))
def test_what_a_program_calls_itself_is_never_shown_at_length(agent: str) -> None:
    assert 0 < len(browser(agent)) <= 61


RULES = {
    "String should have at least 1 character": "Fill this in.",
    "String should have at least 8 characters": "Use at least 8 characters.",
    "String should have at most 100 characters": "Use at most 100 characters.",
    "Input should be greater than or equal to 1": "Write 1 or more.",
    "Frozenset should have at least 1 item after validation, not 0": "Choose at least one.",
    "Input should be 'low', 'normal', 'high' or 'urgent'": "Choose one of those that are offered.",
    "is one of the passwords that attackers try first": "Is one of the passwords that attackers try first.",
    "": "",
}


@pytest.mark.parametrize("rule", RULES)
def test_what_is_wrong_with_a_field_is_said_as_people_say_it(rule: str) -> None:
    assert sentence(rule) == RULES[rule]


def test_every_time_zone_is_offered_once_under_its_region() -> None:
    regions = by_region(zones())
    assert sorted(value for _, names in regions for value, _ in names) == sorted(zones())
    assert len({region for region, _ in regions}) == len(regions)
    assert ("America/Argentina/Buenos_Aires", "Argentina/Buenos Aires") in dict(regions)["America"]
    assert ("UTC", "UTC") in dict(regions)["Other"]
    assert regions[-1][0] == "Other"


URI = (
    "otpauth://totp/Support%20Ticket%20Express:anna%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Support%20Ticket%20Express"
)


def test_a_secret_is_shown_in_groups_that_can_be_typed() -> None:
    assert secret_of(URI) == "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"


@pytest.mark.parametrize(
    "uri", ["", "https://evil.example/?secret=JBSWY3DPEHPK3PXP", "otpauth://totp/x", "otpauth://totp/x?secret=<b>", "otpauth://[x"]
)
def test_what_carries_no_secret_is_none(uri: str) -> None:
    assert secret_of(uri) is None


def test_a_qr_code_has_no_inline_style_and_nothing_of_the_text_in_it() -> None:
    svg = to_svg(URI)
    assert svg is not None
    assert svg.startswith("<svg")
    assert "style" not in svg
    assert "JBSW" not in svg
    assert list(chain.from_iterable(word for word in ("script", "http") if word in svg.replace("http://www.w3.org/2000/svg", ""))) == []


@pytest.mark.parametrize("text", ["", "x" * 601])
def test_what_no_phone_could_read_is_no_qr_code(text: str) -> None:
    assert to_svg(text) is None


@pytest.mark.parametrize(
    ("title", "detail", "headline"),
    [
        ("The code is wrong", "The code is wrong or was used already.", ""),
        ("E-mail or password wrong", "The e-mail or the password is wrong.", ""),
        ("Too many requests", "Too many attempts. Try again in 10 minutes.", "Too many requests"),
        ("Not permitted", "Only admins may do that.", "Not permitted"),
    ],
)
def test_what_a_refusal_says_in_its_sentence_stands_in_no_headline_above_it(title: str, detail: str, headline: str) -> None:
    assert Refused(422, "any", title, detail).headline == headline
