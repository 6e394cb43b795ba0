"""Show real out-of-focus photos before and after, as a web page: docs/gallery/index.html (``make gallery``).

The photos come from the user's own data sets; the page isn't part of the project, as several sets may not be
redistributed.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PilImage
from scipy.ndimage import uniform_filter

from gallery_page import MARK, Case, Chapter, Figure, page
from refocal.catalog import find
from refocal.cli.flags import Parser
from refocal.datasets import Pair, Protocol, open_dataset
from refocal.evaluation.evaluate import evaluate_images
from refocal.evaluation.scoring import fit_gain_offset
from refocal.images.colour_map import palette
from refocal.inference.focus import is_focus
from refocal.inference.network_file import open_network
from refocal.methods import METHODS
from refocal.methods.focus import Focus
from refocal.methods.network import Network
from refocal.optics.blur import BlurMap
from refocal.restore import Restored, restore
from refocal.types import Array, Image, InputError

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    "cuhk": "Out-of-focus photos without a sharp version",
    "lytro_pairs": "One scene, focused near and far",
    "pixel4_dp/4": "A phone, slightly out of focus",
    "pixel4_dp/2": "A phone, far out of focus",
    "mmsp2024": "A camera, low and medium blur",
}
MAX_PHOTOS = 20  # photos of a set: all of lytro_pairs, and a page that loads
TOO_BLURRED = "_high"  # of mmsp2024: radii beyond what any method here restores
DETAIL = (168, 126)  # width and height; four of them, twice as large, fit beside each other
MIN_TOP_PX = 2.0  # a map of what is in focus should not show its noise in all colours
ABOUT = (
    "Photos are shown at their own size; drag across one to compare. Details are shown at their own size and twice as "
    "large: where the change is largest, and, where a sharp version exists, where the gain is smallest."
)


@dataclass(frozen=True)
class Photos:
    """Pairs held in memory, as a data set."""

    pairs: tuple[Pair, ...]
    protocol: Protocol

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Pair:
        return self.pairs[index]


@dataclass(frozen=True)
class Album:
    """Writes pictures into the folder of the page."""

    folder: Path

    def photo(self, name: str, image: Image, alt: str, caption: str) -> Figure:
        """Of (C, H, W) in [0, 1]."""
        levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        picture = PilImage.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
        return self._save(f"{name}.jpg", picture, Figure("", picture.size, alt, caption), quality=93, subsampling=0)

    def radius(self, name: str, radius_px: Array, caption: str) -> Figure:
        """Of a blur map (H, W), in the colours of the report."""
        top = max(float(radius_px.max()), MIN_TOP_PX)
        picture = PilImage.fromarray(np.rint(radius_px / top * 255).astype(np.uint8))
        picture.putpalette(palette().tobytes())
        return self._save(f"{name}.png", picture, Figure("", picture.size, caption, caption, top=top))

    def _save(self, name: str, picture: Any, figure: Figure, **settings: Any) -> Figure:
        file = f"pictures/{_plain(name)}"
        picture.save(self.folder / file, **settings)
        return replace(figure, file=file)


def main(words: Sequence[str]) -> int:
    """Make the gallery; returns 2 after a mistake of the user's, described in one sentence."""
    try:
        return _main(words)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _main(words: Sequence[str]) -> int:
    parser = Parser("gallery.py", (__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--data-root", metavar="DIR", help="folder of the data sets [$REFOCAL_DATA and the usual places]"
    )
    parser.add_argument("--data", nargs="+", metavar="SET", help=f"some of {', '.join(SETS)} [all that are here]")
    parser.add_argument(
        "--method",
        nargs="+",
        default=["default", "fast"],
        metavar="M",
        help="names or .onnx files; the first is compared with the input",
    )
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "docs/gallery", metavar="DIR", help="[docs/gallery]")
    values = parser.parse_args(words)
    for name in values.data or ():
        find(SETS, name, "part of the gallery")
    methods = {Path(name).stem: _method(name) for name in values.method}
    if len(methods) < len(values.method):
        raise InputError(f"Two of {', '.join(values.method)} have the same name: the page couldn't distinguish them.")
    check_out(values.out)
    opened = _open_sets(values.data, values.data_root)  # all of them, before any work

    part = Path(tempfile.mkdtemp(prefix=".gallery-", dir=values.out.resolve().parent))
    try:
        new = part / "new"
        (new / "pictures").mkdir(parents=True)
        chapters = [chapter(name, data, methods, Album(new)) for name, data in opened.items()]
        (new / "index.html").write_text(page("refocal: before and after", ABOUT, chapters), encoding="utf-8")
        if values.out.exists():
            values.out.rename(part / "old")
        new.rename(values.out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"Gallery, for a browser: {values.out.resolve() / 'index.html'}")
    return 0


