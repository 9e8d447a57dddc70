"""The workshop: checks that help, exercise notebooks made from solutions, notebooks that run."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support import small_run
from torch import nn

from crossglg import losses, workshop
from crossglg.cli import main
from crossglg.cli.teaching import workshop as workshop_command
from crossglg.config import HELP
from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.encoders.graph import EncodingBlock
from crossglg.explain.attention import received, rollout
from crossglg.model import JointImportanceModule
from crossglg.one_shot import unit_rows
from crossglg.runs import pipeline
from crossglg.skeletons import get_layout, retarget_plan
from crossglg.text.descriptions import find_descriptions
from crossglg.text.key_joints import key_joint_target
from crossglg.text.prompts import load_prompt
from crossglg.text.quality import class_cosine
from crossglg.training import trained_model
from crossglg.workshop.feedback import Exercise
from crossglg.workshop.notebooks import BEGIN, STUB, exercise_notebook, solution_notebooks

FOLDER = Path(__file__).parents[2] / "notebooks" / "workshop"
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))
EXERCISES = [FOLDER / path.name for path in SOLUTIONS]

# --- session 1


def nearest(query, exemplar):
    return (unit_rows(query) @ unit_rows(exemplar).T).argmax(1)


def accuracy(z, label, draw, query=None):
    query = [i for i in range(len(z)) if label[i] in label[draw] and i not in draw] if query is None else query
    return np.mean(label[draw][nearest(z[query], z[draw])] == label[query])


def by_nearest(z, label, draw, called):
    """What comes out where `called` says which class the exemplar of a number has."""
    query = [i for i in range(len(z)) if label[i] in label[draw] and i not in draw]
    return np.mean(called(nearest(z[query], z[draw])) == label[query])


def honest(z, label, novel, episodes, learn, base=None):
    base = [i for i in range(len(z)) if label[i] not in novel] if base is None else base
    return [accuracy(learn(z[base], label[base])(z), label, draw) for draw in episodes]


def in_place(clip, layout):
    clip -= clip[0, [layout.index("left hip"), layout.index("right hip")]].mean(0)
    return clip


def by_number(clip, source, target):
    out = np.zeros((len(clip), target.num_joints, 3))
    shared = min(source.num_joints, target.num_joints)
    out[:, :shared] = clip[:, :shared]
    return out


def by_name(clip, source, target, order=None, parents=True):
    out = np.zeros((len(clip), target.num_joints, 3))
    for j in np.argsort(target.depth) if order is None else order(target):
        if source.has(target.joints[j]):
            out[:, j] = clip[:, source.index(target.joints[j])]
        elif parents:
            out[:, j] = out[:, target.parents[j]]
    return out


def recursive(clip, source, target):
    def of(j):
        return source.index(target.joints[j]) if source.has(target.joints[j]) else of(target.parents[j])

    return clip[:, [of(j) for j in range(target.num_joints)]]


HIPS = ("left hip", "right hip")
WRONG_1 = [
    (workshop.check_center, lambda clip, layout: ..., "not solved yet: it returns nothing"),
    (workshop.check_center, lambda clip, layout: None, "three dots"),
    (workshop.check_center, ..., "not solved yet"),
    (workshop.check_center, "clip - hips", "a function was expected"),
    (workshop.check_center, lambda clip, layout: clip, "nothing moved"),
    (workshop.check_center, lambda clip, layout: clip[0], r"shape \(25, 3\); \(T, V, 3\) = \(7, 25, 3\)"),
    (workshop.check_center, lambda clip, layout: clip - clip[:, [12, 16]].mean(1, keepdims=True), "every frame"),
    (workshop.check_center, lambda clip, layout: clip - clip[0, 12], "that is one hip"),
    (workshop.check_center, lambda clip, layout: clip - clip[0, [12, 16]].mean(0), "hips of ntu25 only"),
    (workshop.check_center, lambda clip, layout: clip - clip[0, layout.index("base of spine")], "base of the spine"),
    (workshop.check_center, lambda clip, layout: clip - clip[0, layout.root_index], "the root of the layout"),
    (workshop.check_center, lambda clip, layout: clip * np.nan, "not finite"),
    (workshop.check_center, lambda clip, layout: clip - 1, "shape fits, the numbers do not"),
    (workshop.check_center, lambda clip, layout: clip[99], r"stops with IndexError: index 99.*line \d+: "),
    (workshop.check_center, lambda clip: clip, "stops with TypeError"),
    (workshop.check_center, in_place, "changes the array"),
    (workshop.check_retarget, by_number, "the joint of the same number.*Go by name"),
    (workshop.check_retarget, lambda clip, source, target: clip, r"\(T, V, 3\) = \(6, 24, 3\).*each of the 24 joints"),
    (workshop.check_retarget, lambda c, s, t: by_name(c, s, t, parents=False), "lie on its parent"),
    (workshop.check_retarget, lambda c, s, t: by_name(c, s, t, order=lambda t: range(t.num_joints)), "outwards"),
    (workshop.check_retarget, lambda c, s, t: c[:, [s.index(name) for name in t.joints]], "source.has"),
    (workshop.check_retarget, lambda c, s, t: c[:, [s.joints.index(name) for name in t.joints]], "source.has"),
    (workshop.check_nearest_exemplar, lambda q, e: (unit_rows(q) @ unit_rows(e).T).argmin(1), "least similar"),
    (workshop.check_nearest_exemplar, lambda q, e: (unit_rows(q) @ unit_rows(e).T).argmax(0), "argmax over exemplars"),
    (workshop.check_nearest_exemplar, lambda q, e: (q @ e.T).argmax(1), "wins by its length"),
    (workshop.check_nearest_exemplar, lambda q, e: (unit_rows(q.T).T @ unit_rows(e.T)).argmax(1), "wrong axis"),
    (workshop.check_nearest_exemplar, lambda q, e: ((q[:, None] - e) ** 2).sum(-1).argmin(1), "Euclidean"),
    (workshop.check_accuracy, lambda z, y, d: accuracy(z, y, d, np.flatnonzero(np.isin(y, y[d]))), "finds itself"),
    (workshop.check_accuracy, lambda z, y, d: accuracy(z, y, d, np.setdiff1d(range(len(z)), d)), "without an exemplar"),
    (workshop.check_accuracy, lambda z, y, d: 100 * accuracy(z, y, d), "percentage"),
    (workshop.check_accuracy, lambda z, y, d: 1 - accuracy(z, y, d), "errors"),
    (workshop.check_accuracy, lambda z, y, d: by_nearest(z, y, d, lambda k: k), "number of the nearest exemplar"),
    (workshop.check_accuracy, lambda z, y, d: by_nearest(z, y, d, lambda k: y[k]), r"exemplar k is label\[draw"),
    (workshop.check_accuracy, lambda z, y, d: nearest(z, z[d]) == y, "one number"),
    (workshop.check_honest_accuracy, lambda *a: honest(*a, base=slice(None)), "a leak: learn was shown clips of class"),
    (workshop.check_honest_accuracy, lambda *a: np.max(honest(*a)), "lucky draw"),
    (workshop.check_honest_accuracy, lambda z, y, n, d, learn: [accuracy(z, y, i) for i in d], "never called"),
    (workshop.check_honest_accuracy, lambda z, y, n, d, learn: honest(z, y, n, d, lambda a, b: learn(a, b) and
                                                                     (lambda x: x)), "not the learned ones"),
]  # fmt: skip
RIGHT_1 = [
    (workshop.check_center, lambda c, lay: c - (c[0, lay.index(HIPS[0])] + c[0, lay.index(HIPS[1])])[None, None] / 2),
    (workshop.check_retarget, by_name),
    (workshop.check_retarget, recursive),
    (workshop.check_nearest_exemplar, nearest),
    (workshop.check_nearest_exemplar, lambda q, e: [max(range(len(e)), key=lambda k: i @ unit_rows(e)[k]) for i in q]),
    (workshop.check_accuracy, accuracy),
    (workshop.check_honest_accuracy, honest),
]

# --- session 2

LAYOUT = get_layout("ntu25")
PROMPT = load_prompt("global").template


def cosines(local):
    rows = unit_rows(local.reshape(len(local), -1))
    return rows @ rows.T


def one_hot(names, layout, add=False, keep=True):
    target = np.zeros(layout.num_joints)
    for joint in names:
        if layout.has(joint):
            target[layout.index(joint)] = target[layout.index(joint)] + 1 if add else 1
    return target if keep or target.any() else target + 1


def divided(values):
    return values / max(values.sum(), 1e-9)


WRONG_2 = [
    (workshop.check_global_prompt, (...,), "not solved yet"),
    (workshop.check_global_prompt, (PROMPT.replace("{{ action }}", "hand waving"),), "does not name the action"),
    (workshop.check_global_prompt, (PROMPT.replace("{{ action }}", "{{ acton }}"),), "may use action and joints"),
    (
        workshop.check_global_prompt,
        ("How does {{ action }} go?",),
        "cannot know that the skeleton has a 'base of spine'",
    ),
    (workshop.check_global_prompt, (PROMPT.replace("JSON", "care"),), "Ask for JSON"),
    (workshop.check_global_prompt, (PROMPT.replace('"key_joints"', '"joints"'),), 'lacks the entry "key_joints"'),
    (workshop.check_global_prompt, (re.sub("side|right-handed", "", PROMPT),), "either hand"),
    (workshop.check_global_prompt, (PROMPT + "Please. " * 300,), "half of them"),
    (workshop.check_key_joint_target, (one_hot,), "sums to 1"),
    (workshop.check_key_joint_target, (lambda n, lay: divided(one_hot(n, lay, add=True)),), "named twice"),
    (workshop.check_key_joint_target, (lambda n, lay: divided(one_hot(n, lay)),), "weigh all joints alike"),
    (workshop.check_key_joint_target, (lambda n, lay: np.ones(len(n)) / len(n),), "each joint of the layout"),
    (workshop.check_key_joint_target, (lambda n, lay: divided(np.isin(lay.joints, n) * 1.0),), "synonyms"),
    (workshop.check_key_joint_target, (lambda n, lay: [lay.index(joint) for joint in n],), "(V,)"),
    (
        workshop.check_class_cosine,
        (cosines,),
        "look alike",
    ),
    (workshop.check_class_cosine, (lambda x: cosines(x - x.mean()),), "one number"),
    (workshop.check_class_cosine, (lambda x: (y := (x - x.mean(0)).reshape(6, -1)) @ y.T,), "diagonal is not 1"),
    (workshop.check_class_cosine, (lambda x: (y := unit_rows((x - x.mean(0)).reshape(6, -1).T).T) @ y.T,), "axis 0"),
    (workshop.check_class_cosine, (lambda x: (y := unit_rows((x - x.mean(0)).mean(1))) @ y.T,), "averaged away"),
    (workshop.check_sentences, (..., ...), "not solved yet"),
    (workshop.check_sentences, ("The hand waves.", "The hand waves."), "two sentences"),
    (workshop.check_sentences, (("The hand waves fast.", "the hand waves fast!"), ...), "same words twice"),
    (workshop.check_sentences, (("Waves.", "Rests."), ...), "four words"),
]
NEAR = ("The right hand moves from left to right.", "The right hand moves from right to left.")
FAR = ("The hips sink backwards onto the seat.", "The trunk leans forwards and the legs push the body up.")

# --- session 3


class Importance(nn.Module):
    """The right one, with a place for each typical mistake."""

    axis, over_time, relu, squeeze = -1, staticmethod(lambda x: x.mean(2)), True, True

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, 1)

    def scores(self, pooled):
        hidden = self.first(pooled)
        return self.second(hidden.relu() if self.relu else hidden)

    def forward(self, stem_features, bodies):
        scores = self.scores(bodies.mean(self.over_time(stem_features)).transpose(1, 2))
        return (scores.squeeze(-1) if self.squeeze else scores).softmax(self.axis)


def variant(**changes):
    return type("Variant", (Importance,), changes)


class Empty(nn.Module):
    def __init__(self, width):
        super().__init__()


def detached(self, stem_features, bodies):
    return Importance.forward(self, stem_features, bodies).detach()


def no_softmax(self, stem_features, bodies):
    return self.scores(bodies.mean(stem_features.mean(2)).transpose(1, 2)).squeeze(-1)


def block(feat, spatial, temporal, residual, weight, before=False, after=False, both=False, relu=True):
    w = torch.ones(()) if weight is None else weight[:, None, None, :]
    mixed = spatial(feat * w) if before else spatial(feat) if after else spatial(feat) * w
    out = temporal(mixed) * (w if after else 1) + residual(feat) * (w if both else 1)
    return out.relu() if relu else out


def attention(queries, others, values, axis=-1, scale=None):
    def attend(text, skeleton, to_query, to_key, to_value):
        given = {"text": text, "skeleton": skeleton}
        scores = to_query(given[queries]) @ to_key(given[others]).transpose(1, 2) / (scale or 6**0.5)
        return scores.softmax(axis) @ to_value(given[values])

    return attend


def multi_head(text, skeleton, to_query, to_key, to_value):
    return nn.functional.scaled_dot_product_attention(to_query(text), to_key(skeleton), to_value(skeleton))


def mse(factor, reduce=torch.mean):
    return lambda k_out, k_gt: reduce((k_out - k_gt) ** 2) * factor


WRONG_3 = [
    (workshop.check_joint_importance, ..., "not solved yet"),
    (workshop.check_joint_importance, lambda width: None, "subclass of nn.Module"),
    (workshop.check_joint_importance, Empty, "no layers"),
    (workshop.check_joint_importance, variant(forward=lambda self, feat, bodies: ...), "three dots"),
    (workshop.check_joint_importance, variant(axis=0), "softmax runs over clips"),
    (workshop.check_joint_importance, variant(forward=no_softmax), "negative"),
    (workshop.check_joint_importance, variant(squeeze=False), r"\(N, V\) = \(3, 11\).*\.squeeze"),
    (workshop.check_joint_importance, variant(relu=False), "only one: put a nn.ReLU"),
    (workshop.check_joint_importance, variant(over_time=staticmethod(lambda x: x.sum(2))), "mean over time"),
    (workshop.check_joint_importance, variant(over_time=staticmethod(lambda x: x[:, :, 0])), "mean over time"),
    (workshop.check_joint_importance, variant(forward=detached), "no gradient flows"),
    (workshop.check_joint_importance, variant(scores=lambda self, x: self.second(x.relu())), "first.weight"),
    (workshop.check_calibration_loss, lambda k_out, k_gt: ..., "not solved yet"),
    (workshop.check_calibration_loss, mse(1), r"V\^?² times smaller"),
    (workshop.check_calibration_loss, mse(7), "squared with the difference"),
    (workshop.check_calibration_loss, mse(49, torch.sum), "that is the sum; take the mean"),
    (workshop.check_calibration_loss, lambda k_out, k_gt: 49 * (k_out - k_gt) ** 2, "scalar"),
    (workshop.check_calibration_loss, lambda k_out, k_gt: 7 * (k_out - k_gt).abs().mean(), "absolute"),
    (workshop.check_calibration_loss, lambda k_out, k_gt: -(k_gt * k_out.log()).sum(1).mean(), "cross-entropy"),
    (workshop.check_calibration_loss, lambda k_out, k_gt: mse(49)(k_out, k_gt).item(), "no gradient"),
    (workshop.check_block, lambda *args: block(*args, before=True), "before the spatial interaction"),
    (workshop.check_block, lambda *args: block(*args, after=True), "after the temporal"),
    (workshop.check_block, lambda *args: block(*args, both=True), "residual is weighted too"),
    (workshop.check_block, lambda *args: block(*args, relu=False), "final ReLU"),
    (workshop.check_block, lambda *args: block(*args[:4], None), "the weight changes nothing"),
    (workshop.check_block, lambda f, s, t, r, w: t(s(f)).relu(), "residual is missing"),
    (workshop.check_block, lambda f, s, t, r, w: (t(s(f) * w[:, None, None, :]) + r(f)).relu(), "NoneType"),
    (workshop.check_cross_attention, attention("skeleton", "text", "text"), "the skeleton asks and the text answers"),
    (workshop.check_cross_attention, attention("text", "text", "text"), "never looks at the skeleton"),
    (workshop.check_cross_attention, attention("text", "skeleton", "text"), "values come from the text"),
    (workshop.check_cross_attention, attention("text", "skeleton", "skeleton", axis=1), "over the queries"),
    (workshop.check_cross_attention, attention("text", "skeleton", "skeleton", scale=1.0), "square root of W, or"),
    (workshop.check_cross_attention, lambda *a: attention("text", "skeleton", "skeleton")(*a).detach(), "no gradient"),
]  # fmt: skip
RIGHT_3 = [
    (workshop.check_joint_importance, Importance),
    (workshop.check_joint_importance, JointImportanceModule),
    (workshop.check_calibration_loss, losses.calibration_loss),
    (workshop.check_calibration_loss, lambda k_out, k_gt: nn.functional.mse_loss(7 * k_out, 7 * k_gt)),
    (workshop.check_block, block),
    (workshop.check_cross_attention, attention("text", "skeleton", "skeleton")),
    (workshop.check_cross_attention, multi_head),
]

# --- session 4


def shuffled(bank, order, targets=None):
    targets = order if targets is None else targets
    return replace(bank, local=bank.local[order], key_joint_target=bank.key_joint_target[targets])


def rolled(bank, seed):
    return shuffled(bank, np.roll(np.arange(8), seed + 1))


def steps(clip, layout, root=True):
    relative = clip - clip[:, [layout.root_index]] if root else clip
    return np.linalg.norm(relative[1:] - relative[:-1], axis=2)


def occlusion(clip, embed, layout, hide="freeze", afresh=True):
    root, hidden, z = clip[:, layout.root_index], clip.copy(), [embed(clip[None])[0]]
    for j in range(layout.num_joints):
        hidden = clip.copy() if afresh else hidden
        hidden[:, j] = {"freeze": root + clip[0, j] - root[0], "zero": 0, "nail": clip[0, j]}[hide]
        z.append(embed(hidden[None])[0])
    return 1 - unit_rows(np.stack(z[1:])) @ unit_rows(z[0])


def pairs(importance, matters, tie=0.5):
    better = [(a > b) + tie * (a == b) for a in importance[matters] for b in importance[~matters]]
    return sum(better) / len(better)


CLAIMS = dict.fromkeys("abde", False) | dict.fromkeys("cf", True)
WRONG_4 = [
    (workshop.check_shuffled, lambda bank, seed: bank, "every class still has its own"),
    (workshop.check_shuffled, lambda bank, seed: bank.local[[1, 0]], "TextBank was expected"),
    (workshop.check_shuffled, lambda b, s: shuffled(b, np.random.default_rng(s).permutation(8)), "kept its own texts"),
    (workshop.check_shuffled, lambda b, s: shuffled(b, [*range(1, 8), 0], [7, *range(7)]), "one order for both"),
    (workshop.check_shuffled, lambda b, s: shuffled(b, [1, 0, 1, 0, 1, 0, 1, 0]), "used twice"),
    (workshop.check_shuffled, lambda b, s: replace(b, local=b.local.flip(1)), "joints stay in place"),
    (workshop.check_shuffled, lambda b, s: replace(rolled(b, s), classes=b.classes[::-1]), "names stay"),
    (workshop.check_motion_energy, lambda c, lay: steps(c, lay).sum(0), "should sum to 1"),
    (workshop.check_motion_energy, lambda c, lay: divided(steps(c, lay, root=False).sum(0)), "whoever walks"),
    (workshop.check_motion_energy, lambda c, lay: steps(c, lay).sum(1), "Add up over time"),
    (workshop.check_motion_energy, lambda c, lay: divided((steps(c, lay) ** 2).sum(0)), "squared"),
    (workshop.check_auc, lambda k, m: pairs(k, m, tie=0), "ties count as lost"),
    (workshop.check_auc, lambda k, m: pairs(k, m, tie=1), "ties count as won"),
    (workshop.check_auc, lambda k, m: 1 - pairs(k, m), "turn the comparison round"),
    (workshop.check_auc, lambda k, m: k[m][:, None] > k[~m], "A share of pairs"),
    (workshop.check_occlusion, lambda *a: 1 - occlusion(*a), "1 − cosine"),
    (workshop.check_occlusion, lambda *a: occlusion(*a, hide="zero"), "thrown far away"),
    (workshop.check_occlusion, lambda *a: occlusion(*a, hide="nail"), "stays behind"),
    (workshop.check_occlusion, lambda *a: occlusion(*a, afresh=False), "fresh copy"),
    (workshop.check_occlusion, lambda clip, embed, layout: embed(clip), r"one clip is clip\[None\]"),
    (workshop.check_claims, ..., "not solved yet"),
    (workshop.check_claims, True, "give a dict of a, b, c, d, e, f"),
    (workshop.check_claims, CLAIMS | {"a": True}, "think again about a: .*wrong texts"),
    (workshop.check_claims, CLAIMS | {"f": None}, "not solved yet"),
]  # fmt: skip
RIGHT_4 = [
    (workshop.check_shuffled, rolled),
    (workshop.check_motion_energy, lambda c, lay: divided(steps(c, lay).mean(0))),
    (workshop.check_auc, pairs),
    (workshop.check_occlusion, occlusion),
    (workshop.check_claims, CLAIMS),
]

# --- session 5


def through(blocks, own=0.5, of_map=0.5, later_left=True):
    total = np.eye(len(blocks[0]))
    for block in blocks:
        mixed = of_map * block + own * np.eye(len(block))
        total = mixed @ total if later_left else total @ mixed
    return total


def alike(a, b, cells=lambda size: ~np.eye(size, dtype=bool)):
    return np.corrcoef(a[cells(len(a))], b[cells(len(b))])[0, 1]


def cosine_of(a, b):
    return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


SAYS = dict.fromkeys("ae", True) | dict.fromkeys("bcd", False)
WRONG_5 = [
    (workshop.check_received, lambda x: ..., "not solved yet"),
    (workshop.check_received, lambda x: x.mean((0, 1, 3)), "every joint gets 1/V"),
    (workshop.check_received, lambda x: x.sum(3).mean((0, 1)), "every joint gets 1: "),
    (workshop.check_received, lambda x: x.mean((0, 1)).sum(0), "sum over the rows"),
    (workshop.check_received, lambda x: x.sum((0, 1, 2)), "time and heads as well"),
    (workshop.check_received, lambda x: x[0].mean((0, 1)), "over time too"),
    (workshop.check_received, lambda x: x[:, 0].mean((0, 1)), "over heads too"),
    (workshop.check_received, lambda x: x.mean((0, 1)), "One number for each joint"),
    (workshop.check_rollout, lambda x: through(x, own=0, of_map=1), "keeps half of every joint"),
    (workshop.check_rollout, lambda x: through(x, later_left=False), "first block comes last in your product; "),
    (workshop.check_rollout, lambda x: through(x, 0, 1, later_left=False), "and the shortcut is missing"),
    (workshop.check_rollout, lambda x: through(x, own=1, of_map=1), "add up to 8"),
    (workshop.check_rollout, lambda x: through(x[-1:]), "last block alone"),
    (workshop.check_rollout, lambda x: np.mean([through([block]) for block in x], axis=0), "mean of the blocks"),
    (workshop.check_rollout, lambda x: np.prod([through([block]) for block in x], axis=0), "cell by cell"),
    (workshop.check_alike, lambda a, b: alike(a, b, lambda v: np.ones((v, v), dtype=bool)), "diagonal counts too"),
    (workshop.check_alike, lambda a, b: alike(a, b, lambda v: np.tri(v, k=-1, dtype=bool).T), "half of the map"),
    (workshop.check_alike, lambda a, b: cosine_of(*((x - np.diag(np.diag(x))) for x in (a, b))), "mean is not taken"),
    (workshop.check_alike, lambda a, b: np.corrcoef(a[a < 1], b[a < 1]), r"2 × 2; take its entry \[0, 1\]"),
    (workshop.check_alike, lambda a, b: np.abs(a - b)[~np.eye(6, dtype=bool)].mean(), "mean difference"),
    (workshop.check_what_attention_says, ..., "not solved yet"),
    (workshop.check_what_attention_says, SAYS | {"c": True}, "think again about c: .*at random"),
]
RIGHT_5 = [
    (workshop.check_received, lambda x: received(x[None]).mean((0, 1))),
    (workshop.check_rollout, through),
    (workshop.check_rollout, lambda x: rollout([block[None, None, None] for block in x])[0]),
    (workshop.check_alike, alike),
    (workshop.check_what_attention_says, SAYS),
]


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG_1 + WRONG_3 + WRONG_4 + WRONG_5)
def test_a_wrong_answer_is_rejected_with_its_hint(check: Callable, answer: Any, hint: str) -> None:
    with pytest.raises(workshop.Unsolved, match=rf"(?s)^Exercise \d\.\d \(.+\): .*{hint}"):
        check(answer)


@pytest.mark.parametrize(("check", "answers", "hint"), WRONG_2)
def test_a_wrong_text_answer_is_rejected_with_its_hint(check: Callable, answers: tuple, hint: str) -> None:
    with pytest.raises(workshop.Unsolved, match=rf"(?s)^Exercise 2\.\d \(.+\): .*{hint}"):
        check(*answers)


@pytest.mark.parametrize(("check", "answer"), RIGHT_1 + RIGHT_3 + RIGHT_4 + RIGHT_5)
def test_other_right_answers_are_accepted(check: Callable, answer: Any, capsys: pytest.CaptureFixture) -> None:
    check(answer)
    assert re.match(r"✓ \d\.\d \w+: right\. .+\n$", capsys.readouterr().out)


def test_right_text_answers_are_accepted(capsys: pytest.CaptureFixture) -> None:
    workshop.check_global_prompt(PROMPT)
    workshop.check_class_cosine(class_cosine)
    workshop.check_sentences(NEAR, FAR)
    assert capsys.readouterr().out.count("✓") == 3


def test_k_gt_of_the_package_is_accepted(capsys: pytest.CaptureFixture) -> None:
    workshop.check_key_joint_target(key_joint_target)
    workshop.check_key_joint_target(lambda names, layout: divided(one_hot(names, layout, keep=False)))
    assert capsys.readouterr().out.count("✓") == 2


def test_sentences_too_far_or_too_near_are_sent_back_with_their_cosine() -> None:
    with pytest.raises(workshop.Unsolved, match=r"same: cosine 0\.\d+, the encoder tells them apart"):
        workshop.check_sentences(FAR, NEAR)
    with pytest.raises(workshop.Unsolved, match=r"apart: cosine 0\.99\d, still too close"):
        workshop.check_sentences(NEAR, NEAR)


def test_most_similar_pair() -> None:
    described = find_descriptions(("reading", "hand waving", "take off a shoe", "jump up", "wear a shoe"), LAYOUT)
    for pair, hint in (
        (None, "not solved yet"),
        ("reading", "two names of actions were expected"),
        (("reading", "readin"), "no action 'readin'; did you mean 'reading'"),
        (("reading", "reading"), "leave the diagonal out"),
        (("reading", "hand waving"), "pairs are more similar"),
    ):
        with pytest.raises(workshop.Unsolved, match=hint):
            workshop.check_most_similar(pair, described)
    workshop.check_most_similar(["take off a shoe", "wear a shoe"], described)


@pytest.mark.parametrize("check", [workshop.check_accuracy, workshop.check_auc, workshop.check_alike])
def test_where_one_number_is_asked_for_no_two_answers_are_the_same(
    check: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a right hint would be given for another mistake."""
    asked: list[list[float]] = []
    monkeypatch.setattr(
        Exercise, "same", lambda self, found, right, mistakes: asked.append([right, *mistakes.values()])
    )
    check(lambda *given: 0.5)
    assert asked
    for answers in asked:
        assert 0 < answers[0] < 1
        assert len(set(np.round(answers, 4))) == len(answers), answers


