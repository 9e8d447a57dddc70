"""SkeletonSet: a set of skeleton clips of any length, and the documented `.npz` format it is stored in.

The format ("bring your own skeletons"): one `.npz` with these arrays; those in brackets may be left out.

    xyz          (R, V, C)  float   meters, y up; C is 3 (or 2). Clip i owns rows offsets[i]:offsets[i + 1].
                                    Who faces the sensor faces −z and has their left at −x.
    offsets      (N + 1,)   int     0, …, R
    label        (N,)       int     index into class_names
    class_names  (K,)       str
    joint_names  (V,)       str     [or `layout`, the name of a registered layout]
    [persons]    (N,)       int     M_i persons in clip i, default 1; its rows are then M_i blocks of T_i frames
    [subject]    (N,) int   [camera] (N,) int   [sample_id] (N,) str   [canonical_names] (K,) str
    [edges]      (V − 1, 2) int     needed when joint_names are of no registered layout;  [root] () str, its root joint
    [fps]        ()         float   default 30

An absent person, or a frame in which a person is not seen, is all zero. Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import shlex
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path
from statistics import mode
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from crossglg.files import expanded, write_atomically
from crossglg.skeletons import Layout, get_layout, match_layout, retarget

REQUIRED = ("xyz", "offsets", "label", "class_names")
_JOIN = "a list of clips (T, V, C) becomes np.concatenate(clips), with offsets np.cumsum([0, *map(len, clips)])"
COLUMNS = ("persons", "subject", "camera", "sample_id", "source")  # that a clip has an entry in, besides its label


@dataclass(frozen=True, eq=False)
class SkeletonSet:
    """N clips of one layout. A set is indexed itself: `clips = SkeletonSet.load(FILE)`, then `clips[i]` is clip i.

    It is `(M_i, T_i, V, C)`, a view into `xyz`, which may be memory-mapped; `clips.subset(range(3))` takes several.
    `SkeletonSet.build` fills in what is not known; `SkeletonSet.load` reads the documented `.npz`. `read_array` makes
    one clip of an array, and mends gaps, axes and units.

    Args:
        xyz: `(R, V, C)` coordinates in meters, y up; C is 3, or 2 for clips of an image. Clip i owns the rows
            `offsets[i]:offsets[i + 1]`: M_i blocks of T_i frames, one for each person. Absent persons are zero.
        offsets: `(N + 1,)` row numbers from 0 to R.
        label: `(N,)` index of each clip's class in `class_names`.
        class_names: K names.
        layout: names of the V joints, and the bones between them.
        persons: `(N,)` number of persons M_i of each clip.
        subject: `(N,)` number of the person who acts, −1 where unknown.
        camera: `(N,)` number of the camera, −1 where unknown.
        sample_id: `(N,)` name of each clip.
        source: `(N,)` file or dataset that each clip is from.
        canonical_names: K names under which other datasets have the same classes, or nothing.
        fps: frames per second.
        name: of the set, for messages and titles.

    Raises:
        ValueError: anything is inconsistent; the message names the clip.
    """

    xyz: NDArray[np.floating]
    offsets: NDArray[np.int64]
    label: NDArray[np.int64]
    class_names: tuple[str, ...]
    layout: Layout
    persons: NDArray[np.int64]
    subject: NDArray[np.int64]
    camera: NDArray[np.int64]
    sample_id: NDArray[np.str_]
    source: NDArray[np.str_]
    canonical_names: tuple[str, ...] = ()
    fps: float = 30.0
    name: str = "skeletons"

    def __post_init__(self) -> None:
        _check(self)

    def __repr__(self) -> str:
        return (
            f"SkeletonSet({self.name!r}: {len(self)} clips of {len(self.class_names)} classes, "
            f"layout {self.layout.name!r}, {self.fps:g} frames per second)"
        )

    @classmethod
    def build(
        cls,
        xyz: NDArray[np.floating],
        offsets: Sequence[int] | NDArray[np.int64],
        label: Sequence[int] | NDArray[np.int64],
        class_names: Sequence[str],
        layout: Layout | str,
        *,
        name: str = "skeletons",
        persons: Sequence[int] | NDArray[np.int64] | None = None,
        subject: Sequence[int] | NDArray[np.int64] | None = None,
        camera: Sequence[int] | NDArray[np.int64] | None = None,
        sample_id: Sequence[str] | NDArray[np.str_] | None = None,
        source: Sequence[str] | NDArray[np.str_] | None = None,
        canonical_names: Sequence[str] | NDArray[np.str_] = (),
        fps: float = 30.0,
    ) -> SkeletonSet:
        """Make a set and fill in what may be left out.

        Args:
            xyz: `(R, V, C)`, like the other arguments as for the class.
            offsets: `(N + 1,)`.
            label: `(N,)`.
            class_names: K names.
            layout: of the V joints, or its name.
            name: of the set.
            persons: `(N,)`; None: one person in each clip.
            subject: `(N,)`; None: −1, unknown.
            camera: `(N,)`; None: −1, unknown.
            sample_id: `(N,)`; None: the clip's number.
            source: `(N,)`; None: the name of the set.
            canonical_names: K names, or nothing.
            fps: frames per second.

        Returns:
            The set. `xyz` is not copied.

        Raises:
            ValueError: anything is inconsistent; the message names the clip.
        """
        count = len(label)
        try:
            xyz = np.asanyarray(xyz)
        except ValueError as error:
            raise ValueError(f"{name}: xyz must be one array, got {len(xyz)} of different lengths; {_JOIN}") from error
        return cls(
            xyz=xyz,
            offsets=_whole(offsets, f"{name}: offsets"),
            label=_whole(label, f"{name}: label"),
            class_names=_names(class_names, f"{name}: class_names"),
            layout=get_layout(layout),
            persons=np.full(count, 1, np.int64) if persons is None else _whole(persons, f"{name}: persons"),
            subject=np.full(count, -1, np.int64) if subject is None else _whole(subject, f"{name}: subject"),
            camera=np.full(count, -1, np.int64) if camera is None else _whole(camera, f"{name}: camera"),
            sample_id=np.array([str(i) for i in range(count)] if sample_id is None else sample_id, dtype=np.str_),
            source=np.array([name] * count if source is None else source, dtype=np.str_),
            canonical_names=_names(canonical_names, f"{name}: canonical_names"),
            fps=_number(fps, f"{name}: fps"),
            name=name,
        )

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, i: int) -> NDArray[np.floating]:
        try:
            i = self._number(i)
        except TypeError:
            advice = "take several with subset, as in clips.subset(range(3))"
            raise TypeError(f"[…] of a SkeletonSet takes the number of one clip, got {i!r}; {advice}") from None
        rows = self.xyz[self.offsets[i] : self.offsets[i + 1]]
        return rows.reshape(int(self.persons[i]), -1, *rows.shape[1:])

    @property
    def frames(self) -> NDArray[np.int64]:
        """(N,) frames of each clip."""
        return np.diff(self.offsets) // self.persons

    @property
    def num_channels(self) -> int:
        """C, the number of coordinates of a joint."""
        return int(self.xyz.shape[-1])

    def class_of(self, i: int) -> str:
        """The class name of clip i."""
        return self.class_names[int(self.label[self._number(i)])]

    def _number(self, i: int) -> int:
        """The number of a clip from 0; also counts from the end. Raises IndexError where there is no such clip."""
        try:
            return range(len(self))[index(i)]
        except IndexError:
            raise IndexError(f"{self.name} has no clip {i}: it has {len(self)}, counted from 0") from None

    def where(self, *, classes: Sequence[str] | str) -> NDArray[np.int64]:
        """Find all clips of some classes.

        Args:
            classes: names from `class_names`, or one of them.

        Returns:
            Indices of the clips, in the order of the set.

        Raises:
            TypeError: these are no names.
            ValueError: a class is unknown.
        """
        classes = [classes] if isinstance(classes, str) else classes
        if not isinstance(classes, Iterable):
            raise TypeError(f"where takes names of classes, as classes={list(self.class_names[:1])}; got {classes!r}")
        unknown = [c for c in classes if c not in self.class_names]
        if unknown:
            raise ValueError(f"{self.name} has no class {unknown[0]!r}; its classes are {', '.join(self.class_names)}")
        return np.flatnonzero(np.isin(self.label, [self.class_names.index(c) for c in classes]))

    def subset(self, indices: NDArray[np.int64] | Sequence[int]) -> SkeletonSet:
        """Take some of the clips; their rows are copied.

        Args:
            indices: numbers of clips, which may repeat, or a mask, (N,) of bool.

        Returns:
            The clips at `indices`, in that order.

        Raises:
            IndexError: there is no such clip, or the mask is of another length.
            TypeError, ValueError: these are no numbers of clips.
        """
        indices = np.asarray(indices)
        if indices.ndim != 1:
            raise TypeError(f"subset takes a list of clip numbers, as [0, 1], or a mask, got {indices.tolist()!r}")
        if indices.dtype != bool:
            indices = _whole(indices, "numbers of clips")
            for i in indices[(indices < -len(self)) | (indices >= len(self))][:1]:
                self._number(i)  # says that there is no such clip
        elif len(indices) != len(self):
            raise IndexError(f"a mask of {self.name} has an entry for each of {len(self)} clips, got {len(indices)}")
        indices = np.arange(len(self))[indices]
        rows = np.concatenate([np.arange(0), *(np.arange(self.offsets[i], self.offsets[i + 1]) for i in indices)])
        return replace(
            self,
            xyz=self.xyz[rows],
            offsets=np.concatenate([[0], np.cumsum(np.diff(self.offsets)[indices])]),
            **{key: getattr(self, key)[indices] for key in ("label", *COLUMNS)},
        )

    def with_canonical_classes(self) -> SkeletonSet:
        """Relabel by canonical name, so that the same action of two datasets becomes one class."""
        if not self.canonical_names:
            return self
        names = tuple(dict.fromkeys(self.canonical_names))
        mapping = np.array([names.index(name) for name in self.canonical_names])
        return replace(self, label=mapping[self.label], class_names=names, canonical_names=names)

    def retargeted(self, layout: Layout | str) -> SkeletonSet:
        """Carry the clips to another layout by the names of the joints (see `skeletons.retarget`).

        Args:
            layout: the other layout, of V' joints, or its name.

        Returns:
            The same clips, `(M_i, T_i, V', C)` each.

        Raises:
            ValueError: the two layouts have too little in common.
        """
        layout = get_layout(layout)
        return replace(self, xyz=retarget(self.xyz, self.layout, layout), layout=layout)

    def mirrored(self) -> SkeletonSet:
        """The same clips with left and right swapped: joints change sides, x changes its sign."""
        xyz = self.xyz[:, list(self.layout.mirrored)]
        xyz[..., 0] *= -1
        return replace(self, xyz=xyz, sample_id=np.array([f"{name} (mirrored)" for name in self.sample_id]))

    def at_rate(self, fps: float) -> SkeletonSet:
        """The same clips with another number of frames per second, linear between two frames.

        A person who is seen in one of the two alone is as in the nearer. Raises ValueError unless `fps` is above 0.
        """
        if fps == self.fps:
            return self
        if not _is_rate(fps):
            raise ValueError(f"fps must be a number above 0, got {fps!r}")
        clips = []
        for i in range(len(self)):
            clip, last = self[i], int(self.frames[i]) - 1
            at = np.minimum(np.arange(max(1, round((last + 1) * fps / self.fps))) * self.fps / fps, last)
            before, after = clip[:, np.floor(at).astype(int)], clip[:, np.ceil(at).astype(int)]
            both = before.any((2, 3)) & after.any((2, 3))  # (M, T)
            share = np.where(both, at % 1.0, np.round(at % 1.0))[..., None, None]
            clips.append(((1.0 - share) * before + share * after).astype(clip.dtype))
        offsets = np.cumsum([0, *(clip.shape[0] * clip.shape[1] for clip in clips)])
        rows = [clip.reshape(-1, *clip.shape[2:]) for clip in clips]
        return replace(self, xyz=np.concatenate(rows), offsets=offsets, fps=fps)

    def save(self, path: str | Path) -> Path:
        """Write the documented `.npz`, uncompressed so that loading maps it instead of reading it.

        Args:
            path: the file. A file that is there stays whole until the new one replaces it.

        Returns:
            The path of the file.

        Raises:
            OSError: it cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "xyz": self.xyz,
            "offsets": self.offsets,
            "label": self.label,
            "class_names": np.array(self.class_names, dtype=np.str_),
            "joint_names": np.array(self.layout.joints, dtype=np.str_),
            "layout": np.array(self.layout.name, dtype=np.str_),
            "edges": np.array([(parent, child) for child, parent in self.layout.bones]),
            "root": np.array(self.layout.root, dtype=np.str_),
            "fps": np.array(self.fps),
            **{key: getattr(self, key) for key in COLUMNS},
        }
        if self.canonical_names:
            arrays["canonical_names"] = np.array(self.canonical_names, dtype=np.str_)
        return write_atomically(Path(path), lambda file: _write_npz(file, arrays))

    @classmethod
    def load(cls, path: str | Path) -> SkeletonSet:
        """Read the documented `.npz`, or every `.npz` of a folder as one set.

        Args:
            path: a file or a folder.

        Returns:
            The set; coordinates that are stored uncompressed stay on the disk until they are needed.

        Raises:
            FileNotFoundError: there is no such file, or none in the folder.
            ValueError: a file is truncated, lacks arrays, or holds pickled arrays or inconsistent content.
        """
        path = expanded(path)
        if path.is_dir():
            files = set_files(path)
            if not files:
                raise FileNotFoundError(f"the folder {path} holds no .npz file{_source_files(path)}")
            return concatenate([cls.load(file) for file in files], name=path.name)
        if not path.is_file():
            raise FileNotFoundError(f"no skeleton file {path}; give a .npz file or a folder of them")
        arrays = _read_npz(path)
        missing = [key for key in REQUIRED if key not in arrays]
        if missing:
            raise ValueError(
                f"{path} lacks the array {missing[0]!r}; the format is described in crossglg.data.clips. A single "
                f"clip, (T, V, 3), is read from a .npy file"
            )
        optional = (*COLUMNS, "canonical_names")
        try:
            return cls.build(
                arrays["xyz"],
                arrays["offsets"],
                arrays["label"],
                arrays["class_names"].tolist(),
                _layout_of(arrays, path),
                name=path.stem,
                fps=_number(arrays.get("fps", 30.0), f"{path}: fps"),
                **{key: arrays[key] for key in optional if key in arrays},
            )
        except (TypeError, IndexError, OverflowError) as error:  # arrays of other shapes and types than the documented
            raise ValueError(f"{path} is damaged ({error}); copy or save it again") from error


