"""Damaged content of the sets recorded with a Kinect: it is parsed, or refused with a ValueError."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.source_files import kinder_gator as kinder_gator_files
from support.source_files import mars as mars_files
from support.source_files import msr_action3d as msr_action3d_files
from support.source_files import msr_daily as msr_daily_files
from support.source_files import nw_ucla as nw_ucla_files
from support.source_files import utkinect as utkinect_files

from crossglg.data.readers import kinder_gator, mars, msr_action3d, msr_daily, nw_ucla, utkinect

Parse = Callable[[bytes], object]
CASES: dict[str, tuple[Parse, bytes]] = {
    "kinder-gator": (kinder_gator.parse, kinder_gator_files.content(2)),
    "mars": (mars.parse, mars_files.content(2)),
    "msr-action3d": (msr_action3d.parse, msr_action3d_files.content(2)),
    "msr-daily": (msr_daily.parse, msr_daily_files.content(2)),
    "nw-ucla": (nw_ucla.parse, nw_ucla_files.content(2)),
    "utkinect": (partial(utkinect.parse, intervals={"walk": (10, 16)}), utkinect_files.content(3)),
    "utkinect, labels": (utkinect.parse_labels, utkinect_files.LABELS.encode()),
}


@pytest.mark.parametrize("number", [150, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_mutated_content_raises_value_errors_alone(name: str, number: int) -> None:
    parse, valid = CASES[name]

    @given(mutations(valid))
    @settings(max_examples=number, deadline=None, database=None)
    def run(content: bytes) -> None:
        survives(parse, content)

    run()
