"""The photos of the inputs: files, folders and patterns; whatever is not restored is named with the reason.

Files that are no photos by their name, hidden ones, blur maps and the results of a former run are passed over silently.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refocal.images.io import SUFFIXES, check_header
from refocal.images.map_files import is_map
from refocal.types import InputError

# Suffixes of photos that refocal doesn't read: of raw files by maker, and of other formats.
_RAW = (
    *(".3fr", ".ari", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".drf", ".eip", ".erf"),
    *(".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx"),
    *(".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2", ".srf", ".srw", ".x3f"),
)
_CONVERT = "which refocal doesn't read; convert it to JPEG, PNG, TIFF or WebP"
NOT_READ: dict[str, str] = dict.fromkeys(_RAW, "a raw photo, which refocal doesn't read; develop it to TIFF first") | {
    suffix: f"{kind}, {_CONVERT}"
    for kind, suffixes in (
        ("a HEIC photo", (".heic", ".heif", ".hif")),
        ("an AVIF photo", (".avif",)),
        ("a GIF", (".gif",)),
        ("a BMP", (".bmp", ".dib")),
        ("a JPEG XL photo", (".jxl",)),
        ("a JPEG 2000 photo", (".jp2", ".j2k", ".j2c", ".jpf", ".jpx", ".jph")),
        ("a JPEG XR photo", (".jxr", ".wdp", ".hdp")),
        ("a Photoshop file", (".psd", ".psb")),
        ("a Netpbm picture", (".pbm", ".pgm", ".pnm", ".ppm", ".pam", ".pfm")),
        ("an HDR picture", (".exr", ".hdr")),
        ("a picture of another format", (".dcm", ".fits", ".ico", ".pcx", ".qoi", ".tga")),
    )
    for suffix in suffixes
}

ALSO_READ = (".mpo", ".jps", ".insp", ".apng")
"""Further suffixes of JPEG and PNG: found in folders, too, and read by content. Results have the format's own suffix.
"""


@dataclass(frozen=True)
class Photo:
    """A file to restore.

    Attributes:
        source: The file to read.
        below: The path of its result beneath the output folder.
    """

    source: Path
    below: Path


@dataclass(frozen=True)
class LeftOut:
    """An input, or something found in one, that isn't restored.

    Attributes:
        path: Its path.
        reason: A sentence.
        status: ``"failed"`` if it was asked for or can't be entered, otherwise ``"left out"``.
        unread: Whether it may hold a photo that could not be read.
    """

    path: Path
    reason: str
    status: Literal["failed", "left out"] = "failed"
    unread: bool = True


def find(inputs: Sequence[str], out: Path) -> tuple[list[Photo], list[LeftOut]]:
    """The photos of the inputs in their order, each once, and what is left out.

    Args:
        inputs: Files, which are taken by their content; folders, with all subfolders; patterns. ``**`` enters no
            folder that is a link, other parts of a pattern do.
        out: The output folder, which is not searched.
    """
    chosen: dict[str, Photo] = {}
    others: list[Photo] = []
    left: dict[Path, LeftOut] = {}
    named = {_plain(Path(text)) for text in inputs}
    for text in inputs:
        found = list(_expand(text, out))
        for item in found or [LeftOut(Path(text), _nothing(text))]:
            if isinstance(item, Photo):
                real = os.path.realpath(item.source)
                first = chosen.setdefault(real, item)
                if first is not item and _link_rank(item.source) < _link_rank(first.source):
                    chosen[real], item = item, first
                if chosen[real] is not item:
                    others.append(item)
            elif item.status == "failed" or _plain(item.path) not in named:
                left.setdefault(item.path, item)
    for other in others:
        same = chosen[os.path.realpath(other.source)].source
        if _plain(other.source) != _plain(same):  # else it is named twice
            reason = f"{other.source} is left out: it is the same file as {same}."
            left.setdefault(other.source, LeftOut(other.source, reason, "left out", unread=False))
    return list(chosen.values()), list(left.values())


def _link_rank(path: Path) -> tuple[bool, bool]:
    """Smaller for the file itself than for a link to it or a path through links."""
    return path.is_symlink(), os.path.realpath(path) != _plain(path)


def _plain(path: Path) -> str:
    """The same for ``a.jpg`` and ``folder/../a.jpg``, whose links are not followed."""
    return os.path.normpath(path.absolute())


def _expand(text: str, out: Path) -> Iterator[Photo | LeftOut]:
    path = Path(text)
    try:
        if path.is_dir():
            yield from _in_folder(path, out)
        elif path.exists():
            yield _named(path)
        elif path.is_symlink():
            yield LeftOut(path, f"{path} is a link to a file that doesn't exist.")
        elif glob.has_magic(text):
            yield from _in_pattern(path, out)
    except OSError as error:  # a name too long, a folder on the way that may not be entered
        yield LeftOut(path, f"{path} can't be read: {error.strerror or error}.")


def _named(path: Path) -> Photo | LeftOut:
    """A file that the user names is taken by its content, whatever its suffix."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return Photo(path, Path(path.name))
    try:
        format = check_header(path).format
    except InputError as error:
        return LeftOut(path, str(error))
    if suffix in _RAW and format == "TIFF":  # such a file is a TIFF in form, whose image is a thumbnail
        return LeftOut(path, f"{path} is {NOT_READ[suffix]}.")
    ending = next(ending for ending, kind in SUFFIXES.items() if kind == format)
    stem = path.stem if suffix in NOT_READ else path.name  # scan.0001 and scan.0002 stay apart
    return Photo(path, Path(stem + ending))


