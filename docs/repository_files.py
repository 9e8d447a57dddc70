"""A hook of mkdocs: pages may link to files outside `docs/`, as they do on GitHub.

Pictures, notebooks and CONTRIBUTING.md become part of the site at their own path. Links to other files, such as source
code, lead to the repository. Its address is that of docs/guide/install.md; while that names no owner, the text of such
a link stays and the link goes. A click on a picture opens it in full size, as on GitHub.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
IN_SITE = (
    "CONTRIBUTING.md", "CHANGELOG.md", "figures/*.*", "figures/synthetic-*/*.png", "notebooks/*.ipynb",
    "notebooks/workshop/*.html", "notebooks/workshop/*.md", "models/README.md",
)  # fmt: skip
REPOSITORY = re.compile(r"^\[repository\]: (\S+)$", re.MULTILINE)
NOTEBOOK_LINK = re.compile(r'href="([^":#]+\.(?:ipynb|md))"')
PICTURE = re.compile(r'(?<!">)<img [^>]*src="([^"]+)"[^>]*>')
UNBROKEN = re.compile(r" (?=±)|(?<=±) |(?<=\d) (?=%)|(?<=\d,) (?=[-+−]?[\d.]+\])")  # in "58.7 ± 0.6 %", "[−2.0, −1.0]"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    (address,) = REPOSITORY.findall((ROOT / "docs" / "guide" / "install.md").read_text(encoding="utf-8"))
    if "/OWNER/" not in address:
        config.repo_url, config.repo_name = address, "GitHub"
    return config


@event_priority(100)  # before the plugin that makes pages of notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in sorted(path for pattern in IN_SITE for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, use_directory_urls=config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    in_repository = here if page.file.src_dir == str(ROOT) else f"docs/{here}"

    def led_right(link: re.Match[str]) -> str:
        image, text, target, anchor = link.groups(default="")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository), target))
        name = path.removeprefix("docs/")
        if files.get_file_from_path(name):
            return f"{image}[{text}]({posixpath.relpath(name, posixpath.dirname(here) or '.')}{anchor})"
        if not (ROOT / path).exists():
            return link[0]  # mkdocs says that it leads nowhere
        return f"[{text}]({config.repo_url}/blob/HEAD/{path})" if config.repo_url else text

    return UNBROKEN.sub("\u00a0", LINK.sub(led_right, markdown))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links of notebooks, which are pages already when they come here; pictures of other pages open in full size."""

    def led_right(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link[1]))
        file = files.get_file_from_path(path.removeprefix("docs/"))
        return f'href="{file.url_relative_to(page.file)}"' if file else link[0]

    if page.file.src_uri.endswith(".ipynb"):
        return NOTEBOOK_LINK.sub(led_right, html)
    return PICTURE.sub(r'<a href="\1" title="full size">\g<0></a>', html)
