"""A proof file in an auditor's hands: what it proves, and every way in which it must not, to our code and to the verifier in docs."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.checkpoints import Checkpoint, Signer, checkpoint_body
from events.notes import open_note
from events.proofs import check_proof, read_proof
from tests.support.logs import SIGNER
from tests.support.proofs import NAMESAKE, SCRIPT, SEEN_AT, WITNESSES, proof, script

VERIFIER = script()
PROOF = proof()
TEXT = json.dumps(PROOF, separators=(",", ":"), ensure_ascii=False).encode()
SECOND, THIRD = (Signer(bytes([number]) * 32, "ste/tickets") for number in (50, 51))
STRANGER = Signer(b"\x07" * 32, "ste/tickets")


def both(document: Any, pinned: str | None = None) -> None:
    """Let both verifiers look at a file. Raises ValueError when both refuse it, and fails when they do not agree."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        check_proof(read_proof(text), pinned)
    except ValueError as refused:
        with pytest.raises((ValueError, TypeError, LookupError, AttributeError, OverflowError, InvalidSignature)):
            VERIFIER.verify(text, pinned)
        raise refused from None
    assert VERIFIER.verify(text, pinned).startswith("PROVED: ")


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """Return the proof file with one value in it replaced."""
    copy = deepcopy(PROOF)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copy


def test_a_proof_file_is_proved_after_any_detour_through_json() -> None:
    text = json.dumps(PROOF, indent=3, ensure_ascii=True, sort_keys=True).encode()
    both(text)
    proved = check_proof(read_proof(text))
    assert (proved.checkpoint.size, proved.subject, proved.events, proved.silent) == (21, "ticket/2", 7, 0)
    assert proved.key == SIGNER.public_key
    assert proved.last == PROOF["events"][-1]["event"]["head"]["time"]
    assert [(cosignature.witness, cosignature.time) for cosignature in proved.cosignatures] == [
        (witness.name, SEEN_AT) for witness in WITNESSES
    ]


def test_the_documents_verifier_says_what_is_proved() -> None:
    said = VERIFIER.verify(TEXT, SIGNER.public_key)
    assert "7 events of ticket/2" in said
    assert "Seen by ste-auth at 2026-11-18" in said
    assert said.endswith("as you expected.")


def test_the_documents_verifier_believes_a_witness_by_its_key_alone() -> None:
    unpinned, pinned = VERIFIER.verify(TEXT, SIGNER.public_key), VERIFIER.verify(TEXT, SIGNER.public_key, WITNESSES[1].public_key)
    assert unpinned.count("UTC (by the file's own word; pin it with its key after KEY).") == 2
    assert pinned.count("UTC (by the file's own word; pin it with its key after KEY).") == 1
    assert "UTC (as you expected)." in pinned.partition("Seen by ste-escalator")[2]
    with pytest.raises(ValueError, match="has not cosigned it"):
        VERIFIER.verify(TEXT, SIGNER.public_key, NAMESAKE.public_key)


@pytest.mark.parametrize("size", range(2, 34))
def test_paths_of_every_shape_are_followed(size: int) -> None:
    both(proof(size=size, witnesses=()))


def test_personal_parts_may_be_left_out_and_are_counted() -> None:
    document = deepcopy(PROOF)
    for entry in document["events"]:
        entry["event"] |= {"personal": None, "salt": None}
    both(document)
    assert check_proof(document).silent == 3


