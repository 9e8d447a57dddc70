"""`crossglg enroll` and `crossglg recognize` with real files: they answer, or say in one line why they cannot."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from support.numerics import fill_by_rule
from support.skeleton_people import standing
from support.source_files.bvh import write_sample as write_bvh
from support.source_files.keypoints import array, wide
from support.source_files.keypoints import write_sample as write_csv

from crossglg import cli
from crossglg.cli.own import _sentence
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import split_task
from crossglg.data.transforms import DeviceClips, Preprocessing
from crossglg.one_shot import Features, evaluate
from crossglg.recognition.recognizer import Recognition, Recognizer
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import DescriptionFile, find_descriptions
from crossglg.training.trained_model import TrainedModel, build_model

NTU = get_layout("ntu25")
ACTIONS = ("hand waving", "jump up", "kicking something")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def motions() -> SkeletonSet:
    return synthesize(0, clips_per_action=3, actions=ACTIONS)


@pytest.fixture(scope="module")
def model(motions: SkeletonSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of one person, on disk: which clip it takes for which is not asked here."""
    torch.manual_seed(0)
    config = Config(frames=16)
    network = build_model(config, NTU, 1, 3, 2, text_width=0)
    fill_by_rule(network)  # as a new encoder starts, all clips look alike
    with torch.no_grad():  # statistics of real input instead of none
        x, mask = DeviceClips(motions).batch(torch.arange(len(motions)), 16)
        network.train()(Preprocessing.from_settings(config, NTU)(x), mask)
    trained = TrainedModel(network.eval(), config, NTU, 1, 3, ("a", "b"), {"seconds": [1.0, 2.0, 6.0]})
    folder = tmp_path_factory.mktemp("model")
    trained.save(folder)
    return folder


@pytest.fixture
def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in tmp_path: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crossglg", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return (int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def run(outcome: Callable[..., tuple[int, str, str]]) -> Run:
    """What a command that ends well prints."""

    def succeed(*words: str | Path) -> str:
        code, out, err = outcome(*words)
        assert code == 0, err
        return out

    return succeed


