"""The pictures of a run for a paper, with a page that shows them all and a manifest that says what they were made of.

The same run gives the same bytes: nothing here asks the clock or chance. Only with another number of threads do
features differ in rounding, which moves the map of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crossglg.data.tasks import Task, load_task
from crossglg.explain.attention import mean_by_class
from crossglg.files import nearest, sha256, write_file, write_json
from crossglg.one_shot import Features, evaluate, unit_rows
from crossglg.one_shot.representation import motion_energy
from crossglg.runs.results import METHODS, NOT_IN_A_ROW, RunResults, command, read_results, versions
from crossglg.training.trained_model import DESCRIPTION, TrainedModel
from crossglg.viz import figures
from crossglg.viz.page import page

INDEX, MANIFEST = "index.html", "manifest.json"
FORMATS = ("svg", "pdf", "png")
Array = NDArray[np.floating]
Named = tuple[str, RunResults]  # a run by the name of its folder


@dataclass(frozen=True)
class Picture:
    """name: of its files;  title, about: what is seen, in words."""

    name: str
    title: str
    about: str
    figure: Figure


def make_gallery(
    run: str | Path,
    output: str | Path,
    formats: Sequence[str] = FORMATS,
    classes: Sequence[str] = (),
    compare: Sequence[str | Path] = (),
    classifier: str = "cosine",
) -> Path:
    """Draw every picture of a finished run into `output`, with index.html and manifest.json; returns the page's path.

    classes: novel classes for the skeleton strips; default four with the most pronounced importance. compare: more runs
    with the same novel classes, of which results.json is enough.
    Raises FileNotFoundError or ValueError for a run without model or results, other data than then, unknown names.
    """
    run, output = Path(run).resolve(), Path(output)
    wrong = sorted(set(formats) - set(FORMATS))
    if wrong or not formats:
        raise ValueError(f"format {','.join(wrong)!r} is not one of {', '.join(FORMATS)}")
    results = read_results(run)
    if classifier not in results.one_shot:
        names = list(results.one_shot)
        raise ValueError(
            f"{run} has no results of {classifier!r}{nearest(classifier, names)} It has {', '.join(names)}"
        )
    folders = [folder for folder in dict.fromkeys(Path(other).resolve() for other in compare) if folder != run]
    others = [(folder.name, read_results(folder)) for folder in folders]
    trained = TrainedModel.load(run if (run / DESCRIPTION).is_file() else run / "model")  # a study's run is its folder
    task = load_task(trained.config)
    _check_data(task, run.name, results)
    pictures = [*_importance(trained, task, classes), *_of_results(results, classifier)]
    pictures += [*_features(trained, task, classifier), *compare_runs([(run.name, results), *others], classifier)]
    pictures.append(_curves(trained))
    written = [figures.save(p.figure, output / f"{p.name}.{suffix}") for p in pictures for suffix in formats]
    svg = {p.name: output / f"{p.name}.svg" for p in pictures}
    shown = {p.name: svg[p.name].read_bytes() if "svg" in formats else p.figure for p in pictures}  # each is drawn once
    words = ["--output", output.resolve().name, "--format", ",".join(formats), "--classifier", classifier]
    words += [word for name in classes for word in ("--class", name)]
    words += [word for name, _ in others for word in ("--compare", name)]
    manifest = {
        "command": shlex.join(["crossglg", "figures", run.name, *words]),
        "run": {k: v for k, v in asdict(results).items() if k not in ("one_shot", "raw_coordinates")},
        "run_command": command(results.config),
        "compared_with": [{"name": name, "git_sha": r.git_sha, "config": r.config} for name, r in others],
        "drawn_with": versions() | {name: version(name) for name in ("matplotlib", "scikit-learn")},
        "files": {path.name: sha256(path) for path in written},
    }
    write_json(output / MANIFEST, manifest)
    text = page(
        "gallery.html", f"{run.name}: pictures", name=run.name, run=results, method=METHODS[results.config["guidance"]],
        pictures=pictures, shown=shown, formats=formats, manifest=manifest,
    )  # fmt: skip
    return write_file(output / INDEX, text)


def typical_clips(importance: Array, task: Task, classes: Sequence[str] = (), count: int = 4) -> list[int]:
    """For each class the novel clip whose importance is nearest to the class's mean.

    importance: (N_novel, V). classes: default the `count` whose mean is farthest from uniform, most pronounced first.
    Raises ValueError for a class that is not a novel one.
    """
    names = task.novel.class_names
    for name in classes:
        if name not in names:
            raise ValueError(f"{name!r} is no novel class{nearest(name, names)} Novel classes: {', '.join(names)}")
    mean = mean_by_class(importance, task.novel)
    pronounced = np.argsort(-np.abs(mean - 1.0 / mean.shape[1]).sum(1), kind="stable")[:count]
    chosen = [names.index(name) for name in classes] or pronounced.tolist()
    distance = np.abs(importance - mean[task.novel.label]).sum(1)
    return [int(np.where(task.novel.label == k, distance, np.inf).argmin()) for k in chosen]


def accuracy_by_episode(task: Task, features: Features, classifier: str) -> Array:
    """(R, K): accuracy of each novel class in each episode; not a number where a class has no query."""
    of_episode = []
    for exemplars in task.episodes:
        confusion = evaluate(replace(task, episodes=exemplars[None]), features, classifier).confusion
        queries = confusion.sum(1)
        of_episode.append(np.divide(np.diag(confusion), queries, out=np.full(len(queries), np.nan), where=queries > 0))
    return np.stack(of_episode)


def plane(z: Array) -> Array:
    """(N, D) → (N, 2) by t-SNE on unit vectors, so that near means similar by cosine.

    Starts from the principal components and runs on one thread: the same features give the same picture.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, max(1.0, (len(z) - 1) / 3))
    with threadpool_limits(1):
        tsne = TSNE(init="pca", random_state=0, perplexity=perplexity, n_jobs=1)
        return np.asarray(tsne.fit_transform(unit_rows(z)))