def test_both_verifiers_say_of_which_events_the_personal_part_is_not_there() -> None:
    document = deepcopy(PROOF)
    silent = [entry["event"] for entry in document["events"] if "personaldigest" in entry["event"]["head"]][:2]
    for event in silent:
        event |= {"personal": None, "salt": None}
    said = VERIFIER.verify(json.dumps(document).encode())
    named = [str(event["head"]["sequence"]) for event in silent]
    assert f"Of event {', '.join(named)} the words are not here: left out of the file, or erased since." in said
    assert check_proof(document).silent == len(named) == 2
    assert "not here" not in VERIFIER.verify(TEXT)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "the following arguments are required: FILE"),
        (["absent.json"], 2, "absent.json cannot be read: No such file or directory"),
        (["proof.json", "ste-tickets"], 2, "'ste-tickets' is no verifier key"),
        (["proof.json", SIGNER.public_key, "nobody"], 2, "'nobody' is no verifier key"),
        (["proof.json", STRANGER.public_key], 1, "NOT PROVED: it is signed by"),
        (["text.json"], 1, "NOT PROVED: this is no proof file, for it is not JSON"),
        (["list.json"], 1, "NOT PROVED: this is no proof file"),
        (["proof.json", SIGNER.public_key], 0, "PROVED: 7 events of ticket/2"),
        (["--help"], 0, "usage: verify_proof.py"),
    ],
)
def test_the_documents_verifier_says_how_it_is_called(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    for name, text in {"proof.json": TEXT, "text.json": b"what?", "list.json": b"[]"}.items():
        (tmp_path / name).write_bytes(text)
    done = subprocess.run([sys.executable, SCRIPT, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr


def test_a_file_signed_after_keys_changed_is_traced_to_the_first_key_and_to_each_after_it() -> None:
    document = proof(signers=[SIGNER, SECOND, THIRD])
    for signer in (SIGNER, SECOND, THIRD):
        both(document, signer.public_key)
    assert check_proof(document).key == THIRD.public_key
    with pytest.raises(ValueError, match="another key"):
        both(document, STRANGER.public_key)
    with pytest.raises(ValueError):
        both(document | {"rotations": document["rotations"][:1]})


def test_a_key_that_is_trusted_must_have_signed() -> None:
    both(PROOF, SIGNER.public_key)
    with pytest.raises(ValueError, match="another key"):
        both(PROOF, STRANGER.public_key)


@pytest.mark.parametrize(
    ("path", "to", "reason"),
    [
        (("events", 1, "event", "head", "actorid"), "mallory", "hash"),
        (("events", 1, "event", "head", "time"), "2026-11-23T08:00:00.000000Z", "hash"),
        (("events", 1, "event", "prevhash"), "0" * 64, "hash"),
        (("events", 1, "event", "prevhash"), PROOF["events"][1]["event"]["prevhash"].upper(), "spelled"),
        (("events", 1, "event", "hash"), "0" * 64, "hash"),
        (("events", 1, "event", "data"), {}, "data"),
        (("events", 1, "event", "personal"), {"body": "mallory"}, "personal"),
        (("events", 1, "event", "personal"), None, "personal"),
        (("events", 1, "event", "salt"), "00" * 16, "personal"),
        (("events", 1, "event", "traceparent"), "00-1-1-1", "traceparent"),
        (("events", 1, "event", "note"), "mallory", "nothing else"),
        (("events", 1, "index"), 3, "path"),
        (("events", 1, "index"), True, "path"),
        (("events", 1, "path"), PROOF["events"][2]["path"], "path"),
        (("events", 1, "path"), dict.fromkeys(PROOF["events"][1]["path"]), "path"),
        (("events", 1, "path", 0), "0" * 64, "path"),
        (("events", 1), PROOF["events"][2], "left out"),
        (("events",), [], "no event"),
        (("events",), PROOF["events"][1:], "begins with version 2"),
        (("note",), "mallory", "nothing else"),
        (("rotations",), {}, "lists"),
        (("rotations",), [STRANGER.hand_over_to(STRANGER)], "None of the known keys"),
        (("keys",), PROOF["keys"][:1], "in their order"),
        (("keys",), [PROOF["keys"][0], *PROOF["keys"][:0:-1]], "in their order"),
        (("keys",), [*PROOF["keys"], STRANGER.public_key], "in their order"),
        (("checkpoint",), PROOF["checkpoint"].replace("\n21\n", "\n22\n"), "signature"),
        (("checkpoint",), proof(size=22)["checkpoint"], "path"),
        (("checkpoint",), "", "not a signed note"),
    ],
)
def test_whatever_is_changed_is_named(path: tuple[str | int, ...], to: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        both(changed(*path, to=to))


@settings(deadline=None, max_examples=400)
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
@example(TEXT.index(b"ste-auth"), ord("b"))
@example(TEXT.rindex(b'"path"') + 1, ord("P"))
def test_a_change_of_any_byte_that_means_anything_is_found(at: int, to: int) -> None:
    text = TEXT[:at] + bytes([to]) + TEXT[at + 1 :]
    try:
        same = json.loads(text) == PROOF
    except ValueError:
        same = False
    if same:
        both(text)
    else:
        with pytest.raises(ValueError):
            both(text)


def test_a_checkpoint_without_a_time_proves_as_it_did() -> None:
    both(signed_at(None))
    assert "Signed by" in VERIFIER.verify(json.dumps(signed_at(None)).encode())


@pytest.mark.parametrize("time", ["2026-11-23T08:00:00.000000Z", "2026-11-23T10:00:00Z", "7", ""])
def test_a_checkpoint_that_says_it_was_signed_before_an_event_was_stored_or_at_no_time_proves_nothing(time: str) -> None:
    both(signed_at("2026-11-23T10:00:00.000000Z"))
    with pytest.raises(ValueError):
        both(signed_at(time))


def signed_at(time: str | None) -> dict[str, Any]:
    """Return the proof file with a checkpoint that its key signed anew, with another time or none."""
    document = proof(witnesses=())
    was = Checkpoint.parse(open_note(document["checkpoint"])[0])
    return document | {"checkpoint": SIGNER.sign(checkpoint_body(was.origin, was.size, was.root, time))}


def test_an_event_left_out_of_the_middle_is_missed() -> None:
    document = deepcopy(PROOF)
    del document["events"][3]
    with pytest.raises(ValueError, match="Version 3 of ticket/2 is followed by version 5"):
        both(document)


def test_the_checkpoint_of_another_service_proves_nothing() -> None:
    body = PROOF["checkpoint"].partition("\n\n")[0].replace("ste/tickets", "ste/auth") + "\n"
    with pytest.raises(ValueError, match="another service"):
        both(proof(witnesses=()) | {"checkpoint": SIGNER.sign(body)})


def test_a_strangers_signature_proves_nothing() -> None:
    with pytest.raises(ValueError, match="None of the known keys"):
        both(changed("keys", 0, to=STRANGER.public_key))


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"checkpoint": None},
        {"checkpoint": PROOF["checkpoint"], "events": [{}]},
        changed("events", to=5),
        changed("events", to=[5]),
        changed("keys", to=[]),
        changed("keys", to=[5]),
        changed("checkpoint", to=None),
        b"",
        b"\xff",
        b"[" * 100_000,
        TEXT.replace(b'{"checkpoint"', b'{"checkpoint":1,"checkpoint"'),
        TEXT.replace(b'"index":1', b'"index":1.0'),
        TEXT.replace(b'"index":1', b'"index":NaN'),
    ],
    ids=lambda document: repr(document)[:30],
)
def test_what_is_no_proof_file_is_refused(document: Any) -> None:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ValueError):
        check_proof(read_proof(text))
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError, RecursionError)):
        VERIFIER.verify(text)
