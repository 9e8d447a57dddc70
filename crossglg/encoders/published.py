"""Weights of the published models of our encoders, by their names there.

Each published tensor is a part of one of our parameters, or several of ours in a row: where we compute branches, heads
or levels at once, they are single modules there. `published_names` says which; loading copies and checks by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossglg.encoders.base import SkeletonEncoder
from crossglg.encoders.ctrgcn import CTRGCN
from crossglg.encoders.dstformer import DSTformer
from crossglg.encoders.graph import PerPersonBatchNorm
from crossglg.encoders.hdgcn import HDGCN
from crossglg.encoders.infogcn import Bottleneck, InfoGCN
from crossglg.encoders.stgcn import STGCNPlusPlus
from crossglg.files import some_of

Names = dict[str, tuple[Tensor, ...]]  # published name → the parts of our tensors that are it, in a row
Named = Iterator[tuple[str, tuple[Tensor, ...]]]
EVERYTHING = slice(None)

ENTRIES = ("state_dict", "model", "model_pos", "model_state_dict", "net")  # under which files keep the weights
PREFIXES = ("module.", "backbone.")  # of data-parallel training, of PYSKL's and MotionBERT's recognizers


class WeightsError(ValueError):
    """Weights do not fit: says which names are missing, unknown or of another shape."""


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names, without the prefixes of wrappers. No code in the file runs.

    Args:
        path: a file of `torch.save` (.pt, .pth) or .safetensors: a state dict, or one under "state_dict", "model", …

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: it is a folder, holds something else than tensors, or cannot be read without running its code.
    """
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give the file of the weights, .pt, .pth or .safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    content = _read(path)
    entry = next((name for name in ENTRIES if isinstance(content, Mapping) and name in content), None)
    tensors = content[entry] if entry else content
    if not isinstance(tensors, Mapping) or not tensors or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise WeightsError(
            f"{path} holds no weights: expected names with their tensors, alone or under one of {', '.join(ENTRIES)}; "
            f"save them with torch.save(model.state_dict(), FILE)"
        )
    return {_bare(str(name)): tensor for name, tensor in tensors.items()}


def load_published(
    encoder: SkeletonEncoder, tensors: Mapping[str, Tensor], classifier: nn.Linear | None = None
) -> tuple[str, ...]:
    """Copy published weights into an encoder and, if given, the classifier.

    Args:
        encoder: of the same architecture, layout, channels and persons as the published one.
        tensors: as of `read_checkpoint`.
        classifier: takes the published classifier; None: that is left out.

    Returns:
        The published names that have no place here and were left out: classifier, counters, heads of other tasks.

    Raises:
        WeightsError: names are missing, unknown or of another shape; the first 20 of each are listed.
    """
    names = published_names(encoder, classifier)
    left_out = {name for name in tensors if name.startswith(_left_out(encoder)) or name.endswith("num_batches_tracked")}
    left_out -= set(names)
    shapes = {name: (tuple(tensors[name].shape), _shape(names[name])) for name in names if name in tensors}
    wrong = {
        "missing": [name for name in names if name not in tensors],
        "unknown": [name for name in tensors if name not in names and name not in left_out],
        "of another shape": [
            f"{name} is {is_}, expected {ought}" for name, (is_, ought) in shapes.items() if is_ != ought
        ],
    }
    if count := sum(map(len, wrong.values())):
        shown = {what: [n[:200] if n.isprintable() else ascii(n[:200]) for n in found] for what, found in wrong.items()}
        listed = "; ".join(f"{what}: {some_of(found, 20)}" for what, found in shown.items() if found)
        raise WeightsError(
            f"these are not the weights of this {type(encoder).__name__}, {count} names differ; {listed}"
        )
    with torch.no_grad():
        for name, parts in names.items():
            pieces = tensors[name].split([len(part) for part in parts]) if len(parts) > 1 else (tensors[name],)
            for part, piece in zip(parts, pieces, strict=True):
                part.copy_(piece)
    return tuple(sorted(left_out))


def classifier_shape(encoder: SkeletonEncoder, tensors: Mapping[str, Tensor]) -> tuple[int, ...] | None:
    """(classes, features) of the published classifier, or None if there is none that we could use."""
    weight = tensors.get(f"{CLASSIFIERS.get(type(encoder), '')}.weight")
    return None if weight is None else tuple(weight.shape)