def _check_data(task: Task, name: str, results: RunResults) -> None:
    now = {"protocol_sha256": task.sha256, "clips_sha256": task.clips_sha256}
    for field, value in now.items():
        then = getattr(results, field)
        if then and then != value:
            raise ValueError(
                f"{task.name} has other classes, clips or exemplars than when {name!r} was made ({field} {value[:12]}, "
                f"then {then[:12]}); give the old data its place back, or run again"
            )


def _of_results(results: RunResults, classifier: str) -> Iterator[Picture]:
    names = results.novel_classes
    yield Picture(
        "accuracy_by_classifier", "One-shot accuracy",
        f"Accuracy on {len(names)} novel classes, for every way to compare a clip with the exemplars.",
        figures.accuracy_by_classifier(results.episodes(), 1 / len(names)),
    )  # fmt: skip
    counts = np.array(results.one_shot[classifier].confusion)
    yield Picture(
        "confusion_matrix", "Confusion",
        f"What each novel class was recognized as, by {classifier}, over all episodes, in per cent.",
        figures.confusion_matrix(counts, names),
    )  # fmt: skip


def _importance(trained: TrainedModel, task: Task, classes: Sequence[str]) -> Iterator[Picture]:
    novel = task.novel
    guided = trained.model.joint_importance is not None
    importance = trained.joint_importance(novel) if guided else motion_energy(novel)
    what = "Joint importance that the model predicts" if guided else "Each joint's share of the movement (no text)"
    clips = typical_clips(importance, task, classes)
    yield Picture(
        "skeleton_strips", "Joint importance over time",
        f"{what}, for typical clips of novel classes; the larger and darker a joint, the more it counts.",
        figures.clip_gallery([(novel[i], novel.class_of(i)) for i in clips], novel.layout, 6, list(importance[clips])),
    )  # fmt: skip
    yield Picture(
        "importance_by_class", "Joint importance by class",
        f"{what}, mean over the clips of each novel class; joints by body part.",
        figures.importance_by_class(
            mean_by_class(importance, novel), novel.class_names, novel.layout,
            what="joint importance" if guided else "share of the movement",
        ),
    )  # fmt: skip