def test_unsolved_is_shown_as_one_sentence() -> None:
    with pytest.raises(workshop.Unsolved) as caught:
        workshop.check_auc(lambda importance, matters: None)
    assert caught.value._render_traceback_() == [f"✗ {caught.value}"]


def test_retargeting_in_the_exercise_meets_copies_and_parents_but_the_order_matters() -> None:
    """The check's pairs of layouts hold what the exercise is about."""
    plan = retarget_plan(get_layout("kinect20"), LAYOUT)
    assert [plan[joint][0] for joint in ("left hand tip", "left thumb")] == ["parent", "parent"]
    assert LAYOUT.parents[21] == 22, "a parent with a higher number than its child"


# --- notebooks


def cells_of(path: Path) -> list[nbformat.NotebookNode]:
    return nbformat.read(path, 4).cells


def test_exercises_are_made_from_the_solutions() -> None:
    assert len(SOLUTIONS) == 5 and [path.name for path in solution_notebooks()] == [path.name for path in SOLUTIONS]
    for solution, exercises in zip(SOLUTIONS, EXERCISES, strict=True):
        made = nbformat.writes(exercise_notebook(nbformat.read(solution, 4))) + "\n"
        assert exercises.read_text(encoding="utf-8") == made, "run: crossglg workshop notebooks/workshop --overwrite"


