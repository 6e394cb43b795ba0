"""The table of trained weights (file, SHA-256, licence, source) and the search for a file.

Only .safetensors and .onnx are read: unlike a pickle, neither can run code.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from refocal.types import InputError

SUFFIXES = (".safetensors", ".onnx")


@dataclass(frozen=True)
class Weight:
    """One file of trained weights.

    Attributes:
        file: Name of the file.
        sha256: SHA-256 of its content, 64 lower-case hexadecimal digits.
        licence: SPDX expression.
        paper: Authors and year.
        size_bytes: Size of the file.
        url: https address to download it from, or None.
        about: A description, and the source where there is no address.
    """

    file: str
    sha256: str
    licence: str
    paper: str
    size_bytes: int
    url: str | None
    about: str


WEIGHTS: dict[str, Weight] = {
    "default": Weight(
        file="default.onnx",
        sha256="3331f3b7e4cfb881904ed83b4a12a886c772e6420d211cd38d22b7493a1cb3f4",
        licence="Apache-2.0",
        paper="",
        size_bytes=4_310_257,
        url=None,
        about="the default model, part of the package",
    ),
    "fast": Weight(
        file="fast.onnx",
        sha256="f627441ede4a8eafcb7b1bd3950cf1a7de2f18fa35a49066ed0e4bac1556ea17",
        licence="Apache-2.0",
        paper="",
        size_bytes=2_460_628,
        url=None,
        about="the smaller variant of the default model, part of the package",
    ),
    "sharpness-unet-beta-0": Weight(
        file="sharpness-unet-beta-0.onnx",
        sha256="e64338f50cd4ca706a354c90a55300f8c3e6297b7dcd71776ba9352662a81a61",
        licence="Apache-2.0",
        paper="Aurangabadkar et al. 2024",
        size_bytes=3_845_820,
        url=None,
        about="the sharpness U-Net trained with L1, part of the package",
    ),
    "sharpness-unet-beta-0.01": Weight(
        file="sharpness-unet-beta-0.01.onnx",
        sha256="d1fa2d33eb26946c7566dd43d736e0ebbacc253e070e9cf8cf3ff580ba8fc812",
        licence="Apache-2.0",
        paper="Aurangabadkar et al. 2024",
        size_bytes=3_845_895,
        url=None,
        about="the sharpness U-Net trained with 0.01 times the sharpness loss, part of the package",
    ),
    "sharpness-unet-beta-0.1": Weight(
        file="sharpness-unet-beta-0.1.onnx",
        sha256="b26d1f8ccb9f08802e9b82469dec088bd4416d1b76d8530c81cdc3d89be09400",
        licence="Apache-2.0",
        paper="Aurangabadkar et al. 2024",
        size_bytes=3_845_888,
        url=None,
        about="the sharpness U-Net trained with 0.1 times the sharpness loss, part of the package",
    ),
    "svbr-net": Weight(
        file="svbr-net.onnx",
        sha256="34992064eb67ca37220c55d098883173d3cdfd061e6f7bb34e90906887f771b6",
        licence="Apache-2.0",
        paper="Karaali & Jung 2022",
        size_bytes=503_842,
        url=None,
        about="SVBR-Net trained on maps with errors, part of the package",
    ),
    "svbr-net-gtb": Weight(
        file="svbr-net-gtb.onnx",
        sha256="af66446a1f8227d793dc067047f570b5f879c363964063ae2ab94c982746de36",
        licence="Apache-2.0",
        paper="Karaali & Jung 2022",
        size_bytes=503_802,
        url=None,
        about="SVBR-Net trained on exact maps, part of the package",
    ),
    "dual-pixel-map": Weight(
        file="dual-pixel-map.onnx",
        sha256="b6b010ab7aafdc0969a85bb9f33cdb9839f849199f516968344a8f45c81c4958",
        licence="Apache-2.0",
        paper="Zhai et al. 2023",
        size_bytes=2_886_770,
        url=None,
        about="the blur map from two dual-pixel views, part of the package",
    ),
    "defocusgan": Weight(
        file="defocusgan.onnx",
        sha256="71d60ac3d3e92f677afd59af2f05344bd3badbb2c16ff5eabbf9e318acc6bb0a",
        licence="Apache-2.0",
        paper="Zhai et al. 2023",
        size_bytes=3_569_918,
        url=None,
        about="DefocusGAN, a mix of two trainings, part of the package",
    ),
    "defocusgan-no-gan": Weight(
        file="defocusgan-no-gan.onnx",
        sha256="1be0d96bb7b97c2726dab0dd8c0c35b2f5dc9af12ce30cfb005559db1f8b735c",
        licence="Apache-2.0",
        paper="Zhai et al. 2023",
        size_bytes=3_570_039,
        url=None,
        about="DefocusGAN trained with L1 only, part of the package",
    ),
    "denoiser-small": Weight(
        file="denoiser-small.onnx",
        sha256="c4a51f24912dc90917ca428dcbcb6f10be3114b21748aeb2e0cd387c968227f2",
        licence="Apache-2.0",
        paper="Mohan et al. 2020",
        size_bytes=347_601,
        url=None,
        about="the denoiser of red-fixed-point and red-steepest-descent, part of the package",
    ),
    "lpips-squeeze": Weight(
        file="lpips_squeeze.safetensors",
        sha256="e25d35d7dafc376b81e4ea6e7c82cb76f0a081f07381e4e25e98b9345bdb92db",
        licence="BSD-2-Clause AND BSD-3-Clause",
        paper="Zhang et al. 2018",
        size_bytes=1_465_144,
        url=None,
        about="made from the heads of the LPIPS v0.1 release (BSD-2-Clause) and torchvision's SqueezeNet 1.1 features "
        "(BSD-3-Clause, rounded to half precision)",
    ),
}

MIXED = frozenset({"default", "fast", "defocusgan", "dual-pixel-map"})
"""Shipped weights that are weighted means of several trainings: no single recipe makes them (docs/weights.md)."""


def locate(name_or_path_or_url: str | Path, sha256: str | None = None) -> Path:
    """Find a weights file, downloading it if it has an address, and check its content.

    Args:
        name_or_path_or_url: A name in ``WEIGHTS``, looked up in this package, in the folder ``$REFOCAL_WEIGHTS`` and in
            the user's cache; or the path of a file; or its https address, which needs ``sha256``.
        sha256: SHA-256 of the content, hexadecimal; by default the table's for a known name, and unchecked for a path.

    Returns:
        Path of an existing .safetensors or .onnx file.

    Raises:
        InputError: If there is no such file, it is of another format, or its SHA-256 differs.
    """
    text = str(name_or_path_or_url)
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise InputError(f"A SHA-256 has 64 hexadecimal digits, which {sha256!r} has not.")
    if text in WEIGHTS:
        return _known(text, sha256)
    if isinstance(name_or_path_or_url, str) and "://" in text:
        return _download(text, sha256)
    path = Path(text).expanduser()
    _check_kind(path.name)
    if not path.is_file():
        raise InputError(f"There is no weights file {text} (known names: {', '.join(WEIGHTS)}).")
    return _checked(path, sha256)


def cache_folder() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/refocal`` or ``~/.cache/refocal``; it need not exist."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "refocal"


def _known(name: str, sha256: str | None) -> Path:
    """Search the three folders for a file of the table."""
    weight = WEIGHTS[name]
    folders = [Path(__file__).parent, cache_folder()]
    if os.environ.get("REFOCAL_WEIGHTS"):
        folders.insert(1, Path(os.environ["REFOCAL_WEIGHTS"]).expanduser())
    for folder in folders:
        if (folder / weight.file).is_file():
            return _checked(folder / weight.file, sha256 or weight.sha256)
    if weight.url:
        return _download(weight.url, sha256 or weight.sha256)
    raise InputError(
        f"The weights {name!r} are not found: put {weight.file} ({weight.about}) into the folder that $REFOCAL_WEIGHTS "
        f"names or into {cache_folder()}, or give its path as the argument 'weights'."
    )


def _download(url: str, sha256: str | None) -> Path:
    """Fetch ``url`` into the cache, once."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")  # never leaves the machine
    if parts.scheme != "https" and not local:
        raise InputError(f"Weights are downloaded over https only, not from {url}.")
    if sha256 is None:
        raise InputError(f"Give the SHA-256 of {url}: weights are not downloaded without one.")
    name = PurePosixPath(parts.path).name
    _check_kind(name)
    try:
        import pooch
    except ImportError:
        raise InputError("Downloading weights needs pooch: pip install 'refocal[learn]'.") from None
    try:
        # The hash leads the name: files of the same name don't collide in the cache.
        path = pooch.retrieve(url, f"sha256:{sha256.lower()}", f"{sha256[:12].lower()}-{name}", cache_folder())
    except (OSError, ValueError) as error:  # no connection or no such page; another content
        raise InputError(f"The weights could not be downloaded from {url}: {error}") from None
    return Path(path)


def _check_kind(name: str) -> None:
    if not name.endswith(SUFFIXES):
        raise InputError(f"Weights must be a {' or '.join(SUFFIXES)} file, which {name!r} is not.")


def _checked(path: Path, sha256: str | None) -> Path:
    """Return ``path`` if its content has the hash."""
    if sha256 is not None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.lower():
            raise InputError(f"The weights file {path} has the SHA-256 {found}, not {sha256.lower()}.")
    return path
