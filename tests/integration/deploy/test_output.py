"""Where a command's output goes nowhere, it says so in a sentence, or nothing at all where that is what was wanted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from deploy.cli import app, main
from deploy.tables import show

@app.command()
def rows() -> None:
    show(["title"], [["a row"]], empty="")

main()
"""
ROWS = (sys.executable, "-c", PROGRAM, "rows")
"""`ste` with one more command, which needs no desk and prints as the others do."""
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""As output is where nobody asked for anything else: what is printed is written at the end."""


def test_a_command_whose_reader_has_read_enough_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(ROWS, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=120, env=BUFFERED)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a device that is always full.")
def test_a_command_whose_output_finds_no_room_says_so() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(ROWS, stdout=full, stderr=subprocess.PIPE, check=False, timeout=120, env=BUFFERED)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == ["ste: No space left on device.", "     ste doctor says what else is wrong."]
