"""The contract with the broker, held by the server of the wheel and, where a Docker engine exists, by the project's own image."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import docker
import pytest
from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.broker import USERS, configuration
from deploy.parts import program
from events.streams import PublishRefused, StreamMissing, Tail
from tests.support.brokers import Reachable, connect
from tests.support.histories import history
from tests.support.nats import nats_server

IMAGE = "nats:2.14-alpine"
OF_THE_WHEEL = "ste-test-broker:wheel"
EVENTS = history(120)
WIRES = [event.wire() for event in EVENTS]


@dataclass(frozen=True)
class InContainer:
    url: str
    passwords: dict[str, str]


@contextmanager
def container(directory: Path) -> Iterator[Reachable]:
    """Run the image with our configuration; its port is published on a free one of this machine."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode:
        pytest.skip("There is no Docker engine.")
    passwords = {user: token_hex(16) for user in USERS}
    conf = directory / "nats.conf"
    conf.write_text(configuration(port=4222, monitor_port=8222, store_dir=Path("/data"), passwords=passwords, host="0.0.0.0"))
    testcontainers_config.ryuk_disabled = True  # the block itself stops what it starts
    image = DockerContainer(image_of_the_broker(directory)).with_exposed_ports(4222).with_command("-c /conf/nats.conf")
    image = image.with_volume_mapping(directory, "/conf").waiting_for(LogMessageWaitStrategy("Server is ready"))
    image.start()
    try:
        yield InContainer(f"nats://{image.get_container_host_ip()}:{image.get_exposed_port(4222)}", passwords)
    finally:
        image.stop()


def image_of_the_broker(directory: Path) -> str:
    """Return the image of the project, or, where that cannot be pulled, one of nothing but the wheel's server, which is static."""
    client = docker.from_env()
    try:
        client.images.pull(IMAGE)
    except DockerException:
        if sys.platform != "linux":
            pytest.skip(f"{IMAGE} cannot be pulled, and the wheel's server is none for a container.")
        shutil.copy(program("nats-server"), directory / "nats-server")
        (directory / "Dockerfile").write_text('FROM scratch\nCOPY nats-server /nats-server\nENTRYPOINT ["/nats-server"]\n')
        client.images.build(path=str(directory), tag=OF_THE_WHEEL)
        return OF_THE_WHEEL
    finally:
        client.close()
    return IMAGE


@pytest.fixture(params=["wheel", pytest.param("container", marks=[pytest.mark.container, pytest.mark.timeout(300)])])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reachable]:
    with container(tmp_path) if request.param == "container" else nats_server(tmp_path) as running:
        yield running


async def test_a_stream_takes_all_or_nothing_and_a_consumer_is_given_it_in_order(server: Reachable) -> None:
    auth, tickets = await connect(server, "auth"), await connect(server, "tickets")
    try:
        log, durable = auth.log("EVENTS_AUTH"), tickets.durable("EVENTS_AUTH", "tickets")
        with pytest.raises(StreamMissing):
            await durable.ensure()
        assert await log.tail() is None
        await log.ensure(0)
        assert await log.tail() == Tail(0, None)
        assert await durable.ensure()
        await log.publish(EVENTS[:1])
        await log.publish(EVENTS[1:101])
        with pytest.raises(PublishRefused):
            await log.publish(EVENTS[102:110])
        with pytest.raises(PublishRefused):
            await log.publish(EVENTS[102:103])
        assert await log.tail() == Tail(101, WIRES[100])
        deliveries = await durable.fetch(60, 5) + await durable.fetch(60, 5)
        assert [delivery.wire for delivery in deliveries] == WIRES[:101]
        await durable.ack(deliveries[-1])
        await log.delete()
        with pytest.raises(StreamMissing):
            await durable.fetch(10, 5)
        with pytest.raises(StreamMissing):
            await log.publish(EVENTS[:1])
    finally:
        await auth.stop()
        await tickets.stop()
