"""The study measures what it says: each variant alone, against the same exemplars, and the table is its numbers."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from crossglg import cli
from crossglg.data.protocols import write_protocol
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import Task, make_protocol, split_task
from crossglg.one_shot import Features, evaluate
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.studies.preprocessing import VARIANTS, Variant, preprocessing_study, preprocessing_table

ACTIONS = ("drink water", "clapping", "kicking something", "hand waving", "jump up")


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    clips = synthesize(0, 4, ACTIONS)
    return [split_task(clips, ACTIONS[2:], 3, "first"), split_task(clips, ACTIONS[:3], 2, "second")]


def test_each_variant_differs_from_the_default_in_one_thing() -> None:
    default = next(iter(VARIANTS.values()))
    assert default == Variant()
    for name, variant in list(VARIANTS.items())[1:]:
        assert sum(getattr(variant, f.name) != getattr(default, f.name) for f in fields(Variant)) == 1, name
    assert len(set(VARIANTS.values())) == len(VARIANTS)


def test_the_first_row_is_the_raw_baseline_and_every_row_has_every_task(tasks: list[Task]) -> None:
    results = preprocessing_study(tasks)
    assert list(results) == list(VARIANTS)
    for task in tasks:
        raw = evaluate(task, Features.of(task, raw_coordinates))
        np.testing.assert_array_equal(results["default"][task.name].accuracy, raw.accuracy)
        for row in results.values():
            assert row[task.name].accuracy.shape == (len(task.episodes),)
    # Standing somewhere else must cost something, or nothing was switched off.
    assert results["no step at all"]["first"].mean < results["default"]["first"].mean


def test_scaling_cannot_matter_to_the_cosine_but_does_to_the_distance(tasks: list[Task]) -> None:
    two = {name: VARIANTS[name] for name in ("default", "not scaled")}
    for classifier, same in (("cosine", True), ("euclidean", False)):
        default, unscaled = preprocessing_study(tasks, classifier, two).values()
        assert all(np.allclose(default[t.name].confusion, unscaled[t.name].confusion) for t in tasks) == same


def test_table_has_the_numbers(tasks: list[Task]) -> None:
    results = preprocessing_study(tasks, variants={name: VARIANTS[name] for name in ("default", "velocity")})
    _, _, *rows = [line.strip("|").split("|") for line in preprocessing_table(results).splitlines()]
    assert [row[0].strip() for row in rows] == ["default", "velocity"]
    for row, found in zip(rows, results.values(), strict=True):
        for cell, result in zip(row[1:3], found.values(), strict=True):
            assert cell.strip() == f"{100 * result.mean:.1f} ± {100 * result.interval:.1f}"
        assert float(row[3]) == pytest.approx(50 * sum(r.mean for r in found.values()), abs=0.051)
    assert rows[0][4].strip() == "+0.0"
    assert float(rows[1][4]) == pytest.approx(float(rows[1][3]) - float(rows[0][3]), abs=0.11)


def test_command_prints_the_table_or_json_with_hashes(tmp_path: Path) -> None:
    data = str(synthesize(0, 4, ACTIONS).save(tmp_path / "mine.npz"))
    protocol = make_protocol(data, 2, 2, 0, "tiny")
    words = [
        "preprocessing-study",
        "--dataset",
        data,
        "--benchmark",
        f"{write_protocol(tmp_path / 't.json', protocol)}:tiny",
    ]
    shown = CliRunner().invoke(cli.app, words).output
    assert protocol.sha256[:12] in shown and all(f"| {name} |" in shown for name in VARIANTS)
    content = json.loads(CliRunner().invoke(cli.app, [*words, "--json", "--classifier", "euclidean"]).output)
    assert content["classifier"] == "euclidean" and list(content["accuracy"]) == list(VARIANTS)
    assert content["tasks"]["tiny"]["protocol_sha256"] == protocol.sha256
    tiny = content["accuracy"]["default"]["tiny"]
    assert tiny["mean"] == pytest.approx(np.mean(tiny["episodes"])) and len(tiny["episodes"]) == 2
