"""CrossGLG: one class per box of the paper's figure.

Yan et al., "CrossGLG: LLM Guides One-shot Skeleton-based 3D Action Recognition in a Cross-level Manner", ECCV 2024.
The model sees texts only as tensors; at inference it sees none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex, SkeletonEncoder, weight_joints


@dataclass(frozen=True)
class CrossGLGOutput:
    """What the model makes of N clips.

    Attributes:
        logits: of the skeleton branch, `(N, K)`; None without a classifier.
        z: the representation, `(N, D_out)`.
        joint_features: final features of the joints, `(N, V, D)`, pooled over time and persons.
        joint_importance: k_out, `(N, V)`; None without global-to-local guidance.
        cross_modal_logits: of the cross-modal branch, `(N, K)`; None without text.
        attributes: logits of the attributes, `(N, A)`; None where the model predicts none. Not in the paper.
    """

    logits: Tensor | None
    z: Tensor
    joint_features: Tensor
    joint_importance: Tensor | None
    cross_modal_logits: Tensor | None
    attributes: Tensor | None = None


class JointImportanceModule(nn.Module):
    """JID: how much each joint matters for this clip, from the stem's features. Two linear layers, softmax over joints.

    Paper: CrossGLG, global-to-local. Inferred: the mean over the present persons, and a ReLU between the two layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, stem_features: Tensor, bodies: PersonIndex) -> Tensor:
        """stem_features: (B, D_pre, T', V). Returns k_out (N, V); rows sum to 1."""
        pooled = bodies.mean(stem_features.mean(2)).transpose(1, 2)  # (N, V, D_pre)
        return self.of_pooled(pooled)

    def of_pooled(self, pooled: Tensor) -> Tensor:
        """pooled: (N, V, D_pre), all that is looked at. Returns k_out (N, V)."""
        return self.score(pooled).squeeze(-1).softmax(-1)


class JointImportanceOverTime(JointImportanceModule):
    """JID with a softmax over joints at every time step, or in each of `parts` equal parts of the clip.

    Differs from the paper, whose importance is one for the clip; k_out of the clip is the mean over time.
    """

    def __init__(self, width: int, parts: int = 0) -> None:
        super().__init__(width)
        self.parts = parts

    def forward(self, stem_features: Tensor, bodies: PersonIndex) -> Tensor:
        """stem_features: (B, D_pre, T', V). Returns (N, S, V), S = parts or T'; rows sum to 1."""
        pooled = bodies.mean(stem_features)
        if self.parts:
            pooled = F.adaptive_avg_pool2d(pooled, (self.parts, pooled.shape[3]))
        return self.of_pooled(pooled.permute(0, 2, 3, 1))


class CrossModalInteraction(nn.Module):
    """Joint texts and joint features → cross-modal global representation. Training only.

    Paper: CrossGLG, local-to-global. Inferred: a learned place per joint added to both, so that left and right, which
    text encoders hardly separate, stay apart; mean pooling; four attention heads; pre-normalization.
    """

    def __init__(self, width: int, out: int, text_width: int, joints: int, blocks: int, inner: int = 128) -> None:
        super().__init__()
        self.project_text = nn.Linear(text_width, inner)
        self.project_skeleton = nn.Linear(width, inner)
        self.place = nn.Parameter(torch.randn(joints, inner) * 0.02)
        self.blocks = nn.ModuleList(InteractionBlock(inner) for _ in range(blocks))
        self.out = nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, out))

    def forward(self, joint_features: Tensor, local_text: Tensor, attention: list[Attention] | None = None) -> Tensor:
        """joint_features: (N, V, D) pooled over time and persons;  local_text: (N, V, E). Returns z_text (N, D_out).

        attention: a list to which every block adds what it looked at.
        """
        text = self.project_text(local_text) + self.place
        skeleton = self.project_skeleton(joint_features) + self.place
        for block in self.blocks:
            if attention is None:
                text = block(text, skeleton)
            else:
                text, found = block(text, skeleton, return_attention=True)
                attention.append(found)
        return self.out(text.mean(1))


