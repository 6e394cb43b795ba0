"""Photo files by a method that predicts the blur; other methods are tested through the command line."""

import numpy as np
from PIL import Image

import samples
from refocal.api import estimate_blur
from refocal.batch.deblur_files import deblur_files
from refocal.batch.plan import plan
from refocal.batch.settings import Settings
from refocal.images.io import Photo, from_float, read, to_float, write
from refocal.methods.focus import Focus
from refocal.restore import restore


def test_the_map_of_the_same_pass_is_saved_and_shown(tmp_path):
    method = Focus(samples.random_focus(tmp_path / "a.onnx"))
    source, out, report = tmp_path / "a.png", tmp_path / "out", tmp_path / "r.html"
    write(source, Photo(from_float(samples.picture(3, 70, 90), np.uint8)))
    jobs = plan([str(source)], str(out), save_map=True, overwrite=False)
    assert deblur_files(jobs, Settings("default", method, tile_px=40), report=report) == 0
    result = restore(to_float(read(source).pixels), method)
    with Image.open(out / "a_map.png") as found:
        radius_px = np.asarray(found) / 256
    assert np.abs(radius_px - result.blur.radius_px).max() < 0.01 and radius_px.std() > 0.5
    assert np.abs(radius_px - estimate_blur(str(source), str(tmp_path / "a.onnx"))).max() < 0.01
    np.testing.assert_allclose(to_float(read(out / "a.png").pixels), result.image, atol=0.51 / 255)
    low, middle, high = np.percentile(result.blur.radius_px[::4, ::4], (5, 50, 95))
    facts = f"radius {low:.1f} to {high:.1f} px (5 % to 95 %), median {middle:.1f} px, estimated"
    assert facts in report.read_text(encoding="utf-8")