def _open_sets(names: Sequence[str] | None, data_root: str | None) -> dict[str, Any]:
    """The sets that were named, or else those that are here.

    Raises:
        InputError: If a named set isn't here, or none is.
    """
    if names:
        return {name: open_dataset(name, data_root) for name in names}
    opened, missing = {}, []
    for name in SETS:
        try:
            opened[name] = open_dataset(name, data_root)
        except InputError as error:
            missing.append((name, error))
    if not opened:
        raise InputError(
            f"There are no photos for the gallery: get one of the sets {', '.join(SETS)} (docs/data.md says where) "
            "and name the folder that holds it with REFOCAL_DATA."
        )
    for name, _ in missing:
        print(f"{name} isn't here and is left out")
    return opened


def check_out(out: Path) -> None:
    """Refuse a folder with other files than a gallery.

    Raises:
        InputError: If it does, or can't be made.
    """
    if not out.resolve().parent.is_dir():
        raise InputError(f"The gallery {out} can't be written: there is no folder {out.resolve().parent}.")
    if out.is_dir() and not any(out.iterdir()):
        return
    index = out / "index.html"
    if out.exists() and not (index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")[:1000]):
        raise InputError(f"{out} exists and is no gallery of refocal's; give another folder with -o.")


def chapter(name: str, data: Any, methods: dict[str, Any], album: Album) -> Chapter:
    """Restore the photos of a data set by every method, and lay them out."""
    pairs = [
        pair for pair in (data[i] for i in range(min(len(data), MAX_PHOTOS))) if not pair.name.endswith(TOO_BLURRED)
    ]
    photos = Photos(tuple(pairs), data.protocol)
    metrics = ("psnr", "ssim") if all(pair.sharp is not None for pair in pairs) else ()
    scores = {"input": evaluate_images("identity", photos, metrics).values}
    restored: dict[str, list[Restored]] = {}
    for label, method in methods.items():
        print(f"{name}: {len(pairs)} photos by {label}", flush=True)
        kept = restored[label] = [restore(pair.blurred, method) for pair in pairs]
        in_turn = iter(kept)
        scores[label] = evaluate_images(lambda _image, _blur, turn=in_turn: next(turn).image, photos, metrics).values
    cases = [
        case(
            (name, pair, data.protocol),
            {label: all_of_it[place] for label, all_of_it in restored.items()},
            {label: tuple(values[place] for values in each.values()) for label, each in scores.items()},
            album,
        )
        for place, pair in enumerate(pairs)
    ]
    about = f"Protocol: {data.protocol.about}." if metrics else "There are no sharp versions: judge by eye."
    return Chapter(_plain(name), f"{SETS[name]} ({name})", about, _means(scores) if metrics else (), cases)


def case(
    of: tuple[str, Pair, Protocol], restored: dict[str, Restored], scores: dict[str, tuple[float, ...]], album: Album
) -> Case:
    """Lay out one photo; ``scores`` are PSNR and SSIM of the input and of each method, or empty."""
    name, pair, protocol = of
    stem, (first, main_one) = f"{name}-{pair.name}", next(iter(restored.items()))
    images = {"input": pair.blurred, **{label: one.image for label, one in restored.items()}}
    truth = "focused elsewhere" if "mask" in pair.extras else "in focus"
    if pair.sharp is not None:
        images[truth] = pair.sharp
    figures = {
        label: album.photo(f"{stem}-{label}", images[label], f"{pair.name}, {_worded(label)}", label)
        for label in ("input", first, truth)
        if label in images
    }
    rows: list[tuple[str, list[Figure]]] = []
    for heading, tag, (down, across) in _details(pair, main_one.image, protocol):
        details = [
            album.photo(f"{stem}-{tag}-{label}", image[:, down, across], f"{heading}: {_worded(label)}", label)
            for label, image in images.items()
        ]
        rows.append((f"{heading}, twice as large", [replace(figure, zoom=2) for figure in details]))
        rows.append((f"{heading}, at its own size", details))
    if isinstance(main_one.blur, BlurMap):
        rows.append((f"Blur predicted by {first}", _maps(stem, main_one.blur, album)))
    about = "; ".join(f"{label}: {_score_text(values)}" for label, values in scores.items() if values)
    return Case(pair.name, about, (figures["input"], figures[first]), figures.get(truth), rows)


def _maps(stem: str, blur: BlurMap, album: Album) -> list[Figure]:
    low, middle, high = (float(value) for value in np.percentile(blur.radius_px, (0, 50, 100)))
    caption = f"Radius of the blur, {low:.1f} to {high:.1f} px, median {middle:.1f} px"
    maps = [album.radius(f"{stem}-radius", blur.radius_px, caption)]
    if blur.confidence is not None:
        caption = f"Confidence, mean {float(blur.confidence.mean()):.2f}: white where the radius is certain"
        maps.append(album.photo(f"{stem}-confidence", blur.confidence[None], caption, caption))
    return maps


def _details(pair: Pair, restored: Image, protocol: Protocol) -> list[tuple[str, str, tuple[slice, slice]]]:
    """Heading, name, and rows and columns of the details to show."""
    counts = np.asarray(pair.extras.get("mask", np.ones(pair.blurred.shape[1:])), np.float64).copy()
    if border := protocol.border_px:
        counts[:border] = counts[-border:] = counts[:, :border] = counts[:, -border:] = 0
    changed = ((restored - pair.blurred) ** 2).mean(0) * counts
    found = [("Largest change", "changed", _box(_over_windows(changed), changed.shape))]
    if pair.sharp is not None:
        seen = (pair.blurred, restored)
        if protocol.fit == "gain-offset":
            seen = (fit_gain_offset(seen[0], pair.sharp, counts), fit_gain_offset(seen[1], pair.sharp, counts))
        before, after = (_over_windows(((image - pair.sharp) ** 2).mean(0) * counts) for image in seen)
        # Where the photo was nearly sharp, nothing could be gained: the better half of it is left out.
        share = np.where(before >= np.median(before), after / np.maximum(before, 1e-12), 0)
        gain = -10 * np.log10(max(float(share.max()), 1e-6))
        found.append((f"Smallest gain ({gain:+.1f} dB)", "least", _box(share, changed.shape)))
    return found


def _over_windows(values: Array) -> Array:
    """Means over all the windows of a detail's size within (H, W), by their top left corners."""
    height, width = _detail(values.shape)
    means: Array = uniform_filter(values, (height, width), mode="nearest")
    rows, columns = (size - part + 1 for size, part in zip(values.shape, (height, width), strict=True))
    return means[height // 2 : height // 2 + rows, width // 2 : width // 2 + columns]


def _box(windows: Array, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the window with the largest value."""
    top, left = (int(place) for place in np.unravel_index(int(windows.argmax()), windows.shape))
    height, width = _detail(shape)
    return slice(top, top + height), slice(left, left + width)


def _detail(shape: tuple[int, ...]) -> tuple[int, int]:
    return min(DETAIL[1], shape[0]), min(DETAIL[0], shape[1])


def _method(name: str) -> Any:
    """A method by its name, or the network of a file."""
    if not name.endswith(".onnx"):
        find(METHODS, name, "method")
        return name
    return Focus(name) if is_focus(open_network(name)) else Network(name)


def _means(scores: dict[str, dict[str, tuple[float, ...]]]) -> list[list[str]]:
    lines = [["mean", "PSNR, dB", "SSIM", "PSNR gained, dB", "photos with a lower PSNR than the input's"]]
    untouched = np.array(scores["input"]["psnr"])
    for label, values in scores.items():
        gained = np.array(values["psnr"]) - untouched
        line = [label, f"{np.mean(values['psnr']):.2f}", f"{np.mean(values['ssim']):.3f}"]
        lines.append([*line, *(("", "") if label == "input" else (f"{gained.mean():+.2f}", f"{(gained < 0).sum()}"))])
    return lines


def _score_text(values: tuple[float, ...]) -> str:
    return f"PSNR {values[0]:.2f} dB, SSIM {values[1]:.3f}"


def _worded(label: str) -> str:
    words = {
        "input": "as it was taken",
        "in focus": "taken in focus",
        "focused elsewhere": "taken with focus elsewhere",
    }
    return words.get(label, f"restored by {label}")


def _plain(name: str) -> str:
    """For files and links."""
    return re.sub(r"[^\w.-]+", "-", name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
