"""How `ste` speaks to a service of which several processes run, and to a desk that was started anew."""

from pathlib import Path

import pytest

from chassis.settings import SERVICES, Settings
from deploy.desk_file import DeskFile, holding
from deploy.operator import Away, Operator
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


def test_a_desk_that_was_started_anew_is_found_where_it_is_by_then(tmp_path: Path) -> None:
    def starts(port: int) -> None:
        DeskFile(pid=1, url="", monitor_port=0, ports=dict.fromkeys(SERVICES, port)).write(tmp_path)

    (nobody,) = free_ports(1)
    with upstream() as other, holding(tmp_path):
        starts(nobody)
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "operator").write_text("secret")
        with Operator.of(Settings(data_dir=tmp_path)) as operator:
            with pytest.raises(Away, match=f"does not answer at http://127.0.0.1:{nobody}"):
                operator.post("tickets", "/internal/demo", {})
            (tmp_path / "run" / "desk.json").unlink()  # between two lives
            with pytest.raises(Away):
                operator.post("tickets", "/internal/demo", {})
            starts(other.port)
            with pytest.raises(Away):
                operator.post("tickets", "/internal/demo", {})
            assert operator.post("tickets", "/internal/demo", {})["method"] == "POST"
        assert [seen["headers"]["x-ste-credential"] for seen in other.seen] == ["secret"]
