"""A file in an auditor's hands that is damaged in any way: it is refused in a sentence, never in the words of a programming language."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.checkpoints import Signer
from events.envelope import canonical, chain
from events.export_files import verify_export
from events.exported import Wrong
from events.exports import json_seal, seal_of
from events.proofs import check_proof, read_proof
from tests.support.exports import SIGNERS, exported
from tests.support.logs import SIGNER
from tests.support.mangling import mangled_bytes, mangled_json
from tests.support.proofs import SCRIPT, proof, script

VERIFIER = script()
PROOF = json.dumps(proof(size=9, signers=[SIGNER, Signer(b"\x32" * 32, "ste/tickets")]), separators=(",", ":"), ensure_ascii=False).encode()
*LINES, LAST, _ = exported("jsonl").splitlines(keepends=True)
_PROGRAM = re.compile(
    r"object (?:has|is) |argument|codec|surrogate|unpack|fromhex|literal|subscript|iterable|attribute|delimiter|index out|NoneType"
)


def in_words(sentence: str) -> str:
    """Return what a verifier said, which is a sentence in words of the file's form alone."""
    assert sentence
    assert "\n" not in sentence
    assert not _PROGRAM.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", sentence)), sentence
    return sentence


def whole(sentence: str) -> str:
    """Return it if it also ends as a sentence does."""
    assert sentence.endswith(".")
    return in_words(sentence)


def refusal(text: bytes) -> str | None:
    """Return why our verifier refuses a proof file; None when it does not. It says so in a whole sentence."""
    try:
        check_proof(read_proof(text))
    except ValueError as error:
        return whole(str(error))
    return None


def strangers_refusal(text: bytes) -> str | None:
    """Return the same of the verifier in the documents."""
    try:
        VERIFIER.verify(text)
    except VERIFIER.NotProved as error:
        return in_words(str(error))
    return None


@settings(max_examples=500, deadline=None)
@given(st.one_of(mangled_json(PROOF), mangled_bytes(PROOF)))
@example(PROOF.replace(b'"sequence":', b'"sequense":', 1))
@example(PROOF.replace(b'"checkpoint":"', b'"checkpoint":"\\ud800', 1))
@example(PROOF.replace(b'\\n"],"events"', b'\\n\\u2014 x AAAAAAA=\\n"],"events"'))
@example(b"[" * 100_000)
@example(b"9" * 10_000)
def test_both_verifiers_refuse_a_damaged_proof_in_a_sentence(text: bytes) -> None:
    assert (refusal(text) is None) == (strangers_refusal(text) is None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROOF.replace(b'"sequence":', b'"sequense":', 1), "for the member 'sequence' is missing in it"),
        (PROOF.replace(b'"rotations":[', b'"rotations":[5,'), "a signed note ends in signature lines"),
        (b"\xff", "no text in UTF-8"),
    ],
)
def test_the_documents_verifier_ends_with_1_and_a_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "proof.json").write_bytes(text)
    done = subprocess.run([sys.executable, SCRIPT, "proof.json"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.startswith("NOT PROVED: ")) == (1, "", True), done
    assert said in in_words(done.stderr.strip())


def refused(directory: Path, lines: list[bytes]) -> str | None:
    """Return why an export of these lines is refused that somebody sealed who has the key; None when it is not."""
    path = directory / "export"
    body = b"".join(lines)
    path.write_bytes(body + json_seal(SIGNERS["/tickets"].sign(seal_of("jsonl", len(lines) - 1, sha256(body).digest()))))
    try:
        verify_export(path)
    except (Wrong, ValueError) as error:
        return whole(str(error))
    return None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), number=st.integers(0, len(LINES)))
def test_an_export_that_is_damaged_and_sealed_again_is_refused_in_a_sentence(tmp_path: Path, data: st.DataObject, number: int) -> None:
    lines = [*LINES, LAST]
    text = lines[number].rstrip(b"\n")
    damaged = data.draw(st.one_of(mangled_json(text), mangled_bytes(text))).replace(b"\n", b"") + b"\n"
    said = refused(tmp_path, [*lines[:number], damaged, *lines[number + 1 :]])
    if said is None and number < len(LINES):  # in the last line, whoever seals may say more than anybody asks
        assert proved(damaged) == proved(lines[number])


def proved(line: bytes) -> Any:
    """Return an entry without what the seal alone vouches for: what the person was called, and the trace."""
    told = json.loads(line)
    del told["actor"]["name"], told["event"]["traceparent"]
    return told


@pytest.mark.parametrize("anew", [False, True], ids=["its hash left as it was", "its hash made anew"])
def test_an_event_without_a_source_is_no_event_of_nobody(tmp_path: Path, *, anew: bool) -> None:
    entry = json.loads(LINES[0])
    del entry["event"]["head"]["source"]
    if anew:
        entry["event"]["hash"] = chain(entry["event"]["prevhash"], canonical(entry["event"]["head"]))
    line = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    assert refused(tmp_path, [line, *LINES[1:], LAST]) == "Line 1: The head of an event must name its source and its sequence."


def test_an_event_with_something_more_in_it_is_not_the_one_that_was_recorded(tmp_path: Path) -> None:
    line = LINES[0].replace(b',"traceparent":', b',"note":"mallory","traceparent":')
    assert (refused(tmp_path, [line, *LINES[1:], LAST]) or "").startswith("Line 1: The event is not spelled as it was recorded")
