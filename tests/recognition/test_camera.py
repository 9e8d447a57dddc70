"""The camera without a browser: the messages that its page sends, landmarks that were recorded, MediaPipe's files.

`tests/notebooks/test_browser.py` has it in Chromium, with a picture before a camera that is none.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_httpserver import HTTPServer
from support.tiny_models import tiny_encoders, untrained  # noqa: F401 (a fixture of this module)
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.files import InputError
from crossglg.recognition import camera as module
from crossglg.recognition.camera import LAYOUT, Camera, to_clip
from crossglg.training.trained_model import TrainedModel
from crossglg.viz.layouts import standing

WRIST, ANKLE = LAYOUT.index("right wrist"), LAYOUT.index("left ankle")


def landmarks(joint: int, times: NDArray[np.float64], seed: int = 0) -> NDArray[np.float32]:
    """(T, 33, 4) as MediaPipe gives them: somebody stands, one joint and its neighbors swing; x right, y down."""
    pose = np.zeros((LAYOUT.num_joints, 4))
    pose[:, :2] = standing(LAYOUT) * (0.5, -0.5)  # their left is at the right of the picture
    pose[:, 3] = 0.9
    noise = np.random.default_rng(seed).normal(0.0, 0.004, (len(times), LAYOUT.num_joints, 4))
    moving = pose + noise
    near = [joint, *(child for child, parent in LAYOUT.bones if parent == joint)]
    moving[:, near, 0] += 0.4 * np.sin(2 * np.pi * times)[:, None]
    moving[:, near, 1] -= 0.3 + 0.2 * np.cos(2 * np.pi * times)[:, None]
    return moving.astype(np.float32)


def steady(seconds: float, rate: float = 25.0) -> NDArray[np.float64]:
    return np.arange(round(seconds * rate)) / rate


def feed(camera: Camera, times: NDArray[np.float64], rows: NDArray[np.float32], parts: int = 4) -> None:
    """As the page sends them: a few frames a message."""
    for some, those in zip(np.array_split(times, parts), np.array_split(rows, parts), strict=True):
        camera._handle_custom_msg({"kind": "frames", "times": some.tolist()}, [memoryview(those.tobytes())])


def tell(camera: Camera, kind: str, **content: object) -> None:
    camera._handle_custom_msg({"kind": kind, **content}, [])


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return untrained(synthesize(0, 3, ("hand waving", "kicking something", "squat down")))


@pytest.fixture
def camera(trained: TrainedModel, tmp_path: Path) -> Camera:
    return Camera(trained, tmp_path / "mine.npz", threshold=0.5)


def take(camera: Camera, joint: int, start: float, seed: int = 0) -> None:
    times = steady(2.0)
    feed(camera, times + start, landmarks(joint, times, seed))
    tell(camera, "take", start=start, end=start + 2.0)


# ---------------------------------------------------------------------------------------------------------------------
# Landmarks → clip


def test_a_clip_stands_upright_with_left_at_minus_x_at_its_own_rate() -> None:
    times = steady(2.0, rate=12.5)
    clip = to_clip(times + 100.0, landmarks(WRIST, times))
    assert clip.fps == pytest.approx(12.5) and clip.frames[0] == 25 and clip.layout.name == "mediapipe33"
    mean = clip[0][0].mean(0)
    assert mean[LAYOUT.index("nose"), 1] > mean[LAYOUT.index("left hip"), 1] > mean[ANKLE, 1]
    assert mean[LAYOUT.index("left shoulder"), 0] < mean[LAYOUT.index("right shoulder"), 0]
    np.testing.assert_allclose(clip[0][0], landmarks(WRIST, times)[..., :3] * (-1, -1, 1), atol=1e-5)


def test_dropped_frames_and_short_absences_are_bridged_on_straight_lines() -> None:
    times = steady(2.0)
    whole = to_clip(times, landmarks(WRIST, times))[0][0]
    kept = np.delete(np.arange(50), [5, 17, 18, 40])
    rows = landmarks(WRIST, times)
    rows[30:36] = np.nan  # a quarter of a second
    bridged = to_clip(times[kept], rows[kept])[0][0]
    assert bridged.shape == whole.shape
    exact = np.setdiff1d(np.arange(50), [5, 17, 18, 40, *range(30, 36)])
    np.testing.assert_allclose(bridged[exact], whole[exact], atol=1e-4)
    np.testing.assert_allclose(bridged[5], (whole[4] + whole[6]) / 2, atol=1e-4)
    share = (np.arange(30, 36) - 29)[:, None, None] / 7
    np.testing.assert_allclose(bridged[30:36], whole[29] + share * (whole[36] - whole[29]), atol=1e-4)


def test_long_absences_are_refused_and_slow_machines_are_not() -> None:
    times = steady(2.0)
    rows = landmarks(WRIST, times)
    rows[20:40] = np.nan
    with pytest.raises(InputError, match=r"for 0\.8 s nobody was seen, 0\.8 s after the start; stay in the picture"):
        to_clip(times, rows)
    with pytest.raises(InputError, match="nobody was seen in this take; stand so that your whole body is in"):
        to_clip(times, np.full_like(rows, np.nan))
    slow = steady(9.0, rate=1.0)
    assert to_clip(slow, landmarks(WRIST, slow)).frames[0] == 9


# ---------------------------------------------------------------------------------------------------------------------
# Messages of the page


def test_takes_are_enrolled_under_their_names_and_recognized_again(camera: Camera) -> None:
    take(camera, WRIST, 10.0)
    assert camera.message == "take 1: 50 frames, 2.0 s" and camera.ranking == []
    tell(camera, "enroll", name="swing")
    assert camera.actions == [["swing", 1]] and "'swing' is enrolled" in camera.message
    take(camera, ANKLE, 20.0)
    tell(camera, "enroll", name="kick")
    enrolled = SkeletonSet.load(camera.path)
    assert set(enrolled.class_names) == {"swing", "kick"} and enrolled.layout.name == "mediapipe33"
    take(camera, WRIST, 30.0, seed=1)
    assert camera.recognized == "swing" and camera.ranking[0][0] == "swing" and camera.ranking[0][1] > 0.9
    assert camera.message == "take 3: 50 frames, 2.0 s; recognized as swing"
    assert len(camera.decided_by) == 33 and max(camera.decided_by) == 1.0 and min(camera.decided_by) == 0.0
    again = Camera(camera.trained, camera.path)  # the next session
    assert sorted(again.actions) == [["kick", 1], ["swing", 1]]


def test_live_decisions_follow_and_end_when_nobody_is_there(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    for joint, name in ((WRIST, "swing"), (ANKLE, "kick")):
        take(camera, joint, 10.0 if joint == WRIST else 20.0)
        tell(camera, "enroll", name=name)
    times = steady(3.0)
    camera.recognized = ""
    feed(camera, times + 30.0, landmarks(ANKLE, times, seed=2))
    assert camera.recognized == "", "live is off"
    camera.live = True
    feed(camera, times + 40.0, landmarks(ANKLE, times, seed=3))
    assert camera.recognized == "kick" and camera.received == 250
    feed(camera, times + 43.0, landmarks(WRIST, times, seed=3))
    assert camera.recognized == "swing"
    feed(camera, times + 46.0, np.full((75, 33, 4), np.nan, np.float32))
    assert (camera.recognized, camera.ranking, camera.decided_by) == ("", [], [])


def test_only_the_last_minute_is_kept(camera: Camera) -> None:
    times = steady(90.0, rate=10.0)
    feed(camera, times, landmarks(WRIST, times))
    assert (
        camera.received == 900 and camera._times[0] == pytest.approx(29.9, abs=0.11) and len(camera._landmarks) <= 601
    )
    tell(camera, "take", start=0.0, end=5.0)
    assert "nothing was recorded; start the camera, press Record" in camera.message and camera.takes == []


def test_what_cannot_be_done_is_said_on_the_page(camera: Camera, tmp_path: Path) -> None:
    for kind in ("enroll", "save"):
        tell(camera, kind, name="swing")
        assert camera.message == "there is no take yet; press Record, move, press Stop"
    take(camera, WRIST, 0.0)
    tell(camera, "enroll", name="unknown")
    assert "an action needs a name other than 'unknown'" in camera.message
    tell(camera, "save")
    assert SkeletonSet.load(tmp_path / "mine-take1.npz").frames[0] == 50
    tell(camera, "asset", name="../secret")
    assert "is no file of MediaPipe Pose" in camera.message


# ---------------------------------------------------------------------------------------------------------------------
# MediaPipe's files


def serve(server: HTTPServer, patch: pytest.MonkeyPatch) -> dict[str, bytes]:
    contents = {name: f"content of {name}".encode() for name in module.ASSETS}
    patch.setattr(module, "ASSETS", {name: hashlib.sha256(c).hexdigest() for name, c in contents.items()})
    for name, content in contents.items():
        server.expect_request(f"/pose/{name}").respond_with_data(content)
    return contents


def test_files_are_fetched_checked_and_handed_to_the_page(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, trained: TrainedModel, tmp_path: Path
) -> None:
    contents = serve(httpserver, monkeypatch)
    folder = tmp_path / "pose"
    with pytest.raises(InputError, match=r"lacks pose\.js; 'crossglg camera fetch .*pose' fills it"):
        Camera(trained, assets=folder)
    result = CliRunner().invoke(app, ["camera", "fetch", str(folder), "--address", httpserver.url_for("/pose")])
    assert result.exit_code == 0, result.output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    offline, sent = Camera(trained, assets=folder), []
    assert offline.address == "" and Camera(trained).address.startswith("https://")
    monkeypatch.setattr(offline, "send", lambda content, buffers: sent.append((content, buffers)))
    tell(offline, "asset", name="pose.js")
    assert sent == [({"kind": "asset", "name": "pose.js"}, [contents["pose.js"]])]


def test_a_changed_file_is_refused(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(httpserver, monkeypatch)
    httpserver.clear()
    for name in module.ASSETS:
        httpserver.expect_request(f"/pose/{name}").respond_with_data(b"something else")
    with pytest.raises(ValueError, match=r"its sha256 is .* instead of"):
        module.fetch_assets(tmp_path, httpserver.url_for("/pose"))
    assert list(tmp_path.iterdir()) == []
