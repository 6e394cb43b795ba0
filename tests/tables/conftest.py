"""What the tests of published tables share."""

import pytest

from refocal.estimators import ESTIMATORS
from refocal.methods import METHODS


@pytest.fixture(autouse=True)
def order_kept():
    """Put lines that a test takes out of a table back where they were; monkeypatch puts them last, out of order."""
    kept = [(table, dict(table)) for table in (METHODS, ESTIMATORS)]
    yield
    for table, before in kept:
        table.clear()
        table.update(before)
