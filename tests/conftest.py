from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photos and weights that lies beside the repository on some machines."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the folder ../shared beside the repository (photos that may not be redistributed)")
    return SHARED
