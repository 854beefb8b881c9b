"""What a process does that works for another (`events.walkers.Workers`): it answers each line on its input by a line on its output.

The end of the input is the end of the process. It steps back for whoever needs the processor, and should load nothing that it does not
need, for it is waited for.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

_NICE = 10


def answer_each(work: Callable[[Sequence[Any]], Any]) -> None:
    """Answer until nothing more is asked for."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its parent does
    gc.freeze()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps(work(json.loads(line))).encode() + b"\n")
        sys.stdout.buffer.flush()
