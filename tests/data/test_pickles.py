"""Pickles are read as data: what numpy writes comes back exactly, and nothing a pickle asks for is ever run."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives

from crossglg.data.readers.pickles import read_pickle

VALUES: dict[str, Any] = {
    "none": None,
    "flags": [True, False],
    "numbers": (0, -1, 255, 70_000, 2**31, -(2**70), 0.5, -1e300),
    "texts": ["", "frame", "déjà vu", "x" * 300],
    "bytes": b"\x00\xff" * 200,
    "nested": {"a": {"b": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ()]}, 7: []},
}
ARRAYS: dict[str, Any] = {
    "half": np.linspace(-3, 3, 24).astype(np.float16).reshape(2, 3, 4),
    "big endian": np.arange(6, dtype=">f4").reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "empty": np.zeros((0, 17, 2), dtype=np.float32),
    "flags": np.array([True, False]),
    "indices": np.array([1, 3, 5], dtype=np.int16),
    "texts": np.array(["S001", "ß"]),
    "number": np.float64(0.25),
    "label": np.int64(-7),
    "text": np.str_("S001"),
    "rank 0": np.array(3.5),
}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Attack:
    """Pickles as the call `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_back(protocol: int) -> None:
    assert read_pickle(pickle.dumps(VALUES, protocol)) == VALUES


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_come_back(protocol: int, kind: str) -> None:
    array = ARRAYS[kind]
    first, again = read_pickle(pickle.dumps([array, array], protocol))
    for read in (first, again):
        assert type(read) is type(array) and read.dtype == array.dtype and read.shape == array.shape
        np.testing.assert_array_equal(read, array)


def test_pickles_of_numpy_1_and_python_2_come_back() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    numpy_1 = pickle.dumps({"keypoint": array}, 2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core." in numpy_1
    np.testing.assert_array_equal(read_pickle(numpy_1)["keypoint"], array)
    python_2 = (  # what cPickle.dumps({'keypoint': array}, 2) wrote
        b"\x80\x02}q\x00U\x08keypointq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04"
        b"U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x03\x86q\x08cnumpy\ndtype\nq\tU\x02f4q\nK\x00K\x01\x87q\x0bRq\x0c(K\x03U"
        b"\x01<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89U\x18" + array.tobytes() + b"q\x0ftq\x10bs."
    )
    np.testing.assert_array_equal(read_pickle(python_2)["keypoint"], array)


def attacks(target: Path) -> dict[str, bytes]:
    """Pickles that create the file `target` when unpickled, each by another way."""
    shell = f"touch {target}"
    python = f"open({str(target)!r}, 'w').close()"
    touch = Attack(os.system, shell)
    return {
        "os.system": pickle.dumps(touch, 0),
        "os.system, protocol 4": pickle.dumps({"annotations": [{"keypoint": touch}]}, 4),
        "builtins.eval": pickle.dumps(Attack(eval, f"__import__('os').system({shell!r})"), 2),
        "builtins.exec": pickle.dumps(Attack(exec, python), 3),
        "object array": pickle.dumps(np.array([touch, 1], dtype=object), 4),
        "object array, protocol 5": pickle.dumps(np.array([touch, 1], dtype=object), 5),
        "getattr chain": b"cbuiltins\ngetattr\n(cos\nX\x06\x00\x00\x00systemtR(X" + _text(shell) + b"tR.",
        "dotted name": b"\x80\x04\x8c\x08builtins\x8c\x0d__import__.os\x93.",
        "INST": f"(S{shell!r}\nios\nsystem\n.".encode(),
        "OBJ": f"(cos\nsystem\nS{shell!r}\no.".encode(),
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\nX" + _text(shell) + b"\x85\x81.",
        "numpy loads a pickle": b"cnumpy\nload\n(X" + _text(str(target)) + b"I01\ntR.",
        "numpy's own eval": b"cnumpy.testing\nrundocs\n(X" + _text(str(target)) + b"tR.",
        "name over a numpy name": b"cnumpy\ndtype\n(cos\nsystem\n(X" + _text(shell) + b"tRI00\nI01\ntR.",
        "state of a name": b"cnumpy\nndarray\n}X\x08\x00\x00\x00__call__cos\nsystem\nsb(X" + _text(shell) + b"tR.",
        "codec": b"c_codecs\nencode\n(X" + _text(shell) + b"X\x03\x00\x00\x00hextR.",
        "extension": b"\x82\x01.",
        "persistent id": b"Pos.system\n.",
        "call of a text": b"X\x06\x00\x00\x00system(X" + _text(shell) + b"tR.",
        "dtype that evaluates": b"cnumpy\ndtype\n(X" + _text("(2,)O,i4") + b"I00\nI01\ntR.",
    }


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


ATTACKS = tuple(attacks(Path("x")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_refused_and_runs_nothing(attack: str, tmp_path: Path) -> None:
    target = tmp_path / "ran"
    with pytest.raises(ValueError, match=r"nothing in it was run|damaged|other things than numbers"):
        read_pickle(attacks(target)[attack])
    assert not target.exists()


@pytest.mark.parametrize("attack", ["os.system", "os.system, protocol 4", "builtins.eval", "object array", "INST"])
def test_the_attacks_do_run_when_unpickled(attack: str, tmp_path: Path) -> None:
    """Without this, a broken attack would pass for a refused one."""
    target = tmp_path / "ran"
    pickle.loads(attacks(target)[attack])
    assert target.exists()


def test_errors_name_what_was_asked_for() -> None:
    with pytest.raises(ValueError, match=r"asks for posix\.system"):
        read_pickle(pickle.dumps(Attack(os.system, "true"), 4))
    with pytest.raises(ValueError, match="NEWOBJ"):
        read_pickle(b"\x80\x02cnumpy\nndarray\n)\x81.")


def _nested(opening: bytes, fold: bytes, levels: int, closing: bytes) -> bytes:
    return opening + fold * levels + closing


BOMBS = {
    "bytes of 8 GB": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 33) + b".",
    "bytearray of 1 TB": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "text of 4 GB": b"X\xff\xff\xff\xff.",
    "number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "digits": b"I" + b"9" * 100_000 + b"\n.",
    "array of 1 TB": pickle.dumps(np.zeros(8), 2).replace(b"K\x08\x85", b"\x8a\x05\x00\x00\x00\x00\x01\x85"),
    "dtype of 1 GB": b"cnumpy\ndtype\n(X" + _text("V1000000000") + b"I00\nI01\ntR.",
    "array of ranks": b"cnumpy.core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\n(X" + _text("f4") + b"I00\nI01\ntR("
    + b"K\x00" * 40 + b"tX\x01\x00\x00\x00CtR.",
    "hash of nested pairs": b"}" + _nested(b"(N\x85", b"2\x86", 60, b"Nu."),  # hashing takes 2 ** 60 steps
    "nested pairs as a name": _nested(b"N\x85", b"2\x86", 60, b"2\x93."),
    "nested pairs as a shape": b"cnumpy.core.multiarray\nscalar\n(" + _nested(b"N\x85", b"2\x86", 60, b"2tR."),
    "marks": b"(" * 100_000 + b".",
    "protocol 255": b"\x80\xff",
}  # fmt: skip


# Bombs for the standard unpickler, which makes a table of 32 GB of the first; here they are long ways to say None.
DUDS = {
    "memo index": b"Nr\xff\xff\xff\x7f.",
    "frame of 1 TB": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
}


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_ends_in_a_value_error_at_once(bomb: str, little_memory: None) -> None:
    started = time.perf_counter()
    with pytest.raises(ValueError):
        read_pickle(BOMBS[bomb])
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("dud", DUDS)
def test_declared_sizes_without_content_cost_nothing(dud: str, little_memory: None) -> None:
    assert read_pickle(DUDS[dud]) is None


def test_deep_nesting_is_read_without_recursion() -> None:
    value = read_pickle(b"]" + b"]" * 50_000 + b"a" * 50_000 + b".")
    for _ in range(50_000):
        (value,) = value
    assert value == []


VALID = pickle.dumps(VALUES | {key: ARRAYS[key] for key in ("half", "fortran", "label")}, 2)


@given(mutations(VALID))
@settings(max_examples=300, deadline=None)
def test_mutated_pickles_raise_only_value_errors(content: bytes) -> None:
    survives(read_pickle, content)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_many_mutated_pickles_raise_only_value_errors(protocol: int) -> None:
    valid = pickle.dumps(VALUES | {key: ARRAYS[key] for key in ("half", "fortran", "label")}, protocol)

    @given(mutations(valid))
    @settings(max_examples=2_000, deadline=None)
    def fuzz(content: bytes) -> None:
        survives(read_pickle, content)

    fuzz()
