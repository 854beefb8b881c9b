"""`ste audit verify-proof` as its user meets it: a verdict in words, and an exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from tests.support.logs import SIGNER
from tests.support.proofs import NAMESAKE, WITNESSES, proof

PROOF = proof()


def verify(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["audit", "verify-proof", *map(str, arguments)], input=text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(PROOF))
    return path


def test_a_proof_is_proved_and_everything_it_rests_on_is_named(file: Path) -> None:
    said = verify(file)
    assert said.exit_code == 0, said.output
    first, log, signed, *witnesses = said.stdout.splitlines()
    assert first == f"PROVED: 7 events of ticket/2, none left out up to the last one of {PROOF['events'][-1]['event']['head']['time']}."
    assert "ste/tickets/00000000-0000-0000-0000-000000000001, 21 events" in log
    assert SIGNER.public_key in signed
    assert "give --key" in signed
    assert [witness.name in line for witness, line in zip(WITNESSES, witnesses, strict=True)] == [True, True]
    assert "2026-11-18" in witnesses[0]


def test_a_key_that_is_trusted_is_asked_for(file: Path) -> None:
    said = verify(file, "--key", SIGNER.public_key)
    assert (said.exit_code, "the key that you trust" in said.stdout) == (0, True)
    other = type(SIGNER)(b"\x07" * 32, "ste/tickets").public_key
    said = verify(file, "--key", other)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("NOT PROVED: The checkpoint is signed by another key")


def test_what_is_not_proved_is_said_in_a_sentence(file: Path) -> None:
    file.write_text(file.read_text().replace('"n": 8', '"n": 9'))
    said = verify(file)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == "NOT PROVED: Event 8: its data are not those that were recorded.\n"


def test_a_proof_comes_by_standard_input_too() -> None:
    assert verify("-", text=json.dumps(PROOF)).exit_code == 0


def test_texts_that_are_not_there_are_counted(tmp_path: Path) -> None:
    document = json.loads(json.dumps(PROOF))
    for entry in document["events"]:
        entry["event"] |= {"personal": None, "salt": None}
    (tmp_path / "proof.json").write_text(json.dumps(document))
    assert "not shown  3 with a text that is not in the file" in verify(tmp_path / "proof.json").stdout


def test_no_file_and_no_key_are_another_exit(file: Path, tmp_path: Path) -> None:
    assert verify(tmp_path / "nothing").exit_code == 2
    assert verify(tmp_path).exit_code == 2
    assert verify(file, "--key", "ste-tickets").exit_code == 2
    assert verify(file, "--key", "").exit_code == 2
    assert verify(file, "--key", WITNESSES[0].public_key).exit_code == 2


def test_a_time_that_no_calendar_has_is_told_as_a_number(tmp_path: Path) -> None:
    document = proof(witnesses=WITNESSES[:1])
    body = document["checkpoint"].partition("\n\n")[0] + "\n"
    note = document["checkpoint"].splitlines(keepends=True)
    document["checkpoint"] = "".join(note[:-1]) + WITNESSES[0].cosign(body, 2**62)
    (tmp_path / "proof.json").write_text(json.dumps(document))
    said = verify(tmp_path / "proof.json")
    assert (said.exit_code, f"{2**62} seconds after 1970" in said.stdout) == (0, True)


def test_a_witness_is_believed_by_its_key_alone(file: Path) -> None:
    first, second = verify(file).stdout.splitlines()[3:]
    assert all(line.endswith("(by the file's own word; pin it with --witness KEY)") for line in (first, second))
    said = verify(file, "--witness", WITNESSES[1].public_key)
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[3:] == [first, second.partition(" (")[0] + " (a witness that you trust)"]
    said = verify(file, "--witness", NAMESAKE.public_key)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == f"NOT PROVED: The witness that you named has cosigned nothing in it: {NAMESAKE.public_key}.\n"
    for wrong in (SIGNER.public_key, "ste-escalator", ""):
        assert verify(file, "--witness", wrong).exit_code == 2
