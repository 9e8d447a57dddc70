"""A picture of the attention explorer: a query beside its exemplars, as Chromium draws the page of a trained model.

    python benchmarks/explorer_picture.py RUN/model figures/explorer.png [--action NAME] [--joint NAME]
    python benchmarks/explorer_picture.py RUN/model figures/attention.png --view attention --block 3

Needs the extra `browser` and a Chromium on the PATH. The clips are those of the novel classes of the model's own task:
the exemplars of the first episode, and the first other clip of the class.
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
from crossglg.viz.player import ATTENTION, JOINTS, VIEWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--action", default="", help="a novel class; empty: the one whose importance is most uneven")
    parser.add_argument("--joint", default="right hand", help="the joint that is lit")
    parser.add_argument("--view", default=JOINTS, choices=VIEWS)
    parser.add_argument("--block", default="", help="the block whose attention is shown; empty: before importance")
    options = parser.parse_args()
    trained = TrainedModel.load(options.model)
    task = load_task(trained.config)
    novel, exemplars = task.novel, task.novel.subset(task.episodes[0])
    action = options.action or exemplars.class_of(int(trained.joint_importance(exemplars).max(1).argmax()))
    query = np.setdiff1d(novel.where(classes=[action]), task.episodes[0])[0]
    with tempfile.TemporaryDirectory() as folder:
        page = explore(trained, novel, clip=int(query), exemplars=exemplars).save(Path(folder) / "explorer.html")
        photograph(page, options.picture, options.joint, options.view, options.block)


def photograph(page: Path, picture: Path, joint: str, view: str, block: str) -> None:
    """Open a saved explorer in the middle of its first clip with one joint lit, and write what is seen as PNG."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium on the PATH; install it, or open the page that Explorer.save writes")
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1280, "height": 640})
        opened.goto(page.as_uri())
        opened.select_option("select[aria-label=View]", view)
        if view == ATTENTION and block:
            opened.select_option("select[aria-label=Block]", block)
        steps = int(opened.get_attribute("input[type=range]", "max") or 0)
        opened.fill("input[type=range]", str(steps // 3))
        opened.click(f'li[data-joint="{joint}"]')
        opened.mouse.move(0, 0)
        picture.parent.mkdir(parents=True, exist_ok=True)
        opened.locator(".skeleton-player").screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
