"""A camera in the notebook: what you do in front of it is enrolled from one take, then recognized live.

MediaPipe Pose finds 33 landmarks of one person in the browser. No picture leaves the browser: only landmarks, in meters
around the hips, reach Python. MediaPipe's files come from a public content network, or from a folder for rooms without
network (`fetch_assets`).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.fetch import fetch
from crossglg.files import InputError, expanded
from crossglg.recognition.recognizer import UNKNOWN, Recognition, Recognizer, enroll
from crossglg.skeletons import get_layout
from crossglg.training.trained_model import TrainedModel

LAYOUT = get_layout("mediapipe33")
ADDRESS = "https://cdn.jsdelivr.net/npm/@mediapipe/pose@0.5.1675469404"
ASSETS = {  # file → sha256; MediaPipe Pose, Apache-2.0
    "pose.js": "fcb703afcce65d0a1c540f6a70c3bb45fc84521498c21a9d4160265dde648ab4",
    "pose_solution_packed_assets_loader.js": "d7aa29b7d8e11b5c97a58d719e982dd15c2de72995d95112d60492b854840a36",
    "pose_solution_simd_wasm_bin.js": "3983d1dca31d945d81abb70b18dd61f28ef4736e112463d7cfb1cbadef588127",
    "pose_solution_packed_assets.data": "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
    "pose_solution_simd_wasm_bin.wasm": "195a929430e2ce130b3efb82e64ba27c8e68cb0f6bad870b715688060ea6f7e2",
    "pose_web.binarypb": "dc8efd1c2d62007b34278467407fda5f70847f41310e0e39f0f59fc17b1d01f7",
    "pose_landmark_lite.tflite": "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}
MAX_GAP = 0.5  # seconds without the person that are bridged
KEPT = 60.0  # seconds of landmarks that are kept
EVERY = 0.5  # seconds from one live decision to the next


def fetch_assets(folder: str | Path, address: str = ADDRESS) -> Path:
    """Download MediaPipe's files (26 MB) for `Camera(assets=folder)`; those that are there already stay.

    Raises:
        ValueError: the server does not give a file, or a file has another hash.
        RuntimeError: the download broke off; the same call continues it.
    """
    for name, sha256 in ASSETS.items():
        fetch(f"{address}/{name}", sha256, folder)
    return Path(folder)


def to_clip(times: Sequence[float], landmarks: NDArray[np.floating], name: str = "take") -> SkeletonSet:
    """Landmarks of one person as they came → one clip at an even frame rate.

    Frames that were dropped, and up to half a second without the person, are bridged on straight lines.

    Args:
        times: `(T,)` seconds, rising.
        landmarks: `(T, 33, 3)` or `(T, 33, 4)` MediaPipe's world landmarks, meters, x to the right of the picture, y
            down, z away from the camera; a fourth column is not read. NaN where nobody was found.
        name: of the clip.

    Returns:
        One clip in the layout mediapipe33, y up, at the median rate of the frames.

    Raises:
        InputError: nobody was seen, or not for more than half a second.
    """
    at = np.asarray(times, dtype=np.float64)
    xyz = np.asarray(landmarks, dtype=np.float64)[..., :3]
    seen = np.isfinite(xyz).all((1, 2))
    place = np.flatnonzero(seen)
    if len(place) < 2:
        raise InputError("nobody was seen in this take; stand so that your whole body is in the picture, record again")
    at, xyz = at[seen], xyz[seen]
    steps = np.diff(at)
    missed = np.where(np.diff(place) > 1, steps, 0.0)  # a slow machine is no gap
    if missed.max() > MAX_GAP:
        raise InputError(
            f"for {missed.max():.1f} s nobody was seen, {at[missed.argmax()] - at[0]:.1f} s after the start; stay in "
            f"the picture and record again"
        )
    fps = float(1.0 / np.median(steps))
    even = np.arange(at[0], at[-1] + 1e-9, 1.0 / fps)
    columns = [np.interp(even, at, column) for column in xyz.reshape(len(at), -1).T]
    upright = np.stack(columns, 1).reshape(len(even), LAYOUT.num_joints, 3) * (-1.0, -1.0, 1.0)
    return SkeletonSet.build(
        upright.astype(np.float32), [0, len(even)], [0], [name], LAYOUT, name=name, sample_id=[name], fps=fps
    )


class Camera(anywidget.AnyWidget):
    """The camera in JupyterLab, Notebook 7 or Voilà.

    Record → name it → enrolled. Move → a live ranking with the joints that decided. A local video file works as well.

    Args:
        trained: the model that compares clips.
        actions: the file of your own actions; made at the first take.
        assets: a folder with MediaPipe's files (`fetch_assets`); none: they are loaded from a public address.
        threshold: similarity below which a clip is unknown; None: calibrated, see `Recognizer.of`.
        quality: MediaPipe's model, "lite" or "full".

    Attributes:
        takes: the recorded clips of this session, by number.
        ranking: `[[action, similarity], …]` of the last decision, best first.
        recognized: the action of the last decision, "unknown", or "" before the first.
        decided_by: how much each of the 33 landmarks decided, 0…1.
        message: what the page says.
    """

    _esm = (files("crossglg.recognition") / "camera.js").read_text(encoding="utf-8")
    _css = (files("crossglg.recognition") / "camera.css").read_text(encoding="utf-8")

    bones: Any = traitlets.List().tag(sync=True)
    address = traitlets.Unicode("").tag(sync=True)
    quality = traitlets.Enum(["lite", "full"], "lite").tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)
    actions: Any = traitlets.List().tag(sync=True)
    ranking: Any = traitlets.List().tag(sync=True)
    recognized = traitlets.Unicode("").tag(sync=True)
    threshold = traitlets.Float(-1.0).tag(sync=True)
    decided_by: Any = traitlets.List().tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    received = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        trained: TrainedModel,
        actions: str | Path = "my_actions.npz",
        assets: str | Path = "",
        threshold: float | None = None,
        quality: str = "lite",
    ) -> None:
        self.trained, self.path, self.assets, self._given = trained, expanded(actions), str(assets), threshold
        if assets and (missing := [name for name in ASSETS if not (Path(assets) / name).is_file()]):
            raise InputError(
                f"{assets} lacks {missing[0]}; 'crossglg camera fetch {shlex.quote(str(assets))}' fills it"
            )
        self.takes: list[SkeletonSet] = []
        self._times: list[float] = []
        self._landmarks: list[NDArray[np.float32]] = []
        self._decided = 0.0
        self.recognizer: Recognizer | None = None
        super().__init__(
            bones=[list(bone) for bone in LAYOUT.bones], address="" if assets else ADDRESS, quality=quality
        )
        self._reload()
        self.on_msg(self._receive)

    def _reload(self) -> None:
        """Compare with what is enrolled by now."""
        if not self.path.is_file():
            return
        enrolled = SkeletonSet.load(self.path)
        self.recognizer = Recognizer.of(self.trained, enrolled, self._given)
        self.threshold = float(self.recognizer.threshold)
        counts = np.bincount(enrolled.label, minlength=len(enrolled.class_names)).tolist()
        self.actions = [list(row) for row in zip(enrolled.class_names, counts, strict=True)]

    def _receive(self, _: Any, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        """A message of the page; what goes wrong is said there."""
        handler = {
            "asset": self._asset, "frames": self._frames, "take": self._take, "enroll": self._enroll,
            "save": self._save,
        }  # fmt: skip
        try:
            handler[content["kind"]](content, buffers)
        except (ValueError, OSError) as error:
            self.message = str(error)

    def _asset(self, content: dict[str, Any], _: Sequence[Any]) -> None:
        if (name := content["name"]) not in ASSETS:
            raise InputError(f"the page asks for {name!r}, which is no file of MediaPipe Pose")
        self.send({"kind": "asset", "name": name}, [(Path(self.assets) / name).read_bytes()])

    def _frames(self, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        """Landmarks (T, 33, 4) as float32, with their seconds; NaN where nobody was found."""
        landmarks = np.frombuffer(buffers[0], dtype=np.float32).reshape(-1, LAYOUT.num_joints, 4)
        self._times += [float(t) for t in content["times"]]
        self._landmarks += list(landmarks)
        while self._times and self._times[-1] - self._times[0] > KEPT:
            del self._times[0], self._landmarks[0]
        self.received += len(landmarks)
        if self.live and self.recognizer and time.monotonic() - self._decided > EVERY:
            self._decided = time.monotonic()
            self._decide_live()

    def _decide_live(self) -> None:
        """Recognize the last seconds, as long as an enrolled clip."""
        assert self.recognizer is not None
        window = min(float(np.median(self.recognizer.exemplars.frames)) / self.recognizer.exemplars.fps, KEPT / 2.0)
        if self._times[-1] - self._times[0] < window:
            return
        try:
            self._show(self.recognizer.recognize(self._between(self._times[-1] - window, self._times[-1], "live"))[0])
        except ValueError:  # nobody is there, or too few frames came: nothing to decide
            self.ranking, self.recognized, self.decided_by = [], "", []

    def _show(self, result: Recognition) -> None:
        layout, strength = self.trained.layout, np.clip(result.decided_by, 0.0, None)
        shared = [float(strength[layout.index(joint)]) if layout.has(joint) else 0.0 for joint in LAYOUT.joints]
        self.decided_by = [round(value / max(*shared, 1e-9), 3) for value in shared]
        self.ranking = [[name, round(score, 4)] for name, score in result.ranking]
        self.recognized = result.action

    def _between(self, start: float, end: float, name: str) -> SkeletonSet:
        rows = [i for i, t in enumerate(self._times) if start <= t <= end]
        if not rows:
            raise InputError("nothing was recorded; start the camera, press Record, move, press Stop")
        return to_clip([self._times[i] for i in rows], np.stack([self._landmarks[i] for i in rows]), name)

    def _take(self, content: dict[str, Any], _: Sequence[Any]) -> None:
        """A take is finished: keep it, and say what it looks like."""
        clip = self._between(content["start"], content["end"], f"take {len(self.takes) + 1}")
        self.takes.append(clip)
        self.message = f"take {len(self.takes)}: {clip.frames[0]} frames, {clip.frames[0] / clip.fps:.1f} s"
        if self.recognizer:
            self._show(self.recognizer.recognize(clip)[0])
            self.message += f"; recognized as {self.recognized}" if self.recognized != UNKNOWN else "; unknown"

    def _enroll(self, content: dict[str, Any], _: Sequence[Any]) -> None:
        enroll(content["name"], self._last(), self.path)
        self._reload()
        self.message = f"{content['name']!r} is enrolled, kept in {self.path}"

    def _save(self, content: dict[str, Any], _: Sequence[Any]) -> None:
        path = self._last().save(self.path.parent / f"{self.path.stem}-take{len(self.takes)}.npz")
        self.message = f"saved as {path}"

    def _last(self) -> SkeletonSet:
        if not self.takes:
            raise InputError("there is no take yet; press Record, move, press Stop")
        return self.takes[-1]

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | {"text/plain": "The camera works in a notebook that runs."}, metadata