def set_files(folder: Path) -> list[Path]:
    """The `.npz` files of a folder, which become one set, in their order."""
    return sorted(file for file in folder.glob("*.[nN][pP][zZ]") if not file.name.startswith("."))


def _source_files(path: Path) -> str:
    """What to do with files of other formats."""
    return (
        f"; files of another format are given as {shlex.quote(f'FORMAT:{path}')} (see 'crossglg list formats'), or "
        f"converted before: crossglg data convert {shlex.quote(str(path))} --format FORMAT --output FILE.npz"
    )


def rate_and_layout(path: Path) -> tuple[float, Layout]:
    """Frames per second and layout of a set, without reading its clips."""
    with np.load(path, allow_pickle=False) as arrays:
        return float(arrays.get("fps", 30.0)), _layout_of(arrays, path)


def canonical_names(path: Path) -> dict[str, str]:
    """Own → canonical name of the classes of a set, without reading its clips."""
    with np.load(path, allow_pickle=False) as arrays:
        own = arrays["class_names"].tolist()
        return dict(zip(own, arrays["canonical_names"].tolist() if "canonical_names" in arrays else own, strict=True))


def concatenate(sets: Sequence[SkeletonSet], name: str) -> SkeletonSet:
    """Join sets into one, classes merged by canonical name (by own name where a set has none).

    Layout and frames per second are those of the first; frames of the others stay, unless `at_rate` carries them there.
    """
    if not sets:
        raise ValueError("nothing to concatenate: give at least one SkeletonSet")
    wrong = [type(s).__name__ for s in sets if not isinstance(s, SkeletonSet)]
    if wrong:
        raise TypeError(f"only a SkeletonSet can be concatenated, got {wrong[0]}; to_set() makes one of a Recording")
    sets = [s.with_canonical_classes() for s in sets]
    layout = sets[0].layout
    sets = [s if s.layout == layout else s.retargeted(layout) for s in sets]
    channels = {s.num_channels: s.name for s in sets}
    if len(channels) > 1:
        raise ValueError(
            f"{name}: {channels[2]!r} has 2 coordinates a joint and {channels[3]!r} has 3; keep them apart"
        )
    class_names = tuple(sorted({c for s in sets for c in s.class_names}))
    starts = np.cumsum([0, *(len(s.xyz) for s in sets[:-1])])
    return SkeletonSet.build(
        np.concatenate([s.xyz for s in sets]),
        np.concatenate([[0], *(s.offsets[1:] + start for s, start in zip(sets, starts, strict=True))]),
        np.concatenate([np.array([class_names.index(c) for c in s.class_names])[s.label] for s in sets]),
        class_names,
        layout,
        name=name,
        fps=sets[0].fps,
        canonical_names=class_names,
        **{key: np.concatenate([getattr(s, key) for s in sets]) for key in COLUMNS},
    )


