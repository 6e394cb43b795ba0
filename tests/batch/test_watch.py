"""Watching folders: the test's ``sleep`` changes files between two looks, and ends with Ctrl-C."""

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import refocal.batch.restore_file
import samples
from refocal.batch.plan import plan
from refocal.batch.settings import Settings
from refocal.batch.watch import watch
from refocal.cli import main
from refocal.images.io import Photo, from_float, read, write
from refocal.methods.unsharp_mask import UnsharpMask


def save(name, seed=0):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    write(name, Photo(from_float(samples.picture(3, 24, 32, seed=seed), np.uint8)), overwrite=True)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.*"))


def run(*steps, folder="in", out="out", overwrite=False, **more):
    """Watch; after each look the next step is taken, after the last comes Ctrl-C."""
    left = list(steps)

    def sleep(seconds):
        assert seconds == 1
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    settings = Settings("unsharp-mask", UnsharpMask(), overwrite=overwrite)
    return watch([folder], partial(plan, [folder], out, overwrite=overwrite), settings, sleep=sleep, **more)


def nothing():
    pass


def test_photos_that_are_there_and_those_that_appear_are_restored_once(here, capsys):
    save("in/a.png"), save("in/c.png")
    save("out/c.png")
    before = Path("out/c.png").read_bytes()
    assert run(nothing, lambda: save("in/sub/b.png"), nothing, nothing) == 0
    assert names("out") == ["a.png", "c.png", "sub/b.png"] and Path("out/c.png").read_bytes() == before
    assert (read("out/a.png").pixels != read("in/a.png").pixels).any()
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "Watching in; Ctrl-C ends."
    assert [line.split(",")[0] for line in errors[1:3]] == ["in/a.png: out/a.png", "in/sub/b.png: out/sub/b.png"]
    assert errors[3:] == ["Watching ended: 2 restored; the same command goes on."]


def test_a_file_that_grows_is_waited_for(here):
    save("whole.png", 3)
    content = Path("whole.png").read_bytes()
    Path("in").mkdir()
    seen = []

    def grow(size):
        assert not Path("out").exists()
        Path("in/a.png").write_bytes(content[:size])
        os.utime("in/a.png", ns=(size, size))
        seen.append(size)

    assert run(*(partial(grow, size) for size in (100, 200, 300, len(content))), nothing) == 0
    assert seen[-1] == len(content)
    assert read("out/a.png").pixels.shape == (24, 32, 3)


def test_a_jpeg_whose_copy_paused_is_restored_again_when_it_is_whole(here):
    write("whole.jpg", Photo(from_float(samples.picture(3, 240, 320), np.uint8)))
    content = Path("whole.jpg").read_bytes()
    Path("in").mkdir()
    sizes = []

    def copy(size):
        sizes.extend(path.stat().st_size for path in Path("out").glob("*"))
        Path("in/a.jpg").write_bytes(content[:size])

    half = partial(copy, len(content) // 2)
    assert run(half, nothing, nothing, folder="in", out="out") == 1
    damaged = Path("out/a.jpg").read_bytes()
    assert run(nothing, partial(copy, len(content)), nothing) == 0  # the result of another run stays
    assert Path("out/a.jpg").read_bytes() == damaged
    Path("out/a.jpg").unlink()
    assert run(half, nothing, partial(copy, len(content)), nothing) == 0
    assert sizes and Path("out/a.jpg").read_bytes() != damaged
    Path("out/a.jpg").unlink()
    assert run(nothing) == 0
    assert not read("out/a.jpg").damaged


def test_an_empty_folder_is_watched_too(here):
    Path("in").mkdir()
    assert run(nothing, lambda: save("in/a.png"), nothing) == 0
    assert names("out") == ["a.png"]


def test_a_failing_photo_is_named_once_and_tried_again_when_it_changes(here, capsys):
    Path("in").mkdir()
    Path("in/a.jpg").write_text("no photo")
    Path("in/b.heic").write_text("another format")
    assert run(nothing, nothing, nothing, log=Path("log.jsonl")) == 1
    errors = capsys.readouterr().err
    assert errors.count("in/a.jpg isn't a photo") == 1 and errors.count("in/b.heic is left out") == 1
    assert run(nothing, nothing, lambda: save("in/a.jpg"), nothing, log=Path("log.jsonl")) == 1
    assert names("out") == ["a.jpg"]
    statuses = [json.loads(line)["status"] for line in Path("log.jsonl").read_text().splitlines()]
    assert statuses == ["left out", "failed", "left out", "failed", "ok"]


def test_results_in_the_watched_folder_are_not_restored(here):
    save("in/a.png")
    assert run(nothing, nothing, nothing, out="in/sharper") == 0
    assert names("in") == ["a.png", "sharper/a.png"]


def test_with_overwrite_a_photo_that_changes_is_restored_again(here):
    save("in/a.png"), save("out/a.png", 5)
    assert run(nothing, nothing, overwrite=True) == 0
    first = read("out/a.png").pixels
    assert run(nothing, lambda: save("in/a.png", 9), nothing, overwrite=True) == 0
    assert (read("out/a.png").pixels != first).any()


def test_ctrl_c_during_a_photo_leaves_nothing_of_it(here, monkeypatch, capsys):
    save("in/a.png")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(refocal.batch.restore_file, "restore_photo", interrupted)
    assert run(nothing, nothing) == 130
    assert names("out") == []
    assert "Interrupted: 0 restored; the same command goes on." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png", "-o", "out"], "a.png is no folder that exists: --watch takes folders."),
        (["none", "-o", "out"], "none is no folder that exists"),
        (["in", "-o", "out", "--report", "r.html"], "--watch writes no report"),
        (["in", "-o", "a.png"], "a.png is a file"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_one_sentence(here, capsys, words, message):
    save("a.png"), save("in/b.png"), save("in/c.png")
    assert main(["deblur", "--watch", *words, "--method", "identity"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not Path("out").exists()
