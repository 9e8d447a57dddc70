"""Clips whose files say no class: the folder's name or a table does; what a set holds and lacks is said."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from support.skeleton_people import standing
from support.source_files import bvh
from support.source_files.keypoints import array
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.config import Config
from crossglg.data.classes import ClassTable
from crossglg.data.clips import SkeletonSet
from crossglg.data.convert import convert, log_path, stored
from crossglg.data.reading_options import as_command_line
from crossglg.data.survey import describe, doubts
from crossglg.data.tasks import load_task
from crossglg.files import read_json, write_json
from crossglg.runs import pipeline
from crossglg.runs.results import absolute_paths, task_name
from crossglg.skeletons import Layout, get_layout

CLASSES = ("wave", "kick", "my_dance", "bow")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four classes of three clips each, called the same in each folder."""
    person = standing("coco17", 20)
    for k, name in enumerate(CLASSES):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "mine" / name / f"clip{i}.npy").write_bytes(array(person + 0.01 * (3 * k + i)))
    return tmp_path / "mine"


def converted(source: Path, **options: object) -> SkeletonSet:
    return convert(source, "keypoints", source.parent / "out.npz", 1, progress=False, layout="coco17", **options)


def test_the_folder_is_the_class(folder: Path) -> None:
    clips = converted(folder)
    assert clips.class_names == ("bow", "kick", "my dance", "wave")
    assert np.bincount(clips.label).tolist() == [3, 3, 3, 3]
    assert len(set(clips.sample_id.tolist())) == 12 and "wave/clip0" in clips.sample_id
    text = describe(clips, folder.parent / "out.npz")
    assert "named by the folders that the files lie in (12)" in text and "bow 3, kick 3, my dance 3, wave 3" in text
    assert "for a run four classes or more have two clips or more" in text


