import os
import sys
from pathlib import Path

import numpy as np
import pytest
from batch_samples import touch

from refocal.batch.find import NOT_READ, find
from refocal.batch.plan import plan
from refocal.images.io import Photo, write
from refocal.types import InputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


def link(name, target):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to(target)


def found(*inputs, out="out"):
    """Source and result of each photo; path, status and ``unread`` of what is left out."""
    photos, left = find(inputs, Path(out))
    assert all(str(item.path) in item.reason and item.reason.endswith(".") for item in left)
    return [(photo.source.as_posix(), photo.below.as_posix()) for photo in photos], [
        (item.path.as_posix(), item.status, item.unread) for item in left
    ]


def test_of_a_photo_and_a_link_to_it_the_photo_is_restored(here):
    touch("in/orig.png", "other/far.png")
    link("in/alias.png", "orig.png")
    link("in/zz.png", "orig.png")
    link("in/far.png", "../other/far.png")
    photos, left = found("in")
    assert photos == [("in/orig.png", "orig.png"), ("in/far.png", "far.png")]
    assert left == [("in/alias.png", "left out", False), ("in/zz.png", "left out", False)]
    assert find(["in"], Path("out"))[1][0].reason == "in/alias.png is left out: it is the same file as in/orig.png."
    assert found("in/alias.png") == ([("in/alias.png", "alias.png")], [])  # a link that is named is restored
    assert found("in/alias.png", "in")[0][0] == ("in/orig.png", "orig.png")
    assert found("in", "in/orig.png", "./in/../in/orig.png")[1] == left  # named twice is no news


def test_links_to_folders_are_named_and_not_entered(here):
    touch("tree/a.png", "other/b.png")
    link("tree/linked", "../other")
    link("tree/self", ".")
    assert found("tree") == (
        [("tree/a.png", "a.png")],
        [("tree/linked", "left out", False), ("tree/self", "left out", False)],
    )
    assert found("tree", "tree/linked") == (
        [("tree/a.png", "a.png"), ("tree/linked/b.png", "b.png")],
        [("tree/self", "left out", False)],
    )
    assert found("tree/l*/*.png") == ([("tree/linked/b.png", "linked/b.png")], [])  # a part of a pattern enters them


def test_two_links_to_their_own_folder_end(here):
    touch("a/x/1.png")
    for name in ("one", "two"):
        link(f"a/{name}", ".")
        link(f"a/x/{name}", "..")
    left = [(f"a/{name}", "left out", False) for name in ("one", "two", "x/one", "x/two")]
    assert found("a/**/*.png") == ([("a/x/1.png", "x/1.png")], left)
    assert found("a") == ([("a/x/1.png", "x/1.png")], left)
    photos, _ = found("a/*/*/*/*.png")
    assert len(photos) == 1  # by several ways to one file


def test_links_that_lead_nowhere_are_failures(here):
    touch("in/a.png")
    link("in/gone.png", "nothing.png")
    link("in/loop.png", "loop.png")
    link("in/disk", "nothing")  # perhaps a folder that isn't mounted
    link("in/notes.txt", "nothing")  # no photo by its name
    failures = [("in/gone.png", "failed", True), ("in/loop.png", "failed", True)]
    assert found("in") == ([("in/a.png", "a.png")], [("in/disk", "failed", True), *failures])
    assert found("in/*.png") == ([("in/a.png", "a.png")], failures)
    assert found("in/gone.png") == ([], failures[:1])
    with pytest.raises(InputError, match=r"in/loop\.png is a link to a file that doesn't exist"):
        plan(["in/loop.png"], "out")


