"""Small disks of the tests' own: ext4 in a file, to be filled to the last block, and to lose what a power cut would take."""

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import eventually

_SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN: from now on the file system writes nothing more (linux/fs.h)."""
_AT_ONCE = struct.pack("I", 2)
"""Without writing out its log first: what nobody has synced is gone."""
_MEGABYTE = 1 << 20
_LARGEST_BITE, _SMALLEST_BITE = 64 * _MEGABYTE, 1024


def lacking() -> str | None:
    """Return why there can be no such disks here, None when there can."""
    if os.geteuid() != 0:
        return "only root mounts disks"
    if missing := [tool for tool in ("losetup", "mkfs.ext4", "mount", "umount") if not shutil.which(tool, path=_PATH)]:
        return f"{', '.join(missing)} missing"
    if subprocess.run([_tool("losetup"), "--find"], capture_output=True, check=False).returncode:
        return "no loop devices"
    return None


@dataclass(frozen=True)
class Disk:
    """An ext4 file system in the file `image`, seen at `place` while it is mounted."""

    image: Path
    place: Path

    @property
    def mounted(self) -> bool:
        return self.place.is_mount()

    def make(self, megabytes: int = 256) -> None:
        """Make it, empty. The file takes as much room as is written."""
        with self.image.open("wb") as file:
            file.truncate(megabytes * _MEGABYTE)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", str(self.image))

    def mount(self) -> None:
        """Let it be seen; after `cut` it is found as a machine finds its disk when the power is back."""
        self.place.mkdir(parents=True, exist_ok=True)
        _run("mount", "-o", "loop", str(self.image), str(self.place))

    def unmount(self) -> None:
        """Take it away, as soon as nobody uses it any more."""
        eventually(self._unmounted, within=20, what=f"the end of whoever uses {self.place}")

    def _unmounted(self) -> bool:
        return subprocess.run([_tool("umount"), str(self.place)], capture_output=True, check=False).returncode == 0

    def discard(self) -> None:
        """Take it away whoever uses it, and delete it."""
        if self.mounted:
            subprocess.run([_tool("umount"), "--lazy", str(self.place)], capture_output=True, check=False)
        self.image.unlink(missing_ok=True)

    def cut(self) -> None:
        """Cut the power: nothing more reaches the disk, and what was not synced never does."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _AT_ONCE)
        finally:
            os.close(descriptor)

    def fill(self) -> None:
        """Leave not one free block."""
        bite = _LARGEST_BITE
        with self._ballast.open("ab") as file:
            while bite >= _SMALLEST_BITE:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, bite)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    bite //= 2
            os.fsync(file.fileno())

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)
        with suppress(OSError):
            os.sync()

    @property
    def _ballast(self) -> Path:
        return self.place / "ballast"


_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _tool(name: str) -> str:
    path = shutil.which(name, path=_PATH)
    assert path is not None, f"{name} is missing"
    return path


def _run(tool: str, *arguments: str) -> None:
    done = subprocess.run([_tool(tool), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{tool} {' '.join(arguments)}: {done.stderr}"
