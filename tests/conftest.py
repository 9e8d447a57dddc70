"""Shared fixtures: a temporary cache for derived files, and the real data where it lies beside the checkout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker for each core: threads that share cores are many times slower
    os.environ.setdefault("OMP_NUM_THREADS", "1")
SHARED_DATA = TESTS.parents[1] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"  # the workers share one
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSGLG_CACHE", str(folder))
        patch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)  # processes that tests start use tests/support too
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the five real Kinect sets and their benchmarks."""
    if not (SHARED_DATA / "benchmarks.json").is_file():
        pytest.skip("the real data sets are not in ../shared/data beside this checkout")
    return SHARED_DATA
