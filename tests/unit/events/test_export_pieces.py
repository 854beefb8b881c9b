"""Most lines of an export are checked by what they have in common with others, and none is taken that would not stand a closer look."""

from collections.abc import Sequence

import pytest

from events import export_pieces
from events.entries import action_of
from events.envelope import chain, digest
from events.export_pieces import Pieces
from events.export_runs import Run
from events.exported import Lines, Wrong, by_values
from events.exports import Covered, Export
from tests.support.exports import SIGNERS
from tests.support.logs import Log


def written(log: Log, names: Sequence[str] = ("Anna",)) -> list[bytes]:
    """Return the lines of all events of a log; who did them bears the names in turn."""
    log.sign(SIGNERS["/tickets"])
    size, note = log.notes[-1]
    export = Export(format="jsonl", covered=[Covered(log.source, size, note, [SIGNERS["/tickets"].public_key], [])])
    return [export.entry(each, action_of(each.type) or "", names[number % len(names)]) for number, each in enumerate(log.events)]


def looked_at(pieces: Pieces, lines: Sequence[bytes]) -> int:
    """Return how many of these lines were not checked by pieces; all are in order."""
    block, runs, at, looked = b"".join(lines), dict[str, Run](), 0, 0
    while True:
        at, _ = pieces.take(block, at, runs)
        if at == len(block):
            return looked
        end = block.index(b"\n", at) + 1
        source, sequence, prevhash, hash_, leaf, passed = by_values(block[at:end])
        runs.setdefault(source, Run(sequence - 1, prevhash)).add(sequence, prevhash, hash_, leaf, passed)
        pieces.learn(block, at, end)
        at, looked = end, looked + 1


def busy(events: int) -> Log:
    """A log of what goes on at a desk."""
    log = Log()
    for number in range(1, events + 1):
        ticket, people = f"ticket/{number % 23}", {"assignee": None, "requester": f"r{number % 7}"}
        if number % 3 == 0:
            log.add(ticket, "ticket.created", people | {"number": number}, {"title": f"é [{number}]", "body": 'a "}\n' * (number % 5)})
        elif number % 3 == 1:
            log.add(ticket, "ticket.status_changed", people | {"before": {"status": "open"}, "after": {"status": "resolved"}})
        else:
            log.add(ticket, "ticket.priority_changed", {"before": {"priority": "low"}, "after": {"priority": "high"}}, actorkind="system")
    return log


def test_lines_that_are_like_others_need_no_closer_look() -> None:
    pieces, lines = Pieces(), written(busy(900))
    assert looked_at(pieces, lines) < 60  # as many as there are kinds of them, and as numbers get longer
    assert looked_at(pieces, lines) < 10  # where one that is as long had other lengths within it


def test_a_long_stream_is_like_a_short_one() -> None:
    log = Log()
    for _ in range(400):
        log.add("user/1", "user.password_changed")
    assert looked_at(Pieces(), written(log)) < 15


def test_another_origin_is_learned_once() -> None:
    log = Log()
    for number in range(100):
        log.add(
            data={"number": number}, type_="ticket.created", origin=f"00000000-0000-0000-0000-00000000000{number // 50}", actorid="a" * 36
        )
    pieces = Pieces()
    before = looked_at(pieces, written(log)[:50])
    assert looked_at(pieces, written(log)) <= before + 3


def test_what_was_erased_is_checked_by_pieces_too() -> None:
    log = Log()
    for number in range(1, 30):
        log.add(f"ticket/{number}", "ticket.created", {"number": number}, {"title": "x"})
    log.events[:] = [each._replace(personal=None, salt=None) for each in log.events]
    assert looked_at(Pieces(), written(log)) < 8


def test_more_names_and_layouts_than_are_remembered_are_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = written(busy(300), [f"Näme \\ {number}" for number in range(40)])
    for most in ("_MOST_LAYOUTS", "_MOST_NAMES", "_MOST_PAIRS"):
        monkeypatch.setattr(export_pieces, most, 3)
    pieces = Pieces()
    assert looked_at(pieces, lines) <= 300
    assert max(len(pieces._layouts), len(pieces._names), len(pieces._pairs)) <= 3


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b'"source":"/tickets"', b'"source":"/tickats"'),
        (b'"action":"ticket_created"', b'"action":"ticket_creates"'),
        (b'"kind":"user"', b'"kind":"uses"'),
        (b'"entity":{"type":"ticket"', b'"entity":{"type":"tacket"'),
        (b'"imported":false', b'"imported":true '),
        (b'"name":"Anna"', b'"name":"Ann\\"'),
        (b'"before":null', b'"before":nul1'),
        (b'"passed":[]', b'"passed":{}'),
        (b',"data":', b',"dota":'),
        (b',"salt":"', b',"sa1t":"'),
        (b'"traceparent":null', b'"traceparent":nil!'),
    ],
)
def test_what_is_constant_is_compared_too(was: bytes, now: bytes) -> None:
    log = Log()
    for number in range(1, 8):
        log.add(f"ticket/{number}", "ticket.created", {"number": number}, {"title": "x"})
    lines = written(log)
    assert lines[5].count(was) >= 1
    for place in range(lines[5].count(was)):
        parts = lines[5].split(was)
        changed = was.join(parts[: place + 1]) + now + was.join(parts[place + 1 :])
        with pytest.raises(Wrong) as found:
            Lines().take(b"".join([*lines[:5], changed, *lines[6:]]))
        assert found.value.line == 6


