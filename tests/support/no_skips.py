"""A pytest plugin for CI (`-p tests.support.no_skips`): a test that is skipped there hides something, so it fails.

Those marked `container` may be skipped: not every machine has a Docker engine.
"""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that says why it was skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("container") is None:
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not allow: {report.longrepr}"
    return report
