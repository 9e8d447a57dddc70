"""The camera in JupyterLab, in a real Chromium before whose camera a picture of an astronaut sways.

MediaPipe runs in the page, without network: its files come from Python. Run: pytest -m browser.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from support.jupyter import all_run, chromium, keep_picture, state, wait_until
from support.tiny_models import untrained

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.recognition.camera import ASSETS

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # a second and more for each picture without a GPU

PACKAGE = "@mediapipe/pose@0.5.1675469404"
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MediaPipe's files, out of the npm package that the public address serves."""
    if shutil.which("npm") is None:
        pytest.skip("no npm, from which MediaPipe's files could be had")
    folder = tmp_path_factory.mktemp("pose")
    done = subprocess.run(["npm", "pack", PACKAGE], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm does not give {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        for name in ASSETS:
            member = package.extractfile(f"package/{name}")
            assert member is not None
            (folder / name).write_bytes(member.read())
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uncompressed film, 640 × 480, of the astronaut that scikit-image ships (NASA, public domain)."""
    skimage = pytest.importorskip("skimage", reason="needs pip install 'crossglg[browser]'")
    astronaut = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB").resize((480, 480))
    path = tmp_path_factory.mktemp("film") / "astronaut.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420mpeg2\n")
        for k in range(20):
            picture = Image.new("RGB", (640, 480), (120, 120, 120))
            picture.paste(astronaut, (80 + round(30 * math.sin(k / 20 * math.tau)), 0))
            y, cb, cr = picture.convert("YCbCr").split()
            file.write(b"FRAME\n" + y.tobytes() + cb.resize((320, 240)).tobytes() + cr.resize((320, 240)).tobytes())
    return path


@pytest.fixture(scope="module")
def camera(film: Path) -> Iterator:
    words = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with chromium(*words, f"--use-file-for-fake-video-capture={film}", *SOFTWARE_GL) as running:
        yield running


SETUP = """
from crossglg.recognition.camera import Camera
from crossglg.training.trained_model import TrainedModel

view = Camera(TrainedModel.load("model"), "mine.npz", assets={assets!r}, threshold=0.0)
view
"""
SHOW = 'print("state", view.received, len(view.takes), view.recognized, view.message, view.ranking, sep="|")'
VIEW = ".crossglg-camera"


def record(page, takes: int) -> None:
    """Press Record, wait for a dozen frames (a software-made picture takes about a second), press Stop."""
    before = int(state(page, "notebook:run-cell")[0])
    page.get_by_role("button", name="Record").click()
    wait_until(lambda: int(state(page, "notebook:run-cell")[0]) >= before + 12, "landmarks reach Python", seconds=300)
    page.get_by_role("button", name="Stop", exact=True).click()
    wait_until(lambda: state(page, "notebook:run-cell")[1] == str(takes), "the take reaches Python")


def test_landmarks_reach_python_a_take_is_enrolled_and_recognized(camera, assets: Path, tmp_path: Path) -> None:
    untrained(synthesize(0, 3, ("hand waving", "kicking something")), encoder="infogcn-small").save(tmp_path / "model")
    cells = [SETUP.format(assets=str(assets)), SHOW]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "camera.ipynb")
    with all_run(camera, tmp_path / "camera.ipynb", strict=False) as page:
        page.get_by_role("button", name="Start camera").click()
        page.get_by_role("button", name="Stop camera").wait_for()
        record(page, takes=1)
        keep_picture(page, "camera-take")
        page.get_by_placeholder("name of the action").fill("sway")
        page.get_by_role("button", name="Enroll").click()
        wait_until(lambda: "'sway' is enrolled" in state(page, "notebook:run-cell")[3], "the take is enrolled")
        record(page, takes=2)
        *_, recognized, _, ranking = state(page, "notebook:run-cell")
        assert recognized == page.inner_text(".verdict") == "sway" and "enrolled: sway (1)" in page.inner_text(VIEW)
        page.get_by_role("button", name="Recognize live").click()
        wait_until(
            lambda: state(page, "notebook:run-cell")[4] not in (ranking, "[]"),
            "Python decides anew while frames come",
            seconds=300,
        )
        keep_picture(page, "camera-live")
    clip = SkeletonSet.load(tmp_path / "mine.npz")
    pose, joints = clip[0][0].mean(0), clip.layout.index
    assert clip.layout.name == "mediapipe33" and clip.class_names == ("sway",)
    assert pose[joints("nose"), 1] > pose[joints("left shoulder"), 1] > pose[joints("left hip"), 1]
    # The picture's sitter looks at the camera: the left shoulder is to the viewer's right.
    assert pose[joints("left shoulder"), 0] < -0.1 < 0.0 < pose[joints("right shoulder"), 0] + 0.2
    assert 0.15 < pose[joints("right shoulder"), 0] - pose[joints("left shoulder"), 0] < 0.6, "meters"