def test_exercises_hold_no_solution_but_the_folded_ones() -> None:
    for solution, exercises in zip(SOLUTIONS, EXERCISES, strict=True):
        number = sum("exercise" in cell.metadata.get("tags", []) for cell in cells_of(solution))
        assert number >= 4
        code = "\n".join(cell.source for cell in cells_of(exercises) if cell.cell_type == "code")
        assert code.count(STUB) >= number and BEGIN not in code
        folded = [cell.source for cell in cells_of(exercises) if cell.source.startswith("<details>")]
        assert len(folded) == number and not any(BEGIN in text or "workshop.check" in text for text in folded)


def test_every_check_is_used_once() -> None:
    used = re.findall(r"workshop\.(check_\w+)", "\n".join(cell.source for p in SOLUTIONS for cell in cells_of(p)))
    assert sorted(used) == sorted(name for name in dir(workshop) if name.startswith("check_"))


def test_a_cell_without_marks_is_refused() -> None:
    notebook = nbformat.read(SOLUTIONS[0], 4)
    cell = next(cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace("### END SOLUTION", "")
    with pytest.raises(ValueError, match=rf"exercise cell {cell.id} needs '### BEGIN SOLUTION'"):
        exercise_notebook(notebook)


def test_commands_are_printed_as_a_shell_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    workshop_command(tmp_path / "my workshop")
    printed = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == [["jupyter", "lab", str(tmp_path / "my workshop" / path.name)] for path in EXERCISES]


def test_command_writes_exercises_but_never_over_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["crossglg", "workshop", str(tmp_path), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0

    assert command() == 0
    assert [(tmp_path / path.name).read_bytes() for path in EXERCISES] == [path.read_bytes() for path in EXERCISES]
    assert f"jupyter lab {tmp_path / EXERCISES[0].name}" in capsys.readouterr().out
    (tmp_path / EXERCISES[1].name).write_text("answers")
    assert command() == 2
    assert "may hold answers" in capsys.readouterr().err
    assert (tmp_path / EXERCISES[1].name).read_text() == "answers"
    assert command("--overwrite") == 0
    assert (tmp_path / EXERCISES[1].name).read_bytes() == EXERCISES[1].read_bytes()


def test_the_pipeline_is_not_confused_by_the_subfolder() -> None:
    with pytest.raises(ValueError, match=r"no notebook '1_skeletons'; notebooks: 00_tour, (?!.*skeletons)"):
        pipeline.notebook_path("1_skeletons")


@pytest.mark.parametrize("path", [*SOLUTIONS, *EXERCISES], ids=lambda path: f"{path.parent.name}-{path.stem}")
class TestNotebookFile:
    def test_one_parameters_cell_of_settings(self, path: Path) -> None:
        (cell,) = [cell for cell in cells_of(path) if "parameters" in cell.metadata.get("tags", [])]
        for line in ast.parse(cell.source).body:
            assert isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            ast.literal_eval(line.value)
            assert f"  # {HELP[line.target.id]}" in cell.source

    def test_thin_and_clean(self, path: Path) -> None:
        for number, cell in enumerate(cell for cell in cells_of(path) if cell.cell_type == "code"):
            exercise = "exercise" in cell.metadata.get("tags", [])
            assert cell.execution_count == (number + 1 if path in SOLUTIONS else None)
            assert cell.source.count("\n") < 18, f"cell {number} is long"
            assert not re.search(r"^!|^%|except:|/(home|root)/", cell.source, re.M), f"cell {number}"
            assert exercise or not re.search(r"^\s*(class |def )", cell.source, re.M), f"cell {number} defines"
            assert not cell.outputs
            assert max(map(len, cell.source.splitlines())) <= 120

    def test_says_goals_and_minutes_and_ends_with_what_to_take_home(self, path: Path) -> None:
        cells = [cell.source for cell in cells_of(path) if cell.cell_type == "markdown"]
        (minutes,) = re.findall(r"\*\*After (\d+) minutes you can\*\*", cells[0])
        assert 30 <= int(minutes) <= 45
        assert sum(map(int, re.findall(r"\((\d+) minutes", cells[0]))) == int(minutes)
        assert "## To take home" in cells[-1]

    def test_kernel_is_the_plain_one(self, path: Path) -> None:
        assert nbformat.read(path, 4).metadata.kernelspec.name == "python3"


QUICK = {"epochs": 1, "frames": 8, "episodes": 4}


def run_cells(cells: list[nbformat.NotebookNode], patch: pytest.MonkeyPatch, folder: Path) -> dict[str, Exception]:
    """Run code cells in this process, which has loaded torch already; returns which failed, and how."""
    for place, name in (
        (trained_model, "JointImportanceModule"),
        (losses, "calibration_loss"),
        (EncodingBlock, "forward"),
    ):
        patch.setattr(place, name, getattr(place, name))  # session 3 swaps these; they come back after the test
    patch.setattr(tempfile, "tempdir", str(folder))
    failed: dict[str, Exception] = {}
    names: dict[str, Any] = {}
    for cell in cells:
        if cell.cell_type == "code":
            try:
                exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
            except Exception as error:
                failed[cell.id] = error
    return failed


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_run(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = small_run.write_parameterized(f"workshop/solutions/{path.stem}", QUICK, tmp_path / path.name)
    assert run_cells(cells_of(copy), monkeypatch, tmp_path) == {}


def names_in(cell: nbformat.NotebookNode, context: type[ast.expr_context]) -> set[str]:
    """The names that a code cell reads (ast.Load) or sets (ast.Store)."""
    if cell.cell_type != "code":
        return set()
    nodes = ast.walk(ast.parse(cell.source))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def test_session_1_takes_clips_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of other classes and fewer joints than those of the workshop."""
    clips = synthesize(seed=3, clips_per_action=4, actions=ACTIONS[:8]).retargeted(get_layout("kinect20"))
    own = replace(clips, class_names=tuple(f"my {name}" for name in clips.class_names), canonical_names=())
    values = QUICK | {"dataset": str(own.save(tmp_path / "own.npz"))}
    copy = small_run.write_parameterized(f"workshop/solutions/{SOLUTIONS[0].stem}", values, tmp_path / "copy.ipynb")
    assert run_cells(cells_of(copy), monkeypatch, tmp_path) == {}


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_unsolved_exercises_each_say_which_they_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = small_run.write_parameterized(f"workshop/{path.stem}", QUICK, tmp_path / path.name)
    cells = cells_of(copy)
    exercises = [cell.id for cell in cells if "exercise" in cell.metadata.get("tags", [])]
    begin = [cell.id for cell in cells].index(exercises[0])
    run: list[nbformat.NotebookNode] = []
    read: set[str] = set()
    for number, cell in reversed(list(enumerate(cells))):  # what no exercise needs takes seconds, and needs answers
        if number < begin or cell.id in exercises or names_in(cell, ast.Store) & read:
            run.insert(0, cell)
            read |= names_in(cell, ast.Load)
    failed = run_cells(run, monkeypatch, tmp_path)
    assert next(iter(failed)) == exercises[0], "nothing fails before the first exercise"
    for number, cell_id in enumerate(exercises, 1):
        assert isinstance(failed[cell_id], workshop.Unsolved), failed[cell_id]
        assert re.match(rf"Exercise {path.stem[0]}\.{number} \(.+\): .*not solved yet", str(failed[cell_id]))


def nbval(folder: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    words = ["--nbval-lax", "--nbval-cell-timeout=600", "-p", "no:cacheprovider", "-q", "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *words, "-c", os.devnull, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_unsolved_notebook_fails_in_jupyter_at_its_first_exercise_with_one_sentence() -> None:
    notebook = nbformat.read(EXERCISES[0], 4)
    with pytest.raises(CellExecutionError, match=r"✗ Exercise 1\.1 \(center\): not solved yet"):
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    (error,) = [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    assert error.traceback == [f"✗ {error.evalue}"]


@pytest.mark.slow
def test_all_solutions_pass_nbval_as_they_are_committed() -> None:
    done = nbval(FOLDER / "solutions", *SOLUTIONS)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.browser
def test_handout_prints_on_one_page(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={tmp_path / 'handout.pdf'}"]
    subprocess.run([chromium, *words, (FOLDER / "handout.html").as_uri()], check=True, capture_output=True)
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "handout.pdf").read_bytes())) == 1
