import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.catalog import Entry
from refocal.datasets import DATASETS, open_dataset
from refocal.types import InputError


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(3)
    for i in (2, 1):
        save(tmp_path / f"kodak24/kodim0{i}.png", rng.integers(0, 256, (130, 141, 3)))
    return tmp_path


@pytest.mark.parametrize("name", ["kodak24/none", "kodak24:none"])
def test_slash_and_colon_mean_the_same(root, name):
    data = open_dataset(name, root)
    assert data.protocol.data == "kodak24:none"
    assert [pair.name for pair in data] == ["kodim01", "kodim02"]


def test_root_comes_from_the_argument_then_the_environment_then_data(root, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    save(elsewhere / "data/kodak24/kodim03.png", np.zeros((128, 128, 3)))
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("REFOCAL_DATA", raising=False)
    assert [photo.stem for photo in open_dataset("kodak24").photos] == ["kodim03"]
    monkeypatch.setenv("REFOCAL_DATA", str(root))
    assert len(open_dataset("kodak24")) == 2
    assert len(open_dataset("kodak24", elsewhere / "data")) == 1


def test_an_explicit_root_is_not_passed_over(root, tmp_path, monkeypatch):
    monkeypatch.setenv("REFOCAL_DATA", str(root))
    with pytest.raises(InputError, match=r"expected a folder kodak24 or kodak there; get it from https"):
        open_dataset("kodak24", tmp_path / "nowhere")


def test_a_path_is_a_folder_of_pairs(tmp_path, monkeypatch):
    for end in ("blurred", "sharp"):
        save(tmp_path / f"mine/a_{end}.png", np.full((3, 4, 3), 51))
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "./mine", "folder:mine", tmp_path / "mine"):
        data = open_dataset(name)
        assert data.protocol.data == "mine"
        np.testing.assert_array_equal(data[0].blurred, np.full((3, 3, 4), np.float32(0.2)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kodak42", "did you mean 'kodak24'"),
        ("my/pairs", "no data set or folder named 'my/pairs'"),
        ("kodak24/blur", "choose mean5, none or disk:R"),
        ("kodak24:disk:0", "choose mean5, none or disk:R"),
        ("kodak24:7", "choose mean5, none or disk:R"),
    ],
)
def test_mistakes_are_one_sentence(root, name, said):
    with pytest.raises(InputError, match=said):
        open_dataset(name, root)


def test_a_set_without_options_refuses_one(tmp_path):
    save(tmp_path / "RealDOF/source/1.png", np.zeros((4, 4, 3)))
    save(tmp_path / "RealDOF/target/1.png", np.zeros((4, 4, 3)))
    with pytest.raises(InputError, match="'realdof' takes no option, but got 'x'"):
        open_dataset("realdof/x", tmp_path)


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "folder"])
def test_every_set_refuses_an_empty_folder(tmp_path, name):
    (tmp_path / DATASETS[name].folders[0]).mkdir(parents=True)
    with pytest.raises(InputError, match="expected"):
        open_dataset(name, tmp_path)


def test_a_new_set_is_one_line(tmp_path, monkeypatch):
    """An entry without folders and source, as CONTRIBUTING.md describes it, looks for a folder of its own name."""
    monkeypatch.setitem(DATASETS, "my-set", Entry("refocal.datasets.synthetic:cid22", "my sharp photos"))
    with pytest.raises(
        InputError, match=r"'my-set' isn't in .*expected a folder my-set there; get it from its authors"
    ):
        open_dataset("my-set", tmp_path)
    save(tmp_path / "my-set/a.png", np.full((4, 5, 3), 51))
    assert [pair.name for pair in open_dataset("my-set/none", tmp_path)] == ["a"]
