"""The mutation helper itself: it must really change content, in every way, and reach the errors of a parser."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fuzzing import CHANGES, mutations, survives

CONTENT = b"3\n1 2 3\n0.5 0.25 -1e-3\n7\n"


def test_most_mutations_differ_from_the_original() -> None:
    seen = []

    @given(mutations(CONTENT))
    @settings(max_examples=200, deadline=None, database=None)
    def collect(content: bytes) -> None:
        seen.append(content)

    collect()
    assert sum(content != CONTENT for content in seen) > 0.8 * len(seen)
    assert len(set(seen)) > 100
    assert min(map(len, seen)) < len(CONTENT) < max(map(len, seen))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("content", [b"", b"a", b"12", CONTENT])
def test_every_change_takes_any_content(change, content: bytes) -> None:
    @given(st.data())
    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def apply(data: st.DataObject) -> None:
        assert isinstance(change(data.draw, content), bytes)

    apply()


def test_survives_tells_a_value_error_from_a_crash() -> None:
    assert survives(len, b"x")
    assert not survives(lambda content: int(content), b"x")
    with pytest.raises(IndexError):
        survives(lambda content: content[5], b"x")
    with pytest.raises(AssertionError, match="must say what is wrong"):
        survives(lambda content: (_ for _ in ()).throw(ValueError("")), b"x")


def test_nothing_to_mutate_is_refused() -> None:
    with pytest.raises(ValueError, match="valid file"):
        mutations(b"")