def published_names(encoder: SkeletonEncoder, classifier: nn.Linear | None = None) -> Names:
    """Every tensor of the published model, as parts of ours. Raises WeightsError for an encoder that has none."""
    if type(encoder) not in PUBLISHED:
        raise WeightsError(
            f"no published weights are known for {type(encoder).__name__}; known: "
            f"{', '.join(kind.__name__ for kind in PUBLISHED)}"
        )
    names = dict(PUBLISHED[type(encoder)](encoder))
    if classifier is not None:
        names |= dict(_affine(CLASSIFIERS[type(encoder)], classifier))
    return names


def _infogcn(encoder: InfoGCN) -> Named:
    yield "pos_embedding", (encoder.position[None],)
    yield from _person_norms(encoder.input_norm)
    yield from _affine("to_joint_embedding", encoder.joint_embedding)
    for i, block in enumerate(_blocks(encoder), 1):
        spatial = block.spatial
        yield f"l{i}.agcn.shared_topology", (spatial.topology,)
        for head in range(spatial.heads):
            yield f"l{i}.agcn.conv_d.{head}.weight", (spatial.weight[head, :, :, None, None],)
            yield f"l{i}.agcn.conv_d.{head}.bias", (spatial.bias[head],)
        yield from _way(f"l{i}.agcn.down.0", f"l{i}.agcn.down.1", spatial.residual)
        yield from _norm(f"l{i}.agcn.bn", spatial.out_norm)
        yield from _affine(f"l{i}.agcn.attn.to_qk", spatial.to_qk)
        yield from _affine(f"l{i}.agcn.attn.ln", spatial.norm)
        yield from _four_branches(f"l{i}.tcn", block.temporal)
        yield from _way(f"l{i}.residual.conv", f"l{i}.residual.bn", block.residual)
    if isinstance(encoder.head, Bottleneck):
        for name, layer in (("fc", "fc"), ("fc_mu", "mean"), ("fc_logvar", "log_variance")):
            yield from _affine(name, getattr(encoder.head, layer))
    else:
        yield from _affine("norm", encoder.head)


def _ctrgcn(encoder: CTRGCN) -> Named:
    yield from _person_norms(encoder.input_norm)
    for i, block in enumerate(_blocks(encoder), 1):
        spatial, name = block.spatial, f"l{i}.gcn1"
        yield f"{name}.PA", (spatial.topology.transpose(1, 2),)  # there: what joint i receives from joint j
        yield f"{name}.alpha", (spatial.alpha,)
        rank, out = spatial.refine_weight.shape[2], spatial.refine_weight.shape[1]
        for k in range(spatial.subsets):
            for number, start in (("1", 2 * k * rank), ("2", (2 * k + 1) * rank)):
                rows = slice(start, start + rank)
                yield f"{name}.convs.{k}.conv{number}.weight", (spatial.relate.weight[rows, :, :, None],)
                yield f"{name}.convs.{k}.conv{number}.bias", (spatial.relate.bias[rows],)
            yield from _affine(f"{name}.convs.{k}.conv3", spatial.project, slice(k * out, (k + 1) * out))
            yield f"{name}.convs.{k}.conv4.weight", (spatial.refine_weight[k, :, :, None, None],)
            yield f"{name}.convs.{k}.conv4.bias", (spatial.refine_bias[k],)
        yield from _graph_block(name, f"l{i}", block)


