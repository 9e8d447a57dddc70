"""What the recorded sets call actions of NTU RGB+D, so that a class has one name where sets are joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crossglg.data.clips import SkeletonSet

# NTU RGB+D's name → the canonical name of the recorded sets for the same action, or for one that looks like it.
CANONICAL = {
    "drink water": "drink", "eat meal/snack": "eat", "brushing teeth": "brush teeth", "drop": "drop trash",
    "pickup": "pick up", "sitting down": "sit down", "standing up (from sitting position)": "stand up",
    "clapping": "clap", "reading": "read book", "writing": "write on paper", "wear jacket": "put on clothes",
    "take off jacket": "take off clothes", "wear a shoe": "tie shoelaces", "wear on glasses": "put on goggles",
    "hand waving": "wave one hand", "kicking something": "kick", "hopping (one foot jumping)": "jump",
    "jump up": "jump", "make a phone call/answer phone": "call on cellphone",
    "playing with phone/tablet": "play game", "typing on a keyboard": "use laptop",
    "pointing to something with finger": "point forward", "check time (from watch)": "read watch",
    "nod head/bow": "bow", "cross hands in front (say stop)": "cross arms",
    "touch head (headache)": "hands to the head", "shoot at the basket": "basketball shoot",
    "tennis bat swing": "tennis swing", "open bottle": "open a container", "open a box": "open a container",
    "squat down": "squat", "move heavy objects": "carry", "throw up cap/hat": "throw", "toss a coin": "throw",
    "hands up (both hands)": "raise both arms", "stretch oneself": "raise both arms", "arm circles": "rotate arms",
    "running on the spot": "run in place", "butt kicks (kick backward)": "run in place", "falling": "lie down",
    "cross toe touch": "touch toes",
}  # fmt: skip


def also_called(names: Iterable[str]) -> set[str]:
    """The names and their canonical ones, without capitals."""
    small = {name.casefold() for name in names}
    return small | {CANONICAL[name].casefold() for name in small & CANONICAL.keys()}


def with_canonical_names(clips: SkeletonSet) -> SkeletonSet:
    """Synthetic clips whose classes know their canonical names."""
    return replace(clips, canonical_names=tuple(CANONICAL.get(name, name) for name in clips.class_names))