def _whole(values: Sequence[int] | NDArray[Any], what: str) -> NDArray[np.int64]:
    """Values as int64, not copied where they are; raises ValueError unless they are whole numbers, also as texts."""
    array = wrong = np.asarray(values)
    with contextlib.suppress(ValueError, TypeError, OverflowError), np.errstate(invalid="ignore"):
        whole = array.astype(np.int64, copy=False)
        if array.dtype.kind == "f":
            wrong = array[array != whole]
        if array.dtype.kind in "iubUO" or not wrong.size:
            return whole
    some = ", ".join(repr(value) for value in wrong.ravel()[:3].tolist())
    way = "" if array.dtype.kind == "f" else "; names are numbered by np.unique(names, return_inverse=True)[1]"
    raise ValueError(f"{what} must be whole numbers, got {some}{way}")


def _names(names: Sequence[str] | NDArray[np.str_], what: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"{what} must be a list of names, got {names!r}; give [{names!r}]")
    return tuple(map(str, names))


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (ValueError, TypeError):
        raise ValueError(f"{what} must be a number above 0, got {str(value)[:50]!r}") from None


def _is_rate(fps: object) -> bool:
    return isinstance(fps, int | float | np.integer | np.floating) and 0.0 < float(fps) < math.inf


def _check(s: SkeletonSet) -> None:
    for key in ("xyz", "offsets", "label", *COLUMNS):
        if not isinstance(getattr(s, key), np.ndarray):
            kind = type(getattr(s, key)).__name__
            raise TypeError(f"{s.name}: {key} must be a NumPy array, got {kind}; make one with np.asarray")
    _names(s.class_names, f"{s.name}: class_names")
    if s.xyz.ndim != 3 or s.xyz.shape[-1] not in (2, 3):
        raise ValueError(f"{s.name}: xyz must be (rows, joints, 2 or 3), got shape {s.xyz.shape}; {_JOIN}")
    if s.xyz.dtype.kind not in "fiu":
        raise ValueError(f"{s.name}: xyz must be numbers, got an array of {s.xyz.dtype}")
    s.layout.check(s.xyz, f"{s.name}: xyz")
    if not _is_rate(s.fps):
        raise ValueError(f"{s.name}: fps must be a number above 0, got {s.fps!r}")
    count = mode(getattr(s, key).shape[:1] for key in ("label", *COLUMNS))[0]  # which of them is wrong, most tell
    for key in ("label", *COLUMNS):
        if getattr(s, key).shape != (count,):
            raise ValueError(
                f"{s.name}: {key} must be one entry for each of {count} clips, got {getattr(s, key).shape}"
            )
    if len(set(s.class_names)) != len(s.class_names):
        raise ValueError(f"{s.name}: class_names names a class twice: {', '.join(s.class_names)}")
    unnamed = [k for k, name in enumerate(s.class_names) if not name.strip()]
    if unnamed:
        raise ValueError(f"{s.name}: class {unnamed[0]} of class_names has an empty name; give every class a name")
    if len(s.offsets) != count + 1 or s.offsets[0] != 0 or s.offsets[-1] != len(s.xyz):
        raise ValueError(
            f"{s.name}: offsets must be {count + 1} numbers from 0 to {len(s.xyz)} (clips + 1, first 0, last the rows "
            f"of xyz); got {len(s.offsets)} numbers from {s.offsets[:1]} to {s.offsets[-1:]}"
        )
    rows = np.diff(s.offsets)
    for bad, why in (
        (rows <= 0, "is empty"),
        (s.persons <= 0, "has no person"),
        (rows % np.maximum(s.persons, 1) != 0, "has rows that do not divide among its persons"),
        ((s.label < 0) | (s.label >= len(s.class_names)), f"has a label outside 0…{len(s.class_names) - 1}"),
    ):
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise ValueError(f"{s.name}: clip {i} ({str(s.sample_id[i])!r}) {why}; remove it or mend the file")
    if s.canonical_names and len(s.canonical_names) != len(s.class_names):
        raise ValueError(f"{s.name}: {len(s.canonical_names)} canonical_names for {len(s.class_names)} class_names")
    for start, rows in _pieces(s.xyz):
        finite = np.isfinite(rows)
        if not finite.all():
            row, joint, _ = (int(a[0]) for a in np.nonzero(~finite))
            i = int(np.searchsorted(s.offsets, start + row, side="right") - 1)
            raise ValueError(
                f"{s.name}: clip {i} ({str(s.sample_id[i])!r}) has a coordinate that is not a number at row "
                f"{start + row - s.offsets[i]}, joint {s.layout.joints[joint]!r}; read_array fills gaps, or set the "
                f"whole person to zero where it is not seen"
            )


