"""AlphaPose's results, one JSON for a clip: a list with an entry for each person in each image.

    [{"image_id": "0.jpg", "category_id": 1, "keypoints": [x, y, score, …], "score": 2.9, "idx": 1}, …]

By docs/output.md of MVIG-SJTU/AlphaPose: 17 joints of COCO, 26 of Halpe, 133 or 136 of the whole body, of which the
body's 17 or 26 come first. Images are in the order of the numbers in their names. People are followed by distance.
"""

from __future__ import annotations

import re
from typing import Any

from crossglg.data.readers.json_points import followed, json_of, numbers
from crossglg.data.readers.points import Points, of_bytes, points_reader
from crossglg.data.readers.tracks import without_gaps

BODY = {17: 17, 26: 26, 133: 17, 136: 26}  # joints in the file → those of the body


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    entries = json_of(content)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("it needs a list of people")
    frames: dict[int, list[Any]] = {}
    for entry in entries:
        number = re.search(r"(\d{1,12})\D*$", str(entry.get("image_id", "")), re.ASCII)
        if number is None or "keypoints" not in entry:
            raise ValueError("a person needs 'image_id' with the number of a frame, and 'keypoints'")
        person = numbers(entry["keypoints"], 3, "keypoints")
        if len(person) not in BODY:
            raise ValueError(f"a person has {len(person)} joints; AlphaPose's have {', '.join(map(str, BODY))}")
        frames.setdefault(int(number[1]), []).append(person[: BODY[len(person)]])
    return followed([frames.get(t, []) for t in without_gaps(frames)], ("coco17", "halpe26"))


READER = points_reader(
    about="AlphaPose: one JSON for each clip, COCO-17 or Halpe-26, also those of the whole body",
    patterns=("*.json",),
    parse=of_bytes(parse),
    steps=("people followed over frames by distance; the two of highest score kept",),
)
