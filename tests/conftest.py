from collections import Counter
from pathlib import Path

import pytest

import samples

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photos and weights that lies beside the repository on some machines."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the folder ../shared beside the repository (photos that may not be redistributed)")
    return SHARED


@pytest.fixture(scope="session")
def known_focus(tmp_path_factory) -> str:
    """ONNX file of a network of the default model's kind with a known result; see ``samples.known_focus``."""
    return samples.known_focus(tmp_path_factory.mktemp("known") / "focus.onnx")


@pytest.fixture(scope="session")
def random_focus(tmp_path_factory) -> str:
    """ONNX file of a network of the default model's kind with random weights; see ``samples.random_focus``."""
    return samples.random_focus(tmp_path_factory.mktemp("random") / "focus.onnx")


def pytest_terminal_summary(terminalreporter):
    """Sum up the skipped tests in one line, with the commonest reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    first, count = reasons.most_common(1)[0]
    others = f"; {len(reasons) - 1} other reasons, listed by pytest -rs" if len(reasons) > 1 else ""
    terminalreporter.write_line(f"{len(skipped)} tests skipped: {count} because: {first}{others}")
