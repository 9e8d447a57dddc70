"""Checks of session 3: guidance and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from crossglg.encoders.base import PersonIndex
from crossglg.workshop.feedback import Exercise, numbers


def check_joint_importance(kind: Any) -> None:
    """kind: the class; kind(width) is a module, called with stem features (B, D, T', V) and bodies; gives (N, V)."""
    exercise = Exercise("3.1", "JointImportanceModule")
    exercise.written(kind)
    exercise.need(isinstance(kind, type) and issubclass(kind, nn.Module), "a subclass of nn.Module was expected.")
    torch.manual_seed(31)
    module = _built(exercise, kind)
    layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
    exercise.need(layers, "not solved yet: it has no layers; make two nn.Linear in __init__.")
    exercise.need(len(layers) == 2, f"two linear layers were expected, it has {len(layers)}.")
    bodies = PersonIndex.of(torch.tensor([[True, True], [True, False], [True, True]]))
    feat = torch.randn(5, 8, 6, 11)
    out = exercise.call(module, feat, bodies)
    found = exercise.array(
        out, (3, 11), "(N, V)", "5 persons belong to N = 3 clips of V = 11 joints: bodies.mean(…) makes clips of "
        "persons, the second layer makes one number a joint, .squeeze(-1) drops its axis.",
    )  # fmt: skip
    exercise.need((found >= 0).all(), "some importances are negative; end with a softmax over joints.")
    if not torch.allclose(out.sum(1), torch.ones(3), atol=1e-4):
        over_clips = torch.allclose(out.sum(0), torch.ones(11), atol=1e-4)
        axis = "your softmax runs over clips, axis 0; take" if over_clips else "end with a softmax over"
        exercise.fail(f"each clip's importances should sum to 1: {axis} the last axis, joints.")
    exercise.need(
        (out - out[:, :1]).abs().max() > 1e-7,
        "every joint has the same weight: is the softmax over an axis of length 1?",
    )

    def changes(other: Tensor, right: Tensor = out) -> bool:
        return not torch.allclose(exercise.call(module, other, bodies), right, atol=1e-5)

    exercise.need(
        not changes(feat.mean(2, keepdim=True).expand_as(feat)) and not changes(feat.repeat(1, 1, 2, 1)),
        "it should see the mean over time, feat.mean(2): neither the sum, nor the largest value, nor one frame.",
    )
    exercise.need(
        not changes(feat.flip(3), out.flip(1)), "renumbering the joints changes their weights; both layers should work "
        "on the D features of one joint, the same for every joint.",
    )  # fmt: skip
    scores, mirrored = (weights.log() for weights in (out, exercise.call(module, -feat, bodies)))
    linear = torch.allclose(scores - scores[:, :1], mirrored[:, :1] - mirrored, atol=1e-4)
    exercise.need(not linear, "two linear layers in a row are only one: put a nn.ReLU() between.")
    _gradient_reaches(exercise, module, out)
    exercise.passed("It guesses from the motion alone which joints matter; next it is told what the text says.")


def _built(exercise: Exercise, kind: Callable[[int], nn.Module]) -> nn.Module:
    try:
        return kind(8)
    except Exception as error:  # whatever a learner's code raises
        exercise.fail(f"JointImportanceModule(8) stops with {type(error).__name__}: {error}")


def _gradient_reaches(exercise: Exercise, module: nn.Module, out: Tensor) -> None:
    exercise.need(out.requires_grad, "no gradient flows: leave out .detach(), .item(), .numpy() and torch.no_grad().")
    (out**2).sum().backward()
    for name, parameter in module.named_parameters():
        exercise.need(parameter.grad is not None, f"no gradient reaches {name}: is that layer used in forward?")


def check_calibration_loss(calibration_loss: Callable[[Tensor, Tensor], Any]) -> None:
    """calibration_loss(k_out, k_gt): mean over clips and joints of (V·k_out − V·k_gt)²; a scalar with gradient."""
    exercise = Exercise("3.2", "calibration_loss")
    generator = torch.Generator().manual_seed(32)
    k_out, k_gt = (torch.randn(4, 7, generator=generator).softmax(1) for _ in range(2))
    k_out.requires_grad_()
    loss = exercise.call(calibration_loss, k_out, k_gt)
    found = exercise.array(loss, (), "one number", "A loss is a scalar: take the mean over clips and joints.")
    square = (7 * k_out - 7 * k_gt).detach() ** 2
    right = sum(float(square[n, v]) for n in range(4) for v in range(7)) / 28
    log = k_out.detach().log()
    exercise.same(found, right, {
        "that is the sum; take the mean, or the loss depends on the batch size.": square.sum(),
        "that is the sum over joints; take the mean over joints too.": square.sum(1).mean(),
        "compare V·k with V·k: without it the loss is V² times smaller and vanishes beside L_s.": square.mean() / 49,
        "V multiplies each k, so it is squared with the difference: V² in front of the mean.": square.mean() / 7,
        "that is the absolute difference; the paper's is squared.": (7 * k_out - 7 * k_gt).detach().abs().mean(),
        "that is the root of it; leave the square root out.": square.mean().sqrt(),
        "that is a cross-entropy; the paper's L_calibrate is a mean squared error.": -(k_gt * log).sum(1).mean(),
        "k_out is a distribution already; no second softmax.":
            ((7 * k_out.softmax(1) - 7 * k_gt).detach() ** 2).mean(),
    })  # fmt: skip
    exercise.need(
        isinstance(loss, Tensor) and loss.requires_grad,
        "no gradient flows back: compute with tensors, without .detach(), .item() or .numpy().",
    )
    exercise.need(exercise.call(calibration_loss, k_gt, k_gt) == 0, "of equal distributions it should be 0.")
    exercise.passed("Uniform importance is V·k = 1, so an error of 1 is as large as the whole weight of a joint.")


def check_block(block: Callable[..., Any]) -> None:
    """block(feat, spatial, temporal, residual, weight): relu(temporal(weight · spatial(feat)) + residual(feat))."""
    exercise = Exercise("3.3", "block")
    generator = torch.Generator().manual_seed(33)
    feat, mix, taps = (torch.randn(*shape, generator=generator) for shape in ((3, 4, 5, 6), (6, 6), (4, 4)))
    weight = 6 * torch.randn(3, 6, generator=generator).softmax(1)
    by_joint = weight[:, None, None, :]

    def spatial(x: Tensor) -> Tensor:
        return (x @ mix).relu()

    def temporal(x: Tensor) -> Tensor:
        return torch.einsum("de,betv->bdtv", taps, x) + x.roll(1, 2) - 0.3

    def residual(x: Tensor) -> Tensor:
        return 0.5 * x

    def right(w: Tensor, before: bool = False, after: bool = False) -> Tensor:
        w = w[:, None, None, :]
        hidden = spatial(feat * w) if before else spatial(feat) if after else spatial(feat) * w
        return ((temporal(hidden) * w if after else temporal(hidden)) + residual(feat)).relu()

    ones = torch.ones(3, 6)
    plain = exercise.call(block, feat, spatial, temporal, residual, None)
    exercise.same(exercise.array(plain, (3, 4, 5, 6), "(B, D, T, V)"), right(ones), {
        "the final ReLU is missing.": temporal(spatial(feat)) + residual(feat),
        "the residual is missing: what a block learns is added to what came in.": temporal(spatial(feat)).relu(),
        "the input itself is added; it has to go through residual(…), which fits its width.":
            (temporal(spatial(feat)) + feat).relu(),
        "time comes first in your block; the spatial interaction does.":
            (spatial(temporal(feat)) + residual(feat)).relu(),
    })  # fmt: skip
    result = exercise.call(block, feat, spatial, temporal, residual, weight)
    found = exercise.array(result, (3, 4, 5, 6), "(B, D, T, V)")
    exercise.same(found, right(weight), {
        "the weight changes nothing; multiply the features of each joint by it.": right(ones),
        "the weight is applied before the spatial interaction, which then hands joints on to others; weigh after it.":
            right(weight, before=True),
        "the weight is applied after the temporal convolution; weigh right after the spatial interaction.":
            right(weight, after=True),
        "the residual is weighted too, so a joint of low weight forgets what it knew; weigh the spatial part only.":
            (temporal(spatial(feat) * by_joint) + residual(feat) * by_joint).relu(),
        "the weights went through another softmax; they are V·k_out already.": right(weight.softmax(1)),
        "the weights are multiplied by V once more; they are V·k_out already.": right(6 * weight),
    })  # fmt: skip
    exercise.passed("Joints look at each other first; then the important ones speak louder.")


def check_cross_attention(cross_attention: Callable[..., Any]) -> None:
    """cross_attention(text, skeleton, to_query, to_key, to_value): (N, V, W): each joint's text looks at the joints."""
    exercise = Exercise("3.4", "cross_attention")
    torch.manual_seed(34)
    text, skeleton = torch.randn(2, 5, 6), torch.randn(2, 5, 6)
    to_query, to_key, to_value = layers = [nn.Linear(6, 6) for _ in range(3)]
    with torch.no_grad():
        for layer in layers:
            layer.weight *= 3

    def attend(queries: Tensor, others: Tensor, values: Tensor, scale: float = 6**-0.5, axis: int = -1) -> Tensor:
        return (to_query(queries) @ to_key(others).transpose(1, 2) * scale).softmax(axis) @ to_value(values)

    result = exercise.call(cross_attention, text, skeleton, to_query, to_key, to_value)
    found = exercise.array(
        result, (2, 5, 6), "(N, V, W)", "The last two axes of the keys are swapped: .transpose(1, 2)."
    )
    rows = torch.empty(2, 5, 6)
    for n in range(2):
        for i in range(5):
            score = torch.stack([to_query(text[n, i]) @ to_key(skeleton[n, j]) / 6**0.5 for j in range(5)])
            share = score.exp() / score.exp().sum()
            rows[n, i] = sum(share[j] * to_value(skeleton[n, j]) for j in range(5))
    exercise.same(found, rows, {
        "the skeleton asks and the text answers; here queries are texts, keys and values are joints.":
            attend(skeleton, text, text),
        "that is self-attention of the text: it never looks at the skeleton. Keys and values come from it.":
            attend(text, text, text),
        "that is self-attention of the skeleton: queries should come from the text.":
            attend(skeleton, skeleton, skeleton),
        "the values come from the text; what is handed on should be skeleton features.":
            attend(text, skeleton, text),
        "divide the scores by the square root of W, or the softmax picks one joint and hardly learns.":
            attend(text, skeleton, skeleton, scale=1.0),
        "divide by the square root of W, not by W.": attend(text, skeleton, skeleton, scale=1 / 6),
        "the softmax runs over the queries; each text's shares over the joints (last axis) should sum to 1.":
            attend(text, skeleton, skeleton, axis=1),
        "the softmax is missing: the shares of each text over the joints should sum to 1.":
            to_query(text) @ to_key(skeleton).transpose(1, 2) * 6**-0.5 @ to_value(skeleton),
    })  # fmt: skip
    exercise.need(result.requires_grad, "no gradient flows: leave out .detach() and torch.no_grad().")
    result.sum().backward()
    for name, layer in zip(("to_query", "to_key", "to_value"), layers, strict=True):
        exercise.need(layer.weight.grad is not None and numbers(layer.weight.grad).any(), f"{name} gets no gradient.")
    exercise.passed("The text asks where to look, the skeleton answers, and its encoder gets the gradient.")
