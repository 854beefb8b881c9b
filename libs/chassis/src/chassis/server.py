"""A service as a process: uvicorn, run so that SIGTERM drains everything within ten seconds."""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import uvicorn
from setproctitle import setproctitle

from chassis.desk import Desk
from chassis.settings import Settings
from chassis.telemetry import configure_logging
from events.failpoints import arm, reach

logger = logging.getLogger(__name__)

GRACE = 5
"""Seconds that requests have to finish once the service is told to stop."""
LAST_MOMENT = 9.5
"""Seconds after which the process ends, done or not. What was acknowledged is on disk by then."""
_KEEP_ALIVE = 300
"""Seconds; longer than the gateway and the peers keep idle connections, so that none of them writes into one that we close."""
_PR_SET_PDEATHSIG = 1


class DrainingServer(uvicorn.Server):
    """Lets open streams know first, then waits for the requests."""

    def __init__(self, app: Desk, **options: Any) -> None:
        self.app = app
        app.state.end = self.stop
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
            backlog=1024,
            **options,
        )
        super().__init__(config)

    def stop(self) -> None:
        """Begin to end. From any thread: the server looks ten times a second."""
        self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        running = getattr(self.app.state, "running", None)
        if running is not None:
            running.stopping.set()
            if __debug__:
                reach("drain.begun")
        await super().shutdown(sockets)


class ProcessServer(DrainingServer):
    """The server of a process of its own: it answers signals, and never takes longer than it may."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        # uvicorn would raise the signal again at the end; a service that was told to stop, and stopped, has succeeded
        if not self.should_exit:
            watchdog = threading.Timer(LAST_MOMENT, _end_now)
            watchdog.daemon = True
            watchdog.start()
        self.should_exit = True


def _end_now() -> None:
    logger.error("The service did not come to its end in time; what was acknowledged is stored.")
    os._exit(1)


def serve(app: Desk, name: str, settings: Settings) -> int:
    """Serve until told to stop, and return the process's exit code."""
    if __debug__:
        arm(name)
    configure_logging(name, settings.log_level)
    setproctitle(f"ste {settings.process or name}")
    if settings.parent_pid is not None:
        end_with_parent(settings.parent_pid)
    server = ProcessServer(app, host=settings.service_bind, port=settings.port_of(name), loop="uvloop")
    gc.collect()
    gc.freeze()  # what was imported stays; looking at it again and again only costs
    server.run()
    running = getattr(app.state, "running", None)
    return 0 if server.started and running is not None and running.failed is None else 1


def end_with_parent(parent: int) -> None:
    """Let this process be told to stop when its parent dies, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
