"""What must agree across the repository's files."""
import re
import tomllib

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from intriguing_lib import plots, records
from intriguing_lib.composites import RandBits
from intriguing_lib.experiments import settings
from intriguing_lib.paths import CLONE

NOTEBOOKS = sorted((CLONE / "notebooks").glob("*.ipynb"))


def requirements(name):
    lines = [line.split("#")[0].strip() for line in (CLONE / name).read_text().splitlines()]
    return {r.name: r for r in map(Requirement, filter(None, lines))}


def test_every_dependency_has_one_floor_a_reason_and_a_tested_version():
    declared, tested = requirements("requirements.txt"), requirements("constraints.txt")
    project = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["dependencies"]
    for requirement in map(Requirement, project):
        assert declared[requirement.name] == requirement
    for line in (CLONE / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or not line or re.search(r">=[\d.]+ +# \w+", line), line
    for name, requirement in declared.items():
        (pin,) = tested[name].specifier
        assert pin.operator == "==" and Version(pin.version) in requirement.specifier


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_start_alike(path):
    """After the title: the parameters cell, then the same set-up cell in all."""
    title, parameters, setup = nbformat.read(path, as_version=4).cells[:3]
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    assert parameters.metadata.tags == ["parameters"] and parameters.source.startswith("preset = None")
    assert setup.source == nbformat.read(NOTEBOOKS[0], as_version=4).cells[2].source


def cells_until(path, name, namespace):
    """Execute a notebook's code cells in this process until `name` is defined."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, namespace)
        if name in namespace:
            return namespace[name]
    raise AssertionError(f"{path} never defines {name}")


def test_recorded_runs_have_the_settings_of_notebook_00(monkeypatch):
    monkeypatch.setenv("INTRIGUING_PRESET", "quick")
    monkeypatch.setattr(plots, "show", lambda *args, **kwargs: None)
    namespace = {}
    experiment = cells_until(NOTEBOOKS[0], "experiment", namespace)
    recorded = records.recorded("start_here").groupby("condition")
    bits = namespace["replace"](experiment, data=RandBits(experiment.data, 10), test=RandBits(experiment.test, 10))
    for condition, described in (("digits: contrastive encoder", experiment), ("ten bits, shared by the views", bits)):
        rows = recorded.get_group(condition)
        for name, value in settings(described).items():
            assert name == "seed" or rows[name].unique().tolist() == [value], name
        assert rows["seed"].tolist() == [0, 1, 2, 3, 4]


def test_what_notebook_00_says_of_its_recorded_runs():
    """What its prose rests on: training helps, ten shared bits undo it, fresh ones do not. Means over five seeds."""
    recorded = records.recorded("start_here").groupby("condition")["linear"].mean()
    trained = recorded["digits: contrastive encoder"]
    assert trained >= 0.95
    assert trained - recorded["digits: untrained encoder"] >= 0.05
    assert trained - recorded["digits: raw pixels"] >= 0.03
    assert trained - recorded["ten bits, shared by the views"] >= 0.40
    assert trained - recorded["ten bits, fresh in each view"] < 0.08
