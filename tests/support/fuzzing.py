"""Mutated file contents for the fuzz tests of readers.

@given(mutations(VALID))
@settings(max_examples=300, deadline=None)
def test_only_value_errors(content): survives(parse, content)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

# Numbers that break parsers: signs, limits of types, promises of huge sizes, what float() takes and int() does not.
NUMBERS = (
    b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"-9223372036854775809", b"18446744073709551616",
    b"1000000000", b"999999999999999999999999", b"1e400", b"-1e400", b"1e-400", b"nan", b"inf", b"-inf", b"0x10",
    b"1_0", b"1.5", b".", b"-", b"", b"\xd9\xa3", b"1e5", b"3,5", b"9" * 5000,
)  # fmt: skip
NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def mutations(content: bytes, most: int = 4) -> st.SearchStrategy[bytes]:
    """`content` after one to `most` changes: bytes flipped, cut out, doubled or inserted; numbers, lines replaced."""
    if not content:
        raise ValueError("give the content of a valid file: an empty one leaves nothing to mutate")

    @st.composite
    def mutated(draw: st.DrawFn) -> bytes:
        changed = content
        for _ in range(draw(st.integers(1, most))):
            changed = draw(st.sampled_from(CHANGES))(draw, changed)
        return changed

    return mutated()


def survives(parse: Callable[[bytes], object], content: bytes) -> bool:
    """True if `parse(content)` returns, False if it raises a ValueError with a message; anything else is raised."""
    try:
        parse(content)
    except ValueError as error:
        assert str(error).strip(), "an error must say what is wrong"
        assert "is at fault" not in str(error), "a reader may raise ValueError alone"
        return False
    return True


def _span(draw: st.DrawFn, content: bytes, longest: int) -> tuple[int, int]:
    start = draw(st.integers(0, max(len(content) - 1, 0)))
    return start, min(start + draw(st.integers(1, longest)), len(content))


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    start, stop = _span(draw, content, 8)
    mask = draw(st.integers(1, 255))
    return content[:start] + bytes(byte ^ mask for byte in content[start:stop]) + content[stop:]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    start, stop = _span(draw, content, max(len(content), 1))
    return content[:start] + content[stop:]


def _truncate(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _double(draw: st.DrawFn, content: bytes) -> bytes:
    start, stop = _span(draw, content, max(len(content), 1))
    return content[:stop] + content[start:stop] + content[stop:]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.binary(min_size=1, max_size=16)) + content[at:]


def _replace_number(draw: st.DrawFn, content: bytes) -> bytes:
    """Half of the time one of the first numbers: headers hold counts, the rest is coordinates."""
    numbers = list(NUMBER.finditer(content))
    if not numbers:
        return content
    last = min(len(numbers), 24) - 1 if draw(st.booleans()) else len(numbers) - 1
    number = numbers[draw(st.integers(0, last))]
    return content[: number.start()] + draw(st.sampled_from(NUMBERS)) + content[number.end() :]


def _move_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """Drop, double or swap whole lines."""
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return content
    i, j = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(("drop", "double", "swap")))
    if kind == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == "double":
        lines.insert(j, lines[i])
    else:
        del lines[i]
    return b"".join(lines)


CHANGES = (_flip, _cut, _truncate, _double, _insert, _replace_number, _replace_number, _move_lines)
