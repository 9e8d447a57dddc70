"""Self-contained HTML pages of figures: nothing is loaded, and the browser is told to refuse every request."""

from __future__ import annotations

import base64
import html
import io
import re

from matplotlib.figure import Figure
from PIL import Image

from crossglg.viz.common import player_file
from crossglg.viz.style import render

# Scripts are for the page in a frame (`framed`), which is under this page's policy and under its own.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<link rel="icon" href="data:,">
<title>{title}</title>
<style>{css}</style>
</head>
<body class="{kind}">
{body}
</body>
</html>
"""

LONGEST = 250_000  # characters of a page in a notebook's output: with its two pictures it stays below 300 kB


def page(title: str, body: str, kind: str, refresh: int = 0, scripts: bool = False) -> str:
    """One HTML page; `body` is HTML. kind: "gallery" to read, "board" to show;  refresh: seconds, 0 for never."""
    return PAGE.format(
        title=html.escape(title),
        body=body,
        kind=kind,
        css=player_file("page.css"),
        refresh=f'<meta http-equiv="refresh" content="{refresh}">\n' if refresh else "",
        scripts="'unsafe-inline'" if scripts else "'none'",
    )


def inline_svg(figure: Figure, name: str, about: str) -> str:
    """A figure as an <svg> of the page, as wide as it is in inches times --scale of page.css, or as there is room.

    name: goes before the ids inside, so that two figures of a page share none;  about: for those who cannot see it.
    """
    text = render(figure, ".svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    head, end, rest = text.partition(">")
    points = float(re.search(r'width="([\d.]+)pt"', head)[1])  # type: ignore[index]
    box = re.search(r'viewBox="[^"]+"', head)[0]  # type: ignore[index]
    size = f"width: min(100%, calc({points / 72:.2f}in * var(--scale)))"
    return f'<svg {box} style="{size}" role="img" aria-label="{html.escape(about)}"{end}{rest}'


def framed(document: str, about: str, style: str = "") -> str:
    """Another self-contained page inside this one, e.g. a player's; it cannot reach out of its frame."""
    title, within, style = html.escape(about), html.escape(document), f' style="{style}"' if style else ""
    return f'<iframe sandbox="allow-scripts" title="{title}"{style} srcdoc="{within}"></iframe>'


def _small(picture: bytes) -> bytes:
    """A PNG as wide as a notebook is, in a few colours."""
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
    shown = f'<img alt="{html.escape(about)}" style="max-width: 100%" src="data:image/png;base64,{encoded}">'
    frame = framed(document, about, "position: absolute; inset: 0; width: 100%; height: 100%; border: 0")
    if document and len(frame) <= LONGEST:
        shown = f'<div style="position: relative; min-height: {height}px">{shown}{frame}</div>'
    return {"text/plain": about, "text/html": shown, "image/png": encoded}
