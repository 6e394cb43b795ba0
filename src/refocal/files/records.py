"""Records appended whole to files that several processes may write, and a lock for files that are replaced.

Standard library only.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from refocal.files.whole import followed, writing


def json_line(record: Mapping[str, Any]) -> str:
    """A record as one line of ASCII that commands no terminal; names come back exactly as they were."""
    return json.dumps(record).replace("\x7f", "\\u007f") + "\n"


def append_line(path: Path, line: str) -> None:
    """Append a line to a file, creating it; whole or not at all, also beside other processes that do the same.

    A line without its end, which a killed run left, is closed first; with an empty ``line`` nothing else is done.

    Raises:
        InputError: If the file can't be written; it is as it was before.
    """
    with writing(path), path.open("ab+", buffering=0) as file, _locked(file.fileno()):
        size = file.seek(0, os.SEEK_END) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else 0
        data = line.encode()
        if size:
            file.seek(size - 1)
            data = data if file.read(1) == b"\n" else b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
        except BaseException:  # a full disk, or Ctrl-C
            with suppress(OSError):  # a device has no length
                file.truncate(size)
            raise


@contextmanager
def exclusive(path: str | Path) -> Iterator[None]:
    """Let one process at a time read and replace a file: a lock on a hidden file beside it, which is removed again.

    Where the file system has no locks, this does nothing.

    Raises:
        InputError: If the hidden file can't be made.
    """
    real = followed(Path(path))
    lock = real.with_name(f".refocal-{sha256(os.fsencode(real.name)).hexdigest()[:16]}.lock")
    while True:
        with writing(path):
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with _locked(descriptor):
                if _is_named(descriptor, lock):  # else its last holder has removed it, and a new one may be held
                    try:
                        yield
                    finally:
                        with suppress(OSError):  # Windows removes no open file
                            lock.unlink()
                    return
        finally:
            os.close(descriptor)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Wait for the lock of an open file; it ends with the block, or with the process."""
    with suppress(OSError):  # a file system without locks
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # the lock forbids reading, so it is far behind the content
            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            if sys.platform == "win32":
                os.lseek(descriptor, 1 << 30, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_UN)


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
