"""XMP packets: what they say about data beside the photo, and about its size, is removed or follows the photo.

A packet is changed only where something must go: the places are found by a parser and the bytes around them stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from refocal.images.orientation import swaps_sides, turn_subject

_ADOBE, _GOOGLE = "http://ns.adobe.com/", "http://ns.google.com/photos/"
_TIFF, _EXIF, _NOTE = _ADOBE + "tiff/1.0/", _ADOBE + "exif/1.0/", _ADOBE + "xmp/note/"
_ITEM = _GOOGLE + "1.0/container/item/"

# Namespace, beginning of the names in it, and what they announce (a key of left_out.SENTENCES; "": only an index).
_BESIDE = (
    (_ADOBE + "hdr-gain-map/1.0/", "", "gain map"),
    ("http://ns.apple.com/HDRGainMap/1.0/", "", "gain map"),
    (_GOOGLE + "1.0/container/", "", ""),
    (_ITEM, "", ""),
    (_GOOGLE + "1.0/camera/", "MicroVideo", "video"),
    (_GOOGLE + "1.0/camera/", "MotionPhoto", "video"),
    (_GOOGLE + "dd/1.0/device/", "", "depth map"),
    (_GOOGLE + "dd/1.0/container/", "", ""),
    (_GOOGLE + "dd/1.0/item/", "", ""),
    (_ADOBE + "xap/1.0/", "Thumbnails", "previews"),
    ("http://purl.org/dc/terms/", "provenance", "origin"),
)
_PREFIXES = (b"hdrgm:", b"HDRGainMap:", b"Container:Directory", b"GCamera:MicroVideo", b"GCamera:MotionPhoto")
_SEMANTICS = {b"GainMap": "gain map", b"MotionPhoto": "video", b"Depth": "depth map"}
# What lies in the extended packet, and is announced in the main one.
_EXTENSION = (
    (_NOTE, "HasExtendedXMP", ""),
    *((_GOOGLE + f"1.0/{name}/", "", "") for name in ("depthmap", "image", "audio")),
)
# Places of faces and other regions, which aren't turned.
_REGIONS = (
    ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions", "regions"),
    ("http://ns.microsoft.com/photo/1.2/", "RegionInfo", "regions"),
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "ImageRegion", "regions"),
)
_PAIRS = (
    ((_TIFF, "ImageWidth"), (_TIFF, "ImageLength")),
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
    ((_EXIF, "PixelXDimension"), (_EXIF, "PixelYDimension")),
    ((_EXIF, "FocalPlaneXResolution"), (_EXIF, "FocalPlaneYResolution")),
)
_SUBJECTS = ((_EXIF, "SubjectArea"), (_EXIF, "SubjectLocation"))
_ORIENTATION = (_TIFF, "Orientation")

_ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*("[^"]*"|'[^']*')""")
_START_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_NUMBER = re.compile(rb"(?<=>)\s*\d{1,9}\s*(?=</)")


class Property(NamedTuple):
    """An attribute or element of a packet.

    Attributes:
        namespace: Its namespace; "xmlns" for the declaration of a prefix.
        name: Its name, without prefix.
        start: Where it begins.
        end: Where it ends.
        value_start: Where its value begins (the content of an element).
        value_end: Where its value ends.
    """

    namespace: str
    name: str
    start: int
    end: int
    value_start: int
    value_end: int


def find(packet: bytes, wanted: Callable[[str, str], bool]) -> list[Property] | None:
    """The attributes and elements whose namespace and name are ``wanted``, or None if the packet can't be read.

    A document type, which could define entities, counts as unreadable: XMP has none.
    """
    from xml.parsers import expat

    data = packet.rstrip(b"\0 \t\r\n")
    parser = expat.ParserCreate("UTF-8", " ")
    parser.ordered_attributes = True
    found: list[Property] = []
    opened: list[tuple[int, int]] = []

    def split(name: str) -> tuple[str, str]:
        namespace, _, local = name.rpartition(" ")
        return namespace, local

    def start(_: str, attributes: list[str]) -> None:
        at = parser.CurrentByteIndex
        tag = _START_TAG.match(data, at)
        if tag is None:
            raise ValueError("the parser and this module disagree on where a tag ends")
        opened.append((at, tag.end()))
        names = iter(attributes[::2])
        for match in _ATTRIBUTE.finditer(data, at, tag.end()):
            prefix, _, local = match[1].decode().partition(":")
            key = ("xmlns", local) if prefix == "xmlns" else split(next(names))
            if wanted(*key):
                found.append(Property(*key, match.start(), match.end(), match.start(2) + 1, match.end(2) - 1))

    def end(name: str) -> None:
        at, inside = opened.pop()
        key = split(name)
        if wanted(*key):
            here = parser.CurrentByteIndex
            empty = data[inside - 2 : inside] == b"/>"
            stop = inside if empty else data.index(b">", here) + 1
            found.append(Property(*key, at, stop, inside, inside if empty else here))

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, StopIteration):
        return None
    return found


