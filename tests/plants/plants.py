"""Faults that somebody could make any day, each a change of one place, and the tests that are expected to notice."""

from dataclasses import dataclass

EVENTS, CHASSIS = "libs/events/src/events", "libs/chassis/src/chassis"
NOTIFIER, TICKETS = "services/notifier/src/notifier", "services/tickets/src/tickets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """In `file`, `sound` becomes `rotten`; `tests` are what is run then."""

    name: str
    file: str
    sound: str
    rotten: str
    tests: tuple[str, ...]


PLANTS = (
    Plant(
        name="the answer comes before the commit",
        file=f"{EVENTS}/writer.py",
        sound="                try:\n                    transaction.commit()\n",
        rotten="                try:\n                    answer(calls)\n                    transaction.commit()\n",
        tests=("tests/integration/events/test_writer_failures.py",),
    ),
    Plant(
        name="acknowledged to the broker before the commit",
        file=f"{EVENTS}/consumer.py",
        sound="            await self._take([event",
        rotten="            await self._durable.ack(deliveries[-1])\n            await self._take([event",
        tests=("tests/integration/events/test_consumer.py",),
    ),
    Plant(
        name="prevhash is not looked at",
        file=f"{EVENTS}/positions.py",
        sound="return Verdict.NEXT if event.prevhash == position.hash else Verdict.FORKED",
        rotten="return Verdict.NEXT",
        tests=("tests/unit/events/test_consumer_rules.py",),
    ),
    Plant(
        name="synchronous=NORMAL",
        file=f"{EVENTS}/store.py",
        sound='"synchronous=FULL"',
        rotten='"synchronous=NORMAL"',
        tests=("tests/integration/events/test_writer.py",),
    ),
    Plant(
        name="the relay publishes without its fence",
        file=f"{EVENTS}/jetstream.py",
        sound='    return {"Nats-Expected-Last-Sequence": str(event.sequence - 1)}\n',
        rotten="    return {}\n",
        tests=("tests/integration/events/test_jetstream.py",),
    ),
    Plant(
        name="a stream that is filled again counts from one",
        file=f"{EVENTS}/jetstream.py",
        sound='declared | {"first_seq": after + 1}',
        rotten="declared",
        tests=("tests/integration/events/test_jetstream.py",),
    ),
    Plant(
        name="several are sent, fenced by their number alone",
        file=f"{EVENTS}/jetstream.py",
        sound='            after = {"Nats-Expected-Last-Msg-Id": event.id}\n',
        rotten="",
        tests=("tests/integration/events/test_jetstream.py",),
    ),
    Plant(
        name="an event that cannot be handled is lost",
        file=f"{EVENTS}/parking.py",
        sound="    _insert(tx, event, error, to_text(tx.now + retry_delay(0)))\n",
        rotten="",
        tests=("tests/integration/events/test_consumer.py",),
    ),
    Plant(
        name="later events of a parked subject are handled",
        file=f"{EVENTS}/intake.py",
        sound="            if event.subject in blocked:\n",
        rotten="            if False:\n",
        tests=("tests/integration/events/test_consumer.py",),
    ),
    Plant(
        name="a job's outcome is written whoever has claimed it",
        file=f"{NOTIFIER}/jobs.py",
        sound="update(jobs).where(jobs.c.id == job.id, jobs.c.claim == job.claim)",
        rotten="update(jobs).where(jobs.c.id == job.id)",
        tests=("tests/integration/notifier/test_jobs.py",),
    ),
    Plant(
        name="nobody looks whether a person has heard of it",
        file=f"{NOTIFIER}/jobs.py",
        sound='        known.update(connection.scalars(_KNOWN, {"keys": keys[start : start + _ASKED_AT_ONCE]}))\n',
        rotten="        pass\n",
        tests=("tests/integration/notifier/test_jobs.py",),
    ),
    Plant(
        name="a projection does not note how far it is, and is applied twice",
        file=f"{EVENTS}/following.py",
        sound="                    moved.append((place.position, projection.name))\n",
        rotten="                    pass\n",
        tests=("tests/integration/events/test_writer.py",),
    ),
    Plant(
        name="hashed is the JSON as it is written again, not as it came",
        file=f"{EVENTS}/envelope.py",
        sound="    if chain(stored.prevhash, stored.head) != stored.hash or",
        rotten="    if chain(stored.prevhash, _dumps(orjson.loads(stored.head))) != stored.hash or",
        tests=("tests/unit/events/test_envelope.py",),
    ),
    Plant(
        name="an event does not hang on the one before it",
        file=f"{EVENTS}/appending.py",
        sound="        self.hash = chain(before, head)\n",
        rotten='        self.hash = chain("0" * 64, head)\n',
        tests=("tests/integration/events/test_writer.py",),
    ),
    Plant(
        name="hints are the only carrier",
        file=f"{EVENTS}/hints.py",
        sound="wait = timeout if timeout is not None else _ALWAYS if self._broker.connected else _WITHOUT_HINTS",
        rotten="wait = timeout if timeout is not None else 30.0",
        tests=("tests/integration/events/test_hints.py",),
    ),
    Plant(
        name="an Idempotency-Key is everybody's",
        file=f"{CHASSIS}/idempotency.py",
        sound="    scope = (principal.id, request.method",
        rotten="    scope = (request.method",
        tests=(
            "tests/integration/tickets/test_races.py",
            "tests/integration/chassis/test_lifecycle.py",
            "tests/contract/test_bad_input.py",
        ),
    ),
    Plant(
        name="the answer to a key is not kept with what it answers",
        file=f"{CHASSIS}/idempotency.py",
        sound='        tx.write(_KEEP, {"id": self.id, **_columns(made)})\n',
        rotten="",
        tests=("tests/integration/chassis/test_lifecycle.py",),
    ),
    Plant(
        name="the writer begins without the lock",
        file=f"{EVENTS}/store.py",
        sound='"BEGIN IMMEDIATE"',
        rotten='"BEGIN"',
        tests=("tests/integration/events/test_writer.py", "tests/integration/events/test_writer_failures.py"),
    ),
    Plant(
        name="what is in memory is believed although another process wrote",
        file=f"{EVENTS}/writer.py",
        sound="self._memory is not None and self._memory.batch == locked.batch\n",
        rotten="self._memory is not None\n",
        tests=("tests/integration/events/test_writer.py", "tests/integration/events/test_writer_failures.py"),
    ),
    Plant(
        name="what was committed last is believed to be unbroken",
        file=f"{EVENTS}/recent.py",
        sound="                self._events.clear()\n",
        rotten="                pass\n",
        tests=("tests/unit/events/test_recent.py",),
    ),
    Plant(
        name="a live stream resumes one too late",
        file=f"{NOTIFIER}/queries.py",
        sound='notifications.c.position > bindparam("after"))',
        rotten='notifications.c.position > bindparam("after") + 1)',
        tests=("tests/integration/notifier/test_stream.py",),
    ),
    Plant(
        name="a ticket escalates again whenever it is asked",
        file=f"{TICKETS}/decider.py",
        sound="    if ticket is None or (command.policy, command.level) in ticket.fired or",
        rotten="    if ticket is None or",
        tests=("tests/unit/tickets",),
    ),
    Plant(
        name="where a request comes from is not looked at",
        file=f"{CHASSIS}/principal.py",
        sound='    if carried.kind == "session" and request.method not in SAFE_METHODS:\n',
        rotten="    if False:\n",
        tests=("tests/unit/chassis", "tests/integration/chassis/test_who.py"),
    ),
)
