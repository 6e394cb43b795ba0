import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.datasets import open_dataset


@pytest.mark.parametrize(("image", "gt"), [("", "gt"), ("image", "gt"), ("BlurDatasetImage/image", "BlurDatasetGT/gt")])
def test_cuhk_photos_and_segmentations_are_matched_by_name(tmp_path, image, gt):
    root = tmp_path / "CUHK"
    for folder in (image, gt):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("out_of_focus0002", "out_of_focus0001", "motion0001"):
        PilImage.new("RGB", (5, 4), (255, 0, 0)).save(root / image / f"{name}.jpg", quality=100)
    drawn = np.zeros((4, 5), dtype=np.uint8)
    drawn[0] = 255
    PilImage.fromarray(drawn).save(root / gt / "out_of_focus0002.png")
    first, second = open_dataset("cuhk", tmp_path)
    assert (first.name, second.name) == ("out_of_focus0001", "out_of_focus0002")
    assert first.sharp is None and "segmentation" not in first.extras
    np.testing.assert_array_equal(second.extras["segmentation"], drawn / 255)
    assert first.blurred[0].min() > 0.9 and first.blurred[2].max() < 0.1


def test_the_available_photos(shared):
    assert len(open_dataset("cuhk", shared / "data/test")) == 7
