"""How long one decision takes while somebody moves: a window of 60 frames against the enrolled exemplars.

    python benchmarks/live.py [--rounds 40] [--output FILE]

Synthetic clips and new weights, as what is measured does not depend on them. Processor time of one thread, medians:
of the encoder's forward pass alone, and of `Recognizer.recognize`, which also prepares the window, warps time and finds
the joints that decided; then of `Recognizer.follow` for each window of a long recording. Writes
benchmarks/results/live.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from crossglg import tables
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.recognition.recognizer import Recognizer
from crossglg.training.trained_model import TrainedModel, build_model

RESULTS = Path(__file__).parent / "results" / "live.md"
ENCODERS = ("lean-gcn", "infogcn-small")
ACTIONS = (5, 27)
FRAMES, FPS = 60, 30.0


def new_model(encoder: str, clips: SkeletonSet) -> TrainedModel:
    """A model with new weights."""
    config = Config(encoder=encoder)
    model = build_model(config, clips.layout, 1, clips.num_channels, 2, text_width=0).eval()
    return TrainedModel(model, config, clips.layout, 1, clips.num_channels, ("a", "b"), {})


def median_ms(function: Callable[[], object], rounds: int) -> float:
    """Processor time of one call, after three that do not count."""
    times = []
    for _ in range(rounds + 3):
        start = time.process_time()
        function()
        times.append(1e3 * (time.process_time() - start))
    return float(np.median(times[3:]))


def window_of(clips: SkeletonSet, frames: int) -> SkeletonSet:
    """One clip of so many frames."""
    xyz = np.resize(clips[0][0], (frames, *clips.xyz.shape[1:]))
    return SkeletonSet.build(xyz, [0, frames], [0], ["window"], clips.layout, name="window", fps=FPS)


def measured(rounds: int) -> list[list[object]]:
    clips = synthesize(0, clips_per_action=1)
    one, long = window_of(clips, FRAMES), window_of(clips, 20 * FRAMES)
    rows: list[list[object]] = []
    for encoder in ENCODERS:
        trained = new_model(encoder, clips)
        forward = median_ms(lambda trained=trained: trained.embed(one), rounds)
        for actions in ACTIONS:
            recognizer = Recognizer.of(trained, clips.subset(np.arange(actions)))
            decision = median_ms(lambda recognizer=recognizer: recognizer.recognize(one), rounds)
            windows = len(recognizer.follow(long, FRAMES / FPS).scores)
            following = median_ms(lambda r=recognizer: r.follow(long, FRAMES / FPS), max(1, rounds // 10)) / windows
            rows.append([encoder, actions, *(f"{value:.1f}" for value in (forward, decision, following))])
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    header = ["encoder", "exemplars", "forward pass, ms", "a decision, ms", "a window of a long recording, ms"]
    text = f"""`python benchmarks/live.py`

A window of {FRAMES} frames of one person, {Config().frames} of which the model sees. Processor time of one thread, \
medians of {args.rounds} calls; torch {torch.__version__}.

{tables.markdown(header, measured(args.rounds))}
"""
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
