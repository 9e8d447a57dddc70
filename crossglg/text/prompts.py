"""The prompts, as versioned templates with front matter in `prompts/`: about each action, and one about all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import yaml

from crossglg.files import project_folder, sha256

PROMPTS = ("global", "joints")  # about an action, as "statements" is; "sides" is about all actions together


@dataclass(frozen=True)
class Prompt:
    """A template and its front matter. id and version name it, `sha256` (of the whole file) pins it."""

    id: str
    version: int
    template: str
    sha256: str

    def render(
        self, action: str = "", joints: Sequence[str] = (), actions: Sequence[str] = (), statements: Sequence[str] = ()
    ) -> str:
        """Fill in the action and a list about it, or all actions; raises ValueError if it asks for anything else."""
        try:
            environment = jinja2.Environment(
                undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True
            )
            return environment.from_string(self.template).render(
                action=action, joints=list(joints), actions=list(actions), statements=list(statements)
            )
        except jinja2.TemplateError as error:
            raise ValueError(
                f"prompt {self.id!r} cannot be filled in: {error}; it may use action and joints, or actions "
                f"and statements"
            ) from error


def load_prompt(name: str | Path) -> Prompt:
    """Load `prompts/<name>.md.j2`, or a file of the user's own.

    Raises FileNotFoundError, or ValueError if the front matter (between two --- lines) lacks id or version.
    """
    path = Path(name)
    if path.suffix != ".j2":
        path = project_folder("prompts") / f"{name}.md.j2"
    if not path.is_file():
        raise FileNotFoundError(f"no prompt {path}; shipped prompts: {', '.join(PROMPTS)}")
    text = path.read_text(encoding="utf-8")
    try:
        _, head, template = text.split("---\n", 2)
        meta = yaml.safe_load(head)
        return Prompt(str(meta["id"]), int(meta["version"]), template, sha256(text))
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} needs front matter between two '---' lines with id and version ({error})") from error
