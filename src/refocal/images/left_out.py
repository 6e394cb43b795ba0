"""The sentences about what lies beside a photo in its file and can't be kept: one for each kind."""

from __future__ import annotations

from collections.abc import Iterable

from refocal.printable import printable

_BEHIND = "behind the photo was left out."
SENTENCES = {
    "gain map": f"The gain map (HDR) {_BEHIND}",
    "video": f"The video of a motion photo {_BEHIND}",
    "depth map": f"The depth map {_BEHIND}",
    "pictures": "Further pictures behind the photo were left out.",
    "data": f"Data of an unknown kind {_BEHIND}",
    "mask": "The mask beside the photo was left out.",
    "previews": "Stored previews were left out, as they show the photo unrestored.",
    "layers": "The layers of the photo were left out, as they show it unrestored.",
    "origin": "The signed record of the photo's origin (C2PA) was left out, as it doesn't hold for a changed photo.",
    "regions": "The regions of faces and other subjects in XMP were left out, as the photo was turned.",
    "paths": "Photoshop's paths, guides and slices were left out, as the photo was turned.",
    "place": "The tags about the place on the map (GeoTIFF) were left out, as the photo was turned.",
    "turned": "The parts of the PNG that hold positions in the photo were left out, as it was turned.",
    "storage": "The parts of the PNG that describe how its pixels were stored were left out.",
    "extension": "The extended XMP was left out, as the photo was turned.",
    "broken extension": "The extended XMP is damaged, so it was left out.",
    "unreadable XMP": "The XMP can't be read and may announce data that is no longer there, so it was left out.",
    "profile": "The colour profile is damaged or larger than 20 MB, so it was left out.",
    "kept profile": "The colour profile seems damaged; it was kept as it is.",
    "XMP": "The XMP is damaged or larger than 16 MB, so it was left out.",
    "IPTC": "The IPTC data is damaged, so some of it was left out.",
}


def sentences(kinds: Iterable[str]) -> tuple[str, ...]:
    """The sentence of each kind, once, in the order of the table."""
    found = set(kinds)
    return tuple(sentence for kind, sentence in SENTENCES.items() if kind in found)


def listing(names: Iterable[str], most: int = 5) -> str:
    """Names for a sentence, each once, the first few of them."""
    found = [printable(name) for name in dict.fromkeys(names)]
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