def _hdgcn(encoder: HDGCN) -> Named:
    yield from _person_norms(encoder.input_norm)
    for i, block in enumerate(_blocks(encoder), 1):
        spatial, name = block.spatial, f"l{i}.gcn1"
        levels, subsets = spatial.topology.shape[:2]
        rank = spatial.weight.shape[2]
        yield f"{name}.PA", (spatial.topology,)
        for level in range(levels):
            rows = slice(level * rank, (level + 1) * rank)
            yield from _conv_norm(f"{name}.conv_down.{level}", spatial.reduce, rows)
            # The published model registers the modules of its last level a second time.
            for own in (f"conv.{level}", "conv_d") if level == levels - 1 else (f"conv.{level}",):
                yield from _level(f"{name}.{own}", spatial, level, rank, subsets)
        if (attention := spatial.attention) is not None:
            conv, norm = attention.reduce[:2]
            yield f"{name}.aha.conv_down.0.weight", (conv.weight[..., None],)
            yield f"{name}.aha.conv_down.0.bias", (conv.bias,)
            yield from _norm(f"{name}.aha.conv_down.1", norm)
            yield from _edge(f"{name}.aha.edge_conv", attention.similar, 0)
            yield from _affine(f"{name}.aha.aggregate", attention.expand)
        bias = {f"l{i}.tcn1.branches.{b}.3.bias": conv.bias for b, conv in enumerate(block.temporal.dilated)}
        for published, tensors in _graph_block(name, f"l{i}", block):
            if not published.endswith(".3.conv.bias"):
                yield published, tensors
        yield from ((published, (tensor[None, :, None, None],)) for published, tensor in bias.items())


def _level(name: str, spatial: Any, level: int, rank: int, subsets: int) -> Named:
    """The projections of one level of HD-GCN and its edge convolution."""
    for k in range(subsets):
        own, start = slice(k * rank, (k + 1) * rank), (level * subsets + k) * rank
        yield f"{name}.{k}.0.weight", (spatial.weight[level, own, :, None, None],)
        yield f"{name}.{k}.0.bias", (spatial.bias[level, own, 0],)
        yield from _norm(f"{name}.{k}.1", spatial.mixed_norm, slice(start, start + rank))
    yield from _edge(f"{name}.{subsets}", spatial.similar, level)


def _stgcn(encoder: STGCNPlusPlus) -> Named:
    yield from _norm("data_bn", encoder.input_norm)
    for i, block in enumerate(_blocks(encoder)):
        spatial, temporal, name = block.spatial, block.temporal, f"gcn.{i}"
        yield f"{name}.gcn.A", (spatial.topology,)
        yield from _norm(f"{name}.gcn.bn", spatial.out_norm)
        yield from _affine(f"{name}.gcn.conv", spatial.project)
        yield from _way(f"{name}.gcn.down.0", f"{name}.gcn.down.1", spatial.residual)
        start = 0
        for b, part in enumerate(temporal.parts):
            yield from _conv_norm(f"{name}.tcn.branches.{b}", temporal.reduce, slice(start, start + part))
            start += part
            if b < len(temporal.dilated):
                yield from _affine(f"{name}.tcn.branches.{b}.3.conv", temporal.dilated[b])
        yield from _affine(f"{name}.tcn.branches.{len(temporal.parts)}", temporal.pointwise)
        norm, _, conv, last = temporal.mix
        yield from _norm(f"{name}.tcn.transform.0", norm)
        yield from _affine(f"{name}.tcn.transform.2", conv)
        yield from _norm(f"{name}.tcn.bn", last)
        yield from _way(f"{name}.residual.conv", f"{name}.residual.bn", block.residual)


def _dstformer(encoder: DSTformer) -> Named:
    yield "temp_embed", (encoder.time[None],)
    yield "pos_embed", (encoder.position[None],)
    yield from _affine("joints_embed", encoder.joint_embedding)
    for i, block in enumerate(_blocks(encoder)):
        yield from _stream(f"blocks_st.{i}", block.joints_first)
        yield from _stream(f"blocks_ts.{i}", block.time_first)
        yield from _affine(f"ts_attn.{i}", block.fuse)
    norm, layer, _ = _blocks(encoder)[-1].represent
    yield from _affine("norm", norm)
    yield from _affine("pre_logits.fc", layer)


PUBLISHED: dict[type[SkeletonEncoder], Callable[[Any], Named]] = {
    InfoGCN: _infogcn,
    CTRGCN: _ctrgcn,
    HDGCN: _hdgcn,
    STGCNPlusPlus: _stgcn,
    DSTformer: _dstformer,
}
# MotionBERT's classifier has a hidden layer, so there is no place for it here.
CLASSIFIERS: dict[type[SkeletonEncoder], str] = {
    InfoGCN: "decoder", CTRGCN: "fc", HDGCN: "fc", STGCNPlusPlus: "cls_head.fc_cls",
}  # fmt: skip


def _left_out(encoder: SkeletonEncoder) -> tuple[str, ...]:
    """Beginnings of published names that a model of ours need not have."""
    return (f"{CLASSIFIERS[type(encoder)]}.",) if type(encoder) in CLASSIFIERS else ("head.",)


