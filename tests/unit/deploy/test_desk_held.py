"""What a command says that needs a desk to be stopped, and finds it running."""

from pathlib import Path

import pytest

from chassis.settings import Settings
from deploy.backups.restoring import restore
from deploy.backups.verifying import verify_stopped
from deploy.desk_file import holding
from deploy.refusal import Refusal


def test_a_restore_beside_a_running_desk_says_what_to_do_about_a_restore(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    with holding(settings.data_dir), pytest.raises(Refusal) as refused:
        restore(settings, tmp_path / "backup", print)
    assert refused.value.what == f"A desk is running on {settings.data_dir}."
    assert refused.value.mend == "Stop it first, or have the desk made in another directory: STE_DATA_DIR=…"


def test_who_looks_at_a_desk_that_starts_meanwhile_is_told_to_ask_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    with holding(settings.data_dir), pytest.raises(Refusal, match="A desk is running") as refused:
        verify_stopped(settings, lambda *_: None)
    assert "Say the command again" in refused.value.mend
