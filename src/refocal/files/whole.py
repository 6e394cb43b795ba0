"""Writing a file whole or not at all, and replacing nothing unasked.

A file is written under a hidden name beside its own, flushed to the disk and then published. Standard library only.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from refocal.types import InputError

_STALE_SECONDS = 3600.0  # an unfinished file of another machine, whose processes can't be seen from here


class Exists(InputError):
    """A file has the name that was to be written, and may not be replaced."""


@contextmanager
def whole_file(
    path: str | Path,
    *,
    overwrite: bool = False,
    suffix: str = "",
    may_replace: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """A hidden empty file to write, which gets the name ``path`` if the block ends without an error.

    With ``overwrite``, a link is followed, and the file that it leads to is replaced; the new one has its mode, and its
    owner and group where this process may set them. Without, nothing is replaced, even if the name is taken meanwhile.

    Args:
        path: The file's name.
        overwrite: Whether a file of this name is replaced.
        suffix: What the hidden name ends in, for a library that reads or writes files of certain names only.
        may_replace: Whether a file that got this name meanwhile is replaced all the same.

    Yields:
        The path of the unfinished file, in the folder of the finished one.

    Raises:
        Exists: If ``path`` exists, at the start or at the end, and ``overwrite`` is false.
        InputError: If the file can't be written there. Errors of the block itself are passed on, see ``writing``.
    """
    path = Path(path)
    check_target(path, overwrite=overwrite)
    target = followed(path) if overwrite else path
    part = part_path(target.parent, suffix)
    _swept(os.path.realpath(target.parent))
    try:
        with writing(path):
            before = target.stat() if overwrite and target.exists() else None
            # Never readable by more people than the file that it replaces. os.open leaves the umask in force.
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600))
        yield part
        with writing(path):
            _flush(part)
            if before is not None:
                _make_like(part, before)
            if overwrite:
                part.replace(target)
                return
            try:
                _publish(part, target)
            except Exists:
                if may_replace is None or not may_replace(target):
                    raise
                part.replace(target)
    finally:  # also after Ctrl-C
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_whole(path: str | Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write bytes as ``whole_file`` does.

    Raises:
        InputError: If the file exists and may not be replaced (``Exists``), or can't be written.
    """
    with whole_file(path, overwrite=overwrite) as part, writing(path), part.open("wb") as file:
        file.write(data)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn errors of the system into a sentence about the file that is being written.

    Raises:
        InputError: Instead of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror or error}.") from error


def check_target(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse, before any work, a path at which no file can be written.

    Raises:
        Exists: If it exists and may not be replaced.
        InputError: If it is a folder or a device, or its folder is missing or not writable.
    """
    path = Path(path)
    with writing(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the name of a file.")
        folder = (followed(path) if overwrite else path).parent
        if not folder.is_dir():
            raise InputError(f"{path} can't be written: there is no folder {folder}.")
        if os.path.lexists(path) and not overwrite:  # a link that leads nowhere takes the name, too
            raise Exists(f"{path} exists already; choose another name, or overwrite it.")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is a device; give the name of a file.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{path} can't be written: the folder {folder} is not writable.")


def followed(path: Path) -> Path:
    """The file that a path leads to through all links, whether it exists or not.

    Raises:
        InputError: If it leads to itself.
    """
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise InputError(f"{path} can't be written: it is a link that leads to itself.")
    return real


def part_path(folder: Path, suffix: str = "") -> Path:
    """A hidden name for an unfinished file, with machine and process, so that stale files can be removed.

    Short, as a name made from the target's could pass the file system's limit.
    """
    return folder / f".refocal-{platform.node()[:40]}-{os.getpid()}-{os.urandom(6).hex()}.part{suffix}"


def sweep(folders: set[Path]) -> int:
    """Remove the hidden unfinished files and folders that a killed run left in these folders; returns how many.

    Those of a process that still runs, or ran elsewhere within the last hour, are left alone: it may be writing them.
    """
    removed = 0
    for part in [part for folder in folders for part in folder.glob(".refocal-*.part*")]:
        with suppress(OSError):  # another run just finished it, or it is not ours to remove
            if _abandoned(part):
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
                removed += 1
    for lock in [lock for folder in folders for lock in folder.glob(".refocal-*.lock")]:  # held for seconds
        with suppress(OSError):
            if lock.stat().st_mtime < time.time() - _STALE_SECONDS:
                lock.unlink()
                removed += 1
    return removed


@cache
def _swept(folder: str) -> int:
    """``sweep``, once per folder and process."""
    return sweep({Path(folder)})


def _abandoned(part: Path) -> bool:
    host, _, rest = part.name.removeprefix(".refocal-").rpartition("-")[0].rpartition("-")
    if host == platform.node()[:40] and rest.isdigit() and os.name == "posix":
        try:
            os.kill(int(rest), 0)  # checks for the process, sends no signal
        except ProcessLookupError:
            return True
        return False
    return part.stat().st_mtime < time.time() - _STALE_SECONDS


def _flush(part: Path) -> None:
    descriptor = os.open(part, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_like(part: Path, before: os.stat_result) -> None:
    """Give a new file the owner, the group and the mode of the one that it replaces, as far as that is allowed."""
    mode = stat.S_IMODE(before.st_mode)
    if hasattr(os, "chown"):
        for owner, group in ((-1, before.st_gid), (before.st_uid, -1)):
            with suppress(OSError):  # not allowed, or no such thing on this file system
                os.chown(part, owner, group)
        now = part.stat()
        if now.st_gid != before.st_gid:  # other people than before are in the group
            mode = (mode & 0o707) | (mode & (mode << 3) & 0o070)
        if now.st_uid != before.st_uid:
            mode &= 0o777  # a program would run under another name
    with suppress(OSError):
        part.chmod(mode)


def _publish(part: Path, target: Path) -> None:
    """Give the unfinished file its name, which must be free."""
    try:
        try:
            os.link(part, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            try:
                part.replace(target)
            except BaseException:
                target.unlink()  # the empty file is ours
                raise
    except FileExistsError:
        raise Exists(f"{target} exists already; choose another name, or overwrite it.") from None
