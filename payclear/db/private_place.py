"""Folders and an unprivileged user for a private server, made safely even as root.

Used by the embedded server only. It follows no symbolic link in a folder that others
may write, and never changes the owner or the mode of a folder it did not make.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from payclear.kernel.problems import OperatorProblem

UNPRIVILEGED = "nobody"
_LOCK_TEXT = re.compile(rb"[0-9]{0,10}\n?")


class PlaceRefused(OperatorProblem):
    """No folder can be made or used there."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user a server runs as; `dropped` when we are root and it is another user."""

    uid: int
    gid: int
    dropped: bool


def run_as() -> RunAs:
    """Ourselves, or the unprivileged user when we are root."""
    if os.geteuid() != 0:
        return RunAs(os.geteuid(), os.getegid(), dropped=False)
    try:
        user = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as missing:
        raise PlaceRefused(
            f"PostgreSQL does not run as root, and this machine has no user {UNPRIVILEGED!r}: "
            "start payclear as an ordinary user."
        ) from missing
    return RunAs(user.pw_uid, user.pw_gid, dropped=True)


def reachable(folder: Path, user: RunAs) -> bool:
    """Whether the user may pass every folder down to this one (the part that exists)."""
    return all(_may_enter(part, user) for part in (folder, *folder.parents) if part.exists())


def _may_enter(folder: Path, user: RunAs) -> bool:
    about = folder.stat()
    if about.st_uid == user.uid:
        return bool(about.st_mode & stat.S_IXUSR)
    if about.st_gid == user.gid:
        return bool(about.st_mode & stat.S_IXGRP)
    return bool(about.st_mode & stat.S_IXOTH)


def fingerprint(folder: Path) -> str:
    """Twelve letters that stand for a folder's full path."""
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def make_folder(folder: Path, mode: int, owner: RunAs | None = None) -> Path:
    """Make a folder with exactly this mode, or check that the one there is safe to use.

    Its owner is ours, or `owner`. Raises PlaceRefused with a sentence.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _check_folder(folder, owner)
        return folder
    except OSError as error:
        raise PlaceRefused(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if owner is not None and owner.dropped:
        os.chown(folder, owner.uid, owner.gid, follow_symlinks=False)
    os.chmod(folder, mode)
    return folder


def _check_folder(folder: Path, owner: RunAs | None) -> None:
    about = folder.lstat()
    wanted = owner.uid if owner is not None else os.geteuid()
    if not stat.S_ISDIR(about.st_mode):
        raise PlaceRefused(f"{folder} is in the way: it is not a folder.")
    if about.st_uid != wanted:
        whose = "another user" if os.geteuid() else "a user who is not the one PostgreSQL runs as"
        raise PlaceRefused(
            f"{folder} belongs to {whose}: start payclear as that user, or remove it with 'make clean'."
        )
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PlaceRefused(f"Others may write to {folder}: it is not safe to keep a database there.")


def open_lock(path: Path) -> IO[str]:
    """Open a lock file of ours for reading and writing, made with mode 0600 when it is not there.

    Follows no link and changes nothing that is there. Raises PlaceRefused for anything but a plain file of our
    own that holds a process number or nothing.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise PlaceRefused(f"The lock {path} cannot be opened: {reason}.") from error
    about = os.fstat(handle)
    is_plain = stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and about.st_uid == os.geteuid()
    if not is_plain or _LOCK_TEXT.fullmatch(os.pread(handle, 100, 0)) is None:
        os.close(handle)
        raise PlaceRefused(f"{path} is in the way: it is not a lock that payclear made.")
    return os.fdopen(handle, "r+", encoding="ascii")


def make_state_folder(folder: Path) -> None:
    """Make the folder of everything that payclear keeps, with its parents, if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlaceRefused(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PlaceRefused(f"There is no permission to write to {folder}.")


def own_place(state_folder: Path) -> Path:
    """A folder outside private homes that stands for `state_folder`, for when we are root."""
    name = f"payclear-{fingerprint(state_folder)}"
    parent = Path("/var/lib")
    if parent.is_dir() and os.access(parent, os.W_OK):
        return parent / name
    return Path("/var/tmp") / name  # noqa: S108 - make_folder checks the owner and follows no link


def short_folder(state_folder: Path, user: RunAs) -> Path:
    """A folder with a short path, for a socket whose own folder lies too deep."""
    return Path("/tmp") / f"payclear-{user.uid}-{fingerprint(state_folder)}"  # noqa: S108 - as above
