import os
from pathlib import Path

import numpy as np
import pytest
from batch_samples import touch

from refocal.batch.plan import plan, run
from refocal.files.whole import write_whole
from refocal.images.map_files import write_map
from refocal.types import InputError


def pairs(jobs):
    return [(job.source.as_posix(), job.target.as_posix()) for job in jobs]


def test_a_folder_is_mirrored_and_only_photos_are_taken(here):
    touch("in/b.JPG", "in/a.png", "in/sub/deep/c.tiff", "in/notes.txt", "in/x.gif", "in/.hidden.png", "in/.git/d.png")
    expected = [("in/a.png", "out/a.png"), ("in/b.JPG", "out/b.JPG"), ("in/sub/deep/c.tiff", "out/sub/deep/c.tiff")]
    assert pairs(plan(["in"], "out").jobs) == expected
    (left,) = plan(["in"], "out").refused
    assert (left.job.source, left.status, left.mistake) == (Path("in/x.gif"), "left out", True)


def test_results_of_an_earlier_run_are_no_input(here):
    touch("in/a.png", "in/out/a.png", "in/own_map.png")
    write_map("in/a_map.png", np.ones((3, 3), np.float32))
    expected = [("in/a.png", "in/out/a.png"), ("in/own_map.png", "in/out/own_map.png")]
    assert pairs(plan(["in"], "in/out").jobs) == expected
    assert pairs(plan(["in/**/*.png"], "in/out").jobs) == expected


def test_patterns_are_expanded_and_keep_their_tree(here):
    touch("in/a.jpg", "in/b.jpg", "in/s/c.jpg", "in/s/d.png", "in/[odd].jpg", "in/folder.jpg/e.png")
    assert pairs(plan(["in/[ab].jpg"], "out").jobs) == [("in/a.jpg", "out/a.jpg"), ("in/b.jpg", "out/b.jpg")]
    assert ("in/s/c.jpg", "out/s/c.jpg") in pairs(plan(["in/**/*.jpg"], "out").jobs)
    assert pairs(plan(["in/[odd].jpg"], "out").jobs) == [("in/[odd].jpg", "out/[odd].jpg")]  # a file of that very name
    assert pairs(plan(["in/*"], "out").jobs)[-1] == ("in/b.jpg", "out/b.jpg")  # folders that match are not entered


@pytest.mark.parametrize(
    ("out", "target"),
    [("x.png", "x.png"), ("deep/x.TIF", "deep/x.TIF"), ("folder", "folder/a.jpg"), ("f.png/", "f.png/a.jpg")],
)
def test_one_file_goes_into_a_file_or_a_folder(here, out, target):
    touch("a.jpg")
    assert pairs(plan(["a.jpg"], out).jobs) == [("a.jpg", target)]


def test_an_existing_folder_is_a_folder_whatever_its_name(here):
    touch("a.jpg")
    Path("trip.png").mkdir()
    assert pairs(plan(["a.jpg"], "trip.png").jobs) == [("a.jpg", "trip.png/a.jpg")]


@pytest.mark.parametrize(
    ("inputs", "out", "said"),
    [
        (["none.jpg"], "out", r"none\.jpg doesn't exist"),
        (["none.jpg", "no/*.png"], "out", r"none\.jpg doesn't exist\. \(And 1 more"),
        (["empty"], "out", "There is no photo .* in the folder empty"),
        (["*.webp"], "out", r"No photo matches \*\.webp"),
        (["notes.txt"], "out", r"notes\.txt isn't a photo that refocal reads"),
        (["a.jpg"], "x.gif", r"x\.gif has no suffix of a format that refocal writes"),
        (["a.jpg", "b.jpg"], "x.png", r"x\.png names a single photo"),
        (["in"], "x.png", r"x\.png names a single photo"),
        (["a.jpg", "b.jpg"], "notes.txt", r"notes\.txt is a file"),
        (["a.jpg", "in/a.jpg"], "out", r"a\.jpg and in/a\.jpg would both become out/a\.jpg"),
        (["a.jpg"], ".", r"a\.jpg is the input itself"),
        (["a.jpg"], "hard.jpg", r"hard\.jpg is the input itself"),
        (["in", "hard.jpg"], "other", r"in/a\.jpg would replace the input hard\.jpg"),
    ],
)
def test_mistakes_are_reported_before_any_work(here, inputs, out, said):
    touch("a.jpg", "b.jpg", "in/a.jpg", "notes.txt")
    for folder in ("empty", "other"):
        Path(folder).mkdir()
    os.link("a.jpg", "hard.jpg")
    os.link("a.jpg", "other/a.jpg")
    with pytest.raises(InputError, match=said):
        plan(inputs, out)
    assert not Path("out").exists()


