"""A proof's way out of the desk: an admin downloads it, a customer verifies it on a machine that knows nothing of the desk."""

import os
import subprocess
import sys
from pathlib import Path

from events.proofs import check_proof, read_proof
from tests.support.desk import Desk
from tests.support.proofs import SCRIPT


def verify_elsewhere(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier of the documents from a folder of its own, without any path of this repository."""
    script = directory / "verify_proof.py"
    script.write_bytes(SCRIPT.read_bytes())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STE_"))}
    command = [sys.executable, "-I", str(script), *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_proof_is_downloaded_and_verified_where_nobody_knows_the_desk(desk: Desk, tmp_path: Path) -> None:
    user, admin = desk.client("usera"), desk.client("admina")
    ticket = user.post("/api/tickets", json={"title": "Prove it", "body": "Tränen & “quotes” \U0001f525"}).json()["id"]
    assert admin.put(f"/api/tickets/{ticket}/status", json={"status": "in_progress"}).status_code == 200
    assert admin.post(f"/api/tickets/{ticket}/notes", json={"body": "Not for the customer."}).status_code == 201
    assert admin.get("/api/audit/proof", params={"ticket": ticket}).status_code == 200  # a checkpoint is signed, for the witnesses to see
    with desk.operator() as operator:
        for name in ("notifier", "escalator"):
            (state,) = [each for each in operator.post(name, "/internal/witness")["items"] if each["source"] == "/tickets"]
            assert (state["alarm"], state["trouble"]) == (None, None)
    answer = admin.get("/api/audit/proof", params={"ticket": ticket})
    assert answer.status_code == 200
    assert "Not for the customer" not in answer.text
    file = tmp_path / "proof.json"
    file.write_bytes(answer.content)
    proved = check_proof(read_proof(answer.content))
    assert (proved.subject, proved.events, proved.silent) == (f"ticket/{ticket}", 3, 1)
    keys = {each["source"]: each["key"] for each in admin.get("/api/audit/checkpoints").json()["keys"]}
    assert proved.key == keys["/tickets"]

    done = verify_elsewhere(tmp_path, str(file), keys["/tickets"])
    assert (done.returncode, done.stderr) == (0, "")
    assert f"PROVED: 3 events of ticket/{ticket}, " in done.stdout
    assert "Seen by ste-escalator at " in done.stdout
    assert verify_elsewhere(tmp_path, str(file), keys["/auth"]).returncode == 1

    said = desk.ste("audit", "verify-proof", str(file), "--key", keys["/tickets"])
    assert (said.returncode, said.stderr) == (0, "")
    assert f"PROVED: 3 events of ticket/{ticket}, none left out" in said.stdout
    file.write_bytes(answer.content.replace(b"in_progress", b"in_progrezz", 1))
    for refused in (verify_elsewhere(tmp_path, str(file)), desk.ste("audit", "verify-proof", str(file))):
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("NOT PROVED: ")


def test_the_witnesses_are_listed(desk: Desk) -> None:
    said = desk.ste("witness", "list")
    assert said.returncode == 0, said.stderr
    pairs = {tuple(line.split("\t")[:2]) for line in said.stdout.splitlines()}
    assert {("tickets", "/auth"), ("notifier", "/tickets"), ("escalator", "/tickets")} <= pairs
