"""A sample of blind deaths: a service is killed where it syncs, writes or sends, wherever that is."""

from pathlib import Path

import pytest

from tests.faults import blind
from tests.faults.session import Session

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(blind.lacking() is not None, reason=str(blind.lacking())),
]

SAMPLE = {"tickets": ("sync", "write", "send"), "auth": ("sync",), "notifier": ("write",), "escalator": ("send",)}


def test_a_service_that_dies_at_any_system_call_of_a_command_keeps_every_promise(tmp_path: Path) -> None:
    with Session(tmp_path, seed=5, slack=60.0) as session:
        commands = blind.Commands(session)
        for service, kinds in SAMPLE.items():
            for kind in kinds:
                sweep = blind.Sweep(session, commands, service, kind)
                sweep.run(every=False, deaths=2 if kind == "write" else 1)
                assert sweep.rounds, f"{sweep.place}: nothing was hit"
                assert [one.trouble for one in sweep.rounds if one.trouble] == []
        verdict = session.finish()
    assert not verdict.violations, str(verdict)
