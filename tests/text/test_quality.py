"""The measurements of descriptions, on texts where the right answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from crossglg.skeletons import get_layout
from crossglg.text.descriptions import Description, DescriptionFile, shipped_files
from crossglg.text.quality import CONFUSABLE, class_cosine, distinctness, key_joint_agreement, text_report

LAYOUT = get_layout("kinect20")


def described(action: str, words: str, *key_joints: str, text: str = "The head nods.") -> Description:
    return Description(action, text, key_joints or ("head",), {j: f"The {j} {words}" for j in LAYOUT.joints}, LAYOUT)


def test_distinctness_finds_shared_sentences_and_the_nearest_classes() -> None:
    classes = [
        described("drink", "swings a racket sideways."), described("eat", "Swings a racket, sideways"),
        described("jump", "leaps high off the ground."), described("sleep", "lies motionless on the bed."),
    ]  # fmt: skip
    found = distinctness(classes, pairs=2)
    assert found.identical == 0.5 and found.nearly == pytest.approx(0.5) and found.worst[1] == 0.5
    assert found.closest[0][1:] == ("drink", "eat") and found.closest[0][0] > 0.9 > found.closest[1][0]
    assert found.mean < found.nearest < 1


def test_class_cosine_leaves_out_what_all_have_in_common() -> None:
    common, own = np.full((1, 2, 3), 5.0), np.eye(3)[:, None].repeat(2, axis=1)
    cosine = class_cosine((common + own).astype(np.float32))
    np.testing.assert_allclose(cosine, np.where(np.eye(3) == 1, 1, -0.5), atol=1e-5)


def test_one_class_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="at least two classes"):
        distinctness([described("drink", "moves.")])


def test_precision_and_recall_count_joints_of_all_classes() -> None:
    classes = [
        described("a", "moves.", "head", "spine", text="The head nods."),
        described("b", "moves.", "head", text="The head and both knees move."),
    ]
    assert key_joint_agreement(classes) == (pytest.approx(2 / 4), pytest.approx(2 / 3))


def test_report_has_a_row_for_each_file_and_confusable_pair() -> None:
    classes = [described("drink", "rises to the mouth."), described("eat", "scoops.", "head", "spine")]
    report = text_report([DescriptionFile(LAYOUT, {}, {d.action: d for d in classes})])
    numbers, closest, review = report.split("\n\n")
    assert numbers.splitlines()[2].startswith("| ? | 2 | 0.0% |")
    assert "drink / eat -1.00" in closest
    assert review.splitlines()[2:] == ["| ? | drink / eat | -1.00 | 0.50 | head | head, spine |"]


def test_a_dozen_confusable_pairs_are_described_by_the_shipped_files() -> None:
    files = [set(DescriptionFile.load(path).classes) for path in shipped_files()]
    reviewed = [pair for pair in CONFUSABLE if any(set(pair) <= actions for actions in files)]
    assert reviewed == list(CONFUSABLE) and len(reviewed) >= 12
