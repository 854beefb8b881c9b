"""What browsers send that is not what it should be: it is taken for nothing, and never for an address elsewhere."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from web.notices import Notice, put_notice, take_notice
from web.places import local
from web.preferences import Preferences

ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "/\n/evil.example", "/\x00/evil.example", " //evil.example", "javascript:alert(1)", "evil.example", "", None, "/\ud800",
    "/" + "x" * 3000, "/\x85/evil.example",
]  # fmt: skip


@pytest.mark.parametrize("where", ELSEWHERE, ids=ascii)
def test_nobody_is_sent_on_to_another_site(where: str | None) -> None:
    assert local(where, "/tickets") == "/tickets"


@pytest.mark.parametrize("where", ["/", "/tickets?q=a%20b&x=1", "/tickets/42#notes", "/tickets?q=//x", "/tickets?q=ü"])
def test_a_page_of_the_desk_is_gone_on_to(where: str) -> None:
    assert local(where, "/login") == where


def cookie(value: object) -> dict[str, str]:
    return {"notice": base64.urlsafe_b64encode(json.dumps(value).encode()).decode()}


GARBAGE = [
    {"notice": "%%%"}, {"notice": "ü"}, {"notice": ""}, {"notice": base64.urlsafe_b64encode(b"[" * 9000).decode()},
    {"notice": base64.urlsafe_b64encode(b"\xff\xfe{").decode()}, cookie([]), cookie(None), cookie(7),
    cookie({"text": "\ud800", "kind": "done"}), cookie({"text": "x", "kind": "danger"}),
    cookie({"text": "x", "kind": "done", "link": "//evil.example"}),
    cookie({"text": "x", "kind": "done", "link": "javascript:alert(1)"}),
]  # fmt: skip


@pytest.mark.parametrize("cookies", GARBAGE, ids=range(len(GARBAGE)))
def test_a_notice_that_cannot_be_ours_is_not_said(cookies: dict[str, str]) -> None:
    assert take_notice(cookies) is None


@given(st.text(max_size=300), st.sampled_from(["", "/tickets/42"]))
def test_a_notice_comes_out_of_its_cookie_as_it_went_in(text: str, link: str) -> None:
    notice = Notice(text, link=link, link_text="See it")
    answer = Response()
    put_notice(answer, notice)
    value = answer.headers["set-cookie"].partition("=")[2].partition(";")[0].strip('"')
    assert take_notice({"notice": value}) == notice


@pytest.mark.parametrize("secure", [True, False])
def test_a_notice_is_for_https_alone_where_the_desk_is(secure: bool) -> None:
    for notice in (Notice("Saved."), None):
        answer = Response()
        put_notice(answer, notice, secure=secure)
        assert ("Secure" in answer.headers["set-cookie"]) is secure


@given(st.dictionaries(st.sampled_from(["zone", "theme"]), st.text(max_size=50)))
def test_preferences_that_are_none_are_the_usual_ones(cookies: dict[str, str]) -> None:
    found = Preferences.of(cookies)
    assert found.theme in ("auto", "light", "dark")
    assert found.zone_known or found.zone.key == "UTC"
