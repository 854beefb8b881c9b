"""The real desk behind its gateway, for the files that ask it what it should not be asked."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.contract.cast import SERVICES
from tests.support.desk import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("contract")) as running:
        yield running


@pytest.fixture(scope="session")
def documents(desk: Desk) -> dict[str, Any]:
    """Return the OpenAPI documents by service."""
    client = desk.client()
    return {name: client.get(f"/api/{name}/openapi.json").json() for name in SERVICES}


@pytest.fixture(scope="session")
def nobody(desk: Desk) -> httpx2.Client:
    return desk.client()


@pytest.fixture(scope="session")
def user(desk: Desk) -> httpx2.Client:
    return desk.client("usera")


@pytest.fixture(scope="session")
def admin(desk: Desk) -> httpx2.Client:
    return desk.client("admina")