class InteractionBlock(nn.Module):
    """Three non-local interactions: text–text, text-guided skeleton, fusion. Paper: CrossGLG, local-to-global."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.text_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.skeleton_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.fuse = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.text_norm, self.query_norm, self.skeleton_norm = (nn.LayerNorm(width) for _ in range(3))

    def forward(
        self, text: Tensor, skeleton: Tensor, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Attention]:
        """text, skeleton: (N, V, W) → (N, V, W), and both attentions (N, heads, V, V), a row for each text."""
        how = {"need_weights": return_attention, "average_attn_weights": False}
        own = self.text_norm(text)
        received, among_texts = self.text_attention(own, own, own, **how)
        text = text + received
        seen = self.skeleton_norm(skeleton)
        guided, of_skeleton = self.skeleton_attention(self.query_norm(text), seen, seen, **how)
        fused = text + guided
        out = fused + self.fuse(fused)
        return (out, {"text → joint": of_skeleton, "text → text": among_texts}) if return_attention else out


def with_zeros(x: Tensor, person_mask: Tensor | None, persons: int) -> Tensor:
    """x (N, M, T, V, C) with zeros in the place of absent persons, for so many persons."""
    if person_mask is not None:
        x = torch.where(person_mask[:, :, None, None, None], x, 0.0)
    return F.pad(x, (0, 0, 0, 0, 0, 0, 0, persons - x.shape[1]))


class CrossGLG(nn.Module):
    """A skeleton encoder guided by text while it learns: dual branch, one shared classifier.

    Args:
        encoder: the skeleton branch's encoder, its blocks split in two by `importance_after_block`.
        num_classes: K, classes of the shared classifier; 0: no classifier, for objectives that compare representations.
        joint_importance: predicts k_out (JID); None: no global-to-local guidance.
        cross_modal: the branch that meets texts; None: no local-to-global guidance, or removed, as at inference.
        importance_after_block: N_pre, from 1; with all blocks, joints are weighted only when they are pooled. 0: as the
            encoder recommends.
        scale_importance: weight joints by V · k_out, so that uniform importance changes nothing.
        importance_share: weight them by so much of k_out, 0…1, the rest uniform. Not in the paper, where it is 1.
        dropout: before the classifier, 0…1.
        persons_with_zeros: above 0, every clip has so many persons and absent ones are zeros, as in published code.
        num_attributes: A, attributes that are predicted from z; 0: none. Not in the paper.

    Raises:
        ValueError: the encoder has no such block.

    Source: CrossGLG (ECCV 2024), section 3.
    """

    def __init__(
        self,
        encoder: SkeletonEncoder,
        num_classes: int,
        joint_importance: JointImportanceModule | None = None,
        cross_modal: CrossModalInteraction | None = None,
        importance_after_block: int = 0,
        scale_importance: bool = True,
        importance_share: float = 1.0,
        dropout: float = 0.0,
        persons_with_zeros: int = 0,
        num_attributes: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.persons_with_zeros = persons_with_zeros
        self.joint_importance = joint_importance
        self.cross_modal = cross_modal
        self.importance_after_block = importance_after_block or encoder.importance_after_block
        if not 1 <= self.importance_after_block <= len(encoder.blocks):
            raise ValueError(
                f"importance_after_block={self.importance_after_block} must lie between 1 and {len(encoder.blocks)}, "
                f"the number of blocks: importance is read from what they give"
            )
        self.scale_importance, self.importance_share = scale_importance, importance_share
        self.classifier: nn.Sequential | None = None
        if num_classes:
            linear = nn.Linear(encoder.out_features, num_classes)
            encoder.start_classifier(linear)
            self.classifier = nn.Sequential(nn.Dropout(dropout), linear)
        self.attributes = nn.Linear(encoder.out_features, num_attributes) if num_attributes else None

    def forward(
        self,
        x: Tensor,
        person_mask: Tensor | PersonIndex,
        local_text: Tensor | None = None,
        joint_of: Tensor | None = None,
    ) -> CrossGLGOutput:
        """x: (N, M, T, V, C);  person_mask: (N, M);  local_text: (N, V, E) of each clip's class, training only.

        joint_of: (N, V), which joint of the clip is the one that the texts call v, other than v in a mirrored clip;
        then joint features and joint importance too are in the order of the texts.
        """
        joints, importance = self.joint_features(x, person_mask)
        z = self.represent(joints)
        if joint_of is not None:
            joints = joints.take_along_dim(joint_of[..., None], 1)
            importance = None if importance is None else importance.take_along_dim(joint_of, 1)
        logits = cross_modal_logits = None
        if self.classifier is not None and self.cross_modal is not None and local_text is not None:
            cross_modal_logits = self.classifier(self.cross_modal(joints, local_text))
        if self.classifier is not None:
            logits = self.classifier(z)
        attributes = None if self.attributes is None else self.attributes(z)
        return CrossGLGOutput(logits, z, joints, importance, cross_modal_logits, attributes)

    def joint_features(
        self, x: Tensor, person_mask: Tensor | PersonIndex | None = None, attention: list[Attention] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Final joint features (N, V, D), pooled over time and persons, and k_out (N, V) or None.

        attention: a list to which every block adds what it looked at.
        """
        feat, importance, bodies = self.block_features(x, person_mask, attention=attention)
        return bodies.mean(feat.mean(2)).transpose(1, 2), importance

    def block_features(
        self,
        x: Tensor,
        person_mask: Tensor | PersonIndex | None = None,
        blocks: int | None = None,
        attention: list[Attention] | None = None,
    ) -> tuple[Tensor, Tensor | None, PersonIndex]:
        """What the first `blocks` blocks (None: all) give, (B, D, T', V), k_out (N, V) if it is known by then, and whom
        the B rows belong to. attention: a list to which every block adds what it looked at."""
        if self.persons_with_zeros:  # as published, and always by a mask
            x, person_mask = with_zeros(x, cast(Tensor | None, person_mask), self.persons_with_zeros), None
        bodies, split = PersonIndex.in_clips(x, person_mask), self.importance_after_block
        feat = self.encoder.input(x, bodies)
        if blocks is not None and blocks <= split:
            return self.encoder.run_blocks(feat, 0, blocks, attention=attention), None, bodies
        feat = self.encoder.run_blocks(feat, 0, split, attention=attention)
        importance, weight = None, None
        if self.joint_importance is not None:
            importance = self.joint_importance(feat, bodies)  # (N, V), or (N, S, V) over time
            joints, share = importance.shape[-1], self.importance_share
            weight = share * importance[bodies.clip] + (1.0 - share) / joints
            weight = weight * joints if self.scale_importance else weight
            importance = importance.mean(1) if importance.dim() == 3 else importance
        feat = self.encoder.run_blocks(feat, split, blocks, weight, attention)
        if split == len(self.encoder.blocks):
            feat = weight_joints(feat, weight)  # the weights of the pooling alone
        return feat, importance, bodies

    def embed(self, x: Tensor, person_mask: Tensor | None = None) -> Tensor:
        """The one-shot representation z (N, D): skeleton alone, no text, no cross-modal branch.

        person_mask None: everybody is there, and all shapes follow from that of x, as `torch.export` needs.
        """
        return self.represent(self.joint_features(x, person_mask)[0])

    def keep_classes(self, count: int) -> None:
        """Drop all classes of the classifier but the first `count`."""
        dropout, linear = cast(tuple[nn.Dropout, nn.Linear], tuple(cast(nn.Sequential, self.classifier)))
        kept = nn.Linear(linear.in_features, count).to(linear.weight)
        kept.load_state_dict({"weight": linear.weight[:count], "bias": linear.bias[:count]})
        self.classifier = nn.Sequential(dropout, kept)

    def represent(self, joint_features: Tensor) -> Tensor:
        """joint_features: (N, V, D), any number of joints. Returns the representation z (N, D_out)."""
        return self.encoder.head(joint_features.mean(1))

    def importance_over_time(self, x: Tensor, person_mask: Tensor | None = None) -> Tensor:
        """What joints are weighted by, (N, S, V): S time steps, one where importance is one for the clip."""
        feat, _, bodies = self.block_features(x, person_mask, self.importance_after_block)
        importance = cast(JointImportanceModule, self.joint_importance)(feat, bodies)
        return importance if importance.dim() == 3 else importance[:, None]

    def stem_features(self, x: Tensor, person_mask: Tensor | None) -> Tensor:
        """What joint importance is predicted from: the first blocks' features (N, V, D_pre), pooled as it does."""
        feat, _, bodies = self.block_features(x, person_mask, self.importance_after_block)
        return bodies.mean(feat.mean(2)).transpose(1, 2)
