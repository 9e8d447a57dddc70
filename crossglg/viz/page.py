"""Self-contained HTML pages of figures: nothing is loaded, and the browser is told to refuse every request."""

from __future__ import annotations

import base64
import io
import re
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from crossglg.viz.common import player_file
from crossglg.viz.style import render

LONGEST = 250_000  # characters of a page in a notebook's output: with its two pictures it stays below 300 kB


def page(template: str, title: str, refresh: int = 0, scripts: bool = False, **values: object) -> str:
    """One HTML page by a template of the folder `templates`, which escapes all values that are no `Markup`.

    Args:
        template: Its name, e.g. "board.html"; all of them extend page.html.
        title: Of the page.
        refresh: Seconds after which the page loads itself again; 0: never.
        scripts: Whether scripts may run, also those of a page in a frame (`framed`), which is under this page's policy
            and under its own.
        values: What else the template shows.
    """
    values |= {"title": title, "refresh": refresh, "scripts": scripts}
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    """Templates that stop at a value that nobody gave. Their JSON is compact: clips are long."""
    loader = FunctionLoader(lambda name: player_file(f"templates/{name}"))
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals["file"] = lambda name: Markup(player_file(name))
    environment.globals["inline_svg"] = inline_svg
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return environment


def inline_svg(figure: Figure | bytes, name: str, about: str) -> Markup:
    """A figure as an <svg> of the page, as wide as it is in inches times --scale of page.css, or as there is room.

    figure: or its .svg as `save` writes it;  name: goes before the ids inside, so that two figures of a page share
    none;  about: for those who cannot see it.
    """
    text = (figure if isinstance(figure, bytes) else render(figure, ".svg")).decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    head, end, rest = text.partition(">")
    points = float(re.search(r'width="([\d.]+)pt"', head)[1])  # type: ignore[index]
    box = re.search(r'viewBox="[^"]+"', head)[0]  # type: ignore[index]
    size = f"width: min(100%, calc({points / 72:.2f}in * var(--scale)))"
    label = Markup.escape(about)
    return Markup(f'<svg {box} style="{size}" role="img" aria-label="{label}"{end}{rest}')


def framed(document: str, about: str, style: str = "") -> Markup:
    """Another self-contained page inside this one, e.g. a player's; it cannot reach out of its frame."""
    frame = Markup('<iframe sandbox="allow-scripts" title="{}" style="{}" srcdoc="{}"></iframe>')
    return frame.format(about, style, str(document))


def _small(picture: bytes) -> bytes:
    """A PNG as wide as a notebook is, in a few colors."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.thumbnail((1000, 1000))
    file = io.BytesIO()
    image.quantize(128).save(file, "png", optimize=True)
    return file.getvalue()


def mime_bundle(about: str, picture: bytes, document: str = "", height: int = 0) -> dict[str, str]:
    """What stands for a widget where no kernel runs: a PNG and, as HTML, that picture with a page that hides it.

    Where scripts are off or frames are taken out, as GitHub does, the picture is what is seen. Of a page that makes the
    output long, only the picture is kept.
    """
    encoded = base64.b64encode(_small(picture)).decode()
    image = Markup('<img alt="{}" style="max-width: 100%" src="data:image/png;base64,{}">')
    shown = image.format(about, encoded)
    frame = framed(document, about, "position: absolute; inset: 0; width: 100%; height: 100%; border: 0")
    if document and len(frame) <= LONGEST:
        box = Markup('<div style="position: relative; min-height: {}px">{}{}</div>')
        shown = box.format(height, shown, frame)
    return {"text/plain": about, "text/html": str(shown), "image/png": encoded}
