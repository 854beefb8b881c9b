"""The runner's processes: no orphan, restarts with growing delays, an end in good order."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from deploy import guard
from deploy.launching import Command, execute
from deploy.logs import RotatingLog
from deploy.process import FIRST_DELAY, Process
from deploy.refusal import Refusal
from deploy.terminal import Terminal
from tests.support.desk import alive
from tests.support.waiting import eventually

PARENT = """
import os, subprocess, sys
kind, guard, marker = sys.argv[1:]
pipe = os.pipe()[0] if kind == "pipe" else -1
code = f"import os, time; open({marker!r}, 'w').write(str(os.getpid())); time.sleep(60)"
subprocess.Popen(
    [sys.executable, "-I", "-S", guard, str(os.getpid()), str(pipe), sys.executable, sys.executable, "-c", code],
    pass_fds=() if pipe < 0 else (pipe,), start_new_session=True,
).wait()
"""


@pytest.mark.parametrize("kind", ["kernel", "pipe"])
def test_a_guarded_process_ends_with_a_parent_that_is_killed(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, kind, guard.__file__, str(marker)])
    try:
        child = int(eventually(lambda: marker.exists() and marker.read_text(), what="the child"))
        assert alive(child)
        parent.kill()
        eventually(lambda: not alive(child), within=3, what="the end of the child")
    finally:
        parent.kill()
        parent.wait()


def test_a_watcher_leaves_when_its_process_does(tmp_path: Path) -> None:
    read, write = os.pipe()
    code = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    command = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(read), sys.executable, sys.executable, "-c", code]
    subprocess.run(command, pass_fds=(read,), check=True, timeout=20)
    os.close(read)
    # when nobody reads the pipe any more, writing to it fails: the watcher is gone
    eventually(lambda: _broken(write), within=5, what="the end of the watcher")
    os.close(write)


def _broken(write: int) -> bool:
    try:
        os.write(write, b"x")
    except BrokenPipeError:
        return True
    return False


def test_a_process_whose_parent_is_already_gone_does_not_begin(tmp_path: Path) -> None:
    marker = tmp_path / "began"
    command = [sys.executable, "-I", "-S", guard.__file__, "1", "-1", "/bin/touch", "/bin/touch", str(marker)]
    assert subprocess.run(command, check=False, timeout=20).returncode == 1
    assert not marker.exists()


class Kept:
    """A process that is kept running, and what was seen of it."""

    def __init__(self, directory: Path, code: str, ready: Callable[[], Awaitable[bool]] | None = None) -> None:
        self.pids: list[int] = []
        self.log = RotatingLog(directory / "child.log")
        command = Command(
            name="child", program=sys.executable, shown_as=sys.executable, arguments=["-u", "-c", code], environment=dict(os.environ),
            ready=ready or self.has_spoken,
        )  # fmt: skip
        self.process = Process(command, self.log, Terminal(), lambda _name, pid: self.pids.append(pid), partial(execute, lifeline=-1))

    async def has_spoken(self) -> bool:
        return "here" in self.log.tail(100)


STAYS = "import time; print('here'); time.sleep(60)"


async def test_what_is_killed_is_started_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, STAYS)
    task = asyncio.create_task(kept.process.run())
    await kept.process.ready(10)
    for life in range(1, 4):
        os.kill(kept.pids[-1], signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda life=life: len(kept.pids) > life, what="the next life")
    await kept.process.stop(5)
    await task
    assert not any(alive(pid) for pid in kept.pids)
    kept.log.close()


async def test_what_gets_ready_each_time_is_started_again_as_soon_each_time(tmp_path: Path) -> None:
    async def spoken_in_this_life() -> bool:
        return bool(kept.pids) and alive(kept.pids[-1]) and f"I am {kept.pids[-1]}." in kept.log.tail(1)

    kept = Kept(tmp_path, "import os, time; print(f'I am {os.getpid()}.'); time.sleep(60)", ready=spoken_in_this_life)
    task = asyncio.create_task(kept.process.run())
    await kept.process.ready(10)
    for life in range(1, 4):
        os.kill(kept.pids[-1], signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda life=life: len(kept.pids) > life, what="the next life")
        await asyncio.to_thread(eventually, lambda: kept.process._delay == FIRST_DELAY, what="a process that is back")
    await kept.process.stop(5)
    await task
    kept.log.close()


async def test_what_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here'); time.sleep(60)")
    task = asyncio.create_task(kept.process.run())
    await kept.process.ready(10)
    async with asyncio.timeout(5):
        await kept.process.stop(0.3)
        await task
    assert not alive(kept.pids[-1])
    kept.log.close()


async def test_what_can_not_start_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "raise SystemExit('no such store')")
    with pytest.raises(Refusal, match=r"can not start: ended with status 1, 3 times\.\n.*no such store"):
        await kept.process.run()
    assert len(kept.pids) == 3
    kept.log.close()


async def test_what_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    kept = Kept(tmp_path, STAYS, ready=never)
    task = asyncio.create_task(kept.process.run())
    with pytest.raises(Refusal, match="is not ready after"):
        await kept.process.ready(0.2)
    await kept.process.stop(5)
    await task
    kept.log.close()