def _features(trained: TrainedModel, task: Task, classifier: str) -> Iterator[Picture]:
    novel, features = task.novel, Features.of(task, trained.represent)
    yield Picture(
        "exemplar_sensitivity", "Dependence on the exemplar",
        f"Accuracy of each class by {classifier} for each episode of exemplars: a wide row depends much on which clip "
        f"stands for the class.",
        figures.exemplar_sensitivity(accuracy_by_episode(task, features, classifier), novel.class_names),
    )  # fmt: skip
    shown, exemplars = _shown(task)
    yield Picture(
        "feature_map", "Features of the novel classes",
        f"{len(shown)} clips of classes never seen in training, by t-SNE of the features; the exemplars of the first "
        f"episode are ringed. Distances between far groups mean nothing.",
        figures.feature_map(plane(features.novel.z[shown]), novel.label[shown], novel.class_names, exemplars),
    )  # fmt: skip


def _shown(task: Task, most: int = 1500) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the novel clips in the feature map, at most so many; where the first episode's exemplars are."""
    first = task.episodes[0]
    others = np.random.default_rng(0).permutation(task.queries(0))[: max(0, most - len(first))]
    shown = np.sort(np.concatenate([first, others]))
    return shown, np.searchsorted(shown, first)


def compare_runs(runs: Sequence[Named], classifier: str) -> list[Picture]:
    """Accuracy over base classes where the runs differ in their number, over seeds otherwise; nothing for one run."""
    if len(runs) < 2:
        return []
    first_name, first = runs[0]
    accuracy: dict[str, dict[int, list[float]]] = {}
    for (name, run), method in zip(runs, _methods(runs), strict=True):
        if set(run.novel_classes) != set(first.novel_classes) or classifier not in run.one_shot:
            raise ValueError(
                f"{name} cannot be compared with {first_name}: it has other novel classes, or no results of "
                f"{classifier!r}"
            )
        of_count = accuracy.setdefault(method, {}).setdefault(len(run.base_classes), [])
        of_count.append(run.one_shot[classifier].mean)
    chance = 1 / len(first.novel_classes)
    if len({count for of_count in accuracy.values() for count in of_count}) > 1:
        return [
            Picture(
                "accuracy_by_base_classes", "Accuracy and the number of base classes",
                f"One-shot accuracy by {classifier}, mean over episodes, by how many classes taught the model.",
                figures.accuracy_by_base_classes(accuracy, chance),
            )
        ]  # fmt: skip
    over_seeds = {method: values for method, of_count in accuracy.items() for values in of_count.values()}
    return [
        Picture(
            "accuracy_by_run", "Accuracy over runs",
            f"One-shot accuracy by {classifier}, mean over episodes, of runs that differ in their seed; the "
            f"interval is Student's t over these runs.",
            figures.accuracy_by_classifier(over_seeds, chance, dot="run"),
        )
    ]  # fmt: skip


def _methods(runs: Sequence[Named]) -> list[str]:
    """What each run did: encoder, texts, and every other setting in which the runs differ; not the seed."""
    settings = [run.settings for _, run in runs]
    compared = settings[0].keys() - {*NOT_IN_A_ROW, "encoder", "guidance"}
    differing = sorted(name for name in compared if any(s[name] != settings[0][name] for s in settings))
    return [", ".join([s["encoder"], METHODS[s["guidance"]], *(f"{n}={s[n]}" for n in differing)]) for s in settings]


def _curves(trained: TrainedModel) -> Picture:
    details = trained.details
    return Picture(
        "training_curves", "Training",
        "Losses on the base clips, and accuracy on validation clips, by which the epoch is chosen.",
        figures.training_curves(details["history"], details["chosen_epoch"]),
    )  # fmt: skip
