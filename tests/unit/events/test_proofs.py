"""A proof file in an auditor's hands: what it proves, and every way in which it must not."""

import json
from copy import deepcopy
from typing import Any

import pytest

from events.checkpoints import Signer
from events.ledger import inclusion_paths, leaf_hash
from events.proofs import check_proof
from tests.support.logs import SIGNER, Log

KEYS = [SIGNER.public_key]


def proof(subject: str = "ticket/2", size: int = 21) -> dict[str, Any]:
    """Return the proof file of one ticket out of three, over a log of `size` events."""
    log = Log()
    for number in range(1, size + 1):
        log.add(f"ticket/{number % 3}", personal={"body": f"“{number}”"} if number % 2 else None)
    log.sign()
    mine = [stored for stored in log.events if stored.subject == subject]
    paths = inclusion_paths([leaf_hash(stored.hash) for stored in log.events], [stored.sequence - 1 for stored in mine], size)
    return {
        "checkpoint": log.notes[-1][1],
        "events": [
            {"event": json.loads(stored.wire()), "index": stored.sequence - 1, "path": paths[stored.sequence - 1]} for stored in mine
        ],
    }


PROOF = proof()


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """Return the proof file with one value in it replaced."""
    copy = deepcopy(PROOF)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copy


def test_a_proof_file_is_proved_after_any_detour_through_json() -> None:
    text = json.dumps(PROOF, indent=3, ensure_ascii=True, sort_keys=True)
    checkpoint = check_proof(json.loads(text), KEYS)
    assert checkpoint.size == 21
    assert len(PROOF["events"]) == 7


def test_personal_parts_may_be_left_out() -> None:
    document = deepcopy(PROOF)
    for entry in document["events"]:
        entry["event"] |= {"personal": None, "salt": None}
    assert check_proof(document, KEYS).size == 21


@pytest.mark.parametrize(
    ("path", "to", "reason"),
    [
        (("events", 1, "event", "head", "actorid"), "mallory", "hash"),
        (("events", 1, "event", "head", "time"), "2026-11-23T08:00:00.000000Z", "hash"),
        (("events", 1, "event", "prevhash"), "0" * 64, "hash"),
        (("events", 1, "event", "hash"), "0" * 64, "hash"),
        (("events", 1, "event", "data"), {}, "data"),
        (("events", 1, "event", "personal"), {"body": "mallory"}, "personal"),
        (("events", 1, "event", "salt"), "00" * 16, "personal"),
        (("events", 1, "index"), 3, "path"),
        (("events", 1, "path"), PROOF["events"][2]["path"], "path"),
        (("events", 1, "path", 0), "0" * 64, "path"),
        (("events", 1), PROOF["events"][2], "left out"),
        (("events",), [], "no event"),
        (("checkpoint",), PROOF["checkpoint"].replace("\n21\n", "\n22\n"), "signature"),
        (("checkpoint",), proof(size=22)["checkpoint"], "path"),
        (("checkpoint",), "", "not a signed note"),
    ],
)
def test_whatever_is_changed_is_named(path: tuple[str | int, ...], to: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_proof(changed(*path, to=to), KEYS)


def test_an_event_left_out_of_the_middle_is_missed() -> None:
    document = deepcopy(PROOF)
    del document["events"][3]
    with pytest.raises(ValueError, match="Version 3 of ticket/2 is followed by version 5"):
        check_proof(document, KEYS)


def test_the_checkpoint_of_another_service_proves_nothing() -> None:
    body = PROOF["checkpoint"].partition("\n\n")[0].replace("ste/tickets", "ste/auth") + "\n"
    with pytest.raises(ValueError, match="another service"):
        check_proof(changed("checkpoint", to=SIGNER.sign(body)), KEYS)


def test_a_strangers_signature_proves_nothing() -> None:
    with pytest.raises(ValueError, match="None of the known keys"):
        check_proof(PROOF, [Signer(b"\x07" * 32, "ste/tickets").public_key])


@pytest.mark.parametrize(
    "document", [{}, {"checkpoint": None}, {"checkpoint": PROOF["checkpoint"], "events": [{}]}, changed("events", to=5)]
)
def test_what_is_no_proof_file_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        check_proof(document, KEYS)