@pytest.fixture
def refusal(outcome: Callable[..., tuple[int, str, str]]) -> Run:
    """The one line in which a command refuses bad input."""

    def refuse(*words: str | Path) -> str:
        code, out, err = outcome(*words)
        (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
        assert code == 2 and not out and err.endswith(f"{line}\n") and "Traceback" not in err
        return line

    return refuse


@pytest.fixture
def enrolled(run: Run, tmp_path: Path, motions: SkeletonSet) -> dict[str, Path]:
    """Three actions, each enrolled from a file of another format."""
    files = {
        "standing about": write_bvh(tmp_path), "waving": write_csv(tmp_path),
        "jumping": motions.subset([4]).save(tmp_path / "jump.npz"),
    }  # fmt: skip
    for action, file in files.items():
        run("enroll", action, file)
    return files


def walk(motions: SkeletonSet, frames: int, name: str = "long") -> SkeletonSet:
    """A recording of that many frames, clips of different actions in turn."""
    xyz = np.resize(np.concatenate([motions[i][0] for i in (0, 3, 6)]), (frames, 25, 3))
    return SkeletonSet.build(xyz, [0, frames], [0], ["?"], NTU, name=name, sample_id=[name], fps=30.0)


def test_enrolled_actions_are_listed_and_kept(
    run: Run, tmp_path: Path, enrolled: dict[str, Path], motions: SkeletonSet
) -> None:
    run("enroll", "waving", enrolled["waving"])  # the same clip again: it is kept once
    out = run("enroll", "waving", motions.subset([0]).save(tmp_path / "other.npz"))
    assert out.splitlines() == ["jumping: 1 clip", "standing about: 1 clip", "waving: 2 clips",
                                "kept in my_actions.npz"]  # fmt: skip
    kept = SkeletonSet.load(tmp_path / "my_actions.npz")
    of_motions = [str(motions.sample_id[i]) for i in (0, 4)]
    assert sorted(kept.sample_id) == sorted(["someone", "me", *of_motions])
    assert kept.layout.name == "kinect20"  # of the first that was enrolled


def test_a_converted_data_set_is_no_file_of_actions(run: Run, refusal: Run, tmp_path: Path) -> None:
    clip = write_csv(tmp_path)
    run("data", "convert", clip, "--format", "keypoints", "--output", "set.npz")
    before = (tmp_path / "set.npz").read_bytes()
    for words in (("enroll", "wave", clip), ("actions", "--forget", "wave")):
        assert "--actions set.npz is a data set made by 'crossglg data" in refusal(*words, "--actions", "set.npz")
    assert (tmp_path / "set.npz").read_bytes() == before
    assert "1 clip, " in run("data", "info", "set.npz")


def test_a_similarity_near_the_threshold_is_told_with_the_digits_that_tell() -> None:
    def sentence(best: float, threshold: float) -> str:
        return _sentence(Recognition("c", "a", (("a", best),), threshold, np.zeros(25)), NTU.joints)

    assert "(a 0.71; unknown below 0.69;" in sentence(0.7114, 0.6872)
    assert "(a 0.694; unknown below 0.692;" in sentence(0.6941, 0.6921)
    assert "(a 0.6941; unknown below 0.6942;" in sentence(0.69412, 0.69418)


def test_several_clips_are_enrolled_at_once_or_not_at_all(
    run: Run, refusal: Run, tmp_path: Path, motions: SkeletonSet
) -> None:
    short = walk(motions, 3, name="short").save(tmp_path / "short.npz")
    good = write_csv(tmp_path)
    assert "short has 3 frames, at 30 per second; an action needs 8 or more" in refusal("enroll", "wave", good, short)
    several = motions.subset([0, len(motions) - 1]).save(tmp_path / "several.npz")
    said = refusal("enroll", "wave", good, several)
    assert "several.npz holds 2 clips of 2 classes" in said and "crossglg recognize --actions" in said
    assert not (tmp_path / "my_actions.npz").exists()
    out = run("enroll", "wave", good, motions.subset([1, 2]).save(tmp_path / "two.npz"))
    assert "wave: 3 clips" in out


def test_each_enrolled_clip_is_recognized_as_itself(run: Run, enrolled: dict[str, Path], model: Path) -> None:
    out = run("recognize", *enrolled.values(), "--model", model, "--threshold", "0.5")  # all are alike to this model
    for line, (action, file) in zip(out.splitlines(), enrolled.items(), strict=True):
        head, _, similarity = line.partition(",")[0].rpartition(" ")  # not quite 1: kept in the layout of the first
        assert head.endswith(f": {action}  ({action}") and float(similarity) > 0.9 and "unknown below 0.50" in line, (
            file
        )
    assert "someone: standing about" in out and "me: waving" in out


def test_a_bad_clip_costs_its_own_line(
    outcome: Callable[..., tuple[int, str, str]], enrolled: dict[str, Path], model: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.npy").write_bytes(array(standing("coco17")))
    good = enrolled["waving"]
    code, out, err = outcome("recognize", "bad.npy", good, "gone.csv", good, "--model", model)
    assert code == 2 and [line.split(":")[0] for line in out.splitlines()] == ["me", "me"]
    assert "left out bad.npy: " in err and "say which, as --layout coco17" in err
    assert "left out gone.csv: no skeleton file" in err
    code, out, _ = outcome("recognize", "bad.npy", good, "--model", model, "--json")
    assert code == 2 and ["error" in answer for answer in json.loads(out)] == [True, False]


def test_clips_that_are_not_called_as_their_files_are_told_apart(
    run: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet, tmp_path: Path
) -> None:
    files = [walk(motions, 90, name="cam").save(tmp_path / f"take{k}.npz") for k in (1, 2)]
    for words in (("--threshold", "0.5"), ("--stream", "--window", "1", "--threshold", "-1")):
        lines = run("recognize", *files, enrolled["waving"], "--model", model, *words).splitlines()
        assert all(any(line.startswith(f"{file}: cam") for line in lines) for file in files)
        assert lines[-1].startswith("me")  # its name tells the file


def test_files_of_one_name_are_told_apart(
    run: Run,
    outcome: Callable[..., tuple[int, str, str]],
    enrolled: dict[str, Path],
    model: Path,
    tmp_path: Path,
) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(shutil.copy(enrolled["waving"], tmp_path / folder / "take.csv"))
    out = run("recognize", *files, "--model", model)
    assert [line.partition(": take: ")[0] for line in out.splitlines()] == [str(file) for file in files]
    _, _, err = outcome("recognize", *files, "--model", model)
    assert all(f"{file}: take: unit m, by the torso" in err for file in files)
    answers = json.loads(run("recognize", *files, "--model", model, "--json"))
    assert [answer["file"] for answer in answers] == [str(file) for file in files]


def test_a_bad_recording_costs_its_own_line(
    outcome: Callable[..., tuple[int, str, str]], enrolled: dict[str, Path], model: Path, motions: SkeletonSet
) -> None:
    Path("empty.csv").touch()
    long = walk(motions, 90).save(Path("long.npz"))
    code, out, err = outcome("recognize", "empty.csv", long, "--model", model, "--stream", "--window", "1")
    assert code == 2 and out.startswith("long  ") and "left out empty.csv: " in err


def test_actions_are_listed_and_taken_out(run: Run, refusal: Run, enrolled: dict[str, Path]) -> None:
    every = ["jumping: 1 clip", "standing about: 1 clip", "waving: 1 clip", "kept in my_actions.npz"]
    assert run("actions").splitlines() == every
    assert "no action 'wafing'; did you mean 'waving'?" in refusal("actions", "--forget", "wafing")
    assert run("actions", "--forget", "waving").splitlines() == [*every[:2], every[3]]
    assert "no actions are kept in other.npz" in refusal("actions", "--actions", "other.npz")
    for action in ("jumping", "standing about"):
        out = run("actions", "--forget", action)
    assert out == "no action is left; my_actions.npz is deleted\n" and not Path("my_actions.npz").exists()


def test_two_persons_are_enrolled_with_a_word(
    outcome: Callable[..., tuple[int, str, str]], model: Path, motions: SkeletonSet
) -> None:
    people = np.concatenate([motions[0][0, :40], motions[4][0, :40]])
    pair = SkeletonSet.build(people, [0, 80], [0], ["?"], NTU, name="pair", persons=[2], sample_id=["pair"])
    code, _, err = outcome("enroll", "dance", pair.save(Path("pair.npz")))
    assert code == 0 and "more than one person: " in err and "--person keeps one" in err
    code, _, err = outcome("recognize", motions.subset([4]).save(Path("one.npz")), "--model", model)
    assert code == 2 and "the action 'dance' is enrolled with 2 persons, the model knows 1" in err
    assert "take it out with crossglg actions --forget dance --actions my_actions.npz and enroll it again" in err
    code, _, err = outcome("recognize", "one.npz", "--model", model, "--threshold", "nan")
    assert code == 2 and "--threshold is a similarity from -1 to 1, got nan" in err


def test_one_repetition_of_a_recording_is_enrolled_by_its_seconds(run: Run, refusal: Run, motions: SkeletonSet) -> None:
    file = walk(motions, 90).save(Path("long.npz"))
    assert run("enroll", "step", file, "--start", "0.5", "--end", "1.5") == "step: 1 clip\nkept in my_actions.npz\n"
    run("enroll", "step", file, "--start", "2")
    kept = SkeletonSet.load("my_actions.npz")
    whole = SkeletonSet.load(file)[0]
    np.testing.assert_array_equal(kept[0], whole[:, 15:45])
    np.testing.assert_array_equal(kept[1], whole[:, 60:])
    assert kept.sample_id.tolist() == ["long 0.5-1.5s", "long 2-3s"]
    run("enroll", "step", file, "--start", "1", "--end", "inf")
    assert SkeletonSet.load("my_actions.npz").sample_id[-1] == "long 1-3s"
    for wrong in ("--start 3", "--start -1", "--start 2 --end 1", "--end 0", "--start inf", "--start nan", "--end nan"):
        assert "long is 3.00 s long, there is no part from " in refusal("enroll", "step", file, *wrong.split())
    two = motions.subset([0, 1]).save(Path("two.npz"))
    for several in ((file, file), (two,)):
        assert "got 2; enroll them one by one" in refusal("enroll", "step", *several, "--end", "1")


def test_json_says_the_same_as_python(run: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet) -> None:
    query = motions.subset([5]).save(Path("query.npz"))
    (answer,) = json.loads(run("recognize", query, "--model", model, "--threshold", "-1", "--json"))
    expected = Recognizer.of(TrainedModel.load(model), SkeletonSet.load("my_actions.npz"), -1.0)
    (result,) = expected.recognize(SkeletonSet.load(query))
    assert answer["clip"] == result.clip and answer["action"] == result.action == answer["ranking"][0]["action"]
    for said, (action, similarity) in zip(answer["ranking"], result.ranking, strict=True):
        assert said == {"action": action, "similarity": pytest.approx(similarity)}
    assert list(answer["decided_by"]) == list(NTU.joints) and answer["threshold"] == -1.0
    assert list(answer["decided_by"].values()) == pytest.approx(result.decided_by.tolist(), abs=1e-5)
    (strict,) = json.loads(run("recognize", query, "--model", model, "--threshold", "1", "--json"))
    assert strict["action"] == "unknown" and strict["ranking"] == answer["ranking"]


def test_without_a_model_the_shipped_one_answers_and_says_what_it_is(
    outcome: Callable[..., tuple[int, str, str]], enrolled: dict[str, Path], model: Path
) -> None:
    code, out, err = outcome("recognize", enrolled["jumping"], "--json")
    assert code == 0 and json.loads(out)[0]["action"] == "jumping"
    (note,) = [line for line in err.splitlines() if line.startswith("model: ")]
    assert "ships with crossglg, a demonstration" in note and note.endswith("give --model for one of your own")
    assert (out, err) != outcome("recognize", enrolled["jumping"], "--json", "--model", model)[1:]
    assert outcome("recognize", enrolled["jumping"], "--json", "--model", "synthetic")[:2] == (0, out)


def test_one_person_of_two_is_chosen(
    run: Run, refusal: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet
) -> None:
    first, second = motions[0], motions[4]
    frames = min(first.shape[1], second.shape[1])
    people = np.concatenate([first[0, :frames], second[0, :frames]])
    pair = SkeletonSet.build(people, [0, len(people)], [0], ["?"], NTU, name="pair", persons=[2], sample_id=["pair"])
    file = pair.save(Path("pair.npz"))
    error = refusal("recognize", file, "--model", model)
    assert "pair has clips of 2 persons, the model knows 1; choose one person with --person" in error
    alone = SkeletonSet.build(second[0, :frames], [0, frames], [0], ["?"], NTU, name="pair", sample_id=["pair"])
    of_two = run("recognize", file, "--model", model, "--person", "2")
    assert of_two == run("recognize", alone.save(Path("alone.npz")), "--model", model)
    assert of_two != run("recognize", file, "--model", model, "--person", "1")
    assert "pair has 2 person(s), there is no person 3" in refusal("recognize", file, "--model", model, "--person", "3")
    assert "waving: 2 clips" in run("enroll", "waving", file, "--person", "1")


def test_a_stream_gives_a_timeline_as_text_table_and_picture(
    run: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet, tmp_path: Path
) -> None:
    recording = walk(motions, 450).save(tmp_path / "long.npz")
    options = ("--stream", "--window", "2", "--threshold", "-1", "--output", "found")
    out = run("recognize", recording, "--model", model, *options)
    rows = list(csv.DictReader((tmp_path / "found" / "long.csv").open()))
    assert list(rows[0]) == ["start_s", "end_s", "action", "jumping", "standing about", "waving"]
    assert len(rows) == 27  # (15 s − 2 s) / 0.5 s + 1
    assert (rows[0]["start_s"], rows[0]["end_s"], rows[-1]["end_s"]) == ("0.000", "2.000", "15.000")
    for row in rows:
        scores = {action: float(row[action]) for action in enrolled}
        assert scores[row["action"]] == max(scores.values()) <= 1.0
    assert len({row["action"] for row in rows}) > 1
    assert (tmp_path / "found" / "long.png").read_bytes().startswith(b"\x89PNG")
    *segments, last = out.splitlines()
    assert last == f"written to {Path('found/long')}.png and .csv"
    changes = sum(a["action"] != b["action"] for a, b in pairwise(rows))
    assert len(segments) == changes + 1 and segments[0].startswith("long     0.00–")
    assert segments[-1].endswith(f" 15.00 s  {rows[-1]['action']}")


def test_streams_of_one_name_do_not_overwrite_each_other(
    run: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet, tmp_path: Path
) -> None:
    files = [walk(motions, 90, name="../same").save(tmp_path / name / "same.npz") for name in ("a", "b")]
    run("recognize", *files, "--model", model, "--stream", "--window", "1", "--output", "found")
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [
        "_same-2.csv", "_same-2.png", "_same.csv", "_same.png",
    ]  # fmt: skip


def test_an_array_of_17_joints_needs_the_layout(run: Run, refusal: Run, enrolled: dict[str, Path], model: Path) -> None:
    Path("people.npy").write_bytes(array(standing("h36m17")))
    error = refusal("recognize", "people.npy", "--model", model)
    assert "17 joints may be coco17 or h36m17; say which, as --layout coco17" in error
    assert "people: " in run("recognize", "people.npy", "--model", model, "--layout", "h36m17")
    Path("mine.yaml").write_text("name: mine\nroot: a\njoints: [a, b]\nbones: [[b, a]]\n")
    assert "people.npy cannot be read. Tried keypoints: " in refusal(
        "enroll", "wave", "people.npy", "--layout", "mine.yaml"
    )
    assert "unknown layout 'h36m'" in refusal("enroll", "wave", "people.npy", "--layout", "h36m")
    assert "no option 'layout'" in refusal("enroll", "jump", "jump.npz", "--layout", "ntu25")
    assert "waving: 2 clips" in run("enroll", "waving", "people.npy", "--layout", "h36m17")


def test_recordings_that_cannot_be_recognized(
    refusal: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet, tmp_path: Path
) -> None:
    def refused(file: str | Path, *options: str | Path) -> str:
        return refusal("recognize", file, "--model", model, *options)

    assert "three has 3 frames, at 30 per second; an action needs 8 or more" in refused(
        walk(motions, 3, name="three").save(Path("3.npz"))
    )
    long = walk(motions, 18_000, name="ten minutes").save(Path("long.npz"))
    assert "ten minutes lasts 600 s, the longest clip the model learned from 6 s" in refused(long)
    assert "(--stream)" in refused(long)
    Path("notes.odd").write_text("hello")
    assert "notes.odd: no format has files named so" in refused("notes.odd")
    Path("notes.csv").write_text("hello\n1\n")
    assert "notes.csv cannot be read. Tried keypoints: " in refused("notes.csv")
    flat = standing("coco17")[0, ..., :2] * 100
    Path("flat.csv").write_bytes(wide(flat, get_layout("coco17").joints))
    assert "2 coordinates, the model was trained on 3" in refused("flat.csv")
    assert "no skeleton file nowhere.bvh" in refused("nowhere.bvh")
    assert "is a folder" in refused(tmp_path)
    assert "a window of 60.00 s is 1800 frames" in refused("me.csv", "--stream", "--window", "60")


def test_a_ten_minute_file_is_streamed(run: Run, enrolled: dict[str, Path], model: Path, motions: SkeletonSet) -> None:
    long = walk(motions, 18_000).save(Path("long.npz"))
    out = run("recognize", long, "--model", model, "--stream", "--window", "8")
    assert out.splitlines()[-1].split("–")[1].startswith(" 600.00 s")


def test_what_recognizing_needs_is_named_if_it_is_not_there(
    refusal: Run, enrolled: dict[str, Path], model: Path, tmp_path: Path
) -> None:
    assert "no trained model in nowhere; 'crossglg run' makes one" in refusal(
        "recognize", "me.csv", "--model", "nowhere"
    )
    error = refusal("recognize", "me.csv", "--model", model, "--actions", "none.npz")
    assert "no actions are kept in none.npz; enroll some first: crossglg enroll ACTION CLIP --actions none.npz" in error
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    assert "bad.npz" in refusal("recognize", "me.csv", "--model", model, "--actions", "bad.npz")
    error = refusal("recognize", "me.csv", "--model", model, "--output", "found")
    assert "--output is for the timelines of --stream" in error
    assert "--json is for clips" in refusal("recognize", "me.csv", "--model", model, "--stream", "--json")
    (tmp_path / "file").write_text("no folder")
    assert "file is a file, and a folder is needed" in refusal(
        "recognize", "me.csv", "--model", model, "--stream", "--output", "file"
    )


def test_an_action_is_enrolled_under_a_name(refusal: Run, tmp_path: Path) -> None:
    file = write_csv(tmp_path)
    assert "an action needs a name other than 'unknown'" in refusal("enroll", "unknown", file)
    assert "an action needs a name other than ' '" in refusal("enroll", " ", file)
    assert not (tmp_path / "my_actions.npz").exists()


RAW = (  # genuine files: pattern below the folder of raw samples, clips in all
    ("utd_mhad_mat/*.mat", 3), ("msr_action3d_txt/*.txt", 3), ("msr_daily_txt/*.txt", 3),
    ("kinder_gator_csv/*.csv", 2), ("nw_ucla_json/*.json", 3), ("bandai_bvh/*.bvh", 2), ("cmu_bvh_iclone/*.bvh", 1),
)  # fmt: skip


@pytest.mark.parametrize(("pattern", "count"), RAW, ids=[pattern.split("/")[0] for pattern, _ in RAW])
def test_genuine_files_go_through(run: Run, shared_data: Path, model: Path, pattern: str, count: int) -> None:
    files = sorted((shared_data / "raw").glob(pattern))
    assert len(files) == count
    for number, file in enumerate(files):
        assert f"action {number}: 1 clip" in run("enroll", f"action {number}", file)
    answers = json.loads(run("recognize", *files, "--model", model, "--json"))
    assert [answer["ranking"][0]["action"] for answer in answers] == [f"action {n}" for n in range(count)]
    assert all(answer["ranking"][0]["similarity"] == pytest.approx(1.0, abs=1e-3) for answer in answers)


def test_accuracy_on_genuine_clips_is_the_benchmarks(run: Run, shared_data: Path, model: Path) -> None:
    every = SkeletonSet.load(shared_data / "utd_mhad.npz")
    classes = ("wave", "draw triangle", "catch", "throw")
    chosen = [np.flatnonzero(every.label == every.class_names.index(name))[:12] for name in (*classes, "clap")]
    task = split_task(every.subset(np.concatenate(chosen)), classes, episodes=1, name="utd")
    for name, exemplar in zip(task.novel.class_names, task.episodes[0], strict=True):
        run("enroll", name, task.novel.subset([exemplar]).save(Path(f"{name}.npz")))
    queries = task.novel.subset(task.queries(0))
    queries.save(Path("queries.npz"))
    answers = json.loads(run("recognize", "queries.npz", "--model", model, "--threshold", "-1", "--json"))
    right = [answer["action"] == queries.class_of(i) for i, answer in enumerate(answers)]
    trained = TrainedModel.load(model)
    features = Features.of(task, lambda clips: trained.represent(clips.retargeted(trained.layout)))
    assert np.mean(right) == pytest.approx(evaluate(task, features, "cosine-and-streams").accuracy[0])
    assert len(right) == 44 and 0.25 < np.mean(right) < 1.0


def test_what_a_file_describes_is_recognized_without_a_clip(
    run: Run, refusal: Run, tmp_path: Path, motions: SkeletonSet, model: Path
) -> None:
    described = find_descriptions(ACTIONS, NTU)
    path = DescriptionFile(NTU, {}, {one.action: one for one in described}).save(tmp_path / "actions.json")
    clip = motions.subset([0]).save(tmp_path / "clip.npz")
    content = json.loads((model / "model.json").read_text())
    content["details"]["usual_importance"] = [1 / 25] * 25
    (tmp_path / "model").mkdir()
    for file in model.iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model" / "model.json").write_text(json.dumps(content))
    out = run("recognize", clip, "--describe", path, "--model", tmp_path / "model", "--threshold", -1)
    assert any(f": {action}  (" in out for action in ACTIONS) and "unknown below -1.00" in out
    assert "what it predicts for usual clips" in refusal("recognize", clip, "--describe", path, "--model", model)
    assert "not for --stream" in refusal("recognize", clip, "--describe", path, "--stream")


def test_options_without_effect_and_folders_are_refused(refusal: Run, enrolled: dict[str, Path]) -> None:
    assert "--window 1.5 is for --stream; give both" in refusal("recognize", enrolled["waving"], "--window", "1.5")
    told = refusal("recognize", enrolled["waving"], "--describe", "mine.json", "--actions", "my_actions.npz")
    assert "--describe recognizes the actions of its file alone, --actions those that you enrolled; give one" in told
    for words in (("enroll", "waving", enrolled["waving"]), ("actions",)):
        assert "--actions . is a folder; give the .npz file" in refusal(*words, "--actions", ".")
