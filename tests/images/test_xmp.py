from xml.dom import minidom

import pytest

from refocal.images import xmp

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SPACES = {
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "GImage": "http://ns.google.com/photos/1.0/image/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
}


@pytest.mark.parametrize(
    "packet",
    [
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r hdrgm:Version="1.0" dc:title="keep"/></x:xmpmeta>',
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r hdrgm:Version="1.0"/></x:xmpmeta>'.encode("utf-16"),
    ],
)
def test_announcements_in_a_packet_that_breaks_the_rules_leave_with_it(packet):
    left, kinds = xmp.without_announcements(packet)
    assert left is None and "unreadable XMP" in kinds


def packet(attributes="", elements="", spaces=SPACES):
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in spaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}">\n<rdf:Description rdf:about="" {declared}\n  dc:format="image/jpeg" {attributes}>'
        f'<dc:title>Caf\u00e9 &amp; "bar" &#xA;</dc:title>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>\n'
        '   \n<?xpacket end="w"?>'
    ).encode()


def names(text):
    """Namespace and name of every attribute and element, by an independent parser."""
    found = []
    for element in minidom.parseString(text).getElementsByTagName("*"):
        found.append((element.namespaceURI, element.localName))
        found += [(a.namespaceURI, a.localName) for a in element.attributes.values()]
    return {name for uri, name in found if uri in SPACES.values()}


DIRECTORY = (
    "<Container:Directory><rdf:Seq>"
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{}" Item:Length="9"/></rdf:li>'
    "</rdf:Seq></Container:Directory>"
)


@pytest.mark.parametrize(
    ("attributes", "elements", "kinds"),
    [
        ('hdrgm:Version="1.0"', DIRECTORY.format("GainMap"), {"gain map"}),
        ("", "<hdrgm:Version>1.0</hdrgm:Version>", {"gain map"}),
        ("GCamera:MotionPhoto='1' GCamera:MotionPhotoVersion='1'", DIRECTORY.format("MotionPhoto"), {"video"}),
        ('GCamera:MicroVideo="1" GCamera:MicroVideoOffset="1234"', "", {"video"}),
        ('GCamera:MotionPhoto="0" GCamera:MotionPhotoVersion="1"', "", set()),
        ("", DIRECTORY.format("Depth"), {"depth map"}),
        ("", DIRECTORY.format("Primary"), set()),
        ("", '<xmp:Thumbnails><rdf:Alt><rdf:li xmp:image="AAAA"/></rdf:Alt></xmp:Thumbnails>', {"previews"}),
        ('dcterms:provenance="self#jumbf=c2pa/urn"', "", {"origin"}),
    ],
)
def test_what_announces_data_beside_the_photo_goes_and_the_rest_stays(attributes, elements, kinds):
    kept, found = xmp.without_announcements(packet(attributes, elements))
    assert found == kinds
    assert names(kept) == {"format", "title"}
    rest = packet("", "").decode()
    gone = {prefix for prefix in ("hdrgm", "Container", "Item") if f"{prefix}:" in (attributes + elements)}
    for prefix in gone:  # declarations of what is wholly gone go too
        rest = rest.replace(f' xmlns:{prefix}="{SPACES[prefix]}"', "")
    assert kept.decode().replace(" >", ">") == rest.replace(" >", ">")  # all other bytes are the same


CALM = {key: value for key, value in SPACES.items() if key in ("dc", "xmp", "GCamera", "tiff")}


@pytest.mark.parametrize(
    "text", [packet('GCamera:BurstID="x" tiff:Orientation="1"', spaces=CALM) + b"\0", b"no XML", b"", b"<a>"]
)
def test_a_packet_without_announcements_is_unchanged(text):
    assert xmp.without_announcements(text) == (text, set())
    assert xmp.without_extension(text) == text


def test_a_record_on_another_server_is_no_part_of_the_file():
    text = packet('dcterms:provenance="https://example.org/1"')
    assert "provenance" in names(xmp.without_announcements(text)[0])


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE a [<!ENTITY b "hdr">]>' + packet('hdrgm:Version="1.0"'),
        packet('hdrgm:Version="1.0"').replace(b"</rdf:RDF>", b""),
        packet('hdrgm:Version="1.0"').replace(b"Caf\xc3", b"Caf\xff"),
    ],
)
def test_a_packet_that_cannot_be_read_is_left_out_if_it_may_announce(text):
    assert xmp.without_announcements(text) == (None, {"unreadable XMP"})


def test_deep_nesting_and_entities_do_no_harm():
    deep = b"<a>" * 20_000 + b"</a>" * 20_000
    text = packet('hdrgm:Version="1.0"').replace(b"</rdf:RDF>", deep + b"</rdf:RDF>")
    kept, kinds = xmp.without_announcements(text)
    assert (kinds, deep in kept) == ({"gain map"}, True)
    laughs = b'<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + packet('hdrgm:Version="&b;"')
    assert xmp.find(laughs, lambda *_: True) is None


def test_the_extension_and_what_announces_it():
    text = packet('xmpNote:HasExtendedXMP="0123456789ABCDEF0123456789ABCDEF" GImage:Mime="image/jpeg" xmp:Rating="3"')
    assert xmp.extension_name(text) == b"0123456789ABCDEF0123456789ABCDEF"
    assert names(xmp.without_extension(text)) == {"format", "title", "Rating"}
    assert xmp.extension_name(packet()) is None


TURNED = (
    'tiff:Orientation="6" tiff:ImageWidth="4000" tiff:ImageLength="3000" exif:PixelXDimension="400"',
    "<exif:PixelYDimension>300</exif:PixelYDimension><exif:SubjectArea><rdf:Seq><rdf:li>10</rdf:li><rdf:li>20</rdf:li>"
    "<rdf:li>6</rdf:li><rdf:li>4</rdf:li></rdf:Seq></exif:SubjectArea>"
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList/></mwg-rs:Regions>',
)


def test_sizes_and_subject_follow_a_quarter_turn():
    kept, kinds = xmp.turned(packet(*TURNED), 6, (400, 300))
    expected = packet(
        'tiff:Orientation="1" tiff:ImageWidth="3000" tiff:ImageLength="4000" exif:PixelXDimension="300"',
        "<exif:PixelYDimension>400</exif:PixelYDimension><exif:SubjectArea><rdf:Seq><rdf:li>279</rdf:li>"
        "<rdf:li>10</rdf:li><rdf:li>4</rdf:li><rdf:li>6</rdf:li></rdf:Seq></exif:SubjectArea>",
    )
    assert (kept, kinds) == (expected, {"regions"})


def test_half_a_turn_keeps_the_sizes():
    kept, _ = xmp.turned(packet(*TURNED), 3, (400, 300))
    assert b'tiff:ImageWidth="4000" tiff:ImageLength="3000"' in kept
    assert b"<rdf:li>389</rdf:li><rdf:li>279</rdf:li><rdf:li>6</rdf:li><rdf:li>4</rdf:li>" in kept


def test_a_size_that_is_alone_goes_and_other_prefixes_are_followed():
    text = packet('t:ImageWidth="4000" t:Orientation="8"', spaces=SPACES | {"t": SPACES["tiff"]})
    kept, _ = xmp.turned(text, 8, (400, 300))
    assert b't:Orientation="1"' in kept
    assert b"ImageWidth" not in kept


def test_the_orientation_in_a_packet_that_cannot_be_read():
    assert xmp.turned(b'<rdf:D tiff:Orientation="6" >', 6, (4, 3)) == (b'<rdf:D tiff:Orientation="1" >', set())
