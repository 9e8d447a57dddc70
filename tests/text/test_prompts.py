"""The prompts are data: they render for every skeleton, are pinned by their hash, and bad ones say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossglg.skeletons import LAYOUTS, Layout
from crossglg.text.prompts import PROMPTS, load_prompt

HEAD = "---\nid: own\nversion: 3\n---\n"


def own_prompt(folder: Path, text: str) -> Path:
    path = folder / "own.md.j2"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", PROMPTS)
def test_shipped_prompt_names_the_action_and_every_joint(name: str, layout: Layout) -> None:
    text = load_prompt(name).render("juggle three balls", layout.joints)
    assert '"juggle three balls"' in text
    assert ", ".join(layout.joints) in text
    assert f"{layout.num_joints} joints" in text
    assert "{{" not in text and "---" not in text
    assert load_prompt(name).id == name


def test_action_is_filled_in_as_it_is_written(tmp_path: Path) -> None:
    path = own_prompt(tmp_path, HEAD + "{{ action }}|{{ joints | length }}")
    assert load_prompt(path).render('a <b> & "c" {{ joints }}', ["x", "y"]) == 'a <b> & "c" {{ joints }}|2'


def test_hash_changes_with_the_file_and_only_then(tmp_path: Path) -> None:
    first = load_prompt(own_prompt(tmp_path, HEAD + "Describe {{ action }}."))
    assert load_prompt(own_prompt(tmp_path, HEAD + "Describe {{ action }}.")) == first
    assert load_prompt(own_prompt(tmp_path, HEAD + "Describe {{ action }}!")).sha256 != first.sha256
    assert load_prompt(own_prompt(tmp_path, HEAD.replace("3", "4") + "Describe {{ action }}.")).sha256 != first.sha256
    assert (first.id, first.version) == ("own", 3)


def test_windows_line_ends_change_neither_text_nor_hash(tmp_path: Path) -> None:
    unix = load_prompt(own_prompt(tmp_path, HEAD + "Describe\n{{ action }}."))
    (tmp_path / "own.md.j2").write_bytes((HEAD + "Describe\n{{ action }}.").replace("\n", "\r\n").encode())
    assert load_prompt(tmp_path / "own.md.j2") == unix


def test_later_rules_belong_to_the_template(tmp_path: Path) -> None:
    assert load_prompt(own_prompt(tmp_path, HEAD + "one\n---\ntwo")).render("jump", []) == "one\n---\ntwo"


@pytest.mark.parametrize("template", ["{{ subject }}", "{% if %}", "{{ action.nothing.at_all }}"])
def test_template_that_cannot_be_filled_in_names_the_prompt(tmp_path: Path, template: str) -> None:
    prompt = load_prompt(own_prompt(tmp_path, HEAD + template))
    with pytest.raises(ValueError, match=r"prompt 'own' cannot be filled in: .*it may use action and joints"):
        prompt.render("jump", ["head"])


@pytest.mark.parametrize(
    "text",
    ["Describe {{ action }}.", "---\nid: own\n---\nno version", "---\nversion: 1\n---\nno id", "---\n- a list\n---\n",
     "---\nid: own\nversion: one\n---\n", "---\nid: [\n---\n", ""],
)  # fmt: skip
def test_front_matter_is_needed(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"own\.md\.j2 needs front matter between two '---' lines with id and version"):
        load_prompt(own_prompt(tmp_path, text))


def test_missing_prompt_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no prompt .*nothing.*; shipped prompts: global, joints"):
        load_prompt("nothing")
    with pytest.raises(FileNotFoundError, match="no prompt"):
        load_prompt(tmp_path / "absent.md.j2")
