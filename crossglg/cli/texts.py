"""Descriptions: asking a language model for them, and measuring them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossglg.cli import TEXTS, command
from crossglg.config import HELP
from crossglg.files import write_atomically

if TYPE_CHECKING:
    from crossglg.skeletons import Layout


@command(TEXTS, "crossglg describe --actions actions.txt --output descriptions.json --dry-run")
def describe(
    dataset: Annotated[str | None, typer.Option(help="describe the classes of this dataset or .npz file")] = None,
    actions: Annotated[Path | None, typer.Option(help="or: a text file with one action name per line")] = None,
    output: Annotated[Path | None, typer.Option(help="the description file to write (.json)")] = None,
    provider: Annotated[str, typer.Option(help="who is asked; see 'list providers'")] = "openai",
    base_url: Annotated[str, typer.Option(help="another OpenAI-compatible server than the provider's usual one")] = "",
    model: Annotated[str, typer.Option(help="the language model's name; openai: gpt-4o-mini unless given")] = "",
    layout: Annotated[str, typer.Option(help="the skeleton's layout; default the dataset's, else ntu25")] = "",
    temperature: Annotated[float, typer.Option(help="0: the likeliest answer; higher: more varied ones")] = 0.0,
    samples: Annotated[int, typer.Option(help="answers per action, merged; several need a temperature above 0")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="questions asked at the same time")] = 4,
    timeout: Annotated[
        float | None,
        typer.Option(min=1, help="seconds to wait for an answer; default 60 for OpenAI itself, 600 for other servers"),
    ] = None,
    global_prompt: Annotated[str, typer.Option(help="'global', or your own prompt file (.md.j2)")] = "global",
    joints_prompt: Annotated[str, typer.Option(help="'joints', or your own prompt file (.md.j2)")] = "joints",
    sides: Annotated[
        bool,
        typer.Option("--sides", help="also ask, once for all actions, which stay the same with left and right swapped"),
    ] = False,
    statements: Annotated[
        bool, typer.Option("--statements", help="also ask, for each action, which yes-or-no statements are true of it")
    ] = False,
    price_in: Annotated[float | None, typer.Option(help="price of a million prompt tokens, to tell the cost")] = None,
    price_out: Annotated[float | None, typer.Option(help="price of a million completion tokens")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the prompts and their rough size, ask nothing")
    ] = False,
) -> None:
    """Ask a language model for the descriptions of actions. A run that stopped is continued by the same command.

    Actions without a usable answer are named at the end (exit code 1), the others are written; the same command asks
    for the missing ones again.

    The key is read from the environment: OPENAI_API_KEY for openai, else the variable that 'list providers' shows.
    """
    from crossglg.text import generate, llm
    from crossglg.text.samples import agreement

    prices = _prices(price_in, price_out)
    names, chosen = _actions(dataset, actions, layout)
    llm.get_provider(provider)
    if dry_run:
        prompts, tokens = generate.preview(names, chosen, global_prompt, joints_prompt, sides, statements)
        typer.echo("\n\n".join(prompts))
        account = llm.Account(prompt_tokens=samples * tokens)
        cost = f", cost without the answers about {account.cost(*prices):.4f}" if prices else ""
        typer.echo(f"\n{samples} × {len(prompts)} prompts, about {account.prompt_tokens} tokens to send{cost}")
        return
    if output is None:
        raise ValueError("--output FILE is needed: the description file to write (or look first with --dry-run)")
    _check_output(output)
    client = llm.Client(model, base_url, temperature, timeout or 0.0, provider=provider)
    failure: generate.ActionsFailed | None = None
    try:
        file = generate.describe(
            names, chosen, client, concurrency, global_prompt, joints_prompt, samples, sides, statements
        )
    except generate.ActionsFailed as error:
        if error.described is None:
            raise
        failure, file = error, error.described
    finally:
        typer.echo(client.account.summary(prices))
    file.save(output)
    typer.echo(f"{len(file.classes)} descriptions in {output}")
    if client.temperature_refused:
        typer.echo(f"{client.model} has one temperature only: it was asked without (recorded in the file)")
    if samples > 1:
        typer.echo("agreement of the samples' key joints (mean Jaccard index of all pairs):")
        for score, action in sorted((agreement(d.samples), action) for action, d in file.classes.items()):
            typer.echo(f"  {score:.2f}  {action}")
    if failure:
        raise failure


@command(TEXTS, "crossglg text-report descriptions.json", name="text-report")
def text_report(
    files: Annotated[list[Path] | None, typer.Argument(help="description files; default the shipped ones")] = None,
    encoder: Annotated[str, typer.Option(help=HELP["text_encoder"])] = "minilm",
) -> None:
    """Measure descriptions: how distinct the classes are, how far key joints and texts agree, pairs easily confused."""
    from crossglg.text.descriptions import DescriptionFile, shipped_files
    from crossglg.text.quality import text_report

    typer.echo(text_report([DescriptionFile.load(path) for path in files or shipped_files()], encoder))


def _check_output(output: Path) -> None:
    """Raise OSError if the file could not be written in the end: answers cost money or hours."""
    try:
        if output.is_dir():
            raise IsADirectoryError("it is a folder")
        write_atomically(output.with_name(f".{output.name}.check"), lambda file: None).unlink()
    except OSError as error:
        raise OSError(
            f"--output {output} cannot be written ({error.strerror or error}); "
            "give a file in a folder where you may write. Nothing was asked"
        ) from error


def _prices(price_in: float | None, price_out: float | None) -> tuple[float, float] | None:
    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None or min(price_in, price_out) < 0:
        raise ValueError("give both --price-in and --price-out, per million tokens, neither below 0")
    return price_in, price_out


def _actions(dataset: str | None, actions: Path | None, layout: str) -> tuple[list[str], Layout]:
    """The class names to describe and the layout to describe them for."""
    from crossglg.data.tasks import classes_of
    from crossglg.skeletons import get_layout

    if (dataset is None) == (actions is None):
        raise ValueError("give either --dataset NAME|FILE.npz or --actions FILE")
    if dataset is not None:
        class_names, own = classes_of(dataset)
        return list(class_names), get_layout(layout) if layout else own
    if actions is None or not actions.is_file():
        raise FileNotFoundError(f"no file {actions}; give a text file with one action per line")
    try:
        lines = [line.strip() for line in actions.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ValueError(f"{actions} is no text in UTF-8; save it again with that encoding") from None
    names = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not names:
        raise ValueError(f"{actions} names no action; give one per line")
    return names, get_layout(layout or "ntu25")
