"""`ste audit verify-export` as its user meets it: a verdict in words, and an exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from tests.support.exports import SIGNERS, exported
from tests.support.proofs import NAMESAKE, WITNESSES

KEYS = [argument for signer in SIGNERS.values() for argument in ("--key", signer.public_key)]


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", "verify-export", *map(str, arguments)])


@pytest.fixture(params=["jsonl", "csv"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"audit.{request.param}"
    path.write_bytes(exported(request.param))
    return path


def test_a_file_that_proves_itself_ends_well_and_says_on_whose_word(file: Path) -> None:
    said = verify(file)
    assert said.exit_code == 0, said.output
    assert said.output.startswith("PROVED: 22 entries")
    assert SIGNERS["/tickets"].public_key in said.output
    assert "the file's own word" in said.output
    assert "for user ada, who asked for everything" in said.output


def test_with_the_keys_of_all_logs_it_is_their_word(file: Path) -> None:
    said = verify(file, *KEYS)
    assert said.exit_code == 0, said.output
    assert "a key that you trust" in said.output


def test_a_log_whose_key_was_not_named_is_not_trusted(file: Path) -> None:
    said = verify(file, *KEYS[:2])
    assert said.exit_code == 1
    assert "NOT PROVED: The checkpoint of /tickets is signed by a key that you did not name" in said.stderr


def test_a_changed_file_ends_badly_and_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(exported("jsonl").replace(b'"role":"admin"', b'"role":"anvil"', 1))
    said = verify(path)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == "NOT PROVED: Line 15: The entry does not say what its event says.\n"


def test_a_changed_table_ends_badly(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(exported("csv").replace(b"admin", b"anvil", 1))
    said = verify(path)
    assert said.exit_code == 1
    assert said.stderr == "NOT PROVED: The file is not what was sealed: something in it was changed, added or left out.\n"


@pytest.mark.parametrize("content", [b"", b"{}", b"{}\n{}\n", b"id,source\n", b"\x00\xff", b'{"checkpoints":1}\n{"seal":1}\n', b"[]\n"])
def test_another_file_is_none_and_no_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    said = verify(path)
    assert said.exit_code == 1, said.output
    assert said.stderr.startswith("NOT PROVED: ")


def test_what_is_no_file_or_no_key_was_not_understood(tmp_path: Path, file: Path) -> None:
    assert verify(tmp_path / "absent").exit_code == 2
    assert verify(file, "--key", "not a key").exit_code == 2


def test_programs_get_it_as_json(file: Path) -> None:
    said = json.loads(verify(file, "--json").stdout)
    assert (said["proved"], said["entries"], [log["source"] for log in said["logs"]]) == (True, 22, ["/auth", "/tickets"])
    assert said["chained"] == (file.suffix == ".jsonl")


def test_a_witness_is_believed_by_its_key_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(exported("jsonl", witnesses=WITNESSES))
    known, other = (f"  witness    {witness.name} " for witness in WITNESSES)
    said = verify(path)
    assert [line.startswith((known, other)) for line in said.stdout.splitlines()].count(True) == 4
    assert said.stdout.count("(by the file's own word; pin it with --witness KEY)") == 4
    said = verify(path, "--witness", WITNESSES[0].public_key)
    assert said.exit_code == 0, said.output
    assert said.stdout.count(f"{known}(a witness that you trust)") == 2
    assert said.stdout.count(f"{other}(by the file's own word; pin it with --witness KEY)") == 2
    said = verify(path, "--witness", NAMESAKE.public_key)
    assert (said.exit_code, said.stdout) == (1, "")
    assert NAMESAKE.public_key in said.stderr
    assert verify(path, "--witness", SIGNERS["/tickets"].public_key).exit_code == 2
