"""Pickles as data: the numbers, texts, lists, dicts and numpy arrays in a pickle, without unpickling it.

A pickle is a program for a small stack machine whose instructions may import and call anything. The machine here
knows no modules and no functions: it reads the instructions with the standard library's disassembler and carries out
only those that build plain values. The few names that numpy's pickles mention are recognized as words, and their
arrays are laid over bytes that the file itself holds; every other name is an error. So no code of a file runs, and time
and memory grow with the size of the file, whatever it declares. A `pickle.Unpickler` that allows numpy's names alone
gives less: it calls them with arguments of the file, which may ask for terabytes or give an array any state.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

# Instructions that put their own argument on the stack.
_LITERALS = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
)  # fmt: skip
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
# The names that pickles of numpy 1 and 2 mention, and the word each stands for here.
_NAMES = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    "__builtin__ bytes": "bytes",
    **{
        f"numpy.{core}.{module} {name}": name.strip("_")
        for core in ("core", "_core")
        for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
    },
}
_DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|[US]\d{1,4})")


def read_pickle(content: bytes | IO[bytes]) -> Any:
    """The value a pickle describes, of any protocol: None, bool, int, float, str, bytes, tuple, list, dict, ndarray.

    Raises ValueError for a pickle of anything else (a call, a class, an array of objects) and for damaged content.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(io.BytesIO(content) if isinstance(content, bytes) else content):
        step = machine.steps.get(opcode.name)
        if step is None:
            raise ValueError(f"the pickle uses {opcode.name}, which plain data do not need; nothing in it was run")
        try:
            step(argument)
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the pickle is damaged at {opcode.name}") from error
    return machine.result()


@dataclass(frozen=True)
class _Name:
    """A name the pickle mentions, as a word of `_NAMES`; it stands for nothing that could be called."""

    word: str


@dataclass
class _Unfinished:
    """An array or dtype between the instruction that announces it and the one that gives its state."""

    dtype: np.dtype[Any] | None  # None: an array
    memo_key: int | None = None