def test_a_photo_may_replace_itself_but_no_other_input(here):
    touch("a.jpg", "in/a.jpg")
    assert pairs(plan(["a.jpg"], "a.jpg", overwrite=True).jobs) == [("a.jpg", "a.jpg")]
    os.link("a.jpg", "linked.jpg")
    Path("out").mkdir()
    os.link("linked.jpg", "out/a.jpg")
    with pytest.raises(InputError, match=r"in/a\.jpg would replace the input linked\.jpg"):
        plan(["in/a.jpg", "linked.jpg"], "out", overwrite=True)


def test_maps_count_as_results(here):
    touch("a.jpg", "a.png", "a_map.png", "b.jpg")
    assert [job.map_target for job in plan(["b.jpg"], "out", save_map=True).jobs] == [Path("out/b_map.png")]
    with pytest.raises(InputError, match=r"would both become out/a_map\.png"):
        plan(["a.jpg", "a.png"], "out", save_map=True)
    with pytest.raises(InputError, match=r"would both become out/a_map\.png"):
        plan(["a.jpg", "a_map.png"], "out", save_map=True)


def test_a_photo_named_twice_is_restored_once_and_missing_ones_are_reported(here):
    touch("a.jpg", "b.jpg")
    batch = plan(["a.jpg", "*.jpg", "none.jpg", "./a.jpg"], "out")
    assert [job.source.name for job in batch.jobs] == ["a.jpg", "b.jpg"]
    assert [(str(r.job.source), r.message) for r in batch.refused] == [("none.jpg", "none.jpg doesn't exist.")]


def test_one_bad_photo_does_not_stop_the_others(here):
    touch("1.png", "2.png", "3.png", "4.png")

    def work(job):
        if job.source.name == "2.png":
            raise InputError("2.png is odd.")
        if job.source.name == "3.png":
            raise ZeroDivisionError("three\nlines")
        job.target.write_bytes(b"done")
        return job.source.name

    batch = plan(["."], "out")
    outcomes = list(run(batch.jobs, work))
    assert [(o.status, o.message, o.mistake, o.result) for o in outcomes] == [
        ("ok", "", False, "1.png"),
        ("failed", "2.png is odd.", True, None),
        ("failed", "ZeroDivisionError: three lines", False, None),
        ("ok", "", False, "4.png"),
    ]
    assert [o.status for o in run(batch.jobs, work)] == ["skipped", "failed", "failed", "skipped"]
    assert [o.status for o in run(batch.jobs, work, overwrite=True)] == ["ok", "failed", "failed", "ok"]


def test_a_folder_that_cannot_be_made_is_reported(here):
    touch("a.png", "sub")
    (outcome,) = run(plan(["a.png"], "sub/out").jobs, lambda _: None)
    assert outcome.mistake and outcome.message == "The folder sub/out can't be made: Not a directory."


def test_a_file_that_another_run_has_written_counts_as_skipped(here):
    touch("a.png", "b.png")

    def work(job):
        if job.source.name == "a.png":
            touch(str(job.target))  # the other run is faster
        write_whole(job.target, b"mine")

    outcomes = list(run(plan(["a.png", "b.png"], "out").jobs, work))
    assert [outcome.status for outcome in outcomes] == ["skipped", "ok"]
    assert Path("out/a.png").read_bytes() == b"out/a.png"


def test_a_link_that_leads_nowhere_takes_the_name_of_an_output(here):
    touch("a.png", "out/b.png")
    Path("out/a.png").symlink_to("nothing.png")
    (outcome,) = run(plan(["a.png"], "out").jobs, lambda _: pytest.fail("was restored"))
    assert outcome.status == "skipped" and Path("out/a.png").is_symlink()


def test_two_outputs_that_are_links_to_one_file_are_refused(here):
    touch("a.png", "b.png", "out/store", "in/x/1.png", "in/y/1.png", "out/x/2.png")
    for name in ("a.png", "b.png"):
        Path("out", name).symlink_to("store")
    assert len(plan(["a.png", "b.png"], "out").jobs) == 2  # both will be skipped
    with pytest.raises(InputError, match=r"a\.png and b\.png would both become out/b\.png"):
        plan(["a.png", "b.png"], "out", overwrite=True)
    Path("out/y").symlink_to("x")
    with pytest.raises(InputError, match=r"in/x/1\.png and in/y/1\.png would both become out/y/1\.png"):
        plan(["in"], "out")
