"""How `ste` speaks to a service of which several processes run."""

import pytest

from deploy.operator import Operator
from deploy.ports import free_ports
from deploy.refusal import Refusal
from tests.support.upstream import upstream


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def test_where_nobody_listens_the_next_process_of_the_service_is_asked() -> None:
    (nobody,) = free_ports(1)
    with upstream() as other, upstream() as second:
        with Operator({"auth": url(other.port), "tickets": url(nobody), "tickets-2": url(second.port)}, "secret") as operator:
            assert operator.get("tickets", "/internal/seen")["path"] == "/internal/seen"
            assert operator.post("tickets", "/internal/demo", {})["method"] == "POST"
        assert (len(other.seen), len(second.seen)) == (0, 2)


def test_what_a_process_may_have_heard_is_not_asked_of_another() -> None:
    with upstream() as first, upstream() as second:
        urls = {"tickets": url(first.port), "tickets-2": url(second.port)}
        with Operator(urls, "secret") as operator, pytest.raises(Refusal, match="tickets does not answer at"):
            operator.post("tickets", "/api/auth/dies")
        assert (len(first.seen), len(second.seen)) == (1, 0)
