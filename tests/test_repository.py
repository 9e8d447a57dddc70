"""The repository itself: environment, packaging, README, notebooks as files."""

import ast
import re
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

from crossglg.config import Config
from crossglg.runs.pipeline import NOTEBOOKS, parameters_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
    heavy = ("torch", "transformers", "openai")
    code = f"import sys, crossglg.cli; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_wheel_carries_prompts_notebooks_protocols_and_player(tmp_path):
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
        "shipped/studies/ablation.yaml",
        "viz/player.js",
        "data/benchmarks/ntu120-one-shot.json",
    ):
        assert f"crossglg/{name}" in names


def test_contributing_names_every_module_and_notebook():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Where is what")[2]
    registries = ("readers", "encoders", "objectives", "cli", "one_shot")  # a new member needs no line
    for path in sorted((ROOT / "crossglg").rglob("*.py")):
        if path.parent.name not in registries and not path.stem.startswith("__"):
            assert re.search(rf"\b{path.stem.rstrip('1234')}", tree), f"{path} is missing in the tree"
    for name in NOTEBOOKS:
        assert name in tree


def test_readme_results_are_those_of_the_runs():
    from crossglg.runs.results import markdown_table

    table = README.partition("<!-- results -->")[2].partition("<!-- /results -->")[0].strip()
    assert table == markdown_table(ROOT / "figures"), "run: crossglg table --readme README.md"


def test_published_studies_are_those_of_the_jsons():
    from crossglg.studies.spec import Study
    from crossglg.studies.tables import study_table

    for page in ("README.md", "NOTES.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        shown = re.findall(r"<!-- study (\S+) -->\n(.*?)\n<!-- /study \1 -->", text, re.DOTALL)
        assert shown
        for name, table in shown:
            how = f"run: crossglg study {name} --output figures/study --table --readme {page}"
            assert table == study_table(Study.load(name), ROOT / "figures" / "study"), how


def test_readme_pictures_exist():
    for path in re.findall(r"!\[.*?\]\((.+?)\)", README):
        assert (ROOT / path).is_file(), path


# Parameters that are no settings of a run: headless they keep these defaults, by which nothing asks the network.
OWN_PARAMETERS = {
    "01_describe_actions": {
        "action": "", "other_descriptions": "", "generate": False, "provider": "openai", "model": "", "base_url": "",
        "global_prompt": "global", "joints_prompt": "joints",
    },
    "02_train": {"overwrite": False},
    "05_ablations": {"study": "tiny", "data": "", "classifier": "cosine"},
    "06_your_own_actions": {"examples": "", "queries": "", "recording": ""},
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

    def test_one_parameters_cell_of_annotated_scalars(self, name):
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
            assert bool(cell.outputs) == ("NBVAL_CHECK_OUTPUT" in source), (
                f"cell {number}: outputs are kept where checked"
            )

    def test_kernel_is_the_plain_one(self, name):
        assert nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).metadata.kernelspec.name == "python3"

    @staticmethod
    def cells(name):
        return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells


def test_training_notebook_has_every_setting():
    assert set(parameters_of("02_train")) == {"output", "overwrite", *Config().to_dict()}
