"""How much memory a process needs at most for some work: the process is one of its own, so that nothing else is in it."""

import re
import subprocess
import sys
from collections.abc import Sequence

# the kernel's own mark of this very program: what `getrusage` says begins with what the process was before it became this one
_RUN = """
import importlib, pathlib, sys
module, function, *arguments = sys.argv[1:]
getattr(importlib.import_module(module), function)(*arguments)
print(pathlib.Path("/proc/self/status").read_text())
"""


def peak_of(module: str, function: str, *arguments: object, within: float = 300) -> int:
    """Return the bytes that a new process had in memory at most when it had called `module.function(*arguments)`, given as text."""
    command: Sequence[str] = [sys.executable, "-c", _RUN, module, function, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, done.stderr
    [kib] = re.findall(r"^VmHWM:\s+(\d+) kB$", done.stdout, re.MULTILINE)
    return int(kib) * 1024
