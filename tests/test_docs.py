"""README and docs: links lead somewhere, commands exist, those that take seconds are run, the site has every page."""

from __future__ import annotations

import re
import runpy
import shlex
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from support.small_run import begin_run, mark_executed, train_run
from support.source_files import ntu
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.data.tasks import load_task
from crossglg.one_shot.features import unit_rows
from crossglg.skeletons import get_layout
from crossglg.studies.spec import Study
from crossglg.training.trained_model import TrainedModel

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
BLOCKS = [
    pytest.param(language, block, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, (language, block) in enumerate(
        re.findall(r"<!-- seconds -->\n```(sh|python)\n(.+?)\n```", text, re.DOTALL)
    )
]


@cache
def shown_commands() -> dict[str, list[str]]:
    """Every line of README and docs that begins with crossglg → its words."""
    lines = [
        line
        for block in re.findall(r"```sh\n(.+?)\n```", "\n".join(PAGES.values()), re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("crossglg ")
    ]
    return {line: shlex.split(line, comments=True)[1:] for line in lines}


def test_readme_is_two_screens():
    assert PAGES["README.md"].count("\n") <= 120


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page):
    for target, heading in re.findall(r"\]\(([^)\s#:]*)(?:#([^)]*))?\)", PAGES[page]):
        path = ((ROOT / page).parent / target if target else ROOT / page).resolve()
        assert path.exists(), f"{page} links {target}"
        if heading and path.suffix == ".md" and "." not in heading:  # else of a generated page
            found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
            anchors = [re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", line).strip().lower()) for line in found]
            assert heading in anchors, f"{page} links {target}#{heading}"


def test_moving_picture_is_small_and_moves():
    picture = ROOT / "figures" / "recognition.gif"
    assert picture.stat().st_size < 3e6
    with Image.open(picture) as opened:
        assert opened.n_frames > 30


def test_pictures_of_the_readme_are_made_by_their_command(desk, tmp_path):
    pictures = runpy.run_path(str(ROOT / "benchmarks" / "readme_pictures.py"))
    model = TrainedModel.load(desk / "runs" / "mine" / "model")
    task = load_task(model.config)
    action = task.novel.class_names[0]
    shown = pictures["recognition"](model, task, action)
    support = task.novel.subset(task.episodes[0])
    of_exemplars, of_query = unit_rows(model.embed(support)), unit_rows(model.embed(task.novel.subset([0])))
    assert task.novel.class_of(0) == shown.truth == action and 0 not in task.episodes[0]
    similarity = of_exemplars @ of_query[0]
    assert shown.found == support.class_of(int(similarity.argmax())) and np.isclose(shown.similarity, similarity.max())
    pictures["main"]([str(desk / "runs" / "mine" / "model"), str(tmp_path), "--action", action])
    assert {path.name for path in tmp_path.iterdir()} == {"recognition.gif", "results.svg"}
    assert (tmp_path / "results.svg").read_bytes() == (ROOT / "figures" / "results.svg").read_bytes()


def test_the_owner_s_name_stands_in_one_place_and_its_links_lead_to_files():
    address = re.compile(r"(?:github\.com|mybinder\.org/v2/gh|google\.com/github)/([^/\s\"]+)/crossglg(\S*)")
    page = "docs/guide/install.md"
    notebooks = [path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.*")]
    for other in {*PAGES, *notebooks, "mkdocs.yml", "pyproject.toml", "CITATION.cff"} - {page}:
        assert not address.search((ROOT / other).read_text(encoding="utf-8")), f"{other} names the owner too"
    owners, targets = zip(*address.findall(PAGES[page]), strict=True)
    assert len(owners) == 3 and len(set(owners)) == 1
    opened = [ROOT / "notebooks" / target.partition("notebooks/")[2] for target in targets if target]
    assert len(opened) == 2 and all(notebook.is_file() for notebook in opened)
    assert (ROOT / "environment.yml").is_file(), "what Binder reads"


def test_every_page_is_part_of_the_site():
    def pages(entry):
        if isinstance(entry, str):
            yield entry
        for part in entry if isinstance(entry, list) else entry.values() if isinstance(entry, dict) else ():
            yield from pages(part)

    nav = set(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    written = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert written <= nav
    for page in nav - written:
        assert (ROOT / page).is_file(), page


@cache
def all_commands() -> typer.core.TyperGroup:
    return typer.main.get_command(app)


@pytest.mark.parametrize("line", shown_commands())
def test_shown_command_exists_with_its_options(line):
    words, command = list(shown_commands()[line]), all_commands()
    while hasattr(command, "commands") and not words[0].startswith("--"):
        assert words[0] in command.commands, f"crossglg has no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def commands(group, *names):
    """The words of every command: ("crossglg", "data", "fetch"), …"""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name)


def test_every_command_is_shown():
    shown = {tuple(words) for words in shown_commands().values()}
    for words in commands(all_commands()):
        assert any(line[: len(words)] == words for line in shown), f"'crossglg {' '.join(words)}' is shown nowhere"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder as the pages have it: clips of one's own, files of a camera, a finished run."""
    folder = tmp_path_factory.mktemp("desk")
    clips = synthesize(seed=3, clips_per_action=6, actions=ACTIONS[::5][:12])
    clips.save(folder / "my_clips.npz")
    mine = folder / "runs" / "mine"
    mine.mkdir(parents=True)
    train_run(mine, begin_run(mine))
    mark_executed(mine)
    words = ["train", "--preset", "smoke", "--dataset", str(folder / "my_clips.npz"), "--set", "keep_text_branch=true"]
    words += ["--set", "epochs=1", "--output", str(folder / "runs" / "with-texts")]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    ntu.write_sample(folder / "raw_ntu")
    for name, clip in (("wave", 0), ("other", 1)):
        write_table(clips[clip][0], folder / f"{name}.csv")
    moves = np.concatenate([clips[i][0] for i in (0, 8, 16)])
    long = SkeletonSet.build(moves, [0, len(moves)], [0], ["?"], clips.layout, name="long", sample_id=["long"], fps=30)
    long.save(folder / "long.npz")
    return folder


def test_the_study_of_one_s_own_is_one(desk, tmp_path, monkeypatch):
    (shown,) = re.findall(r"```yaml\n# mine.yaml(.+?)```", PAGES["docs/guide/studies.md"], re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("my_clips.npz").symlink_to(desk / "my_clips.npz")
    Path("mine.yaml").write_text(f"#{shown}")
    words = ["protocol", "make", "--dataset", "my_clips.npz", "--novel", "4", "--output", "mine.json"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    runs = Study.load("mine.yaml").runs()
    assert len(runs) == 1 + 3 * 2 and len(load_task(runs[0].config).novel.class_names) == 4


def write_table(clip, path):
    """(T, V, C) as a table with a column for each coordinate of each joint of NTU."""
    names = [f"{joint.replace(' ', '_')}_{axis}" for joint in get_layout("ntu25").joints for axis in "xyz"]
    rows = [",".join(f"{number:.4f}" for number in frame.reshape(-1)) for frame in clip]
    path.write_text("\n".join([",".join(names), *rows]))


def test_an_exported_model_gives_the_same_to_the_frames_that_the_guide_makes(desk, monkeypatch):
    (block,) = re.findall(r"```python\n([^`]+?def resampled.+?)```", PAGES["docs/guide/train.md"], re.DOTALL)
    monkeypatch.chdir(desk)
    shown = {"__name__": "shown"}
    exec(block, shown)
    z, clips = shown["z"].detach().numpy(), shown["SkeletonSet"].load("my_clips.npz").subset([0])
    np.testing.assert_allclose(z, shown["model"].embed(clips), atol=1e-5)


@pytest.mark.parametrize(("language", "block"), BLOCKS)
def test_what_takes_seconds_is_run(language, block, desk, monkeypatch):
    monkeypatch.chdir(desk)
    if language == "python":
        exec(block, {"__name__": "shown"})
        return
    for line in filter(lambda line: line.startswith("crossglg "), block.splitlines()):
        done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{line}\n{done.output}"