def _in_folder(folder: Path, out: Path) -> Iterator[Photo | LeftOut]:
    for item in _walk(folder, folder, out):
        if isinstance(item, LeftOut):
            yield item
        else:
            yield from _photos(item[1], folder)


def _in_pattern(pattern: Path, out: Path) -> Iterator[Photo | LeftOut]:
    first = next(i for i, part in enumerate(pattern.parts) if glob.has_magic(part))
    base = Path(*pattern.parts[:first])
    yield from _photos(_matches(base, pattern.parts[first:], base, out), base)


def _photos(found: Iterator[Path | LeftOut] | Sequence[Path], base: Path) -> Iterator[Photo | LeftOut]:
    for path in found:
        if isinstance(path, LeftOut):
            yield path
            continue
        suffix = path.suffix.lower()
        if suffix in NOT_READ:
            yield LeftOut(path, f"{path} is left out: its name is that of {NOT_READ[suffix]}.", "left out")
        elif suffix in ALSO_READ:
            named = _named(path)
            below = _beneath(path, base).parent
            yield Photo(path, below / named.below) if isinstance(named, Photo) else named
        elif (suffix in SUFFIXES or not suffix) and _leads_nowhere(path):
            yield LeftOut(path, f"{path} is a link to a file that doesn't exist.")
        elif suffix in SUFFIXES and not _is_map(path):
            yield Photo(path, _beneath(path, base))


def _beneath(path: Path, base: Path) -> Path:
    """The place of a result: behind a wildcard, .. may lead out of the folder that is searched, but not out of OUT."""
    below = Path(os.path.normpath(path.relative_to(base)))
    return Path(*(part for part in below.parts if part != ".."))


def _walk(folder: Path, base: Path, out: Path) -> Iterator[tuple[Path, list[Path]] | LeftOut]:
    """Every folder beneath and including ``folder`` with its files, sorted, without hidden ones and the output."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        entries = _entries(place)
        if isinstance(entries, LeftOut):
            yield entries
            continue
        files, folders = [], []
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                continue
            if not entry.is_dir(follow_symlinks=False) and not is_folder(path):
                files.append(path)
            elif _is_result(path, base, out):
                continue
            elif entry.is_symlink():
                reason = f"{path} is left out: it is a link to a folder; name it to restore its photos."
                yield LeftOut(path, reason, "left out", unread=False)
            else:
                folders.append(path)
        yield place, files
        waiting += reversed(folders)


def _matches(place: Path, parts: Sequence[str], base: Path, out: Path) -> Iterator[Path | LeftOut]:
    """The files that match a pattern, sorted in each folder."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        while rest and rest[0] == "**":  # the same again
            rest = rest[1:]
        for item in _walk(place, base, out):
            if isinstance(item, LeftOut):
                yield item
            elif rest:
                yield from _matches(item[0], rest, base, out)
            else:
                yield from item[1]
        return
    paths = [place / part]
    if glob.has_magic(part):
        entries = _entries(place)
        if isinstance(entries, LeftOut):
            yield entries
            return
        names = (entry.name for entry in entries if part.startswith(".") or not entry.name.startswith("."))
        paths = [place / name for name in names if fnmatch.fnmatch(name, part)]
    for path in paths:
        if is_folder(path):
            if rest and not _is_result(path, base, out):
                yield from _matches(path, rest, base, out)
        elif not rest and os.path.lexists(path):
            yield path


def _entries(folder: Path) -> list[os.DirEntry[str]] | LeftOut:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        return LeftOut(folder, f"The folder {folder} can't be read: {error.strerror or error}.")


def is_folder(path: Path) -> bool:
    """Whether a path is a folder or leads to one; not if that can't be known."""
    with suppress(OSError):
        return path.is_dir()
    return False


def _leads_nowhere(path: Path) -> bool:
    with suppress(OSError):  # what can't be read is reported when its turn comes
        return not path.exists()
    return False


def _is_map(path: Path) -> bool:
    """Whether a file is a blur map that was saved beside a photo."""
    with suppress(OSError):
        return path.stem.endswith("_map") and is_map(path)
    return False


def _is_result(path: Path, base: Path, out: Path) -> bool:
    """Whether ``path`` is the output folder or in it, and this lies beneath the folder that is searched."""
    inside = path.resolve()
    results = out.resolve()
    return base.resolve() in results.parents and (results == inside or results in inside.parents)


def _nothing(text: str) -> str:
    if is_folder(Path(text)):
        return f"There is no photo ({', '.join(SUFFIXES)}) in the folder {text}."
    if glob.has_magic(text):
        return f"No photo matches {text}."
    return f"{text} doesn't exist."
