"""The journal and what follows it: people, and the audit list over the events of every source."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select
from sqlalchemy import event as hooks

from events import tables
from events.catalogue import encode, type_of
from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.contracts.operation import RelayRefilled
from events.contracts.ticket import TicketAssigned, TicketCreated, TicketEdited, TicketNoteAdded, TicketStatusChanged
from events.contracts.user import UserDeactivated, UserErased, UserLoginFailed, UserReactivated, UserRegistered, UserRoleChanged
from events.decider import Transaction
from events.envelope import COLUMNS, ZERO_HASH, StoredEvent, canonical, chain, digest, head_of, personal_digest
from tests.integration.tickets.store import moment
from tickets import trail
from tickets.auditing import Audit
from tickets.decider import Person
from tickets.journal import Journal, JournalFeed, PeopleFeed, recorded
from tickets.people import People, load
from tickets.tables import AUDIT, DESK, PEOPLE, PRIMARY, audit, people
from tickets.trail import Sought

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")
SALT = "00" * 16


@dataclass
class Sources:
    """The logs of all services, and one store with their journal."""

    connection: Connection
    journal: Journal = field(default_factory=Journal)
    last: dict[str, StoredEvent] = field(default_factory=dict)
    versions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def tell(self, told: Any, subject: str, *, by: str = "ada", source: str = "/tickets", at: int = 0) -> StoredEvent:
        """Append an event to a source's log and bring it into the journal, as its writer or its consumer would."""
        stored = self._stored(told, subject, by, source, moment(at))
        if source == "/tickets":
            self.connection.execute(insert(tables.events), {name: getattr(stored, name) for name in COLUMNS})
            self.journal.record_own(self.connection, [recorded(stored)])
        else:
            self.journal.record(cast("Transaction", self), [stored])
        return stored

    def announce(self, news: object) -> None:
        """Pass over what a writer would hand to its projections: `project` reads it all from the journal."""

    def project(self) -> None:
        """Let people and the audit list follow."""
        done = self.connection.execute(select(audit.c.position).order_by(audit.c.position.desc()).limit(1)).scalar() or 0
        items = JournalFeed().read(self.connection, done, 10_000)
        People().apply(self.connection, items)
        Audit().apply(self.connection, items)

    def listed(self, sought: Sought, **options: Any) -> list[dict[str, Any]]:
        return trail.entries(self.connection, sought, **{"limit": 1000, "after": None, **options})

    def _stored(self, event: Any, subject: str, by: str, source: str, time: str) -> StoredEvent:
        before = self.last.get(source)
        self.versions[subject] += 1
        data, private = (canonical(part) if part is not None else None for part in encode(event))
        assert data is not None
        attributes = {
            "sequence": before.sequence + 1 if before else 1,
            "id": f"{source}-{before.sequence + 1 if before else 1}",
            "source": source,
            "origin": "origin",
            "type": type_of(event).name,
            "dataversion": 1,
            "subject": subject,
            "streamversion": self.versions[subject],
            "time": time,
            "recordedtime": time,
            "imported": False,
            "actorkind": "system" if by in trail.SYSTEM else "user",
            "actorid": by,
            "tokenid": None,
            "correlationid": None,
            "causationid": None,
            "datadigest": digest(data),
            "personaldigest": personal_digest(SALT, private) if private else None,
            "personalof": "anna" if private else None,
        }
        head = head_of(attributes)
        prevhash = before.hash if before else ZERO_HASH
        stored = StoredEvent(
            **attributes,  # type: ignore[arg-type]
            traceparent=None,
            head=head,
            data=data,
            personal=private,
            salt=SALT if private else None,
            prevhash=prevhash,
            hash=chain(prevhash, head),
        )
        self.last[source] = stored
        return stored


@pytest.fixture
def sources() -> Iterator[Sources]:
    yield from opened()


def opened() -> Iterator[Sources]:
    engine = create_engine("sqlite://", module=pysqlite3)
    with engine.begin() as connection:
        for metadata in (tables.LOG, PRIMARY, DESK, PEOPLE, AUDIT):
            metadata.create_all(connection)
        yield Sources(connection)
    engine.dispose()


