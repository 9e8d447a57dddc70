"""Several answers per action: votes, agreement, averaged texts, and files with and without samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossglg.skeletons import get_layout
from crossglg.text.descriptions import Description, DescriptionFile, find_descriptions, shipped_files
from crossglg.text.embeddings import build_text_bank, embed_texts
from crossglg.text.samples import agreement, jaccard, merge_samples, vote

LAYOUT = get_layout("kinect20")


def sample(*key_joints: str, word: str = "moves") -> Description:
    return Description("wave", f"It {word}.", key_joints, {j: f"The {j} {word}." for j in LAYOUT.joints}, LAYOUT)


@pytest.mark.parametrize(
    ("samples", "voted"),
    [
        ([["head", "right hand"], ["right hand"], ["right hand", "spine"]], ("right hand",)),
        ([["right hand", "head"], ["head", "right hand"], ["spine"]], ("head", "right hand")),
        ([["head", "right hand"], ["right hand"]], ("right hand",)),
        ([["head"], ["right hand"]], ("head", "right hand")),
        ([["head"], ["right hand"], ["spine"], ["head"]], ("head",)),
        ([["spine"]], ("spine",)),
    ],
    ids=["majority", "layout order", "a tie is a no", "only ties", "most votes without a majority", "one"],
)
def test_key_joints_are_voted_on(samples: list[list[str]], voted: tuple[str, ...]) -> None:
    assert set(vote([sample(*joints) for joints in samples])) == set(voted)
    assert list(vote([sample(*joints) for joints in samples])) == [j for j in LAYOUT.joints if j in voted]


def test_the_shown_text_is_that_of_the_sample_nearest_to_the_vote() -> None:
    samples = [
        sample("head", word="a"), sample("head", "spine", word="b"), sample("spine", word="c"),
        sample("head", "spine", word="d"),
    ]  # fmt: skip
    merged = merge_samples(samples)
    assert set(merged.key_joints) == {"head", "spine"}
    assert merged.global_ == "It b." and merged.joints["head"] == "The head b."
    assert merged.samples == tuple(samples)


def test_one_sample_is_itself_and_none_is_an_error() -> None:
    assert merge_samples([one := sample("head")]) is one
    with pytest.raises(ValueError, match="no samples"):
        merge_samples([])


def test_agreement_is_the_mean_jaccard_index_of_all_pairs() -> None:
    assert jaccard({"a", "b"}, {"b", "c"}) == pytest.approx(1 / 3) and jaccard([], []) == 1
    assert agreement([sample("head"), sample("head")]) == agreement([sample("head")]) == 1
    assert agreement([sample("head"), sample("head", "spine"), sample("spine")]) == pytest.approx((0.5 + 0 + 0.5) / 3)


def test_a_file_keeps_its_samples(tmp_path: Path) -> None:
    merged = merge_samples([sample("head", word="a"), sample("head", "spine", word="b")])
    file = DescriptionFile(LAYOUT, {"author": "me"}, {"wave": merged, "nod": replace(sample("head"), action="nod")})
    loaded = DescriptionFile.load(file.save(tmp_path / "own.json"))
    assert [s.global_ for s in loaded.classes["wave"].samples] == ["It a.", "It b."]
    assert loaded.classes["wave"].key_joints == ("head",) and loaded.classes["nod"].samples == ()
    again = loaded.save(tmp_path / "again.json")
    assert again.read_bytes() == (tmp_path / "own.json").read_bytes()


def test_a_wrong_sample_names_the_class(tmp_path: Path) -> None:
    wave = merge_samples([sample("head", word="a"), sample("head", word="b")])
    path = DescriptionFile(LAYOUT, {}, {"wave": wave}).save(tmp_path / "own.json")
    path.write_text(path.read_text().replace('"The left knee b."', '""'))
    with pytest.raises(ValueError, match="'wave' has no text for joint 'left knee'"):
        DescriptionFile.load(path)


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_shipped_files_are_rewritten_byte_by_byte(path: Path, tmp_path: Path) -> None:
    assert DescriptionFile.load(path).save(tmp_path / path.name).read_bytes() == path.read_bytes()


def test_texts_of_samples_are_averaged_and_the_others_untouched() -> None:
    merged = merge_samples([sample("head", word="rises"), sample("head", word="falls")])
    drink = find_descriptions(["drink"], LAYOUT)[0]
    local = build_text_bank([drink, merged, sample("spine")], LAYOUT).local.numpy()
    mean = (embed_texts(["The head rises."]) + embed_texts(["The head falls."]))[0]
    np.testing.assert_allclose(local[1, LAYOUT.index("head")], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(local, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(local[:1], build_text_bank([drink], LAYOUT).local.numpy(), atol=1e-6)
