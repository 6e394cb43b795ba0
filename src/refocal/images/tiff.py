"""TIFF: header, decoding (tifffile), encoding with all EXIF directories, which tifffile can't write."""

from __future__ import annotations

import logging
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from refocal.images.cmyk import cmyk_to_rgb
from refocal.images.limits import MAX_PIXELS, Header, Unsupported
from refocal.images.metadata import Metadata, sane_dpi
from refocal.images.photo import Photo
from refocal.images.tiff_beside import ICC, XMP, alpha_index, tags_beside, with_beside
from refocal.images.tiff_exif import exif_from_tiff, tiff_tags
from refocal.types import Array

# TIFF 6.0, sections 4, 5, 6, 16, 18, 21 and Adobe's supplements.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR, _CFA, _LINEAR_RAW = 0, 1, 2, 3, 5, 6, 32803, 34892
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _SEPARATED: 4, _YCBCR: 3}
_JPEG = 7
# None, CCITT (three kinds), LZW, JPEG, Deflate (two numbers), PackBits, LZMA, Zstandard: inflated into a buffer of
# known size. Others wrap whole images of any size, such as JPEG 2000.
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, _JPEG, 8, 32946, 32773, 34925, 50000))
_DNG_VERSION = 50706
_PREMULTIPLIED = 1
_STRIP_BYTES = 1 << 18
_LEVEL = 4  # of deflate, 1 to 12; after the predictor, higher ones gain under 1 % on photos
_INCH, _CENTIMETRE = 2, 3
_MAX_EXTRA = 16  # bands beside colours and alpha; satellites' files have up to 13 in all
_MAX_SAMPLES = 4 * MAX_PIXELS


def header(stream: BinaryIO) -> Header:
    """Read the first directory; nothing is decoded.

    Raises:
        Unsupported: If it has several pages, is a camera's raw file, or its samples aren't 1, 8 or 16 bit integers.
    """
    with _opened(stream) as file:
        page = file.pages.first
        found = Header("TIFF", page.imagewidth, page.imagelength, page.bitspersample)
        if page.photometric in (_CFA, _LINEAR_RAW) or _DNG_VERSION in page.tags or page.is_reduced:
            raise Unsupported("is a camera's raw file; develop it to a TIFF or JPEG first")
        # A reduced copy (1) or a mask (4) beside the image is no second page.
        if any(not other.subfiletype & 5 for other in islice(file.pages, 1, 8)):
            raise Unsupported("has several pages; refocal reads single images, so save one page of it")
        _check_samples(page)
        _check_parts(file, page)
        return found


def decode(data: bytes) -> Photo:
    """Decode a TIFF of 1, 8 or 16 bits: grey, palette, RGB, YCbCr in JPEG, or 8-bit CMYK; alpha becomes straight.

    Further bands, which their tag doesn't name as alpha, go into ``Photo.extra``.
    """
    with _opened(BytesIO(data)) as file:
        page = file.pages.first
        planes, _, height, width, contiguous = (found := page.asarray(squeeze=False)).shape
        samples = found[:, 0].transpose(1, 2, 0, 3).reshape(height, width, planes * contiguous)
        icc, xmp = (_bytes(page, tag) for tag in (ICC, XMP))
        exif, lost = exif_from_tiff(BytesIO(data), page.offset, file.byteorder, file.is_bigtiff)
        metadata, left_out = with_beside(Metadata(exif, icc, xmp, _resolution(page)), file, page)
        parts, empty = len(page.databytecounts), page.databytecounts.count(0)
        colours = _COLOURS[page.photometric]
        colourmap = page.colormap
    samples = np.asarray(samples, dtype=samples.dtype.newbyteorder("="))
    if page.bitspersample == 1:
        samples = samples.astype(np.uint8) * np.uint8(255)
    pixels, alpha, extra = samples[..., :colours], None, samples[..., colours:]
    at = alpha_index(page.extrasamples)
    if at is not None and at < extra.shape[2]:
        alpha, extra = np.ascontiguousarray(extra[..., at]), np.delete(extra, at, axis=2)
        if page.extrasamples[at] == _PREMULTIPLIED:
            pixels = _straight(pixels, alpha)
    notes: tuple[str, ...] = left_out
    if empty:
        notes += (f"{empty} of {parts} parts of the picture are missing in the file.",)
    if lost:
        notes += (f"{lost} of its EXIF fields could not be read, so they are left out.",)
    if extra.shape[2]:
        notes += (f"Bands beside colour and transparency ({extra.shape[2]}) aren't restored.",)
    if page.photometric == _WHITE_IS_ZERO:
        pixels = ~pixels
    elif page.photometric == _PALETTE:
        pixels = (colourmap >> 8).astype(np.uint8).T[pixels[..., 0]]
    elif page.photometric == _SEPARATED:
        from PIL import Image

        pixels, note = cmyk_to_rgb(Image.fromarray(np.ascontiguousarray(pixels), mode="CMYK"), icc)
        notes, metadata = (note, *notes), replace(metadata, icc=None)
    bands = np.ascontiguousarray(extra) if extra.shape[2] else None
    return Photo(np.ascontiguousarray(pixels), alpha, "TIFF", metadata, None, notes, bands, damaged=empty > 0)