def registered(name: str, role: str = "user") -> UserRegistered:
    return UserRegistered(role=role, can_sign_in=True, name=name, email=f"{name.split(maxsplit=1)[0].lower()}@example.com")


def created(number: int = 42, requester: str = "anna") -> TicketCreated:
    return TicketCreated(
        requester=requester, assignee=None, number=number, priority="low", status="open", title="Printer", body="It burns."
    )


def resolved(requester: str = "anna") -> TicketStatusChanged:
    return TicketStatusChanged(requester=requester, assignee=None, before={"status": "open"}, after={"status": "resolved"})


def test_positions_have_no_gap_and_every_event_comes_back_as_the_bytes_it_came_as(sources: Sources) -> None:
    told = [
        sources.tell(registered("Anna Arendt"), "user/anna", by="anna", source="/auth"),
        sources.tell(created(), "ticket/42", by="anna"),
        sources.tell(resolved(), "ticket/42"),
        sources.tell(UserErased(), "user/anna", source="/auth"),
    ]
    feed = JournalFeed()
    assert [(position, item.stored) for position, item in feed.read(sources.connection, 0, 10)] == list(enumerate(told, start=1))
    assert [position for position, _ in feed.read(sources.connection, 1, 2)] == [2, 3]
    assert feed.head(sources.connection) == 4
    of_people = PeopleFeed()
    assert [(position, item.stored) for position, item in of_people.read(sources.connection, 0, 10)] == [(1, told[0]), (4, told[3])]
    assert of_people.head(sources.connection) == 4


def test_an_event_of_a_type_that_is_not_known_here_is_listed_with_all_that_it_says(sources: Sources) -> None:
    stored = sources.tell(registered("Anna Arendt"), "user/anna", by="anna", source="/auth")
    unknown = StoredEvent(**{**{name: getattr(stored, name) for name in COLUMNS}, "type": "user.knighted"})
    Audit().apply(sources.connection, [(1, recorded(unknown))])
    (entry,) = sources.listed(Sought())
    assert entry["action"] == "user_knighted"
    assert recorded(unknown).event is None


def test_people_are_what_auth_told_of_them_last(sources: Sources) -> None:
    for event in (
        registered("Anna Arendt"),
        UserRoleChanged(before={"role": "user"}, after={"role": "admin"}),
        UserDeactivated(before={"active": True}, after={"active": False}),
    ):
        sources.tell(event, "user/anna", source="/auth")
    sources.project()
    assert load(sources.connection, ["anna", "nobody"]) == {"anna": Person(id="anna", role="admin", active=False), "nobody": None}
    sources.tell(UserReactivated(before={"active": False}, after={"active": True}), "user/anna", source="/auth")
    sources.project()
    assert load(sources.connection, ["anna"])["anna"] == Person(id="anna", role="admin", active=True)


def test_an_erased_person_has_no_name_and_cannot_be_given_a_ticket(sources: Sources) -> None:
    sources.tell(registered("Anna Arendt", "admin"), "user/anna", source="/auth")
    sources.tell(UserErased(), "user/anna", source="/auth")
    sources.project()
    row = sources.connection.execute(select(people)).one()
    assert (row.name, row.email, row.matchable, row.active) == (None, None, "", False)