def _pieces(array: NDArray[Any], size: int = 1 << 16) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, rows) in pieces; of a memory-mapped array, which need not fit into memory, pages read are let go."""
    for start in range(0, len(array), size):
        yield start, array[start : start + size]
        if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            array.base.madvise(mmap.MADV_DONTNEED)


def _write_npz(file: IO[bytes], arrays: dict[str, NDArray[Any]]) -> None:
    """What np.savez writes, in pieces."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = np.lib.format.header_data_from_array_1_0(array) | {"fortran_order": False}
                np.lib.format.write_array_header_1_0(member, header)
                for _, rows in _pieces(np.atleast_1d(array)):
                    member.write(rows.tobytes())


# What a damaged zip file makes its readers raise, besides ValueError; RuntimeError where it seems to be encrypted.
DAMAGES = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError, LookupError, TypeError,
    RuntimeError, MemoryError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with open(path, "rb") as file:  # opened once: another process may replace the file meanwhile
        if not zipfile.is_zipfile(file):
            if path.suffix.lower() != ".npz":
                raise ValueError(f"{path} is not a .npz file{_source_files(path)}")
            raise ValueError(f"{path} is truncated or not a .npz file; copy or save it again")
        file.seek(0)
        try:
            arrays: Any = np.load(file, allow_pickle=False)
            names = arrays.files
            mapped = _map_member(file, arrays.zip.getinfo("xyz.npy")) if "xyz" in names else None
            return {key: mapped if key == "xyz" and mapped is not None else arrays[key] for key in names}
        except DAMAGES as error:
            why = " ".join(str(error).split())[:200]
            raise ValueError(f"{path} is damaged ({why}); copy or save it again") from error
        except ValueError as error:
            if "pickle" in str(error):
                raise ValueError(
                    f"{path} holds pickled objects, which could run code when loaded; save plain arrays with "
                    f"np.savez (strings as dtype 'U', numbers as numbers)"
                ) from error
            raise ValueError(f"{path} is damaged ({error}); copy or save it again") from error


