import hashlib
import http.server
import re
import sys
import threading

import pytest

import refocal.weights
from refocal.types import InputError
from refocal.weights import WEIGHTS, Weight, cache_folder, locate

CONTENT = b"some weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """An empty cache, and no folder of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("REFOCAL_WEIGHTS", raising=False)


@pytest.fixture
def server():
    """Serves CONTENT under every address of this machine; counts the requests."""
    pooch = pytest.importorskip("pooch")
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(404 if "missing" in self.path else 200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        pooch.get_logger().setLevel("WARNING")
        yield f"http://127.0.0.1:{running.server_port}", requests
        running.shutdown()
        thread.join()


@pytest.fixture
def known(monkeypatch):
    """A table with one line, whose file is CONTENT."""
    weight = Weight("tiny.onnx", SHA256, "CC0-1.0", "Author 2024", len(CONTENT), None, "made for a test")
    monkeypatch.setitem(WEIGHTS, "tiny", weight)
    return weight


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_line_of_the_table_is_complete(name):
    weight = WEIGHTS[name]
    assert weight.file.endswith((".safetensors", ".onnx"))
    assert re.fullmatch("[0-9a-f]{64}", weight.sha256)
    assert weight.size_bytes > 0
    assert weight.licence and weight.about
    assert weight.paper or name in ("default", "fast")  # refocal's own
    assert weight.url is None or weight.url.startswith("https://")


def test_the_line_of_lpips_is_the_file_we_measure_with(shared, monkeypatch):
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(shared / "data/weights"))
    path = locate("lpips-squeeze")
    assert path == shared / "data/weights/lpips_squeeze.safetensors"
    assert path.stat().st_size == WEIGHTS["lpips-squeeze"].size_bytes


def test_a_path_is_itself_and_its_hash_is_checked(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(CONTENT)
    assert locate(path) == path
    assert locate(str(path), SHA256.upper()) == path
    with pytest.raises(InputError, match=f"has the SHA-256 {SHA256}, not {'0' * 64}"):
        locate(path, "0" * 64)


def test_a_name_is_looked_up_in_the_package_then_the_users_folder_then_the_cache(tmp_path, known, monkeypatch):
    with pytest.raises(
        InputError, match=r"'tiny' are not here: put tiny\.onnx \(made for a test\) into .*REFOCAL_WEIGHTS"
    ):
        locate("tiny")
    cached, own, package = (folder / "tiny.onnx" for folder in (cache_folder(), tmp_path / "own", tmp_path / "package"))
    for path in (cached, own, package):
        path.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert locate("tiny") == cached
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(own.parent))
    assert locate("tiny") == cached
    own.write_bytes(CONTENT)
    assert locate("tiny") == own
    monkeypatch.setattr(refocal.weights, "__file__", str(package.with_name("__init__.py")))
    package.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"tiny\.onnx has the SHA-256"):
        locate("tiny")


def test_an_address_is_downloaded_once_and_checked(server):
    address, requests = server
    path = locate(f"{address}/some/net.safetensors?download=1", SHA256)
    assert path.read_bytes() == CONTENT
    assert path.parent == cache_folder()
    assert path.name == f"{SHA256[:12]}-net.safetensors"
    assert locate(f"{address}/some/net.safetensors?download=1", SHA256) == path
    assert len(requests) == 1
    with pytest.raises(InputError, match="could not be downloaded"):
        locate(f"{address}/other.safetensors", "0" * 64)
    assert [file.name for file in cache_folder().iterdir()] == [path.name]  # nothing unchecked stays behind
    with pytest.raises(InputError, match=r"could not be downloaded.*404"):
        locate(f"{address}/missing.safetensors", SHA256)


def test_a_known_name_with_an_address_is_downloaded(server, known, monkeypatch):
    address, _ = server
    monkeypatch.setitem(WEIGHTS, "tiny", Weight(**{**vars(known), "url": f"{address}/tiny.onnx"}))
    assert locate("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "sha256", "sentence"),
    [
        ("net.pth", None, "must be a .safetensors or .onnx file, which 'net.pth' is not"),
        ("https://example.org/net.pkl", SHA256, "which 'net.pkl' is not"),
        ("http://example.org/net.onnx", SHA256, "https only"),
        ("http://127.0.0.1.example.org/net.onnx", SHA256, "https only"),
        ("ftp://example.org/net.onnx", SHA256, "https only"),
        ("file:///tmp/net.onnx", SHA256, "https only"),
        ("https://example.org/net.onnx", None, "Give the SHA-256"),
        ("nowhere/net.onnx", None, r"no weights file nowhere/net.onnx \(known names: .*lpips-squeeze"),
        ("nowhere/net.onnx", "abc", "64 hexadecimal digits, which 'abc' has not"),
    ],
)
def test_what_can_not_be_trusted_or_found_is_refused_in_one_sentence(name, sha256, sentence):
    with pytest.raises(InputError, match=sentence):
        locate(name, sha256)


def test_without_pooch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(InputError, match=r"pip install 'refocal\[learn\]'"):
        locate("https://example.org/net.onnx", SHA256)
