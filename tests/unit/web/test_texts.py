"""What people type is shown as they typed it: nothing in it becomes a part of the page but addresses of the web and of mail."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from web.texts import to_html

PIECES = st.sampled_from(
    ["http://", "https://a.example/", "mailto:", "javascript:", "<", ">", '"', "'", "&", "(", ")", ".", ":", " ", "\n", "x"]
)


def link(address: str) -> str:
    return Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(address)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("See https://a.example/x.", f"See {link('https://a.example/x')}."),
        ("(https://a.example/x_(y))", f"({link('https://a.example/x_(y)')})"),
        ("Write to mailto:anna@example.org!", f"Write to {link('mailto:anna@example.org')}!"),
        ("HTTP://A.EXAMPLE?a=1&b=2", str(link("HTTP://A.EXAMPLE?a=1&b=2"))),
    ],
)
def test_an_address_is_a_link_without_what_ends_the_sentence(typed: str, shown: str) -> None:
    assert to_html(typed) == shown


@pytest.mark.parametrize(
    "typed", ["mailto:", "mailto:...", "http://.", "https://)", "javascript:alert(1)", "data:text/html,x", "//a.example", "xhttp://a"]
)
def test_what_leads_nowhere_or_elsewhere_is_text(typed: str) -> None:
    assert to_html(typed) == escape(typed)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_nothing_that_is_typed_is_lost_or_becomes_a_part_of_the_page(typed: str) -> None:
    shown = str(to_html(typed))
    assert Markup(re.sub("<[^>]*>", "", shown)).unescape() == typed
    for tag in re.findall("<[^>]*>", shown):
        assert re.fullmatch('</a>|<a href="(?i:https?://|mailto:)[^"<>]+" rel="noopener noreferrer nofollow">', tag)