def _map_member(file: IO[bytes], info: zipfile.ZipInfo) -> NDArray[Any] | None:
    """Memory-map an array that is stored uncompressed inside a zip file; None if it is compressed."""
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    file.seek(info.header_offset)
    local = file.read(30)  # local file header; name and extra field lengths are its last two shorts
    start = file.seek(int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little"), 1)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran or dtype.hasobject:
        return None
    if math.prod(shape) * dtype.itemsize > start + info.file_size - file.tell():
        raise ValueError(f"xyz is cut short: {shape} values are not there")
    return np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape)


def _layout_of(arrays: Mapping[str, NDArray[Any]], path: Path) -> Layout:
    if "joint_names" not in arrays:
        if "layout" not in arrays:
            raise ValueError(f"{path} names no joints; give joint_names (V strings) or layout (a registered name)")
        return get_layout(str(arrays["layout"]))
    joints = [str(joint) for joint in arrays["joint_names"]]
    known = match_layout(joints)
    if known is not None:
        return known
    if "edges" not in arrays:
        raise ValueError(f"{path} has joint names of no registered layout: give edges (V − 1 index pairs) as well")
    usual = [joint for joint in ("shoulder center", "neck", "spine", "hip center") if joint in joints]
    root = str(arrays["root"]) if "root" in arrays else (usual or joints)[0]
    name = str(arrays.get("layout", f"{path.stem}{len(joints)}"))
    return Layout.from_edges(name, joints, _whole(arrays["edges"], f"{path.name}: edges"), root)
