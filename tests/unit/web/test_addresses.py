"""The pages' addresses: each leads to its own page, whatever the order in which they are declared."""

import re

import pytest

from chassis.dispatch import Dispatch
from chassis.settings import Settings
from web.app import create_app
from web.front import PageRoute

ROUTES = [route for route in create_app(Settings(_env_file=None)).router.routes if isinstance(route, PageRoute)]
ADDRESSES = [(method, route.path) for route in ROUTES for method in sorted(route.methods or ())]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_no_address_is_hidden_by_another(method: str, path: str) -> None:
    found = Dispatch(ROUTES).find({"type": "http", "method": method, "path": re.sub(r"{[^}]*}", "x7f3a", path)})
    assert found.path == path


def test_every_page_answers_head_and_no_form_does() -> None:
    for route in ROUTES:
        assert route.methods in ({"GET", "HEAD"}, {"POST"}), route.path
