import json
import subprocess
import sys
from pathlib import Path

import pytest

from refocal.files.records import append_line, exclusive, json_line
from refocal.types import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_records_are_ascii_and_come_back(tmp_path):
    record = {"name": "a\x1b[31m\x7f\x9b\u202e\udcff\n.png", "count": 3}
    line = json_line(record)
    assert json.loads(line) == record
    assert line.endswith("\n") and all(32 <= ord(character) < 127 for character in line[:-1])


def test_a_line_without_its_end_is_closed_first(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b'{"a": 1}\n{"b": ')
    append_line(path, "next\n")
    append_line(path, "last\n")
    assert path.read_bytes() == b'{"a": 1}\n{"b": \nnext\nlast\n'
    path.write_bytes(b"half")
    append_line(path, "")
    assert path.read_bytes() == b"half\n"
    append_line(path, "")
    assert path.read_bytes() == b"half\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_device_is_a_sentence():
    append_line(Path("/dev/full"), "")
    with pytest.raises(InputError, match="/dev/full can't be written: No space left on device"):
        append_line(Path("/dev/full"), "line\n")


FULL = """
import resource, signal, sys
from pathlib import Path
from refocal.files.records import append_line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
append_line(Path("log"), "0123456789\\n")
try:
    append_line(Path("log"), "abcdefghijklmnop\\n")
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_record_that_does_not_fit_leaves_nothing_of_itself(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "log can't be written: File too large.\n"
    assert (tmp_path / "log").read_bytes() == b"0123456789\n"


MANY = """
import sys
from pathlib import Path
from refocal.files.records import append_line, exclusive
for number in range(60):
    append_line(Path("log"), f"{sys.argv[1]} {number} {'x' * 200}\\n")
    with exclusive("count"):
        count = int(Path("count").read_text()) if Path("count").exists() else 0
        Path("new").write_text(str(count + 1))
        Path("new").replace("count")
"""


def test_processes_beside_each_other_lose_nothing(tmp_path):
    running = [subprocess.Popen([sys.executable, "-c", MANY, str(number)], cwd=tmp_path) for number in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    lines = (tmp_path / "log").read_text().splitlines()
    expected = {f"{process} {number} {'x' * 200}" for process in range(4) for number in range(60)}
    assert len(lines) == 240 and set(lines) == expected
    assert (tmp_path / "count").read_text() == "240"
    assert names(tmp_path) == ["count", "log"]


@pytest.mark.skipif(sys.platform == "win32", reason="no links")
def test_a_link_and_its_file_have_one_lock(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/link").symlink_to("../real")
    with exclusive(tmp_path / "store/link"):
        assert list((tmp_path / "store").iterdir()) == [tmp_path / "store/link"]
        assert len(list(tmp_path.glob(".refocal-*.lock"))) == 1
    with pytest.raises(ArithmeticError), exclusive(tmp_path / "real"):
        raise ArithmeticError
    assert not list(tmp_path.glob(".refocal-*"))
