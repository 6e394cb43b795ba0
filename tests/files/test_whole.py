import os
import platform
import stat
import time
from pathlib import Path

import pytest

from refocal.files import whole
from refocal.files.whole import Exists, check_target, part_path, sweep, whole_file, write_whole
from refocal.types import InputError

POSIX = pytest.mark.skipif(os.name == "nt", reason="no such modes or links")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_writing_is_atomic_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    write_whole(path, b"before")

    def fail(self, target):
        assert self.parent == target.parent
        assert self.name.startswith(".")
        assert self.read_bytes() == b"after"
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"after", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.png"]
    assert path.read_bytes() == b"before"


def test_the_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    calls = []
    fsync = os.fsync
    monkeypatch.setattr("os.fsync", lambda descriptor: (calls.append((tmp_path / "a").exists()), fsync(descriptor)))
    write_whole(tmp_path / "a", b"x")
    assert calls == [False]


@pytest.mark.skipif(os.name == "nt", reason="no umask")
def test_the_umask_gives_the_file_its_mode(tmp_path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a.bin", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


@POSIX
@pytest.mark.parametrize("before", [0o600, 0o640, 0o444, 0o4755])
def test_a_replaced_file_keeps_its_mode(tmp_path, before):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(before)
    with whole_file(path, overwrite=True) as part:
        assert mode(part) == 0o600  # never readable by more people than the file itself
        part.write_bytes(b"new")
    assert path.read_bytes() == b"new" and mode(path) == before


@POSIX
def test_owner_and_group_are_kept_where_that_is_allowed(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    calls = []
    monkeypatch.setattr(os, "chown", lambda part, *ids: calls.append(ids))
    write_whole(path, b"new", overwrite=True)
    assert calls == [(-1, os.getgid()), (os.getuid(), -1)]


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_of_another_user(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o6644)
    write_whole(path, b"new", overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 23456, 0o6644)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    path.chmod(0o4664)
    write_whole(path, b"newer", overwrite=True)
    # The group is now another: it gets what others have. The file runs under its owner's name no more.
    assert path.read_bytes() == b"newer" and mode(path) == 0o644


@POSIX
def test_a_link_is_written_through(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "real").write_bytes(b"old")
    (tmp_path / "middle").symlink_to("store/real")
    (tmp_path / "link").symlink_to("middle")
    with whole_file(tmp_path / "link", overwrite=True) as part:
        assert part.parent == store
        part.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "middle").is_symlink()
    assert (store / "real").read_bytes() == b"new" and not (store / "real").is_symlink()
    (tmp_path / "ahead").symlink_to("store/later")
    write_whole(tmp_path / "ahead", b"made", overwrite=True)
    assert (store / "later").read_bytes() == b"made" and names(store) == ["later", "real"]


@POSIX
def test_a_link_that_leads_nowhere_takes_the_name_too(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "open").symlink_to("nothing")
    for name in ("loop", "open"):
        with pytest.raises(Exists):
            write_whole(tmp_path / name, b"x")
    with pytest.raises(InputError, match="a link that leads to itself"):
        write_whole(tmp_path / "loop", b"x", overwrite=True)
    assert names(tmp_path) == ["loop", "open"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch, hard_links):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")  # FAT

    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a"
    with pytest.raises(Exists, match="a exists already"), whole_file(path) as part:
        part.write_bytes(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    write_whole(tmp_path / "b", b"mine")
    assert (tmp_path / "b").read_bytes() == b"mine"
    assert names(tmp_path) == ["a", "b"]


def test_nothing_is_left_where_publishing_fails(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match="a can't be written: No space left on device"):
        write_whole(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_places_that_are_refused_before_any_work(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    for name, overwrite, said in [
        ("", True, "is a folder"),
        ("none/a", True, "there is no folder"),
        ("pipe", True, "is a device"),
        ("file/a", True, "there is no folder"),
        ("file", False, "exists already"),
    ]:
        with pytest.raises(InputError, match=said):
            check_target(tmp_path / name, overwrite=overwrite)
    check_target(tmp_path / "file", overwrite=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="is not writable"):
        check_target(tmp_path / "new")


def test_writing_sweeps_the_folder_once(tmp_path, monkeypatch):
    dead = part_path(tmp_path).name.replace(f"-{os.getpid()}-", "-999999999-")
    (tmp_path / dead).write_bytes(b"half")
    (tmp_path / f"{dead}.onnx").write_bytes(b"half")
    (tmp_path / dead.replace("-999999999-", "-999999998-")).mkdir()  # a bundle
    calls = []
    monkeypatch.setattr(whole, "sweep", lambda folders: calls.append(folders) or sweep(folders))
    write_whole(tmp_path / "a", b"x")
    write_whole(tmp_path / "b", b"x")
    assert names(tmp_path) == ["a", "b"]
    assert calls == [{tmp_path.resolve()}]


def test_the_unfinished_file_of_a_living_process_is_kept_however_old(tmp_path):
    mine = part_path(tmp_path)
    mine.write_bytes(b"half")
    os.utime(mine, (0, 0))
    assert sweep({tmp_path}) == (0 if os.name == "posix" else 1)


def test_only_old_unfinished_files_are_swept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("out/.refocal-00aa.part", "out/.refocal-11bb.part", "out/a.part", "other/.refocal-22cc.part"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"half")
    long_ago = time.time() - 7200
    for name in ("out/.refocal-00aa.part", "out/a.part", "other/.refocal-22cc.part"):
        os.utime(name, (long_ago, long_ago))
    assert sweep({Path("out"), Path("missing")}) == 1
    assert sorted(path.name for path in Path("out").iterdir()) == [".refocal-11bb.part", "a.part"]
    assert Path("other/.refocal-22cc.part").exists()


def test_unfinished_files_of_a_dead_process_are_removed_at_once(tmp_path):
    mine = part_path(tmp_path)
    dead = tmp_path / mine.name.replace(f"-{os.getpid()}-", "-999999999-")
    elsewhere = tmp_path / mine.name.replace(platform.node()[:40], "elsewhere")
    for part in (mine, dead, elsewhere):
        part.write_bytes(b"half")
    assert sweep({tmp_path}) == 1
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere])
