"""Kinder-Gator, one clip as csv: Timestamp (ms), then ShoulderLeftX … of 20 joints in meters, User-ID, Action.

Aloba et al., Kinder-Gator: the UF kinect database of child and adult motion, Eurographics 2018. Kinect v1 axes. A clip
starts with the subject in a T-pose, which is kept. "Other" means the side the subject does not prefer.
"""

from __future__ import annotations

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, one_clip, one_person, sdk_table
from crossglg.skeletons import get_layout

ACTIONS = {  # the words of the file name → the class
    "Raise-your-hand": "raise hand",
    "Raise-your-other-hand": "raise other hand",
    "Wave-your-hand": "wave hand",
    "Wave-your-other-hand": "wave other hand",
    "Bow": "bow",
    "Raise-your-arm-to-one-side": "raise arm to one side",
    "Raise-your-arm-to-the-other-side": "raise arm to the other side",
    "Bend-your-knee-while-raising-your-leg": "bend knee while raising leg",
    "Bend-your-other-knee-while-raising-your-leg": "bend other knee while raising leg",
    "Put-your-hands-on-your-hips-and-lean-to-the-side": "hands on hips and lean to the side",
    "Put-your-hands-on-your-hips-and-lean-to-the-other-side": "hands on hips and lean to the other side",
    "Put-your-hands-on-your-hips-and-twist": "hands on hips and twist",
    "Touch-your-toes": "touch toes",
    "Do-a-forward-lunge": "forward lunge",
    "Lift-your-leg-to-one-side": "lift leg to one side",
    "Lift-your-leg-to-the-other-side": "lift leg to the other side",
    "Walk-in-place": "walk in place",
    "Walk-in-place-as-fast-as-you-can": "walk in place fast",
    "Run-in-place": "run in place",
    "Run-in-place-as-fast-as-you-can": "run in place fast",
    "Jump": "jump",
    "Jump-as-high-as-you-can": "jump high",
    "Do-two-jumping-jacks": "jumping jacks",
    "Point-at-the-camera": "point at the camera",
    "Signal-someone-to-stop": "signal stop",
    "Signal-someone-to-come-here": "signal come here",
    "Draw-a-circle": "draw a circle in the air",
    "Draw-a-square": "draw a square in the air",
    "Draw-a-triangle": "draw a triangle in the air",
    "Push-an-imaginary-button-in-front-of-you": "push a button",
    "Swipe-across-an-imaginary-screen-in-front-of-you-from-right-to-left": "swipe right to left",
    "Swipe-across-an-imaginary-screen-in-front-of-you-from-left-to-right": "swipe left to right",
    "Fly-like-a-bird": "fly like a bird",
    "Fly-like-an-airplane": "fly like an airplane",
    "Swim": "swim",
    "Kick-a-ball": "kick a ball",
    "Kick-a-ball-as-far-as-you-can": "kick a ball far",
    "Kick-a-ball-with-the-other-leg": "kick a ball with other leg",
    "Kick-a-ball-as-far-as-you-can-with-the-other-leg": "kick a ball far with other leg",
    "Throw-a-ball-": "throw a ball",
    "Throw-a-ball-as-far-as-you-can": "throw a ball far",
    "Throw-a-ball-with-your-other-arm": "throw a ball with other arm",
    "Throw-a-ball-as-far-as-you-can-with-the-other-arm": "throw a ball far with other arm",
    "Punch": "punch",
    "Climb-and-imaginary-ladder": "climb a ladder",
    "Draw-the-letter-A": "draw the letter A in the air",
    "Draw-the-letter-C": "draw the letter C in the air",
    "Draw-the-letter-K": "draw the letter K in the air",
    "Draw-the-letter-M": "draw the letter M in the air",
    "Draw-the-letter-X": "draw the letter X in the air",
    "Make-the-letter-Y": "make the letter Y with the body",
    "Make-the-letter-M": "make the letter M with the body",
    "Make-the-letter-C": "make the letter C with the body",
    "Make-the-letter-A": "make the letter A with the body",
    "Make-the-letter-K": "make the letter K with the body",
    "Make-the-letter-P": "make the letter P with the body",
    "Make-the-letter-T": "make the letter T with the body",
    "Make-the-letter-X": "make the letter X with the body",
}


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format."""
    return one_person(sdk_table(content, get_layout("kinect20")))


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like POSE-p976_05-Bow-1466765913475.csv: subject, place in the session, action, time."""
    parts = name_parts(path, r"POSE-(p(\d+)_\d+-(.+)-\d+)\.csv", "POSE-p976_05-Bow-1466765913475.csv")
    if parts[3] not in ACTIONS:
        raise ValueError(f"the action {parts[3]!r} is not one of the set's {len(ACTIONS)}")
    return one_clip(path, parse, get_layout("kinect20"), parts[1], ACTIONS[parts[3]], int(parts[2]))


READER = Reader(
    about="Kinder-Gator (Aloba et al. 2018): 58 actions of 10 children and 10 adults, Kinect v1, one csv per clip",
    patterns=("POSE-*.csv",),
    read_file=read,
    steps=(NOBODY_DROPPED,),
    class_names=tuple(ACTIONS.values()),
)