def _stream(name: str, stream: Any) -> Named:
    for axis, attention, mlp in (
        ("s", stream.spatial, stream.spatial_mlp), ("t", stream.temporal, stream.temporal_mlp),
    ):  # fmt: skip
        yield from _affine(f"{name}.norm1_{axis}", attention.norm)
        yield from _affine(f"{name}.attn_{axis}.qkv", attention.to_qkv)
        yield from _affine(f"{name}.attn_{axis}.proj", attention.out)
        norm, first, _, second = mlp
        yield from _affine(f"{name}.norm2_{axis}", norm)
        yield from _affine(f"{name}.mlp_{axis}.fc1", first)
        yield from _affine(f"{name}.mlp_{axis}.fc2", second)


def _graph_block(spatial: str, block: str, part: Any) -> Named:
    """What CTR-GCN's and HD-GCN's blocks have in common."""
    yield from _way(f"{spatial}.down.0", f"{spatial}.down.1", part.spatial.residual)
    yield from _norm(f"{spatial}.bn", part.spatial.out_norm)
    yield from _four_branches(f"{block}.tcn1", part.temporal)
    if part.residual is not None:
        yield from _way(f"{block}.residual.conv", f"{block}.residual.bn", part.residual)


def _four_branches(name: str, temporal: Any) -> Named:
    branch, last = temporal.pointwise.out_channels, len(temporal.dilated) + 1
    rows = [slice(b * branch, (b + 1) * branch) for b in range(last + 1)]
    for b in range(last):
        yield from _conv_norm(f"{name}.branches.{b}", temporal.reduce, rows[b])
    for b, conv in enumerate(temporal.dilated):
        yield from _affine(f"{name}.branches.{b}.3.conv", conv)
        yield from _norm(f"{name}.branches.{b}.3.bn", temporal.norm, rows[b])
    yield from _norm(f"{name}.branches.{last - 1}.4", temporal.norm, rows[last - 1])
    yield from _affine(f"{name}.branches.{last}.0", temporal.pointwise)
    yield from _norm(f"{name}.branches.{last}.1", temporal.norm, rows[last])


def _edge(name: str, edge: Any, group: int) -> Named:
    width = edge.weight.shape[1]
    yield f"{name}.conv.0.weight", (edge.weight[group, :, :, None, None],)
    yield from _norm(f"{name}.conv.1", edge.norm, slice(group * width, (group + 1) * width))


def _conv_norm(name: str, pair: Any, rows: slice) -> Named:
    conv, norm = pair
    yield from _affine(f"{name}.0", conv, rows)
    yield from _norm(f"{name}.1", norm, rows)


def _way(conv: str, norm: str, shortcut: nn.Module | None) -> Named:
    """A shortcut, which has weights only where it changes the number of features or frames."""
    if isinstance(shortcut, nn.Sequential):
        yield from _affine(conv, shortcut[0])
        yield from _norm(norm, shortcut[1])


def _person_norms(norms: PerPersonBatchNorm) -> Named:
    """One published normalization of the features of all persons."""
    each = [dict(_norm("data_bn", norm)) for norm in norms]
    for key in each[0]:
        yield key, tuple(part for names in each for part in names[key])


def _norm(name: str, norm: Any, rows: slice = EVERYTHING) -> Named:
    for kind in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{kind}", (getattr(norm, kind)[rows],)


def _affine(name: str, layer: Any, rows: slice = EVERYTHING) -> Named:
    for kind in ("weight", "bias"):
        yield f"{name}.{kind}", (getattr(layer, kind)[rows],)


def _blocks(encoder: SkeletonEncoder) -> list[Any]:
    return list(encoder.blocks)


def _shape(parts: tuple[Tensor, ...]) -> tuple[int, ...]:
    return (sum(len(part) for part in parts), *parts[0].shape[1:])


def _bare(name: str) -> str:
    while prefix := next((p for p in PREFIXES if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    return name


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path} is no safetensors file ({error})") from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise WeightsError(
            f"{path} is damaged, or cannot be read without running code in it ({type(error).__name__}); save the "
            f"weights alone with torch.save(model.state_dict(), FILE), or as .safetensors"
        ) from None
