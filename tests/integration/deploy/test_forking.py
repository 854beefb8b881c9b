"""The fork server: what it makes is a process of its own, whose end is told, and which does not outlive it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from chassis.settings import Settings
from deploy import forking
from deploy.forking import Forked, ForkServer, can_fork
from deploy.launching import Command, Executed, NotLaunched, execute
from deploy.logs import RotatingLog
from deploy.parts import plan, service_command
from deploy.process import Process
from deploy.terminal import Terminal
from tests.support.desk import alive
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(not can_fork(), reason="this system does not fork its services")

MODULES = {
    "shared": "import os; importer = os.getpid()",
    "tells": """
import json, os, random, secrets, ssl, sys, uuid
import shared
descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))
print(json.dumps({
    "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "importer": shared.importer, "name": __name__, "argv": sys.argv,
    "environment": dict(os.environ), "descriptors": descriptors, "stdin": os.readlink("/proc/self/fd/0"),
    "chance": [random.random(), uuid.uuid4().hex, secrets.token_hex(), ssl.RAND_bytes(16).hex()],
}))
print("and an error", file=sys.stderr)
raise SystemExit(int(os.environ.get("STATUS", "0")))
""",
    "stays": "import time; print('here', flush=True); time.sleep(60)",
    "clings": """
import ctypes, signal, time
ctypes.CDLL(None).prctl(1, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)
time.sleep(60)
""",
    "names": """
from chassis.door import _new_id
from events.environment import real_environment
print(_new_id(), real_environment().new_id())
""",
    "starts_a_thread": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
}


async def ready() -> bool:
    return True


class Served:
    """A fork server that has imported `shared`, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.modules = ["shared"]
        self.environment = {**os.environ, "PYTHONPATH": str(folder)}
        self.server = ForkServer(-1)
        self.life: Executed

    def command(self, module: str, **environment: str) -> Command:
        """Return a fork's command, or, without a module, the fork server's own."""
        return Command(
            name=module or "forkserver",
            program=sys.executable,
            shown_as=sys.executable,
            arguments=["-m", "deploy.forkserver", *self.modules],
            environment={**self.environment, **environment},
            ready=ready,
            module=module,
        )

    async def start(self) -> None:
        self.life = await self.server.launch(self.command(""))

    async def fork(self, module: str, **environment: str) -> Forked:
        return await self.server.fork(self.command(module, **environment))

    async def end(self) -> None:
        self.life.signal(signal.SIGKILL)
        await self.life.output.read()
        await self.life.end()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    found = Served(tmp_path)
    await found.start()
    yield found
    await found.end()


async def gone(pid: int) -> None:
    await asyncio.to_thread(eventually, lambda: not alive(pid), what="its end")


async def test_a_fork_is_a_process_of_its_own_that_imports_nothing_again(served: Served) -> None:
    fork = await served.fork("tells", STATUS="3", OWN="value")
    told, error = (await fork.output.read()).decode().splitlines()
    said = json.loads(told)
    assert error == "and an error"
    assert await fork.end() == "ended with status 3"
    assert said["pid"] == fork.pid == said["session"]
    assert said["parent"] == said["importer"] == served.life.pid
    assert (said["name"], said["argv"][0].endswith("tells.py"), said["stdin"]) == ("__main__", True, "/dev/null")
    assert said["environment"]["OWN"] == "value"
    assert said["environment"]["STE_PARENT_PID"] == str(served.life.pid)
    assert "OWN" not in served.environment


async def test_a_fork_holds_nothing_of_the_others(served: Served) -> None:
    others = [await served.fork("stays") for _ in range(3)]
    fork = await served.fork("tells")
    said = json.loads((await fork.output.read()).decode().splitlines()[0])
    assert said["descriptors"] == [0, 1, 2]
    for other in others:
        other.signal(signal.SIGKILL)
        await other.output.read()
        assert await other.end() == "was ended by SIGKILL"
    assert await fork.end() == "ended with status 0"


async def test_no_two_forks_draw_the_same_numbers(served: Served) -> None:
    forks = [await served.fork("tells") for _ in range(3)]
    drawn = [number for fork in forks for number in json.loads((await fork.output.read()).decode().splitlines()[0])["chance"]]
    assert len(set(drawn)) == 12
    assert [await fork.end() for fork in forks] == ["ended with status 0"] * 3


