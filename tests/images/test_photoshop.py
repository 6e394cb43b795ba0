import struct

import pytest

from refocal.images import photoshop


def resource(number, data, name=b"", signature=b"8BIM"):
    name = (bytes([len(name)]) + name).ljust((len(name) + 2) // 2 * 2, b"\0")
    return signature + struct.pack(">H", number) + name + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


IPTC = resource(0x0404, b"\x1c\x02\x78\x00\x03abc")
OTHER = resource(0x0425, b"odd", b"name") + resource(0x03F3, b"", b"na", b"MeSa")


def test_resources_of_all_shapes_are_found():
    found, whole = photoshop.resources(IPTC + OTHER + b"\0")
    assert [(one.number, one.data) for one in found] == [
        (0x0404, b"\x1c\x02\x78\x00\x03abc"),
        (0x0425, b"odd"),
        (0x03F3, b""),
    ]
    assert (b"".join(one.whole for one in found), whole) == (IPTC + OTHER, True)


def test_previews_and_copies_of_other_blocks_go():
    copies = b"".join(resource(number, b"copy") for number in (0x040F, 0x0422, 0x0423, 0x0424))
    assert photoshop.kept(copies + IPTC + resource(0x040C, b"\xff\xd8") + OTHER) == (IPTC + OTHER, {"previews"})
    assert photoshop.kept(copies) == (None, set())


@pytest.mark.parametrize("length", range(1, len(OTHER)))
def test_what_follows_a_broken_resource_is_lost_with_a_note(length):
    kept, kinds = photoshop.kept(IPTC + OTHER[:length])
    assert kept.startswith(IPTC)
    assert kinds == {"IPTC"} or kept in (IPTC + OTHER[: len(resource(0x0425, b"odd", b"name"))], IPTC + OTHER)


def test_the_record_is_found_and_added():
    assert photoshop.iptc_record(OTHER + IPTC) == b"\x1c\x02\x78\x00\x03abc"
    assert photoshop.iptc_record(OTHER) is None
    assert photoshop.with_iptc_record(OTHER, b"\x1c\x02\x78\x00\x03abc") == OTHER + IPTC


def test_a_turned_photo_loses_positions_and_exchanges_its_resolutions():
    across, down = struct.pack(">IHH", 300 << 16, 1, 1), struct.pack(">IHH", 240 << 16, 1, 2)
    places = resource(0x0408, b"guides") + resource(2000, b"path") + resource(0x041A, b"slices")
    kept, kinds = photoshop.turned(places + resource(0x03ED, across + down) + IPTC, 6)
    assert (kept, kinds) == (resource(0x03ED, down + across) + IPTC, {"paths"})
    assert photoshop.turned(resource(0x03ED, across + down), 3) == (resource(0x03ED, across + down), set())
