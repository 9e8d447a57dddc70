"""The repository itself: environment, packaging, README, notebooks as files."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import crossglg
from crossglg.config import Config
from crossglg.runs.pipeline import NOTEBOOKS, parameters_for, parameters_of
from crossglg.runs.stored import STORED, outdated

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_environment_yml_only_repeats_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    pins = {re.split("[=<>]", word)[0]: word for word in conda}
    assert set(pins) == {"python", "pip"}, "all but python and pip comes from pyproject.toml"
    assert pins["python"].removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    (editable,) = pip["pip"]
    extras = re.fullmatch(r"-e \.\[(.+)\]", editable)[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_installed_versions_satisfy_pyproject():
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        assert version(requirement.name) in requirement.specifier, line


def test_constraints_pin_the_cpu_build_within_the_allowed_range():
    (pin,) = (ROOT / "constraints-cpu.txt").read_text().split()
    name, exact = pin.split("==")
    allowed = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["dependencies"]}
    assert exact in allowed[name]


def test_import_and_help_load_no_heavy_package():
    heavy = ("torch", "transformers", "openai", "numpy", "scipy", "pydantic", "matplotlib")
    code = f"import sys, crossglg.cli; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_wheel_carries_prompts_notebooks_protocols_model_and_player(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for name in (
        "shipped/prompts/global.md.j2",
        "shipped/prompts/descriptions/ntu120.json",
        "shipped/notebooks/02_train.ipynb",
        "shipped/notebooks/workshop/1_skeletons.ipynb",
        "shipped/notebooks/workshop/solutions/1_skeletons.ipynb",
        "shipped/notebooks/workshop/handout.html",
        "shipped/studies/guidance.yaml",
        "shipped/models/synthetic/model.safetensors",
        "shipped/models/synthetic/model.json",
        "viz/player.js",
        "data/benchmarks/ntu120-one-shot.json",
    ):
        assert f"crossglg/{name}" in names


# Folders whose members are described by a sentence about the folder: a new member needs no line in CONTRIBUTING.
DESCRIBED_BY_FOLDER = ("cli", "data/readers", "encoders", "objectives", "one_shot")


def test_contributing_names_every_module_and_notebook():
    tree = CONTRIBUTING.partition("## Where is what")[2].split("```")[1]
    for path in sorted((ROOT / "crossglg").rglob("*.py")):
        folder = path.parent.relative_to(ROOT / "crossglg").as_posix()
        if path.stem.startswith("__"):
            assert folder == "." or f"{path.parent.name}/" in tree, f"the folder {folder} is missing in the tree"
        elif folder not in DESCRIBED_BY_FOLDER and not path.stem.startswith("session"):
            assert re.search(rf"\b{path.stem}\b", tree), f"{folder}/{path.name} is missing in the tree"
    for name in NOTEBOOKS:
        assert name in tree


def test_files_that_contributing_lists_exist():
    for path in re.findall(
        r"`((?:crossglg|tests|notebooks|benchmarks|docs|figures|models|prompts|studies)/[^`<>*()]+)`", CONTRIBUTING
    ):
        assert (ROOT / path).exists(), path


def test_version_of_package_citation_and_changelog_are_the_same():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d.*?)\] – (\S+)$", changelog, re.M).groups()
    assert newest == (crossglg.__version__, citation["date-released"])
    assert citation["version"] == crossglg.__version__


def test_workflow_runs_supported_pythons_and_the_readme_s_command():
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    supported, pythons = SpecifierSet(PROJECT["requires-python"]), job["strategy"]["matrix"]["python"]
    assert all(python in supported for python in pythons) and str(supported) == f">={pythons[0]}"
    script = next(step["run"] for step in job["steps"] if "README" in step.get("name", ""))
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(script.splitlines()[:2])], cwd=ROOT, capture_output=True, text=True
    )
    assert re.search(r"<!-- test -->\n```sh\n(.+)\n```", README)[1] == shown.stdout.strip()


def test_structure_counts_imports_and_what_is_handed_a_config(tmp_path, capsys):
    files = {
        "files.py": "import json\n",
        "config.py": "class Config: ...\n",
        "data/__init__.py": "",
        "data/clips.py": "from crossglg import files\nfrom crossglg.config import Config\n",
        "data/more.py": "from crossglg.data import clips\ndef f(c: Config | None): import crossglg.runs.board\n",
        "runs/board.py": "import crossglg.data.clips\nfrom crossglg.data.clips import a, b\ndef f(c: dict): ...\n",
    }
    for name, content in files.items():
        path = tmp_path / "crossglg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    layers = ["crossglg.runs", "crossglg.data", "crossglg.config | crossglg.files"]
    (tmp_path / "pyproject.toml").write_text(f"[[tool.importlinter.contracts]]\ntype = 'layers'\nlayers = {layers}\n")
    runpy.run_path(str(ROOT / "benchmarks" / "structure.py"))["main"]([str(tmp_path)])
    *rows, upward, config = capsys.readouterr().out.splitlines()
    assert [int(row.split()[-1]) for row in rows] == [4, 4, 4, 1, 1, 1]
    assert upward == "against the layers: crossglg.data.more → crossglg.runs.board"
    assert config == "handed a Config: data.more"


def test_shown_results_are_those_of_the_runs():
    from crossglg.runs.results import markdown_table

    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    table = page.partition("<!-- results -->")[2].partition("<!-- /results -->")[0].strip()
    assert table == markdown_table(ROOT / "figures"), "run: crossglg table --readme docs/results.md"


def test_published_studies_are_those_of_the_table_files():
    from crossglg.studies.spec import Study
    from crossglg.studies.tables import means_table, study_table

    pages = [path.relative_to(ROOT) for path in sorted((ROOT / "docs").rglob("*.md"))]
    marked = re.compile(r"^<!-- study (\S+)( means)? -->\n(.*?)\n<!-- /study \1\2 -->", re.MULTILINE | re.DOTALL)
    shown = {page: marked.findall((ROOT / page).read_text(encoding="utf-8")) for page in pages}
    assert any(shown.values())
    for page, its_tables in shown.items():
        for name, means, table in its_tables:
            how = f"run: crossglg study {name} --table {'--means ' if means else ''}--readme {page}"
            assert table == (means_table if means else study_table)(Study.load(name), ROOT / "studies" / "results"), how


# Parameters that are no settings of a run: headless they keep these defaults, by which nothing asks the network.
OWN_PARAMETERS = {
    "00_tour": {"settings": {}},
    "01_describe_actions": {
        "settings": {}, "action": "", "other_descriptions": "", "generate": False, "provider": "openai", "model": "",
        "base_url": "",
        "global_prompt": "global", "joints_prompt": "joints",
    },
    "02_train": {"overwrite": False, "settings": {}},
    "05_ablations": {"study": "tiny", "data": "", "classifier": "cosine"},
    "06_your_own_actions": {
        "examples": "", "queries": "", "recording": "", "reading": {}, "describe": "", "camera": False,
        "camera_assets": "",
    },
    "07_your_own_encoder": {"train_on": "synthetic-small"},
    "08_why": {"clip": -1, "rival": "", "queries": 24, "points": 8, "action": "", "steps": 300},
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [*NOTEBOOKS, "05_ablations", "07_your_own_encoder", "08_why"]
)  # the last are not part of a run
class TestNotebookFile:
    def test_parameters_are_settings_with_their_defaults(self, name):
        declared = parameters_of(name)
        own = {"output": "", **OWN_PARAMETERS.get(name, {})}
        defaults = Config().to_dict()
        assert not own.keys() & defaults.keys()
        assert own.items() <= declared.items()
        assert declared == own | {key: defaults[key] for key in declared.keys() - own.keys()}

    def test_one_parameters_cell_of_annotated_literals(self, name):
        (cell,) = [c for c in self.cells(name) if "parameters" in c.metadata.get("tags", [])]
        for line in ast.parse(cell.source).body:
            assert isinstance(line, ast.AnnAssign)
            ast.literal_eval(line.value)

    def test_thin_and_clean(self, name):
        for number, cell in enumerate(c for c in self.cells(name) if c.cell_type == "code"):
            tags, source = cell.metadata.get("tags", []), cell.source
            assert cell.execution_count == number + 1
            if not source.startswith("%%writefile"):  # a file of the reader's own, not the notebook's code
                assert source.count("\n") < 18 or "parameters" in tags, f"cell {number} is long"
                assert not re.search(r"^\s*(class |def )|^!|^%|except:|/(home|root)/", source, re.M), f"cell {number}"
            if name not in STORED:
                assert bool(cell.outputs) == ("NBVAL_CHECK_OUTPUT" in source), (
                    f"cell {number}: outputs are kept where checked"
                )

    def test_kernel_is_the_plain_one(self, name):
        assert nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).metadata.kernelspec.name == "python3"

    @staticmethod
    def cells(name):
        return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells


def test_stored_pictures_are_those_of_the_code():
    assert not outdated(), "run: crossglg notebooks --refresh"


@pytest.mark.parametrize("name", STORED)
def test_stored_pictures_are_small_and_outputs_name_no_place(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.data for output in outputs if "data" in output]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert pictures and max(map(len, pictures)) <= 300_000
    assert {kind for data in shown for kind in data} <= {"image/png", "text/markdown", "text/plain"}
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    texts = [output.get("text", "") for output in outputs] + [data.get("text/markdown", "") for data in shown]
    assert not re.search(r"/(tmp|home|root)/", "\n".join(texts))


@pytest.mark.parametrize("name", ["00_tour", "01_describe_actions", "02_train"])
def test_a_notebook_is_handed_every_setting_that_was_changed(name):
    changed = {"seed": 3, "rotation": 0.5, "text_encoder": "deberta"}
    handed = parameters_for(name, {**Config().to_dict(), **changed, "output": "here"})
    assert handed.pop("output") == "here"
    others = handed.pop("settings")
    assert others == {key: value for key, value in changed.items() if key not in handed} and "rotation" in others
    assert Config.create(**handed, **others) == Config.create(**changed)
