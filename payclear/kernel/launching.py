"""Starts a child that dies with its parent and, when told, gives up being root first.

Used by the embedded server and by `payclear run`. A preexec_fn would do the same in a copy
of a process that may have threads; this runs a tiny program between, which then becomes the child.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Final

# Arguments: user, group, whether to change to them, parent to die with (0: none), signal, command.
_PROGRAM: Final = """
import ctypes, os, sys
uid, gid, dropped, parent, death = (int(word) for word in sys.argv[1:6])
if dropped:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.umask(0o077)
if parent and sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, death, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[6], sys.argv[6:])
"""


def launched(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    dies_with_parent: bool = True,
    drop_to: tuple[int, int] | None = None,
) -> list[str]:
    """The command line that starts `command` (an absolute path and its arguments) with these promises.

    The kernel sends `death_signal` when the thread that starts it ends (Linux), so only a start
    on the main thread gets that promise. `drop_to` is the user and group to become.
    """
    on_main = threading.current_thread() is threading.main_thread()
    parent = os.getpid() if dies_with_parent and on_main else 0
    uid, gid = drop_to or (0, 0)
    numbers = (uid, gid, int(drop_to is not None), parent, int(death_signal))
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, *(str(number) for number in numbers), *command]