class _Machine:
    """The stack, the marks in it, and the memo of a pickle machine that can only build plain values."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], object]] = {
            **dict.fromkeys(_LITERALS, lambda argument: self.stack.append(argument)),
            **{name: self._constant(make) for name, make in _CONSTANTS.items()},
            **{f"TUPLE{n}": self._tuple_of(n) for n in (1, 2, 3)},
            **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _: None),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._put),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda key: self.stack.append(self.memo[key])),
            "MEMOIZE": lambda _: self._put(len(self.memo)),
            "MARK": self._mark,
            "POP_MARK": lambda _: self._since_mark(),
            "POP": lambda _: self.stack.pop(),
            "DUP": lambda _: self.stack.append(self.stack[-1]),
            "TUPLE": lambda _: self._push(tuple(self._since_mark())),
            "LIST": lambda _: self._push(self._since_mark()),
            "DICT": lambda _: self._push(_fill({}, self._since_mark())),
            "APPEND": lambda _: _extend(self.stack[-2], [self.stack.pop()]),
            "APPENDS": lambda _: self._apply(_extend),
            "SETITEM": lambda _: _fill(self.stack[-3], [self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda _: self._apply(_fill),
            "GLOBAL": lambda name: self._push(_name(name)),
            "STACK_GLOBAL": lambda _: self._push(_name(" ".join([self.stack.pop(-2), self.stack.pop()]))),
            "REDUCE": lambda _: self._push(_reduce(self.stack.pop(-2), self.stack.pop())),
            "BUILD": lambda _: self._build(self.stack.pop(), self.stack.pop()),
        }

    def result(self) -> Any:
        if len(self.stack) != 1 or self.below:
            raise ValueError("the pickle is damaged: it does not end in one value")
        return self.stack[0]

    def _push(self, value: object) -> None:
        self.stack.append(value)

    def _constant(self, make: Callable[[], object]) -> Callable[[Any], None]:
        return lambda _: self.stack.append(make())

    def _tuple_of(self, size: int) -> Callable[[Any], None]:
        def step(_: Any) -> None:
            if len(self.stack) < size:
                raise IndexError
            self.stack[-size:] = [tuple(self.stack[-size:])]

        return step

    def _mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _apply(self, change: Callable[[Any, list[Any]], object]) -> None:
        items = self._since_mark()
        change(self.stack[-1], items)

    def _put(self, key: int) -> None:
        self.memo[key] = self.stack[-1]
        if isinstance(self.stack[-1], _Unfinished):
            self.stack[-1].memo_key = key

    def _build(self, state: Any, unfinished: Any) -> None:
        """Finish an array or dtype; later mentions of it, through the memo, are of the finished value."""
        if not isinstance(unfinished, _Unfinished):
            raise ValueError(f"the pickle sets the state of a {type(unfinished).__name__}; nothing in it was run")
        value = _array(*state[1:]) if unfinished.dtype is None else _ordered(unfinished.dtype, state[1])
        self._push(value)
        if unfinished.memo_key is not None:
            self.memo[unfinished.memo_key] = value


def _name(name: str) -> _Name:
    if name not in _NAMES:
        shown = re.sub(r"[^\w. ]", "?", name[:80]).replace(" ", ".")
        raise ValueError(f"the pickle asks for {shown}, which plain data do not need; nothing in it was run")
    return _Name(_NAMES[name])


def _reduce(called: Any, arguments: Any) -> object:
    """What a call of one of numpy's names would have made."""
    word = called.word if isinstance(called, _Name) else type(called).__name__
    match word, arguments:
        case "reconstruct", (_Name(word="ndarray"), _, _):
            return _Unfinished(None)
        case "dtype", (str(code), *_) if _DTYPE.fullmatch(code):
            return _Unfinished(np.dtype(code))
        case "scalar", (dtype, data):
            return _array((), dtype, False, data)[()]
        case "frombuffer", (data, dtype, shape, order):
            return _array(shape, dtype, order == "F", data)
        case "encode", (str(text), "latin1" | "latin-1"):
            return text.encode("latin-1")
        case "bytes", ():
            return b""
    raise ValueError(f"the pickle calls {word} in a way that plain numeric arrays do not; nothing in it was run")


def _array(shape: Any, dtype: Any, fortran: Any, data: Any) -> NDArray[Any]:
    """Lay an array over the bytes that the pickle holds for it; raises ValueError unless they are exactly enough."""
    if isinstance(data, str):  # Python 2
        data = data.encode("latin-1")
    if isinstance(dtype, _Unfinished):  # one whose state is never given
        dtype = dtype.dtype
    if not isinstance(dtype, np.dtype) or not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        raise ValueError("the pickle holds an array of other things than numbers or texts; save plain numeric arrays")
    if len(shape) > 8 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise ValueError("the pickle holds an array of impossible shape")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"the pickle declares an array of shape {shape} and type {dtype}, but holds {len(data)} bytes")
    return np.frombuffer(data, dtype, math.prod(shape)).reshape(shape, order="F" if fortran else "C")


def _ordered(dtype: np.dtype[Any], order: Any) -> np.dtype[Any]:
    return dtype.newbyteorder(order) if order in ("<", ">") else dtype


def _extend(target: Any, items: list[Any]) -> object:
    if not isinstance(target, list):
        raise ValueError(f"the pickle appends to a {type(target).__name__}")
    target.extend(items)
    return target


def _fill(target: Any, items: list[Any]) -> object:
    """Set items (key, value, key, value, …). Keys are short of tuples: hashing nested ones may take for ever."""
    keys = items[::2]
    if not isinstance(target, dict) or len(items) % 2 or not all(type(key) in (str, int) for key in keys):
        raise ValueError("the pickle holds a dict whose keys are neither texts nor whole numbers")
    target.update(zip(keys, items[1::2], strict=True))
    return target