def test_a_line_that_ends_anywhere_is_not_taken() -> None:
    lines = written(busy(6))
    for line in lines[3:]:
        pieces, runs = Pieces(), dict[str, Run]()
        pieces.learn(line, 0, len(line))
        assert pieces.take(line, 0, runs) == (len(line), 1)
        for end in range(len(line) - 1):
            assert pieces.take(line[:end] + b"\n", 0, {}) == (0, 0)


def test_an_event_that_follows_another_one_is_not_taken() -> None:
    log = busy(60)
    lines = written(log)
    for number in (20, 40):
        with pytest.raises(Wrong, match="does not follow") as found:
            Lines().take(b"".join([*lines[:number], *lines[number + 1 :]]))
        assert found.value.line == number + 1


def forged(data: bytes, said: bytes, personal: dict[str, str] | None = None) -> list[bytes]:
    """Return lines of which the last is of an event that has these data, as only who signs a log could write it, and says this of them."""
    log = Log()
    for number in range(1, 8):
        log.add(f"ticket/{number}", "ticket.created", {"number": number}, personal)
    *others, line = written(log)
    last = log.events[-1]
    head = last.head.replace(last.datadigest.encode(), digest(data).encode())
    told = last.data if last.personal is None else last.data[:-1] + b"," + last.personal[1:]
    for was, now in (
        (b'"before":null,"after":' + told, said),
        (last.head, head),
        (b'"data":' + last.data, b'"data":' + data),
        (last.hash.encode(), chain(last.prevhash, head).encode()),
    ):
        assert was in line
        line = line.replace(was, now)
    return [*others, line]


def test_what_a_store_could_have_written_is_taken() -> None:
    Lines().take(b"".join(forged(b'{"number":8}', b'"before":null,"after":{"number":8}')))
    Lines().take(b"".join(forged(b'{"number":8}', b'"before":null,"after":{"number":8,"title":"x"}', {"title": "x"})))


@pytest.mark.parametrize(
    ("data", "said", "personal"),
    [
        (b"low", b'"before":null,"after":low', None),
        (b"[8]", b'"before":null,"after":[8]', None),
        (b'{"number": 8}', b'"before":null,"after":{"number": 8}', None),
        (b'{"number":8,"number":9}', b'"before":null,"after":{"number":8,"number":9}', None),
        (b'{"number":8},"before":{}', b'"before":null,"after":{"number":8},"before":{}', None),
        (b'{"before":{"number":8}}', b'"before":null,"after":{"before":{"number":8}}', None),
        (b'{"number":8]', b'"before":null,"after":{"number":8,"title":"x"}', {"title": "x"}),
        (b'{"title":"y"}', b'"before":null,"after":{"title":"y","title":"x"}', {"title": "x"}),
    ],
)
def test_what_has_no_one_meaning_is_not_taken_though_a_store_signed_it(data: bytes, said: bytes, personal: dict[str, str] | None) -> None:
    lines = forged(data, said, personal)
    with pytest.raises(Wrong) as found:
        Lines().take(b"".join(lines))
    assert found.value.line == len(lines)


def test_a_kind_of_actor_cannot_add_to_what_an_entry_says() -> None:
    log = Log()
    for number in range(1, 5):
        log.add(f"ticket/{number}", "ticket.created", actorkind='user","id":"ben","x":"')
    *others, last = written(log)
    entry, event, rest = last.partition(b',"event":')
    disguised = entry.replace(b'\\"', b'"') + event + rest
    assert disguised != last
    with pytest.raises(Wrong) as found:
        Lines().take(b"".join([*others, disguised]))
    assert found.value.line == len(others) + 1


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b'"name":"Anna"', b'"name":{"anything":"at all"}'),
        (b'"traceparent":null', b'"traceparent":"anything at all"'),
        (b'"traceparent":null', b'"traceparent":{}'),
    ],
)
def test_what_the_seal_alone_vouches_for_is_at_least_what_it_could_be(was: bytes, now: bytes) -> None:
    line = written(busy(1))[0]
    assert was in line
    with pytest.raises(Wrong):
        Lines().take(line.replace(was, now))
