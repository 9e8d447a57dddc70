"""Edits and second descriptions, against plain loops over made-up embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from crossglg.files import InputError
from crossglg.skeletons import get_layout
from crossglg.text import embeddings
from crossglg.text.descriptions import Description
from crossglg.text.embeddings import local_embeddings
from crossglg.text.what_if import difference_table, differences, edit, texts_of, what_if

LAYOUT = get_layout("kinect20")


def described(action: str, words: str, *key_joints: str) -> Description:
    return Description(
        action, f"The {key_joints[0]} {words}", key_joints, {j: f"The {j} {words}" for j in LAYOUT.joints}, LAYOUT
    )


CLASSES = [
    described("wave", "waves quickly.", "right wrist", "right hand"),
    described("nod", "bows down.", "head"),
    described("kick", "strikes out far.", "right foot"),
]


def letters(texts: Sequence[str]) -> np.ndarray:
    """How often each letter occurs, of unit length: an encoder that a test can follow."""
    rows = np.array([[text.lower().count(chr(97 + k)) for k in range(26)] for text in texts], dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path) -> np.ndarray:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path))
    monkeypatch.setitem(embeddings.TEXT_ENCODERS, "letters", lambda pooling: letters)
    return local_embeddings(CLASSES, LAYOUT, "letters")


def test_an_edit_replaces_only_what_is_given() -> None:
    edited = edit(CLASSES[0], {"head": "The head shakes."})
    assert texts_of(edited) == texts_of(CLASSES[0]) | {"head": "The head shakes."}
    assert edited.key_joints == CLASSES[0].key_joints and CLASSES[0].joints["head"] == "The head waves quickly."


def test_key_joints_follow_a_new_global_text_unless_given() -> None:
    assert edit(CLASSES[0], {"global": "Both knees bend."}).key_joints == ("left knee", "right knee")
    assert edit(CLASSES[0], {"global": "Both knees bend."}, ("head",)).key_joints == ("head",)
    assert edit(CLASSES[0], {"global": "Nobody knows."}).key_joints == CLASSES[0].key_joints
    assert edit(CLASSES[0], texts_of(CLASSES[0])) == CLASSES[0], "the same text, read again, changes nothing"
    assert edit(CLASSES[0], {}, ("head",)).key_joints == ("head",)


def test_an_edit_that_cannot_be_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'left thumb' is neither 'global' nor a joint of kinect20"):
        edit(CLASSES[0], {"left thumb": "It bends."})
    with pytest.raises(ValueError, match="'wave' has no global text"):
        edit(CLASSES[0], {"global": " "})


def plain_neighbors(classes: Sequence[Description]) -> dict[str, float]:
    """Cosine of the first class's joint texts, side by side and less the mean of all classes, to the others'."""
    vectors = [np.concatenate([letters([text])[0] for text in d.joint_texts(LAYOUT)]) for d in classes]
    mean = sum(vectors) / len(vectors)
    first, *others = [v - mean for v in vectors]
    cosine = [float(first @ v / (first @ first) ** 0.5 / (v @ v) ** 0.5) for v in others]
    return dict(zip([d.action for d in classes[1:]], cosine, strict=True))


def test_what_changes_is_what_a_loop_says(local: np.ndarray) -> None:
    asked = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.append(list(texts))
        return letters(texts)

    new = {"head": "The head bows down.", "left foot": "The left foot bows down."}
    edited = edit(CLASSES[0], new, ("head", "left foot"))
    found = what_if(edited, CLASSES, local, LAYOUT, embed)
    assert asked == [["The head bows down.", "The left foot bows down."]], "only the new texts are embedded"
    assert found.changed == ("head", "left foot") and found.others == ("nod", "kick")
    for row, classes in zip(found.neighbors, (CLASSES, [edited, *CLASSES[1:]]), strict=True):
        assert dict(zip(found.others, row, strict=True)) == pytest.approx(plain_neighbors(classes), abs=1e-5)
    assert found.neighbors[1, 0] > found.neighbors[0, 0], "two joints now say what 'nod' says"
    before, after = found.key_joint_target
    assert {LAYOUT.joints[j]: before[j] for j in np.flatnonzero(before)} == {"right wrist": 0.5, "right hand": 0.5}
    assert {LAYOUT.joints[j]: after[j] for j in np.flatnonzero(after)} == {"head": 0.5, "left foot": 0.5}


def test_no_change_asks_nothing_and_changes_nothing(local: np.ndarray) -> None:
    kept = local.copy()
    found = what_if(CLASSES[1], CLASSES, local, LAYOUT, lambda texts: pytest.fail("embedded"))
    assert found.changed == () and (found.neighbors[0] == found.neighbors[1]).all()
    what_if(edit(CLASSES[1], {"head": "x"}), CLASSES, local, LAYOUT, letters)
    np.testing.assert_array_equal(local, kept)


def test_an_action_that_is_no_class_is_an_error(local: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"'jump' must be one of at least two classes; they are: wave, nod, kick"):
        what_if(described("jump", "leaps.", "head"), CLASSES, local, LAYOUT, letters)
    with pytest.raises(ValueError, match="at least two classes"):
        what_if(CLASSES[0], CLASSES[:1], local[:1], LAYOUT, letters)


def test_two_sets_are_compared_class_by_class(local: np.ndarray) -> None:
    second = [
        described("kick", "waves quickly.", "right foot"),
        described("wave", "waves quickly!", "right hand", "head"),
        described("jump", "leaps.", "head"),
    ]
    found = {d.action: d for d in differences(CLASSES, second, LAYOUT, "letters")}
    assert list(found) == ["wave", "kick"], "in the first's order, without what only one describes"
    texts = zip(CLASSES[2].joint_texts(LAYOUT), second[0].joint_texts(LAYOUT), strict=True)
    loop = sum(float(letters([a])[0] @ letters([b])[0]) for a, b in texts) / LAYOUT.num_joints
    assert found["kick"].similarity == pytest.approx(loop, abs=1e-5) and loop < 0.95
    assert found["wave"].similarity == pytest.approx(1)
    assert (found["wave"].gained, found["wave"].lost) == (("head",), ("right wrist",))
    assert (found["kick"].gained, found["kick"].lost, found["kick"].nearest) == ((), (), ("wave", "wave"))


def test_the_nearest_class_is_told_where_it_changes(local: np.ndarray) -> None:
    first = [described(name, words, "head") for name, words in (("a", "hums."), ("b", "hums!"), ("c", "zips."))]
    second = [described(name, words, "head") for name, words in (("a", "zips!"), ("b", "hums."), ("c", "zips."))]
    found = differences(first, second, LAYOUT, "letters")
    assert found[0].nearest == ("b", "c")
    table = difference_table(found).splitlines()
    assert table[2].startswith("| a | 0.") and table[2].endswith("| b → c |"), "the most different first"
    assert table[-1].startswith("| **all 3** |") and table[-1].endswith("| of 0 classes |  | of 1 classes |")


def test_sets_without_common_classes_cannot_be_compared(local: np.ndarray) -> None:
    with pytest.raises(ValueError, match="have 1 classes in common; at least two"):
        differences(CLASSES, CLASSES[1:2], LAYOUT, "letters")