def test_a_folder_that_cannot_be_read_is_a_failure(here, monkeypatch):
    touch("in/a.png", "in/shut/b.png", "in/z/c.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for text in ("in", "in/**/*.png"):
        photos, left = found(text)
        assert photos == [("in/a.png", "a.png"), ("in/z/c.png", "z/c.png")]
        assert left == [("in/shut", "failed", True)]
    assert found("in/*/*.png") == ([("in/z/c.png", "z/c.png")], [("in/shut", "failed", True)])
    with pytest.raises(InputError, match=r"The folder in/shut can't be read: Permission denied\."):
        plan(["in/shut"], "out")


def test_photos_that_are_not_read_are_named_and_other_files_are_not(here):
    raw = ["a.CR2", "a.cr3", "a.NEF", "a.ARW", "a.DNG", "a.RAF", "a.ORF", "a.RW2", "a.PEF", "a.SRW"]
    other = ["b.HEIC", "b.avif", "b.gif", "b.bmp", "b.jxl", "b.jp2", "b.psd"]
    touch("in/1.jpe", "in/2.JFIF", "in/3.mp4", "in/4.txt", "in/.5.heic", "in/6")
    touch(*(f"in/{name}" for name in raw + other))
    photos, left = found("in")
    assert photos == [("in/1.jpe", "1.jpe"), ("in/2.JFIF", "2.JFIF")]
    assert left == [(f"in/{name}", "left out", True) for name in sorted(raw + other)]
    assert found("in/*") == (photos, left)
    assert found("in/*.jpe") == (photos[:1], [])
    assert all(suffix == suffix.lower() for suffix in NOT_READ)
    (here / "heic").mkdir()
    touch("heic/a.heic", "heic/b.heic")
    jobs = plan(["heic"], "out")
    assert jobs.jobs == () and [one.job.source.name for one in jobs.refused] == ["a.heic", "b.heic"]


def test_files_that_are_named_are_taken_by_their_content(here):
    picture = Photo(np.zeros((4, 4, 3), np.uint8))
    for name, suffix in [("x.heic", ".jpg"), ("scan.0001", ".png"), ("plain", ".tif"), ("w.dat", ".webp")]:
        write(f"made{suffix}", picture)
        Path(f"made{suffix}").rename(name)
    touch("y.heic", "notes.txt", "c.jpg")
    Path("z.nef").write_bytes(Path("plain").read_bytes())
    assert found("x.heic", "scan.0001", "plain", "w.dat", "c.jpg") == (
        [
            ("x.heic", "x.jpg"),
            ("scan.0001", "scan.0001.png"),
            ("plain", "plain.tif"),
            ("w.dat", "w.dat.webp"),
            ("c.jpg", "c.jpg"),
        ],
        [],
    )
    # A raw file is a TIFF in form: what such a file shows is its thumbnail.
    assert found("y.heic", "notes.txt", "z.nef") == (
        [],
        [(n, "failed", True) for n in ("y.heic", "notes.txt", "z.nef")],
    )
    assert plan(["x.heic"], "out.png").jobs[0].target == Path("out.png")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/*/../../b.png", [("b.png")]),
        ("a/*/../*.png", ["c.png"]),
        ("a/*/../../../*/b.png", ["here/b.png"]),
        ("a/**/../../b.png", ["b.png"]),
    ],
)
def test_results_stay_beneath_the_output_folder(tmp_path, monkeypatch, pattern, expected):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    touch("a/x/1.txt", "a/c.png", "b.png", "../there/2.png")
    photos, _ = found(pattern)
    assert [below for _, below in photos] == expected
    for job in plan([pattern], "out").jobs:
        assert Path("out").resolve() in Path(os.path.normpath(job.target.absolute())).parents


@pytest.mark.parametrize(
    "pattern",
    [
        *("*.png", "**/*.png", "a/**", "**", "*/*.png", "a/**/c/*.png", "a/[bc]/?.png", ".h/*.png", "**/.x.png", "a/*"),
        *("**/**/*.png", "a/*/../*.png", "[!a]*", "b*/c/*", "*/b/../b/1.png", "none*/**", "a/b/1.pn[g]", ".*/*"),
    ],
)
def test_patterns_match_what_the_standard_library_matches(here, pattern):
    import glob

    touch(
        "1.png", "a/1.png", "a/b/1.png", "a/b/c/2.png", "a/c/3.png", ".h/4.png", "a/.x.png", "bb/c/5.png", "a.png/6.png"
    )
    expected = {
        os.path.normpath(path)
        for path in glob.glob(pattern, recursive=True)  # noqa: PTH207
        if Path(path).is_file()
    }
    photos, left = find([pattern], Path("out"))
    assert {os.path.normpath(photo.source) for photo in photos} == expected
    assert [item.reason for item in left] == ([] if expected else [f"No photo matches {pattern}."])


def test_a_name_that_cannot_be_looked_up_does_not_stop_the_others(here):
    touch("a.png")
    long = "x" * 300 + ".png"
    assert found(long, "a.png") == ([("a.png", "a.png")], [(long, "failed", True)])
    assert len(plan([long, "a.png"], "out").jobs) == 1


def test_pictures_of_other_names_are_restored_by_content_or_named(here):
    touch("d/p.ppm", "d/q.jxr", "d/broken.insp")
    write("d/a.png", Photo(np.zeros((4, 5, 3), np.uint8)))
    write("d/b.jpg", Photo(np.zeros((4, 5, 3), np.uint8)))
    Path("d/b.jpg").rename("d/b.mpo")
    Path("d/c.apng").write_bytes(Path("d/a.png").read_bytes())
    found, left = find(["d"], Path("out"))
    assert {str(photo.source): str(photo.below) for photo in found} == {
        "d/a.png": "a.png",
        "d/b.mpo": "b.mpo.jpg",
        "d/c.apng": "c.apng.png",
    }
    assert sorted(str(one.path) for one in left) == ["d/broken.insp", "d/p.ppm", "d/q.jxr"]
    assert all(one.unread for one in left)
