import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import convolve2d

import refocal.batch.restore_file
from refocal.catalog import Entry
from refocal.cli import main
from refocal.estimators import ESTIMATORS
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.io import Photo, from_float, read, to_float, write
from refocal.methods.wiener import Wiener
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import FAMILIES, disk
from refocal.optics.thin_lens import ThinLens

WIENER = ["--method", "wiener", "--radius-px", "2"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo(size=(40, 56), channels=3, dtype=np.uint8, seed=17):
    """Smooth random colours, so that a JPEG of them is nearly exact."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.uniform(0.1, 0.9, (channels, size[0] // 8, size[1] // 8)), np.ones((8, 8)))
    return Photo(from_float(Psf(disk(3)).apply(coarse).astype(np.float32), dtype))


def save(name, picture=None):
    """Write a photo, by default one that depends on the name, and return it."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    picture = picture or photo(seed=list(name.encode()))
    write(name, picture)
    return picture


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def records(path="log.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_deblur_restores_as_the_method_does(here):
    blurred = save("a.png", photo(dtype=np.uint16))
    options = ["--noise-to-signal", "0.002"]
    assert main(["deblur", "a.png", "-o", "out.tif", "--method", "wiener", "--radius-px", "2", *options]) == 0
    expected = linear_to_srgb(Wiener(0.002)(srgb_to_linear(to_float(blurred.pixels)), Psf(disk(2))))
    restored = read("out.tif")
    assert restored.pixels.dtype == np.uint16 and restored.format == "TIFF"
    np.testing.assert_allclose(to_float(restored.pixels), expected, atol=1e-4)
    assert np.abs(expected - to_float(blurred.pixels)).max() > 0.05


def test_strength_and_mask_blend_the_photo_and_the_restored_one(here):
    blurred = save("a.png")
    mask = np.zeros((40, 56, 1), np.uint8)
    mask[:, 28:] = 255
    save("mask.png", Photo(mask))
    assert main(["deblur", "a.png", "-o", "full.png", *WIENER]) == 0
    assert main(["deblur", "a.png", "-o", "none.png", *WIENER, "--strength", "0"]) == 0
    assert main(["deblur", "a.png", "-o", "masked.png", *WIENER, "--mask", "mask.png"]) == 0
    full, none, masked = (read(f"{name}.png").pixels for name in ("full", "none", "masked"))
    np.testing.assert_array_equal(none, blurred.pixels)
    np.testing.assert_array_equal(masked[:, :28], blurred.pixels[:, :28])
    np.testing.assert_array_equal(masked[:, 28:], full[:, 28:])
    assert (full != blurred.pixels).mean() > 0.5


def test_a_mask_of_another_size_is_refused(here, capsys):
    save("a.png")
    save("mask.png", photo((16, 16), 1))
    assert main(["deblur", "a.png", "-o", "b.png", *WIENER, "--mask", "mask.png"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("refocal: a.png: ") and "mask" in error and error.count("\n") == 1
    assert not Path("b.png").exists()


def test_a_folder_keeps_names_formats_and_tree(here, capsys):
    save("in/a.JPG"), save("in/sub/b.png", photo(channels=1)), save("in/c.webp")
    Path("in/notes.txt").write_text("not a photo")
    assert main(["deblur", "in", "-o", "out", "--method", "unsharp-mask", "--log", "log.jsonl"]) == 0
    assert [(p.as_posix(), read(p).format) for p in sorted(Path("out").rglob("*.*"))] == [
        ("out/a.JPG", "JPEG"),
        ("out/c.webp", "WEBP"),
        ("out/sub/b.png", "PNG"),
    ]
    assert capsys.readouterr().out == ""  # nothing but data on stdout
    before = Path("out/a.JPG").stat().st_mtime_ns
    assert main(["deblur", "in", "-o", "out", "--method", "unsharp-mask", "--log", "log.jsonl"]) == 0
    assert "3 skipped" in capsys.readouterr().err and Path("out/a.JPG").stat().st_mtime_ns == before
    assert main(["deblur", "in", "-o", "out", "--method", "unsharp-mask", "--overwrite"]) == 0
    assert Path("out/a.JPG").stat().st_mtime_ns > before
    assert [record["status"] for record in records()] == ["ok"] * 3 + ["skipped"] * 3


def test_bad_files_are_reported_and_the_others_restored(here, capsys, monkeypatch):
    save("in/a.png"), save("in/d.png"), save("in/z.png")
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes()[:200])
    Path("in/c.jpg").write_text("no photo")
    original = refocal.batch.restore_file.restore_photo

    def restore_photo(given, *args, **kwargs):
        if given.pixels.shape == (8, 8, 3):
            raise ZeroDivisionError("by zero")
        return original(given, *args, **kwargs)

    monkeypatch.setattr(refocal.batch.restore_file, "restore_photo", restore_photo)
    save("in/e.png", photo((8, 8)))
    assert main(["deblur", "in", "none.png", "-o", "out", *WIENER, "--log", "log.jsonl"]) == 1
    assert names("out") == ["a.png", "d.png", "z.png"]
    errors = capsys.readouterr().err
    assert "3 restored, 4 failed" in errors and "Traceback" not in errors
    reported = [line for line in errors.splitlines() if line.startswith("refocal: ")]
    sentences = [
        "none.png doesn't",
        "in/b.png is cut off",
        "in/c.jpg isn't a photo",
        "in/e.png: ZeroDivisionError: by zero",
    ]
    for line, beginning in zip(reported, sentences, strict=True):
        assert line.startswith(f"refocal: {beginning}")
    assert [record["status"] for record in records()] == ["failed", "ok", "failed", "failed", "ok", "failed", "ok"]
    # For a single photo the exit code is 2 after the user's mistake, 1 after an internal error.
    assert main(["deblur", "in/b.png", "-o", "x.png", *WIENER]) == 2
    assert main(["deblur", "in/e.png", "-o", "x.png", *WIENER]) == 1
    assert not Path("x.png").exists()


def test_the_log_records_every_fact(here):
    picture = save("a.png")
    assert main(["deblur", "a.png", "-o", "out", *WIENER, "--strength", "0.5", "--log", "log.jsonl"]) == 0
    (record,) = records()
    expected = {"status": "ok", "message": "", "input": "a.png", "output": "out/a.png", "method": "wiener", "width": 56}
    expected |= {
        "options": {"noise_to_signal": 0.01},
        "radius_px": 2.0,
        "estimator": None,
        "strength": 0.5,
        "height": 40,
    }
    expected |= {"bytes_in": Path("a.png").stat().st_size, "bytes_out": Path("out/a.png").stat().st_size}
    expected |= {"numpy": np.__version__}
    assert expected.items() <= record.items() and record["seconds"] > 0
    assert picture.pixels.shape == (40, 56, 3)


def test_a_blur_that_the_method_does_not_use_is_reported(here, capsys):
    save("a.png")
    assert main(["deblur", "a.png", "-o", "out", "--method", "identity", "--radius-px", "2", "--log", "log.jsonl"]) == 0
    assert "identity uses no blur, so --radius-px changes nothing." in capsys.readouterr().err
    assert records()[0]["radius_px"] is None


def test_report_and_map_are_written(here):
    save("a.png"), save("b.png")
    assert main(["deblur", "a.png", "b.png", "-o", "out", *WIENER, "--save-map", "--report", "r.html"]) == 0
    assert names("out") == ["a.png", "a_map.png", "b.png", "b_map.png"]
    with Image.open("out/a_map.png") as found:
        assert (np.asarray(found) == 2 * 256).all() and found.size == (56, 40)
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.count("<section>") == 2 and "noise_to_signal = 0.01" in text and "radius 2 px everywhere" in text
    # Maps are not photos, and a second run's report shows the first run's results, too.
    Path("out/b.png").unlink()
    assert main(["deblur", "a.png", "b.png", "-o", "out", *WIENER, "--save-map", "--report", "r.html"]) == 0
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.count("<section>") == 2 and "by an earlier run" in text
    assert main(["deblur", "out", "-o", "again", "--method", "identity"]) == 0
    assert names("again") == ["a.png", "b.png"]


def test_a_report_outlives_a_run_that_restores_nothing(here):
    save("a.png")
    assert main(["deblur", "a.png", "-o", "out", *WIENER, "--report", "r.html"]) == 0
    before = Path("r.html").read_bytes()
    assert main(["deblur", "a.png", "-o", "out", *WIENER, "--report", "r.html"]) == 0
    assert Path("r.html").read_bytes() == before
    assert main(["deblur", "a.png", "-o", "out", *WIENER, "--report", "new.html"]) == 0
    assert "by an earlier run" in Path("new.html").read_text(encoding="utf-8")


def test_an_estimated_map_is_the_one_that_map_writes(here, capsys):
    save("a.png", photo((64, 80)))
    assert main(["deblur", "a.png", "-o", "out", "--method", "wiener", "--estimator", "zhuo-sim", "--save-map"]) == 0
    assert main(["map", "a.png", "-o", "m.npy", "--estimator", "zhuo-sim"]) == 0
    assert main(["map", "a.png", "-o", "m.tif", "--estimator", "zhuo-sim"]) == 0
    assert main(["map", "a.png", "-o", "m.png", "--estimator", "zhuo-sim"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "m.png: radius_px = value / 256, from " in captured.err
    radius_px = np.load("m.npy")
    assert radius_px.dtype == np.float32 and radius_px.shape == (64, 80) and radius_px.max() > 0
    for name in ("m.png", "out/a_map.png"):
        with Image.open(name) as found:
            assert np.abs(np.asarray(found) / 256 - radius_px).max() < 0.01
    with Image.open("m.tif") as found:
        np.testing.assert_array_equal(np.asarray(found), radius_px)


@dataclass(frozen=True)
class ViewDifference:
    """Radius 10 |left - right|, averaged over the channels."""

    views = 2

    def __call__(self, image):
        left, right = np.split(image, 2)
        return BlurMap(10 * np.abs(left - right).mean(0))


def test_two_views_make_a_map(here, capsys, monkeypatch):
    monkeypatch.setitem(
        ESTIMATORS, "dual-pixel-learned", Entry(f"{__name__}:ViewDifference", "difference of the views", "views")
    )
    left, right = save("l.png"), save("r.png")
    wanted = np.abs(left.pixels.astype(float) - right.pixels).mean(-1) / 25.5
    for out, words in (("a.npy", []), ("b.npy", ["--estimator", "dual-pixel-learned"]), ("c.png", []), ("c.tif", [])):
        assert main(["map", "--left", "l.png", "--right", "r.png", "-o", out, *words]) == 0
    np.testing.assert_allclose(np.load("a.npy"), wanted, atol=1e-5)
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))
    with Image.open("c.png") as found:
        assert np.abs(np.asarray(found) / 256 - wanted).max() < 0.003
    assert f"from {wanted.min():.2f} to {wanted.max():.2f} px" in capsys.readouterr().err
    save("wide.png", photo((40, 64)))
    both = ["--left", "l.png", "--right", "r.png"]
    for words, message in (
        (["-o", "m.npy"], "Give a photo, IN, or its two views, --left and --right"),
        (["l.png", *both, "-o", "m.npy"], "Give a photo, IN, or its two views, --left and --right"),
        (["--left", "l.png", "-o", "m.npy"], "Give both views of the photo: --left and --right"),
        (["--right", "r.png", "-o", "m.npy"], "Give both views of the photo: --left and --right"),
        (["--left", "l.png", "--right", "wide.png", "-o", "m.npy"], "left view is 56x40, the right one 64x40"),
        ([*both, "-o", "m.npy", "--estimator", "zhuo-sim"], "zhuo-sim takes one photo, not two views"),
        (
            ["l.png", "-o", "m.npy", "--estimator", "dual-pixel-learned"],
            "dual-pixel-learned takes two views of a photo",
        ),
        ([*both, "-o", "l.png"], "l.png is the input itself"),
        ([*both, "-o", "r.png"], "r.png exists already"),
    ):
        assert main(["map", *words]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert "m.npy" not in names(".")


def test_evaluate_records_the_estimator(here, capsys, monkeypatch):
    monkeypatch.setitem(
        ESTIMATORS, "dual-pixel-learned", Entry(f"{__name__}:ViewDifference", "difference of the views", "views")
    )
    for folder in ("blurred", "sharp"):
        save(f"set/{folder}/1.png")
    words = ["evaluate", "--method", "wiener", "--data", "set", "--metrics", "psnr", "--json", "r.json"]
    for more in ([], ["--estimator", "ebdb"]):
        assert main([*words, *more]) == 0
    default, ebdb = json.loads(Path("r.json").read_text())
    assert (default["blur"], ebdb["blur"]) == ("estimated", "estimated:ebdb") and default["value"] != ebdb["value"]
    for more, message in (
        (["--given-blur", "--estimator", "ebdb"], "Give --given-blur or --estimator, not both"),
        (["--estimator", "ebd"], "did you mean 'ebdb'"),
        (["--estimator", "from-file"], "name it, refocal deblur --map FILE"),
        (["--estimator", "dual-pixel-learned"], "dual-pixel-learned takes two views of a photo, and"),
    ):
        capsys.readouterr()
        assert main([*words, *more]) == 2
        assert message in capsys.readouterr().err
    words[2] = "unsharp-mask"
    assert main([*words, "--estimator", "dual-pixel-learned"]) == 0
    assert "unsharp-mask uses no blur, so --estimator changes nothing" in capsys.readouterr().err
    assert json.loads(Path("r.json").read_text())[-1]["blur"] == "none"


def test_blur_is_the_disk_in_linear_light(here):
    sharp = save("a.png", photo(dtype=np.uint16))
    assert main(["blur", "a.png", "-o", "b.png", "--radius-px", "2.5"]) == 0
    image = to_float(sharp.pixels).astype(float)
    light = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    light = np.stack([convolve2d(np.pad(plane, 2, mode="reflect"), disk(2.5), mode="valid") for plane in light])
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(to_float(read("b.png").pixels), expected, atol=1e-4)


def test_blur_by_depth_is_that_of_the_thin_lens(here):
    lens = {"focal_length_mm": 50, "f_number": 2, "focus_distance_m": 2, "pixel_pitch_um": 80.12820512820514}
    assert ThinLens(**lens).signed_radius_px(4.0) == pytest.approx(2.0)
    flags = [word for name, value in lens.items() for word in ("--" + name.replace("_", "-"), str(value))]
    save("a.png")
    save("depth.png", Photo(np.full((40, 56, 1), 4000, np.uint16)))
    np.save("focus.npy", np.full((40, 56), 2.0, np.float32))
    assert main(["blur", "a.png", "-o", "uniform.png", "--radius-px", "2"]) == 0
    assert main(["blur", "a.png", "-o", "depth_blurred.png", "--depth", "depth.png", *flags]) == 0
    assert main(["blur", "a.png", "-o", "sharp.png", "--depth", "focus.npy", *flags]) == 0
    uniform, by_depth, sharp, before = (
        read(f"{name}.png").pixels.astype(int) for name in ("uniform", "depth_blurred", "sharp", "a")
    )
    assert np.abs(by_depth - uniform).max() <= 1
    assert np.abs(sharp - before).max() <= 1
    assert np.abs(uniform - before).max() > 5


def test_noise_has_the_given_strength_and_is_repeatable(here):
    flat = save("a.png", Photo(np.full((96, 96, 3), 30000, np.uint16)))
    for name, seed in (("1", "5"), ("2", "5"), ("3", "6")):
        words = ["--radius-px", "0", "--noise-std", "0.02", "--seed", seed]
        assert main(["blur", "a.png", "-o", f"{name}.png", *words]) == 0
    one, two, three = (read(f"{name}.png").pixels for name in "123")
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()
    assert ((one.astype(float) - flat.pixels) / 65535).std() == pytest.approx(0.02, rel=0.03)


def test_methods_are_listed_as_a_table_and_as_json(capsys):
    from refocal.methods import METHODS

    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *METHODS]
    assert all(
        entry.about in line and entry.paper in line for entry, line in zip(METHODS.values(), lines[1:], strict=True)
    )
    assert main(["methods", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(METHODS)


def test_evaluate_prints_a_table_and_writes_the_rows(here, capsys):
    scores, rng = [], np.random.default_rng(5)
    for name in ("1", "2"):
        sharp = save(f"set/sharp/{name}.png")
        error = rng.normal(0, 8, sharp.pixels.shape)
        blurred = np.clip(np.rint(sharp.pixels + error), 0, 255).astype(np.uint8)
        save(f"set/blurred/{name}.png", Photo(blurred))
        scores.append(20 * np.log10(255) - 10 * np.log10(np.mean((blurred.astype(float) - sharp.pixels) ** 2)))
    words = ["--method", "unsharp-mask", "--amount", "0", "--data", "set"]
    assert main(["evaluate", *words, "--metrics", "psnr,mae", "--json", "r.json", "--csv", "r.csv"]) == 0
    rows = json.loads(Path("r.json").read_text())
    assert [(row["metric"], row["n"]) for row in rows] == [("psnr", 2), ("mae", 2)]
    assert rows[0]["value"] == pytest.approx(np.mean(scores), abs=1e-3) and "amount=0.0" in rows[0]["options"]
    captured = capsys.readouterr()
    assert f"{np.mean(scores):.2f}" in captured.out and captured.err.splitlines() == ["[1/2] 1", "[2/2] 2"]
    assert Path("r.csv").read_text().count("\n") == 3
    assert main(["evaluate", *words, "--metrics", "psnr", "--csv", "r.csv"]) == 0
    assert Path("r.csv").read_text().count("\n") == 4  # rows are appended
    Path("other.csv").write_text("mine\n1\n")
    assert main(["evaluate", *words, "--csv", "other.csv"]) == 2
    assert Path("other.csv").read_text() == "mine\n1\n"


LENS = ["--focal-length-mm", "50", "--f-number", "2", "--focus-distance-m", "2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deblurr"], "no command named 'deblurr': did you mean 'deblur'"),
        (["--nonsense"], "Unrecognized arguments"),
        (["deblur"], "arguments are required"),
        (["deblur", "a.png"], "-o"),
        (["deblur", "none.png", "-o", "out"], "none.png doesn't exist"),
        (["deblur", "a.png", "-o", "out", "--strength", "1.5"], "1.5 is not a number from 0 to 1"),
        (["deblur", "a.png", "-o", "out", "--strength", "nan"], "nan is not a number from 0 to 1"),
        (["deblur", "a.png", "-o", "out", "--radius-px", "-1"], "-1 is not a number from 0 to 100"),
        (["deblur", "a.png", "-o", "out", "--radius-px", "wide"], "invalid number value: 'wide'"),
        (["deblur", "a.png", "-o", "out", "--tile-px", "15"], "15 is not a whole number of at least 16"),
        (["deblur", "a.png", "-o", "out", "--method", "winer"], "did you mean 'wiener'"),
        (["deblur", "a.png", "-o", "out", "--estimator", "zhuo"], "did you mean 'zhuo-sim'"),
        (["deblur", "a.png", "-o", "out", "--radius-px", "2", "--estimator", "zhuo-sim"], "not both"),
        (["deblur", "a.png", "-o", "out", *WIENER, "--amount", "2"], "the options of wiener are --noise-to-signal"),
        (["deblur", "a.png", "-o", "out", "--report", "r.txt"], "ends in .html"),
        (["deblur", "a.png", "-o", "out", "--log", "none/l.jsonl"], "none/l.jsonl can't be written: No such file"),
        (["deblur", "a.png", "-o", "out", "--mask", "none.png"], "none.png doesn't exist"),
        (["deblur", "a.png", "-o", "out", "--log", "a.png"], "a.png is named like a photo"),
        (["map", "a.png", "-o", "m.jpg"], "m.jpg has no suffix that a blur map is written with"),
        (["map", "a.png", "-o", "a.png"], "a.png is the input itself"),
        (["map", "a.png", "-o", "taken.npy"], "taken.npy exists already"),
        (["map", "a.png", "-o", "m.npy", "--estimator", "x"], "no estimator named 'x'"),
        (["blur", "a.png", "-o", "b.png"], "One of the arguments --radius-px --depth is required"),
        (["blur", "a.png", "-o", "b.png", "--radius-px", "2", *LENS], "--focal-length-mm goes with --depth"),
        (["blur", "a.png", "-o", "b.png", "--depth", "d.npy", *LENS], "add --pixel-pitch-um"),
        (["blur", "a.png", "-o", "b.png", "--depth", "d.npy", *LENS, "--pixel-pitch-um", "4"], "d.npy doesn't exist"),
        (["blur", "a.png", "-o", "b.png", "--depth", "d.npy", "--f-number", "0"], "0 is not a finite number above 0"),
        (["blur", "a.png", "-o", "b.gif", "--radius-px", "2"], "b.gif has no suffix"),
        (["blur", "a.png", "-o", "a.png", "--radius-px", "2"], "a.png is the input itself"),
        (["evaluate", "--data", "set"], "--method"),
        (["evaluate", "--method", "wiener", "--data", "kodak42"], "did you mean 'kodak24'"),
        (["evaluate", "--method", "wiener", "--data", "kodak24", "--data-root", "none"], "isn't in none"),
        (["evaluate", "--method", "wiener", "--data", "x", "--json", "r.csv"], "ends in .json"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence_with_exit_code_2(here, capsys, words, message):
    save("a.png")
    Path("taken.npy").touch()
    before = names(".")
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err
    assert captured.err.startswith("refocal: ") and captured.err.count("\n") == 1
    assert names(".") == before


@pytest.mark.parametrize("verb", ["deblur", "map", "blur", "methods", "evaluate"])
def test_every_command_has_a_help_text(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert f"usage: refocal {verb}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert f"  {verb} " in capsys.readouterr().out


def test_the_families_are_those_of_the_optics(capsys):
    main(["blur", "--help"])
    assert "{" + ",".join(FAMILIES) + "}" in capsys.readouterr().out


# The following tests run the command in a process of its own.


def start(*words, **options):
    code = "import sys; from refocal.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores Ctrl-C
        **options,
    )


def wait_for_outputs(process, count):
    """Wait until there are that many outputs, or the process has ended."""
    while len(list(Path("out").glob("*.png"))) < count and process.poll() is None:
        time.sleep(0.002)


def test_after_kill_9_outputs_are_complete_and_the_next_run_finishes(here):
    for number in range(40):
        save(f"in/{number:02}.png", photo((160, 160)))
    words = ["deblur", "in", "-o", "out", *WIENER]
    written = {}
    for goal in (1, 12, 25):
        process = start(*words)
        wait_for_outputs(process, goal)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        found = sorted(Path("out").glob("*.png"))
        assert goal <= len(found) < 40
        for path in found:
            with Image.open(path) as picture:
                assert np.asarray(picture).shape == (160, 160, 3)
        assert (
            written.items() <= {path: path.stat().st_mtime_ns for path in found}.items()
        )  # no photo is restored again
        written = {path: path.stat().st_mtime_ns for path in found}
    Path("out/.refocal-0000.part").write_bytes(b"half a photo")
    os.utime("out/.refocal-0000.part", (0, 0))
    process = start(*words)
    _, errors = process.communicate()
    assert process.returncode == 0 and f"{40 - len(written)} restored, {len(written)} skipped" in errors
    assert len(list(Path("out").glob("*.png"))) == 40
    assert not Path("out/.refocal-0000.part").exists()


def test_ctrl_c_ends_cleanly(here):
    for number in range(150):
        save(f"in/{number:03}.png", photo((160, 160)))
    process = start("deblur", "in", "-o", "out", *WIENER, "--report", "r.html", "--log", "log.jsonl")
    wait_for_outputs(process, 3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors and "Interrupted. Of 150: " in errors
    for path in Path("out").iterdir():
        with Image.open(path) as picture:
            assert np.asarray(picture).shape == (160, 160, 3)
    assert Path("r.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert all(record["status"] == "ok" for record in records())


def test_a_closed_pipe_ends_quietly():
    process = start("methods", "--json")
    process.stdout.close()
    assert process.wait() == 1 and process.stderr.read() == ""
    process.stderr.close()


def test_words_after_two_dashes_are_file_names(here):
    save("-dash.png")
    assert main(["deblur", "-o", "out", "--method", "unsharp-mask", "--", "-dash.png"]) == 0
    assert names("out") == ["-dash.png"]


def test_a_photo_found_twice_is_restored_once(here):
    save("tree/a.png")
    Path("tree/loop").symlink_to("../tree")
    assert (
        main(["deblur", "tree/a.png", "tree/../tree/a.png", "tree/**/*.png", "-o", "out", "--method", "identity"]) == 0
    )
    assert names("out") == ["a.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deblur", "", "-o", "out"], "A name is empty"),
        (["deblur", "a.png", "-o", "b.png", "--radius-px", "1e9"], "from 0 to 100"),
        (["blur", "a.png", "-o", "b.png", "--radius-px", "1e9"], "from 0 to 500"),
        (["deblur", "a.png", "-o", "b.png", "--report", "folder.html"], "is a folder"),
        (["map", "folder", "-o", "m.npy"], "folder is a folder or a device, not a photo; give the name of a file.\n"),
        (["evaluate", "--method", "identity", "--data", "folder", "--metrics", ","], "at least one metric"),
        (["evaluate", "--method", "identity", "--data", "folder", "--csv", "folder.csv"], "can't be written"),
        (["deblur", "a" * 300 + ".png", "-o", "out"], "File name too long"),
    ],
)
def test_invalid_names_and_numbers_are_refused(here, capsys, words, message):
    save("a.png")
    for folder in ("folder", "folder.html", "folder.csv"):
        Path(folder).mkdir()
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_report_takes_names_of_any_bytes(here):
    save("a.png")
    Path("a.png").rename(os.fsdecode(b"bad\xff.png"))
    assert main(["deblur", os.fsdecode(b"bad\xff.png"), "-o", "out", *WIENER, "--report", "r.html"]) == 0
    assert Path("r.html").stat().st_size > 1000


def test_a_map_from_a_file_is_used_at_full_weight_and_saved(here, capsys):
    save("a.png", photo(dtype=np.uint16))
    radius_px = np.full((40, 56), 2.0, np.float32)
    np.save("m.npy", radius_px)
    assert main(["deblur", "a.png", "-o", "known.png", *WIENER]) == 0
    words = ["deblur", "a.png", "--method", "wiener", "--map", "m.npy"]
    assert main([*words, "-o", "out.png", "--save-map", "--log", "log.jsonl"]) == 0
    difference = read("known.png").pixels.astype(int) - read("out.png").pixels
    assert np.abs(difference).max() <= 2  # of 65,535: the same blur, given as a map
    assert (read("out_map.png").pixels == 2 * 256).all()
    assert records()[0]["map_given"] is True
    np.save("m.npy", radius_px[:, :50])
    assert main([*words, "-o", "other.png"]) == 2
    assert "map is 50x40, the image 56x40" in capsys.readouterr().err
    assert main([*words, "-o", "other.png", "--estimator", "zhuo-sim"]) == 2
    assert "Give --map or --estimator, not both" in capsys.readouterr().err
    assert main([*words, "-o", "other.png", "--estimator", "from-file"]) == 2  # the same as --map alone
    for command in (["deblur", "a.png", "-o", "other.png"], ["map", "a.png", "-o", "other.npy"]):
        assert main([*command, "--estimator", "from-file"]) == 2
        assert "name it, refocal deblur --map FILE" in capsys.readouterr().err
    Path("m.npy").write_text("radius")
    assert main([*words, "-o", "other.png"]) == 2
    assert "is no .npy file" in capsys.readouterr().err
    assert "other.png" not in names(".")