@pytest.mark.parametrize(
    ("event", "before", "after"),
    [
        (created(), None, {**encode(created())[0], "title": "Printer", "body": "It burns."}),
        (resolved(), {"status": "open"}, {"status": "resolved"}),
        (
            TicketEdited(requester="anna", assignee=None, fields=["title"], before={"title": "a"}, after={"title": "b"}),
            {"title": "a"},
            {"title": "b"},
        ),
        (TicketEdited(requester="anna", assignee=None, fields=["title"], before=None, after=None), None, None),
        (
            TicketAssigned(requester="anna", assignee="ada", before={"assignee": None}, after={"assignee": "ada"}),
            {"assignee": None},
            {"assignee": "ada"},
        ),
        (
            EscalationPolicyChanged(version=1, apply_to_past=False, before=None, after={"name": "default"}),
            None,
            {"name": "default"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_entry_says_what_changed(sources: Sources, event: Any, before: Any, after: Any) -> None:
    stored = sources.tell(event, "ticket/42")
    sources.project()
    (entry,) = sources.listed(Sought())
    assert (entry["before"], entry["after"], entry["id"], entry["hash"]) == (before, after, stored.id, stored.hash)


def test_a_failed_login_of_nobody_known_stands_under_user(sources: Sources) -> None:
    sources.tell(UserLoginFailed(reason="unknown-email", address=None), "login/abc", by="auth", source="/auth")
    sources.project()
    (entry,) = sources.listed(Sought(entity="user"))
    assert entry["entity"] == {"type": "user", "id": "abc"}
    assert entry["actor"] == {"kind": "system", "id": "auth", "name": "auth"}


def test_what_the_catalogue_keeps_out_of_the_list_is_not_listed(sources: Sources) -> None:
    due = EscalationDue(ticket=42, policy="default", policy_version=1, level=1, due_at=moment(1), when={}, notify="admins")
    sources.tell(due, "ticket/42", by="escalator", source="/escalator")
    sources.project()
    assert sources.listed(Sought()) == []


def test_a_requesters_history_has_no_notes_and_an_admins_has(sources: Sources) -> None:
    sources.tell(created(), "ticket/42", by="anna", at=1)
    sources.tell(TicketNoteAdded(requester="anna", assignee=None, note="n", body="Secret."), "ticket/42", at=2)
    sources.tell(created(7), "ticket/7", by="anna", at=3)
    sources.tell(resolved(), "ticket/42", at=4)
    sources.project()
    of_the_ticket = Sought(entity="ticket", entity_id="42")
    assert [e["action"] for e in sources.listed(of_the_ticket, oldest_first=True)] == [
        "ticket_created",
        "ticket_note_added",
        "ticket_status_changed",
    ]
    without = Sought(entity="ticket", entity_id="42", without=("ticket_note_added",))
    assert [e["action"] for e in sources.listed(without, oldest_first=True)] == ["ticket_created", "ticket_status_changed"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("lovelace", {"ada"}),
        ("ADA@", {"ada"}),
        ("lüthi", {"alf"}),
        ("LÜTHI", {"alf"}),
        ("a", {"ada", "alf", "anna", "ben", "escalator", "operator"}),
        ("%", set()),
        ("_", set()),
        ("\\", set()),
        ("/", set()),
        ("escalat", {"escalator"}),
        ("operator", {"operator"}),
        ("nobody", set()),
    ],
)
def test_entries_are_found_by_the_name_or_the_address_of_who_did_it(sources: Sources, q: str, found: set[str]) -> None:
    for id_, name in (("anna", "Anna Arendt"), ("ada", "Ada Lovelace"), ("alf", "Alf Lüthi"), ("ben", "Ben Brecht")):
        sources.tell(registered(name), f"user/{id_}", by=id_, source="/auth")
    sources.tell(created(), "ticket/1", by="escalator")
    sources.tell(RelayRefilled(stream="EVENTS_AUTH"), "store/auth", by="operator", source="/auth")
    sources.project()
    assert {entry["actor"]["id"] for entry in sources.listed(Sought(q=q))} == found


@pytest.mark.parametrize("many", [1, 40])
def test_who_was_erased_is_found_as_an_erased_person_and_no_longer_by_name(sources: Sources, many: int) -> None:
    for n in range(many):
        sources.tell(registered(f"Anna{n} Arendt"), f"user/anna-{n}", by=f"anna-{n}", source="/auth")
        sources.tell(UserErased(), f"user/anna-{n}", by="ada", source="/auth")
    sources.tell(registered("Ada Lovelace"), "user/ada", by="ada", source="/auth")
    sources.project()
    found = sources.listed(Sought(q="Erased Person"))
    assert {(entry["actor"]["id"], entry["actor"]["name"]) for entry in found} == {(f"anna-{n}", None) for n in range(many)}
    assert len(trail.listed_between(sources.connection, Sought(q="erased"), 0, 1000)) == many
    assert sources.listed(Sought(q="arendt")) == []


@pytest.mark.parametrize("many", [1, 2, 20, 21, 40])
def test_however_many_people_are_meant_their_entries_are_found_in_order(sources: Sources, many: int) -> None:
    for n in range(many):
        sources.tell(registered(f"Same{n} Name"), f"user/same-{n}", by=f"same-{n}", source="/auth", at=n % 3)
    sources.tell(registered("Somebody Else"), "user/else", by="else", source="/auth")
    sources.project()
    found = sources.listed(Sought(q="name"))
    assert len(found) == many
    assert [trail.key_of(entry) for entry in found] == sorted((trail.key_of(entry) for entry in found), reverse=True)


SINGLE: list[dict[str, Any]] = [
    {},
    {"actor": "ada"},
    {"action": "ticket_created"},
    {"entity": "ticket"},
    {"entity_id": "42"},
    {"entity": "ticket", "entity_id": "42", "without": ("ticket_note_added",)},
    {"since": moment(1), "until": moment(2)},
]


@pytest.mark.parametrize("resumes", [False, True], ids=["the first page", "a later page"])
@pytest.mark.parametrize("oldest_first", [False, True], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("filters", SINGLE, ids=str)
def test_a_page_is_found_in_an_index_and_nothing_is_sorted_to_find_it(
    sources: Sources, filters: dict[str, Any], *, oldest_first: bool, resumes: bool
) -> None:
    statement = trail._page(tuple(filters), 0, resumes=resumes, oldest_first=oldest_first)
    values = {"after_time": moment(1), "after_source": "/tickets", "after_sequence": 1} if resumes else {}
    steps = plan(sources.connection, statement, {**filters, **values, "limit": 26})
    page_steps = steps[: steps.index("SCAN page")]
    assert not [step for step in page_steps if "TEMP B-TREE" in step]
    assert [step for step in page_steps if " INDEX audit_by_" in step]


@pytest.mark.parametrize(
    ("filters", "actors", "index"),
    [
        ({"action": "ticket_created", "entity": "ticket", "entity_id": "42", "actor": "ada"}, 0, "audit_by_entity_id (entity_id=?"),
        ({"action": "ticket_created", "entity": "ticket", "actor": "ada"}, 0, "audit_by_actor (actor_id=?"),
        ({"action": "ticket_created", "entity": "ticket"}, 0, "audit_by_action (action=?"),
        ({"action": "ticket_created"}, 2, "audit_by_actor (actor_id=?"),
        ({"entity": "ticket", "entity_id": "42"}, 2, "audit_by_entity_id (entity_id=?"),
        ({"action": "ticket_created"}, trail.MANY, "audit_by_action (action=?"),
        ({}, trail.MANY, "audit_by_time"),
    ],
    ids=str,
)
@pytest.mark.parametrize("resumes", [False, True], ids=["the first page", "a later page"])
@pytest.mark.parametrize("bounds", [{}, {"since": moment(1), "until": moment(2)}], ids=["ever", "in a time"])
def test_of_several_filters_the_one_that_leaves_the_fewest_entries_is_read_by(
    sources: Sources, filters: dict[str, Any], actors: int, index: str, bounds: dict[str, Any], *, resumes: bool
) -> None:
    steps = page_steps(sources.connection, {**filters, **bounds}, actors=actors, resumes=resumes)
    assert {step.partition("USING INDEX ")[2].startswith(index) for step in steps if " audit " in step} == {True}
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("filters", [{}, {"entity": "ticket"}, {"actor": "ada"}], ids=str)
@pytest.mark.parametrize("bounds", [{"until": moment(2)}, {"since": moment(1)}, {"since": moment(1), "until": moment(2)}], ids=str)
@pytest.mark.parametrize("oldest_first", [False, True], ids=["newest first", "oldest first"])
def test_a_later_page_begins_where_the_one_before_ended_and_not_at_the_bound(
    sources: Sources, filters: dict[str, Any], bounds: dict[str, Any], *, oldest_first: bool
) -> None:
    (step,) = [
        step for step in page_steps(sources.connection, {**filters, **bounds}, resumes=True, oldest_first=oldest_first) if " audit " in step
    ]
    assert f"(time,source,sequence){'>' if oldest_first else '<'}(?,?,?)" in step


def page_steps(connection: Connection, filters: dict[str, Any], *, actors: int = 0, resumes: bool, oldest_first: bool = False) -> list[str]:
    statement = trail._page(tuple(filters), actors, resumes=resumes, oldest_first=oldest_first)
    values: dict[str, Any] = (
        {"pattern": "%a%", "system": ["auth"]} if actors == trail.MANY else {f"actor_{n}": f"a{n}" for n in range(actors)}
    )
    if resumes:
        values |= {"after_time": moment(1), "after_source": "/tickets", "after_sequence": 1}
    steps = plan(connection, statement, {**filters, **values, "limit": 26})
    return steps[: steps.index("SCAN page")]


def test_in_an_ordinary_batch_nothing_is_read_of_people(sources: Sources) -> None:
    steps = plan(sources.connection, PeopleFeed()._last, {})
    assert [step for step in steps if "journal_of_people" in step]


def plan(connection: Connection, statement: Any, values: dict[str, Any]) -> list[str]:
    """How SQLite answers a statement: it is run, and what was sent is explained."""
    sent: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: Any) -> None:
        sent.append((sql, parameters))

    hooks.listen(connection, "before_cursor_execute", listen)
    connection.execute(statement, values)
    hooks.remove(connection, "before_cursor_execute", listen)
    ((sql, parameters),) = sent
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]


ACTORS = ("anna", "ada", "escalator")
told = st.lists(
    st.tuples(
        st.sampled_from([created(), resolved()]), st.sampled_from(["ticket/1", "ticket/2"]), st.sampled_from(ACTORS), st.integers(0, 4)
    ),
    max_size=20,
)
sought_for = st.builds(
    Sought,
    actor=st.none() | st.sampled_from(ACTORS),
    action=st.none() | st.sampled_from(["ticket_created", "ticket_status_changed"]),
    entity=st.sampled_from([None, None, "ticket", "user"]),
    entity_id=st.none() | st.sampled_from(["1", "2"]),
    q=st.sampled_from([None, None, "ad", "a", "escal"]),
    since=st.none() | st.integers(0, 4).map(moment),
    until=st.none() | st.integers(0, 4).map(moment),
)


@settings(max_examples=100, deadline=None)
@for_all(told, sought_for, st.booleans(), st.integers(1, 6))
def test_page_after_page_gives_every_entry_that_is_sought_once_and_in_order(
    log: list[tuple[Any, str, str, int]], sought: Sought, oldest_first: bool, limit: int
) -> None:
    names = {"anna": "anna arendt\nanna@example.com", "ada": "ada lovelace\nada@example.com", "escalator": "escalator"}
    for sources in opened():
        for id_ in ("anna", "ada"):
            sources.connection.execute(
                insert(people),
                {"id": id_, "name": id_, "email": None, "role": "user", "active": True, "can_sign_in": True, "matchable": names[id_]},
            )
        stored = [sources.tell(event, subject, by=by, at=at, source="/tickets") for event, subject, by, at in log]
        Audit().apply(sources.connection, JournalFeed().read(sources.connection, 0, 1000))
        expected = [
            event.id
            for event in sorted(stored, key=lambda event: (event.time, event.source, event.sequence), reverse=not oldest_first)
            if sought.actor in (None, event.actorid)
            and sought.action in (None, event.type.replace(".", "_"))
            and sought.entity in (None, event.entity[0])
            and sought.entity_id in (None, event.entity[1])
            and (sought.q is None or sought.q in names[event.actorid])
            and (sought.since is None or event.time >= sought.since)
            and (sought.until is None or event.time < sought.until)
        ]
        found: list[str] = []
        after = None
        while entries := sources.listed(sought, limit=limit, after=after, oldest_first=oldest_first):
            found.extend(entry["id"] for entry in entries)
            after = trail.key_of(entries[-1])
        assert found == expected