def test_a_zip_of_class_folders_is_the_same(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for file in sorted(folder.rglob("*.npy")):
            archive.write(file, file.relative_to(folder).as_posix())
    class_names = converted(tmp_path / "mine.zip").class_names
    (tmp_path / "out.npz").unlink()
    assert converted(folder).class_names == class_names


def test_a_table_says_class_subject_and_camera(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    rows = [f"{name}/clip{i}.npy,{name[0]},{i},{i + 1}" for name in CLASSES for i in range(3)]
    table = tmp_path / "classes.csv"
    for first, delimiter in (("", ","), ("", ";"), ("sep=;\r\n", ";")):
        table.write_text(first + "\n".join(["file,class,subject,camera", *rows]).replace(",", delimiter))
        clips = converted(folder, classes=table)
        assert clips.class_names == ("b", "k", "m", "w")
        assert sorted(set(clips.subject.tolist())) == [0, 1, 2] and sorted(set(clips.camera.tolist())) == [1, 2, 3]
        assert set(clips.sample_id.tolist()) == {f"{name}/clip{i}" for name in CLASSES for i in range(3)}
    inside = folder / "classes.csv"
    inside.write_bytes(table.read_bytes())
    assert converted(folder, classes=inside).class_names == ("b", "k", "m", "w")
    assert SkeletonSet.load(stored(f"keypoints:{folder}?layout=coco17&classes={inside}")).class_names[0] == "b"
    inside.unlink()
    table.write_text("file,class\nwave/clip0,a\n")
    with pytest.raises(ValueError, match=r"bow/clip0\.npy has no row in classes\.csv"):
        converted(folder, classes=table)


def test_a_table_among_the_clips_that_was_not_given_is_told(folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").write_text("File;Class;Subject\nwave/clip0.npy;wave;Ann\n")
    with pytest.raises(ValueError, match=r"labels\.csv seems to be a table of classes, .* --classes \S+/labels\.csv"):
        run("data", "convert", folder, "--format", "keypoints", "--layout", "coco17", "--output", tmp_path / "o.npz")
    (folder / "labels.csv").rename(tmp_path / "labels.csv")
    (tmp_path / "mocap").mkdir()
    bvh.write_sample(tmp_path / "mocap")
    (tmp_path / "labels.csv").rename(tmp_path / "mocap" / "labels.csv")
    out = run("data", "convert", tmp_path / "mocap", "--format", "bvh", "--output", tmp_path / "p.npz")
    assert "labels.csv not read: to take the classes from such a table, give it as --classes FILE.csv" in out
    assert "of other formats" not in out


def test_notes_that_differ_in_numbers_alone_are_told_once(tmp_path: Path) -> None:
    for k, name in enumerate(("a", "b", "c")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "clip.npy").write_bytes(array((1 + k / 10) * standing("coco17", 7 if k else 12)))
    text = describe(converted(tmp_path / "mine"), tmp_path / "out.npz")
    assert "note      unit m, by the torso of 0.52 to 0.62 m (in 3 clips)\n" in text
    assert "note      only 7 frames: a pose, not a motion (in 2 clips)\n" in text
    assert "in 1 clips" not in text


def test_letters_that_macos_takes_apart_are_one(tmp_path: Path) -> None:
    """A "ü" may be one character, as people type it, or "u" and two dots, as macOS keeps it in names of files."""
    person = standing("coco17", 20)
    for number, form in enumerate(("NFC", "NFD")):
        file = tmp_path / "mine" / normalize(form, "grüßen") / normalize(form, f"Ä{number}.npy")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(array(person + number))
    assert converted(tmp_path / "mine").class_names == (normalize("NFC", "grüßen"),)
    (tmp_path / "classes.csv").write_text(normalize("NFC", "file,class\nÄ0,ä\nÄ1.npy,") + normalize("NFD", "ä"))
    assert converted(tmp_path / "mine", classes=tmp_path / "classes.csv").class_names == (normalize("NFC", "ä"),)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("name,kind\na,b\n", "it needs a header with file, class"),
        ("file,class\na,\n", "row 2 lacks the file or the class"),
        ("file,class,start,end\na,b,0,1\na,c,1,2\n", "its column 'end' says where actions begin or end"),
        ("file,class\na,b\na,c\n", "a stands in it twice; name files that are called the same by their paths"),
        ("", "it needs a header"),
    ],
)
def test_bad_tables_are_refused(folder: Path, tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(ValueError, match=error):
        converted(folder, classes=tmp_path / "classes.csv")


@pytest.mark.parametrize(
    ("cells", "subjects"),
    [
        (("P01", "P1", "P12", ""), [1, 1, 12, -1]),
        (("7", "07", "0", ""), [7, 7, 0, -1]),
        (("Ben", "Ann", "Ben", ""), [2, 1, 2, -1]),
        (("A1", "B1", "A1", ""), [1, 2, 1, -1]),  # two people, not one
        (("1", "me", "1", ""), [1, 2, 1, -1]),
    ],
)
def test_subjects_are_numbers_or_names(tmp_path: Path, cells: tuple[str, ...], subjects: list[int]) -> None:
    rows = "".join(f"clip{number},wave,{cell}\n" for number, cell in enumerate(cells))
    (tmp_path / "classes.csv").write_text("file,class,subject\n" + rows)
    assert [label.subject for label in ClassTable.load(tmp_path / "classes.csv").rows.values()] == subjects


def test_a_missing_table_is_refused_also_where_the_set_is_in_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    stored(f"keypoints:{folder}?layout=coco17")
    with pytest.raises(FileNotFoundError, match=r"no table of classes nix\.csv; give a csv with the columns file"):
        stored(f"keypoints:{folder}?layout=coco17&classes=nix.csv")


def test_a_column_that_beats_class_folders_is_doubted(tmp_path: Path) -> None:
    person = standing("coco17", 12)[0]
    header = ",".join([*(f"{joint}_{axis}" for joint in get_layout("coco17").joints for axis in "xyz"), "Label"])
    for k, name in enumerate(("arm_raise", "squat")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(2):
            rows = [",".join(map(str, [*(frame + k + i / 10).ravel(), i])) for frame in person]
            (tmp_path / "set" / name / f"c{i}.csv").write_text("\n".join([header, *rows]))
    assert (clips := converted(tmp_path / "set")).class_names == ("0", "1")
    assert clips.sample_id.tolist() == ["arm_raise/c0", "arm_raise/c1", "squat/c0", "squat/c1"]
    text = describe(SkeletonSet.load(tmp_path / "out.npz"), tmp_path / "out.npz")
    assert "named by the column 'Label' (4)" in text
    assert "doubtful  the classes are named by the column 'Label', not by the folders arm raise, squat: if" in text
    for file in (tmp_path / "set").rglob("*.csv"):
        file.write_text(file.read_text().replace("Label", "correct"))
    (tmp_path / "out.npz").unlink()
    assert converted(tmp_path / "set").class_names == ("arm raise", "squat")
    assert "not by the folders" not in describe(SkeletonSet.load(tmp_path / "out.npz"), tmp_path / "out.npz")


@pytest.mark.parametrize(
    ("above", "below", "doubted"),
    [
        (("squat", "throw"), ("Session_1", "Session_2"), True),
        (("ann", "bob"), ("squat", "throw"), False),  # people
        (("P1", "P2"), ("A1", "A2"), False),
    ],
)
def test_sessions_within_class_folders_are_doubted(
    tmp_path: Path, above: tuple[str, ...], below: tuple[str, ...], doubted: bool
) -> None:
    for i, (one, two) in enumerate(product(above, below)):
        (tmp_path / "set" / one / two).mkdir(parents=True)
        (tmp_path / "set" / one / two / "clip.npy").write_bytes(array(standing("coco17", 12) + 0.01 * i))
    text = describe(converted(tmp_path / "set"), tmp_path / "out.npz")
    doubt = "doubtful  the classes Session 1, Session 2 are folders that lie in several others, squat, throw: if those"
    assert (doubt in text) == doubted and ("lie in several others" in text) == doubted


def test_clips_without_any_class_say_what_to_do(folder: Path) -> None:
    clips = converted(folder / "wave")
    assert clips.class_names == ("unnamed",)
    said = "No clip says its class: put the clips .* convert the files with "
    with pytest.raises(ValueError, match=said + r"\?classes=FILE\.csv"):
        load_task(Config(dataset=f"keypoints:{folder / 'wave'}?layout=coco17"))
    with pytest.raises(ValueError, match=said + r"--classes FILE\.csv"):
        load_task(Config(dataset=str(folder / "out.npz")))


def test_a_task_is_made_of_class_folders_with_options(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = absolute_paths(Config(dataset="keypoints:mine?layout=coco17&fps=25", episodes=2))
    assert config.dataset == f"keypoints:{folder}?layout=coco17&fps=25"
    task = load_task(config)
    assert task.name == task_name(config) == "mine" and task.base.fps == 25
    assert set(task.base.class_names) | set(task.novel.class_names) == {n.replace("_", " ") for n in CLASSES}
    for wrong, error in (("fps=fast", "fps='fast' must be a number"), ("sides=2", "no option 'sides'")):
        with pytest.raises(ValueError, match=error):
            stored(f"keypoints:mine?layout=coco17&{wrong}")
    leave_out = r"\(to leave such files out, convert them first: crossglg data convert --skip-corrupt\)"
    with pytest.raises(ValueError, match=rf"say which, as \?layout=coco17 {leave_out}"):
        stored("keypoints:mine")


def test_clips_of_another_frame_rate_are_told(folder: Path, tmp_path: Path) -> None:
    clips, output = converted(folder), tmp_path / "out.npz"
    log = read_json(log_path(output))
    for rates, told in (({"30.0": 5, "60.0": 2}, "2 of 7 clips have another frame rate than 30 per second (2 at 60)"),
                        ({"30.0": 5, "29.97": 2}, "")):  # fmt: skip
        write_json(log_path(output), log | {"fps": rates})
        text = describe(clips, output)
        assert (told in text) if told else ("frame rate" not in text)


def test_doubts_are_told() -> None:
    person = standing("coco17", 10)[0]
    xyz = np.concatenate([person, person, 0 * person, person + 1])
    clips = SkeletonSet.build(
        xyz, [0, 10, 20, 30, 40], [0, 1, 2, 2], ["Wave", "wave", "kick"], get_layout("coco17"), sample_id=[*"abcd"]
    )
    empty, same, alike = doubts(clips)
    assert empty == "1 clip has no coordinate but zeros: c"
    assert same == "1 clip is a copy of others: a = b"
    assert "'Wave' and 'wave'" in alike


def test_clips_that_are_not_in_meters_with_y_up_are_doubted(tmp_path: Path) -> None:
    person = standing("coco17", 10)[0]
    z_up = person[..., [0, 2, 1]] * (1, -1, 1)
    for xyz, told in (
        (
            1000 * person,
            ["torso is 516.8 long, about 0.5 m were expected: multiply xyz by 0.001, or .* --unit mm"],
        ),
        (
            z_up,
            [r"z is up in 1 of 1 clips looked at, not y: turn them by .*turned\(xyz, 'z'\), or .* with --up z"],
        ),
        (-100 * z_up, [r"-z is up in 1 of 1 clips", "multiply xyz by 0.01, or"]),
        (person[..., :2] * (1, -1), ["-y is up in 1 of 1 clips looked at, .* by hand, or"]),
        (person[..., [1, 0]] * (-1, 1), [r"-x is up in 1 of 1 clips looked at, not y: .* swap x and y where"]),
        (person, []),
    ):
        SkeletonSet.build(xyz, [0, 10], [0], ["wave"], get_layout("coco17")).save(tmp_path / "o.npz")
        clips = SkeletonSet.load(tmp_path / "o.npz")
        found = doubts(clips)
        assert len(found) == len(told)
        for doubt, pattern in zip(found, told, strict=True):
            assert re.search(pattern, as_command_line(doubt)), doubt


def test_poses_and_whole_recordings_among_clips_are_doubted() -> None:
    lengths = [40, 40, 40, 1, 40, 4000]
    xyz = standing("coco17", sum(lengths))[0]
    clips = SkeletonSet.build(xyz, np.cumsum([0, *lengths]), [0] * 6, ["wave"], get_layout("coco17"))
    assert doubts(clips) == [
        "1 clip is shorter than 8 frames: a pose, not a motion: 3 (1 frame)",
        "1 clip is longer than 60 s and ten times the median: cut recordings into clips of one action: "
        "5 (4,000 frames)",
    ]


def test_another_rate_or_layout_in_a_folder_of_sets_is_doubted(tmp_path: Path) -> None:
    for name, layout, fps in (("a", "ntu25", 30.0), ("b", "kinect20", 60.0), ("c", "ntu25", 30.3)):
        person = standing(layout, 10)[0]
        SkeletonSet.build(person, [0, 10], [0], ["wave"], get_layout(layout), fps=fps).save(tmp_path / f"{name}.npz")
    out = run("data", "info", tmp_path)
    assert "doubtful  30 frames per second of a.npz are taken for all, but b.npz has 60: bring" in out
    assert "doubtful  all are carried to the layout ntu25 of a.npz by joint names, but b.npz has kinect20\n" in out


def test_a_set_whose_joints_a_training_would_not_find_is_told(tmp_path: Path) -> None:
    layout = get_layout("coco17")
    own = Layout("own", tuple(f"m{j}" for j in range(17)), layout.bones, "m0")
    clips = SkeletonSet.build(
        standing("coco17", 80)[0], range(0, 81, 10), [0, 0, 1, 1, 2, 2, 3, 3], [*"abcd"], layout, name="own"
    )
    replace(clips, layout=own).save(tmp_path / "own.npz")
    told = "has no joint called left hip, right hip, which the coordinate step 'center' needs"
    assert told in run("data", "info", tmp_path / "own.npz") and "enough" in describe(clips, tmp_path / "x.npz")
    words = ("--preset", "smoke", "--dataset", tmp_path / "own.npz", "--set", "guidance=none")
    with pytest.raises(ValueError, match=told):
        run("train", *words, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_says_what_it_found_and_what_is_missing(folder: Path, tmp_path: Path) -> None:
    out = run("data", "convert", folder, "--format", "keypoints", "--layout", "coco17", "--output", tmp_path / "o.npz")
    assert "4 of 4 have clips, up to 3" in out and "layout    coco17" in out
    assert "1 class has no description (my dance)" in out and "--set guidance=none" in out
    assert "bow 3" in run("data", "info", tmp_path / "o.npz")
    with pytest.raises(ValueError, match="say which, as --layout coco17"):
        run("data", "convert", folder, "--format", "keypoints", "--output", tmp_path / "p.npz")
    with pytest.raises(ValueError, match="say which, as --layout coco17"):
        run("data", "sheet", folder / "wave" / "clip0.npy", "--output", tmp_path / "s.png")
    assert "clip0" in run(
        "data", "sheet", folder / "wave" / "clip0.npy", "--layout", "coco17", "--output", tmp_path / "s.png"
    )


def test_a_run_without_texts_leaves_out_the_notebooks_about_them(folder: Path, tmp_path: Path) -> None:
    for name in CLASSES:
        (folder / name).rename(folder / f"{name} of mine")
    config = Config(dataset=f"keypoints:{folder}?layout=coco17", episodes=2, guidance="none")
    assert set(pipeline.NOTEBOOKS) - set(pipeline.notebooks_of(config)) == set(pipeline.ABOUT_TEXTS)
    for name in ("02_train", "03_one_shot_evaluation"):
        pipeline.executed_copy(tmp_path, name).parent.mkdir(exist_ok=True)
        pipeline.executed_copy(tmp_path, name).touch()
    assert pipeline.notebooks_in(tmp_path) == tuple(n for n in pipeline.NOTEBOOKS if n not in pipeline.ABOUT_TEXTS)
    assert pipeline.notebooks_in(tmp_path / "empty") == pipeline.NOTEBOOKS