def encode(photo: Photo) -> bytes:
    """Encode 8 or 16 bits, grey or RGB, with or without alpha and further bands: strips, deflate, predictor.

    The directory is written by Pillow, which nests the Exif and GPS directories, and the strips follow it.
    """
    import imagecodecs
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    bands = [band for band in (photo.pixels, photo.alpha, photo.extra) if band is not None]
    samples: Array = bands[0] if len(bands) == 1 else np.dstack(bands)
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * samples.itemsize))
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    strips = [
        imagecodecs.deflate_encode(imagecodecs.delta_encode(little[start : start + rows], axis=-2), _LEVEL)
        for start in range(0, height, rows)
    ]
    counts = [len(strip) for strip in strips]
    kept = photo.metadata
    tags: dict[int, Any] = tiff_tags(kept.exif)[0] if kept.exif else {}
    tags |= {256: width, 257: height, 258: (8 * samples.itemsize,) * channels, 259: 8, 277: channels, 284: 1, 317: 2}
    tags |= {262: _BLACK_IS_ZERO if photo.pixels.shape[2] == 1 else _RGB, 278: rows, 279: tuple(counts)}
    tags |= {273: tuple(int(offset) for offset in np.cumsum([0, *counts[:-1]]))}  # from the directory's end
    if kinds := (2,) * (photo.alpha is not None) + (0,) * (0 if photo.extra is None else photo.extra.shape[2]):
        tags[338] = kinds  # straight alpha, then unspecified bands
    if kept.dpi:
        tags |= {282: kept.dpi[0], 283: kept.dpi[1], 296: _INCH}
    tags |= {tag: value for tag, value in ((XMP, kept.xmp), (ICC, kept.icc)) if value}
    directory, out = ImageFileDirectory_v2(b"II*\0\0\0\0\0"), BytesIO()
    for tag, value in tags.items():
        directory[tag] = value
    for tag, kind, value in tags_beside(kept):
        directory.tagtype[tag] = kind
        directory[tag] = value
    directory.save(out)
    out.writelines(strips)
    return out.getvalue()


def _opened(stream: BinaryIO) -> Any:
    import tifffile

    log = logging.getLogger("tifffile")
    if not log.handlers:  # it logs what it then raises; one sentence is enough
        log.addHandler(logging.NullHandler())
    return tifffile.TiffFile(stream)


def _check_samples(page: Any) -> None:
    extra = page.samplesperpixel - _COLOURS.get(page.photometric, 0)
    if page.sampleformat != 1 or page.bitspersample not in (1, 8, 16):
        kind = {1: "integer", 2: "signed", 3: "floating-point"}.get(page.sampleformat, "unusual")
        raise Unsupported(
            f"has {page.bitspersample}-bit {kind} samples; refocal reads 8 and 16 bits, so convert it first"
        )
    if page.photometric not in _COLOURS or page.imagedepth != 1:
        raise Unsupported("stores its colours in a way that refocal doesn't read; save it as an RGB TIFF first")
    if page.photometric == _YCBCR and page.compression != _JPEG:
        raise Unsupported("stores its colours as YCbCr, which refocal reads only in JPEG; save it as an RGB TIFF first")
    if page.photometric in (_PALETTE, _SEPARATED) and (page.bitspersample != 8 or extra):
        raise Unsupported("is a palette or CMYK image that isn't plain 8 bit; save it as an RGB TIFF first")
    if not 0 <= extra <= _MAX_EXTRA:
        raise Unsupported(
            f"has {page.samplesperpixel} channels; refocal reads grey or RGB with at most {_MAX_EXTRA} further bands"
        )
    if extra > 1 and (samples := page.samplesperpixel * page.imagewidth * page.imagelength) > _MAX_SAMPLES:
        raise Unsupported(
            f"has {samples / 1e6:,.0f} million samples in {page.samplesperpixel} channels, and the limit is"
            f" {_MAX_SAMPLES / 1e6:,.0f}; reduce it first"
        )
    if page.compression not in _COMPRESSIONS:
        raise Unsupported(f"is compressed in a way that refocal doesn't read ({page.compression}); save it with LZW")


def _check_parts(file: Any, page: Any) -> None:
    """Refuse tiles, and JPEG images within tiles or strips, that are far larger than the image they make up."""
    from PIL.JpegImagePlugin import JpegImageFile

    # A tile may stick out beyond the picture, but no sane writer makes tiles of more than 8192 pixels a side.
    if page.is_tiled and max(page.tilewidth, page.tilelength) > max(8192, page.imagewidth, page.imagelength):
        raise Unsupported("is damaged, its tiles are larger than the image")
    if page.compression == _JPEG:
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.filehandle.seek(offset)
            width, height = JpegImageFile(BytesIO(file.filehandle.read(length))).size
            if width > max(page.imagewidth, page.tilewidth) or height > max(page.imagelength, page.tilelength):
                raise Unsupported("is damaged, the JPEG data within is larger than the image")


def _straight(pixels: Array, alpha: Array) -> Array:
    """Divide pixels that were multiplied by their alpha; where it is 0 they are 0."""
    top = np.iinfo(pixels.dtype).max
    gain = np.divide(top, alpha, out=np.zeros(alpha.shape, np.float32), where=alpha > 0, dtype=np.float32)
    return np.clip(np.rint(pixels * gain[..., None]), 0, top).astype(pixels.dtype)


def _bytes(page: Any, tag: int) -> bytes | None:
    value = page.tags[tag].value if tag in page.tags else None
    return bytes(value) if value else None


def _resolution(page: Any) -> tuple[float, float] | None:
    unit = page.tags[296].value if 296 in page.tags else _INCH
    if unit not in (_INCH, _CENTIMETRE) or 282 not in page.tags or 283 not in page.tags:
        return None
    per_inch = 1.0 if unit == _INCH else 2.54
    pairs = (page.tags[282].value, page.tags[283].value)
    if any(pair[1] == 0 for pair in pairs):
        return None
    return sane_dpi(*(pair[0] / pair[1] * per_inch for pair in pairs))