async def test_no_two_forks_give_the_same_name_to_anything(served: Served) -> None:
    await served.end()
    served.modules.append("chassis.door")
    await served.start()
    forks = [await served.fork("names") for _ in range(3)]
    names = [name for fork in forks for name in (await fork.output.read()).decode().split()]
    assert [await fork.end() for fork in forks] == ["ended with status 0"] * 3
    assert len(set(names)) == 6
    assert len({name[:24] for name in names[::2]}) == 3  # two requests of different processes have nothing in common


async def test_an_environment_of_any_size_arrives(served: Served) -> None:
    fork = await served.fork("tells", **{f"LARGE_{number}": "x" * 100_000 for number in range(10)})
    said = json.loads((await fork.output.read()).decode().splitlines()[0])
    assert sum(len(value) for name, value in said["environment"].items() if name.startswith("LARGE_")) == 1_000_000
    await fork.end()


async def test_what_has_ended_is_not_signalled_any_more(served: Served) -> None:
    fork = await served.fork("tells")
    await fork.output.read()
    await fork.end()
    fork.signal(signal.SIGKILL)  # its process id may be another's by now
    assert alive(served.life.pid)


async def test_forks_end_with_their_server_and_the_next_one_makes_new_ones(served: Served) -> None:
    fork = await served.fork("stays")
    assert await fork.output.readline() == b"here\n"
    await served.end()
    await fork.output.read()
    assert await fork.end() == "ended with the fork server"
    assert not alive(fork.pid)
    await served.start()
    again = await served.fork("tells")
    await again.output.read()
    assert await again.end() == "ended with status 0"


async def test_a_fork_that_does_not_end_with_its_server_is_killed_before_the_next_one_needs_its_port(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "_DRAIN", 0.2)
    fork = await served.fork("clings")
    assert await fork.output.readline() == b"here\n"
    await served.end()
    assert alive(fork.pid)
    assert not fork.output.at_eof()
    assert await fork.end() == "ended with the fork server"
    await gone(fork.pid)


async def test_a_server_that_is_silent_is_killed_and_what_was_asked_of_it_is_not_begun(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "_PATIENCE", 0.5)
    await asyncio.wait_for(served.server._there.wait(), 20)
    served.life.signal(signal.SIGSTOP)
    with pytest.raises(NotLaunched, match="could not be forked"):
        await served.fork("tells")
    await gone(served.life.pid)


async def test_a_fork_whose_server_hangs_is_known_to_have_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_PATIENCE", 0.5)
    fork = await served.fork("stays")
    await fork.output.readline()
    served.life.signal(signal.SIGSTOP)
    fork.signal(signal.SIGKILL)
    await fork.output.read()
    async with asyncio.timeout(20):
        assert await fork.end() == "ended with the fork server"


async def test_nobody_waits_for_a_server_that_is_not_wanted_any_more(served: Served) -> None:
    unstarted = ForkServer(-1)
    waiting = asyncio.create_task(unstarted.fork(served.command("tells")))
    await asyncio.sleep(0)
    assert not waiting.done()
    unstarted.close()
    with pytest.raises(NotLaunched, match="is stopped"):
        await waiting


async def test_where_nothing_can_be_forked_a_service_starts_by_itself(tmp_path: Path) -> None:
    desk = plan(Settings(data_dir=tmp_path, port=1))
    async with httpx2.AsyncClient(trust_env=False) as client:

        async def answers(url: str) -> bool:
            try:
                return (await client.get(url)).status_code in (200, 503)
            except httpx2.HTTPError:
                return False

        pids: list[int] = []
        log = RotatingLog(tmp_path / "escalator.log")
        command = service_command(desk, "escalator", answers)
        process = Process(command, log, Terminal(), lambda _, pid: pids.append(pid), partial(execute, lifeline=-1))
        running = asyncio.create_task(process.run())
        try:
            await process.ready(60)
        finally:
            await process.stop(10)
            await running
            log.close()
    assert len(pids) == 1
    assert not alive(pids[0])


def test_what_starts_a_thread_is_not_forked_from(tmp_path: Path) -> None:
    (tmp_path / "starts_a_thread.py").write_text(MODULES["starts_a_thread"])
    code = "from deploy.forkserver import preload; preload(['starts_a_thread'])"
    refused = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "has started a thread" in refused.stderr
