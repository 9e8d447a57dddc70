"""The shipped descriptions are whole, distinct and traceable; a wrong file says which class and joint is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossglg.data.synthetic import ACTIONS
from crossglg.files import InputError
from crossglg.skeletons import LAYOUTS, Layout, get_layout
from crossglg.text.descriptions import Description, DescriptionFile, find_descriptions, shipped_files
from crossglg.text.prompts import PROMPTS, load_prompt

NTU, KINECT = get_layout("ntu25"), get_layout("kinect20")
FILES = {path.stem: path for path in shipped_files()}
each_file = pytest.mark.parametrize("path", FILES.values(), ids=FILES)

# Number (from 1) and name of some actions of NTU RGB+D 120.
NTU_NAMES = {
    1: "drink water", 9: "standing up (from sitting position)", 23: "hand waving", 43: "falling",
    50: "punching/slapping other person", 60: "walking apart from each other", 61: "put on headphone",
    80: "squat down", 105: "blow nose", 106: "hit other person with something",
    120: "finger-guessing game (playing rock-paper-scissors)",
}  # fmt: skip


def entry(word: str = "moves") -> dict[str, Any]:
    joints = {joint: f"The {joint} {word}." for joint in KINECT.joints}
    return {"global": f"The head {word}.", "key_joints": ["head"], "joints": joints}


def written(folder: Path, classes: Any, **more: Any) -> Path:
    path = folder / "own.json"
    path.write_text(json.dumps({"layout": "kinect20", "provenance": {"author": "me"}, "classes": classes, **more}))
    return path


def test_ntu_names_are_all_there_in_order() -> None:
    file = DescriptionFile.load(FILES["ntu120"])
    names = list(file.classes)
    assert len(names) == 120 and file.layout is NTU
    assert {number: names[number - 1] for number in NTU_NAMES} == NTU_NAMES


def test_canonical_classes_are_all_there() -> None:
    file = DescriptionFile.load(FILES["canonical"])
    assert len(file.classes) == 86 and file.layout is KINECT
    assert {"arm curl", "draw letter A", "make letter Y with the body", "write on paper"} < set(file.classes)


def test_classes_of_the_wide_benchmarks_are_described_once() -> None:
    file = DescriptionFile.load(FILES["kinect_union_wide"])
    others = [DescriptionFile.load(path) for path in FILES.values() if path != file.path]
    assert len(file.classes) == 53 and file.layout is KINECT
    assert {"beat with both arms", "catch cap", "phone call", "take umbrella"} <= set(file.classes)
    assert not any(set(file.classes) & set(other.classes) for other in others)


def test_kinetics_skeleton_has_the_thirty_classes_of_kinetics_motion() -> None:
    file = DescriptionFile.load(FILES["kinetics_skeleton"])
    assert len(file.classes) == 30 and file.layout is get_layout("openpose18")
    assert {"belly dancing", "hurling (sport)", "surfing crowd", "deadlifting", "pull ups"} < set(file.classes)


@pytest.mark.parametrize(
    "name", ["canonical", "kinder_gator", "msr_daily_activity3d", "ntu120", "nw_ucla", "pku_mmd", "utd_mhad"]
)
def test_revised_classes_stand_in_the_provenance(name: str) -> None:
    file = DescriptionFile.load(FILES[name])
    revised = file.provenance["revised"]
    assert revised["date"] == "2026-11-24" and set(revised["classes"]) <= set(file.classes)


def test_every_class_of_the_real_benchmarks_is_described(shared_data: Path) -> None:
    described = {action for path in FILES.values() for action in DescriptionFile.load(path).classes}
    for benchmark in json.loads((shared_data / "benchmarks.json").read_text(encoding="utf-8")).values():
        assert {*benchmark["base_classes"], *benchmark["novel_classes"]} <= described


@each_file
def test_provenance_pins_model_date_and_the_shipped_prompts(path: Path) -> None:
    provenance = DescriptionFile.load(path).provenance
    assert provenance["author"] and provenance["model"] and provenance["parameters"]
    assert len(provenance["date"].split("-")) == 3
    assert provenance["prompts"] == {name: load_prompt(name).sha256 for name in PROMPTS}


@each_file
def test_no_text_is_used_for_two_classes(path: Path) -> None:
    file = DescriptionFile.load(path)
    assert len({d.global_ for d in file.classes.values()}) == len(file.classes)
    for joint in file.layout.joints:
        assert len({d.joints[joint] for d in file.classes.values()}) == len(file.classes), joint


@each_file
def test_texts_follow_the_prompts(path: Path) -> None:
    for d in DescriptionFile.load(path).classes.values():
        assert set(d.joints) == set(d.layout.joints), d.action
        assert len(set(d.key_joints)) == len(d.key_joints) < d.layout.num_joints, d.action
        assert all(text.endswith(".") and len(text.split()) <= 20 for text in d.joints.values()), d.action
        sided = {joint: joint.split()[0] for joint in d.joints if joint.startswith(("left", "right"))}
        assert all(f"{side} " in d.joints[joint].lower() for joint, side in sided.items()), d.action


@each_file
def test_loaded_descriptions_name_file_and_hash(path: Path) -> None:
    first = next(iter(DescriptionFile.load(path).classes.values()))
    assert first.source.startswith(f"{path.name}:") and len(first.source.split(":")[1]) == 12


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_synthetic_action_is_described_for_every_layout(layout: Layout) -> None:
    for description in find_descriptions(ACTIONS, layout):
        texts = description.joint_texts(layout)
        assert len(texts) == layout.num_joints and all(texts)


def test_own_layout_gives_its_own_texts_in_order() -> None:
    description = find_descriptions(["drink water"], NTU)[0]
    assert description.joint_texts(NTU) == tuple(description.joints[joint] for joint in NTU.joints)


def test_texts_reach_a_smaller_skeleton_by_joint_name() -> None:
    description = find_descriptions(["drink water"], NTU)[0]
    texts = dict(zip(KINECT.joints, description.joint_texts(KINECT), strict=True))
    assert texts["right hand"] == description.joints["right hand"]
    assert texts["hip center"] == description.joints["base of spine"]
    assert texts["spine"] == description.joints["middle of spine"]


def test_texts_reach_a_larger_skeleton_from_neighbors() -> None:
    description = find_descriptions(["draw letter A"], KINECT)[0]
    texts = dict(zip(NTU.joints, description.joint_texts(NTU), strict=True))
    assert texts["base of spine"] == description.joints["hip center"]
    assert texts["left thumb"] == texts["left hand tip"] == description.joints["left hand"]
    assert texts["neck"] == f"{description.joints['shoulder center']} {description.joints['head']}"


@pytest.mark.parametrize("layout", [NTU, KINECT], ids=lambda layout: layout.name)
def test_files_of_the_same_layout_come_first(layout: Layout) -> None:
    described = [file for path in FILES.values() if (file := DescriptionFile.load(path)).layout is layout]
    actions = sorted({action for file in described for action in file.classes})
    assert "throw" in actions, "an action that both layouts describe"
    assert all(description.layout is layout for description in find_descriptions(actions, layout))


def test_the_datasets_own_file_comes_before_those_and_the_users_before_all(tmp_path: Path) -> None:
    def source(**more: Any) -> str:
        return find_descriptions(["throw"], KINECT, **more)[0].source.split(":")[0]

    own = written(tmp_path, {"throw": entry()})
    for dataset in ("nw_ucla", "utd_mhad", "ntu120"):
        assert source(dataset=dataset) == f"{dataset}.json"
        assert source(dataset=dataset, own_file=own) == "own.json"


def test_an_own_file_is_completed_by_the_shipped_ones(tmp_path: Path) -> None:
    own = written(tmp_path, {"drink water": entry()})
    found = find_descriptions(["drink water", "falling"], NTU, own)
    assert [description.source.split(":")[0] for description in found] == ["own.json", "ntu120.json"]


def test_a_layout_has_a_name_and_classes_are_a_list() -> None:
    assert find_descriptions(["throw"], "kinect20") == find_descriptions(["throw"], KINECT)
    with pytest.raises(TypeError, match=r"find_descriptions takes a list of classes; give \['throw'\]"):
        find_descriptions("throw", KINECT)


def test_missing_class_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'drinc water' has no description \(1 of 2 .*; did you mean 'drink water'"):
        find_descriptions(["falling", "drinc water"], NTU)
    with pytest.raises(ValueError, match=r"'qqqq' has no description .*\. Write them with 'crossglg describe'"):
        find_descriptions(["qqqq"], NTU)


def test_texts_cannot_reach_joints_without_english_names() -> None:
    joints = tuple(f"Gelenk {joint}" for joint in KINECT.joints)
    own = replace(KINECT, name="own", joints=joints, root=f"Gelenk {KINECT.root}")
    with pytest.raises(
        InputError, match=r"texts of 'throw' \(.*none of them stands for 'Gelenk shoulder center' of 'own': "
    ):
        find_descriptions(["throw"], own)


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def remove(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return remove


def put(value: Any, *keys: str) -> Callable[[dict[str, Any]], None]:
    def replace_value(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return replace_value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("layout"), "is no description file: it needs layout and classes"),
        (without("classes"), "is no description file"),
        (put([], "classes"), "is no description file"),
        (put("ntu26", "layout"), r"own\.json: unknown layout 'ntu26'; known layouts: ntu25"),
        (without("classes", "hop", "global"), r"own\.json: the description of 'hop' lacks 'global'"),
        (without("classes", "hop", "joints"), "the description of 'hop' lacks 'joints'"),
        (without("classes", "hop", "key_joints"), "the description of 'hop' lacks 'key_joints'"),
        (put("text", "classes", "hop"), r"own\.json: the description of 'hop' has another form"),
        (put(5, "classes", "hop", "joints", "head"), "the description of 'hop' has another form"),
        (put(None, "classes", "hop", "key_joints"), "key_joints of 'hop' is None; write a list"),
        (without("classes", "hop", "joints", "left knee"), "'hop' has no text for joint 'left knee' of kinect20"),
        (put(" ", "classes", "hop", "joints", "head"), "'hop' has no text for joint 'head'"),
        (put("", "classes", "hop", "global"), "'hop' has no global text"),
        (put([], "classes", "hop", "key_joints"), "'hop': no key joints of kinect20"),
        (put(["left thumb"], "classes", "hop", "key_joints"), "'hop': key joint 'left thumb' is not in kinect20"),
        (put("head", "classes", "hop", "key_joints"), "key_joints of 'hop' is 'head'; write a list"),
        (
            put("the trunk turns", "classes", "hop", "statements"),
            r"statements of 'hop' is 'the trunk turns'; write a list, as \[",
        ),
        (
            put(["the trunk turned"], "classes", "hop", "statements"),
            "'the trunk turned' is none of the statements; did you mean 'the trunk turns'.* 'crossglg list statements'",
        ),
        (
            put({}, "provenence"),
            r"own\.json: unknown entry 'provenence' in the file; did you mean 'provenance'\? Known: ",
        ),
        (
            put([], "classes", "hop", "statments"),
            r"'statments' in the description of 'hop'; did you mean 'statements'\?",
        ),
        (put(True, "classes", "hop", "either-side"), "'either-side' in the .*'hop'; did you mean 'either_side'"),
        (put("", "classes", "hop", "comment"), r"'comment' in the .*'hop'\. Known: global, key_joints, joints, "),
        (put("It sways.", "classes", "hop", "joints", "tail"), r"'tail' in the joints of 'hop'\. Known: hip center, "),
        (put("no", "classes", "hop", "either_side"), "either_side of 'hop' is 'no'; write true or false, or leave it"),
    ],
)
def test_wrong_file_says_what_is_wrong(tmp_path: Path, damage: Callable[[Any], None], message: str) -> None:
    path = written(tmp_path, {"wave": entry(), "hop": entry("hops")})
    assert list(DescriptionFile.load(path).classes) == ["wave", "hop"]
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        DescriptionFile.load(path)


@pytest.mark.parametrize("text", ["", "{", '{"layout": "ntu25",', "[]", "3"])
def test_damaged_json_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"own\.json is (not readable JSON|no description file)"):
        DescriptionFile.load(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        find_descriptions(["drink water"], NTU, tmp_path / "absent.json")


@each_file
def test_save_and_load_give_the_same_file(tmp_path: Path, path: Path) -> None:
    file = DescriptionFile.load(path)
    copy = DescriptionFile.load(file.save(tmp_path / path.name))
    assert copy.classes.keys() == file.classes.keys() and list(copy.classes) == list(file.classes)
    for action, description in file.classes.items():
        assert replace(copy.classes[action], source="") == replace(description, source="")
    assert (copy.layout, copy.provenance) == (file.layout, file.provenance)


def test_a_layout_that_is_not_registered_is_written_whole(tmp_path: Path) -> None:
    """Also where it has the name of another one."""
    joints = ("hip", "left hand", "right hand")
    layout = Layout.from_edges("kinect20", joints, [(0, 1), (0, 2)], "hip")
    wave = Description("wave", "The right hand waves.", ("right hand",), dict.fromkeys(joints, "It moves."), layout)
    path = DescriptionFile(layout, {}, {"wave": wave}).save(tmp_path / "mine.json")
    read = DescriptionFile.load(path)
    assert read.layout == layout and replace(read.classes["wave"], source="") == wave
    (found,) = find_descriptions(["wave"], layout, path)
    assert found.joint_texts(layout) == ("It moves.",) * 3
    path.write_text(path.read_text().replace('"root": "hip"', '"root": "nose"'))
    with pytest.raises(ValueError, match=r"mine\.json: layout 'kinect20' has no joint 'nose' to be its root"):
        DescriptionFile.load(path)


def test_whether_sides_matter_is_said_for_every_shipped_class() -> None:
    """A name that tells a side or a direction belongs to one side; the pairs of Kinder-Gator are told apart by it."""
    for path in shipped_files():
        for action, one in DescriptionFile.load(path).classes.items():
            assert one.either_side is not None, f"{path.name}: {action}"
            sided = {"left", "right", "clockwise", "tick"} & set(action.split())
            assert not (sided and one.either_side), f"{path.name}: {action}"
    kinder_gator = DescriptionFile.load(next(p for p in shipped_files() if p.stem == "kinder_gator")).classes
    assert not kinder_gator["raise hand"].either_side and kinder_gator["jump"].either_side


def test_descriptions_cannot_be_changed() -> None:
    description = find_descriptions(["drink water"], NTU)[0]
    with pytest.raises(AttributeError):
        description.global_ = "x"  # type: ignore[misc]


def test_slips_of_people_are_forgiven_or_named(tmp_path: Path) -> None:
    layout = get_layout("ntu25")
    entry = {
        "global": "x",
        "key_joints": ["Right Hand", "LEFT_HAND"],
        "joints": dict.fromkeys(layout.joints, "It moves."),
    }
    path = tmp_path / "mine.json"

    def written(name: str, **changed: Any) -> Path:
        content = {"layout": "ntu25", "classes": {name: {**entry, **changed}}}
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())  # as Windows' Notepad writes
        return path

    assert DescriptionFile.load(written("wave")).classes["wave"].key_joints == ("right hand", "left hand")
    with pytest.raises(InputError, match=r"key_joints of 'wave' is 'right hand'; write a list"):
        DescriptionFile.load(written("wave", key_joints="right hand"))
    with pytest.raises(InputError, match=r"mine\.json describes 'Wave ', but the class is called 'wave'; write it so"):
        find_descriptions(["wave"], layout, written("Wave "))