def without_announcements(packet: bytes) -> tuple[bytes | None, set[str]]:
    """The packet without its entries about pictures, video and records beside the photo, and what they announced.

    Returns:
        The packet, or None if such an entry may be in it and it can't be read; keys of ``left_out.SENTENCES``.
    """
    found = _matching(packet, _BESIDE)
    if found is None:
        return None, {"unreadable XMP"}
    kinds = set()
    gone = []
    for entry in found:
        value = packet[entry.value_start : entry.value_end]
        beginning, kind = _rule((entry.namespace, entry.name), _BESIDE) or ("", "")
        if beginning not in ("", entry.name):
            kind = ""  # details, such as MotionPhotoVersion
        if kind == "origin" and b"self#" not in value:
            continue  # it points at a record elsewhere
        if (entry.namespace, entry.name) == (_ITEM, "Semantic"):
            kind = _SEMANTICS.get(value, "")
        if kind and value.strip() != b"0":  # MotionPhoto="0": there is none
            kinds.add(kind)
        gone.append(entry)
    left = _without(packet, gone)
    # In a packet that breaks the rules, entries may stand under prefixes that aren't declared, or in UTF-16.
    if any(prefix in left.replace(b"\0", b"") for prefix in _PREFIXES):
        return None, kinds | {"unreadable XMP"}
    return left, kinds


def without_extension(packet: bytes) -> bytes | None:
    """The packet without its entries about the extended one; None if such may be in it and it can't be read."""
    found = _matching(packet, _EXTENSION)
    return None if found is None else _without(packet, found)


def extension_name(packet: bytes) -> bytes | None:
    """The 32 digits by which the packet names its extension (XMP specification part 3, section 1.1.3.1)."""
    found = _matching(packet, _EXTENSION[:1])
    return packet[found[0].value_start : found[0].value_end].strip() if found else None


def turned(packet: bytes, orientation: int, size: tuple[int, int]) -> tuple[bytes, set[str]]:
    """The packet of a photo of ``size`` (width, height) once its pixels are turned by ``orientation``.

    Orientation becomes 1, sizes and the subject's place are turned, and regions are left out. In a packet that can't
    be read only the orientation changes.

    Returns:
        The packet, and keys of ``left_out.SENTENCES``.
    """
    followed = {_ORIENTATION, *_SUBJECTS, *(key for pair in _PAIRS for key in pair)}
    found = find(packet, lambda *key: key in followed or _rule(key, _REGIONS) is not None)
    if found is None:
        return re.sub(rb'(tiff:Orientation(?:="|>))[2-8]', rb"\g<1>1", packet), set()
    regions = [entry for entry in found if _rule((entry.namespace, entry.name), _REGIONS)]
    cuts = _outermost(regions)
    changes = [(entry.start, entry.end, b"") for entry in cuts]
    by_key: dict[tuple[str, str], list[Property]] = {}
    for entry in found:
        if not any(cut.start <= entry.start < cut.end for cut in cuts):
            by_key.setdefault((entry.namespace, entry.name), []).append(entry)
    changes += [(entry.value_start, entry.value_end, b"1") for entry in by_key.get(_ORIENTATION, ())]
    for key in _SUBJECTS:
        for entry in by_key.get(key, ()):
            text = _turned_numbers(packet[entry.value_start : entry.value_end], orientation, size)
            changes.append((entry.value_start, entry.value_end, text))
    for pair in _PAIRS if swaps_sides(orientation) else ():
        changes += _swapped(packet, *(by_key.get(key, []) for key in pair))
    return _changed(packet, changes), {"regions"} if regions else set()


def _swapped(packet: bytes, first: list[Property], second: list[Property]) -> list[tuple[int, int, bytes]]:
    """Exchange two values; one that is alone, or there twice, can't follow and is removed."""
    if len(first) != 1 or len(second) != 1:
        return [(entry.start, entry.end, b"") for entry in first + second]
    (one,), (two,) = first, second
    return [
        (one.value_start, one.value_end, packet[two.value_start : two.value_end]),
        (two.value_start, two.value_end, packet[one.value_start : one.value_end]),
    ]


def _turned_numbers(text: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    numbers = tuple(int(number) for number in _NUMBER.findall(text))
    if not 2 <= len(numbers) <= 4:
        return text
    values = iter(turn_subject(numbers, size, orientation))
    return _NUMBER.sub(lambda _: b"%d" % next(values), text)


def _matching(packet: bytes, rules: Iterable[tuple[str, str, str]]) -> list[Property] | None:
    """The entries that a rule names, and the declarations of prefixes that were for them alone."""
    rules = tuple(rules)
    if not any(rule[0].encode() in packet for rule in rules):
        return []  # the usual case: no need to parse
    whole = {rule[0].encode() for rule in rules if not rule[1]}
    found = find(packet, lambda *key: key[0] == "xmlns" or _rule(key, rules) is not None)
    if found is None:
        return None
    gone = whole & {entry.namespace.encode() for entry in found}
    return [e for e in found if e.namespace != "xmlns" or packet[e.value_start : e.value_end] in gone]


def _rule(key: tuple[str, str], rules: Iterable[tuple[str, str, str]]) -> tuple[str, str] | None:
    """The beginning and the kind of the rule that a namespace and a name match, if there is one."""
    for namespace, beginning, kind in rules:
        if key[0] == namespace and key[1].startswith(beginning):
            return beginning, kind
    return None


def _outermost(entries: list[Property]) -> list[Property]:
    outer: list[Property] = []
    for entry in sorted(entries, key=lambda entry: (entry.start, -entry.end)):
        if not outer or entry.start >= outer[-1].end:
            outer.append(entry)
    return outer


def _without(packet: bytes, entries: list[Property]) -> bytes:
    return _changed(packet, [(entry.start, entry.end, b"") for entry in _outermost(entries)])


def _changed(packet: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    parts, done = [], 0
    for start, end, text in sorted(changes):
        parts += [packet[done:start], text]
        done = end
    return b"".join([*parts, packet[done:]])
