"""How clicks and what is heard of them are brought together."""

import pytest

from benchmarks.clicking import Clickable, Clicks, waits, written
from benchmarks.listening import Arrival, chunks, tickets_in


def clicks(**answers: list[float]) -> Clicks:
    made = Clicks()
    for name, times in answers.items():
        ticket = int(name.removeprefix("t"))
        made.answers[ticket], made.requesters[ticket] = times, f"person-{ticket}"
    return made


def test_each_click_on_a_ticket_belongs_to_its_next_arrival_on_every_stream() -> None:
    done = clicks(t1=[10.0, 11.0], t2=[10.5])
    arrivals = [Arrival(0, 1, 10.25), Arrival(1, 1, 10.5), Arrival(0, 2, 10.75), Arrival(0, 1, 11.125), Arrival(1, 1, 11.25)]
    assert sorted(waits(done, arrivals)) == [0.125, 0.25, 0.25, 0.25, 0.5]


def test_what_came_before_its_answer_took_no_time() -> None:
    assert waits(clicks(t1=[10.0]), [Arrival(0, 1, 9.5)]) == [0.0]


def test_what_comes_twice_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="1 clicks on ticket 1 came 2 times"):
        waits(clicks(t1=[10.0]), [Arrival(0, 1, 10.5), Arrival(0, 1, 10.75)])


@pytest.mark.parametrize("rows", [{}, {1: [10.5, 10.75]}])
def test_a_lost_or_doubled_row_is_no_figure(rows: dict[int, list[float]]) -> None:
    assert written(clicks(t1=[10.0]), {1: [10.5]}) == [0.5]
    with pytest.raises(RuntimeError, match="1 clicks on ticket 1 made"):
        written(clicks(t1=[10.0]), rows)


def test_clicks_are_counted_by_whose_tickets_they_concern() -> None:
    done = clicks(t1=[1.0, 2.0], t2=[3.0])
    assert (done.by(["person-1"]), done.by(["person-1", "person-2"]), done.by([])) == (2, 3, 0)


def test_every_click_changes_the_status() -> None:
    ticket = Clickable(7, "person", "in_progress")
    bodies = [ticket.click().body for _ in range(3)]
    assert bodies == ['{"status":"resolved"}', '{"status":"open"}', '{"status":"in_progress"}']
    assert ticket.click().path == "/api/tickets/7/status"


def test_chunks_are_taken_off_once_they_are_whole() -> None:
    received = bytearray(b"3\r\nabc\r\n5\r\nde")
    assert list(chunks(received)) == [b"abc"]
    received += b"fgh\r\n0"
    assert list(chunks(received)) == [b"defgh"]
    assert received == b"0"


def test_only_notifications_count_among_the_events_of_a_stream() -> None:
    told = b'event: notification\nid: 7\ndata: {"id":"x","ticket_id":42}\n\n'
    text = b"retry: 1000\n\n" + told + b'event: unread\nid: 7\ndata: {"count":1}\n\n: heartbeat\n\n'
    assert list(tickets_in(text)) == [42]
