"""A picture of the attention explorer: query beside exemplar, as Chromium draws the page of a trained model.

    python benchmarks/explorer_picture.py RUN/model figures/explorer.png [--action NAME] [--joint NAME]

Needs the extra `browser` and a Chromium on the PATH. The clips are those of the novel classes of the model's own task:
the exemplar of the first episode, and the first clip of the class that is not it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from crossglg.data.tasks import load_task
from crossglg.explain.explorer import explore
from crossglg.training.trained_model import TrainedModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--action", default="", help="a novel class; empty: the one whose importance is most uneven")
    parser.add_argument("--joint", default="right hand", help="the joint that is lit")
    options = parser.parse_args()
    trained = TrainedModel.load(options.model)
    task = load_task(trained.config)
    novel = task.novel
    if options.action:
        exemplar = int(task.episodes[0][novel.class_names.index(options.action)])
    else:
        exemplar = int(task.episodes[0][trained.joint_importance(novel.subset(task.episodes[0])).max(1).argmax()])
    others = np.setdiff1d(np.flatnonzero(novel.label == novel.label[exemplar]), task.episodes[0])
    with tempfile.TemporaryDirectory() as folder:
        page = explore(trained, novel, clip=int(others[0]), against=exemplar).save(Path(folder) / "explorer.html")
        photograph(page, options.picture, options.joint)


def photograph(page: Path, picture: Path, joint: str) -> None:
    """Open a saved explorer in the middle of its first clip with one joint lit, and write what is seen as PNG."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium on the PATH; install it, or open the page that Explorer.save writes")
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1440, "height": 560})
        opened.goto(page.as_uri())
        steps = int(opened.get_attribute("input[type=range]", "max") or 0)
        opened.fill("input[type=range]", str(steps // 3))
        opened.click(f'li[data-joint="{joint}"]')
        picture.parent.mkdir(parents=True, exist_ok=True)
        opened.screenshot(path=picture, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
