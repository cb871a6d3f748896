"""What must agree across the repository's files."""
import re
import sys
import tomllib

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import torch
from packaging.requirements import Requirement
from packaging.version import Version

from intriguing_lib import claims, encoders, experiments, figures, images, mistakes, records
from intriguing_lib.experiments import Run, settings
from intriguing_lib.family import MEMBERS
from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
from refresh import verdicts_in  # noqa: E402

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


@pytest.fixture
def trained_by(monkeypatch):
    """Executes a notebook under a preset in this process, with pretended runs, and returns the experiments it asks for."""
    asked = []

    def run(experiment, on_report=None):
        asked.append(experiment)
        model, losses = experiment.untrained().eval(), torch.ones(experiment.steps)
        return Run(experiment, model, losses, {"linear": 0.5, "knn": 0.5}, 0, {}, True)

    def sweep(described):
        rows = [settings(e) | {"first_loss": 6.0, "loss": 3.0} | run(e).metrics | {"seconds": 1} for e in described]
        return pd.DataFrame(rows)

    monkeypatch.delenv("INTRIGUING_STRICT", raising=False)  # pretended runs have no verdict
    monkeypatch.setattr(figures, "show", lambda figure, *args, **kwargs: plt.close(figure))
    monkeypatch.setattr(experiments, "run", run)
    monkeypatch.setattr(experiments, "sweep", sweep)
    monkeypatch.setattr(mistakes, "evaluation_that_trains", lambda encoder, *args, **kwargs: (0.5, encoder))

    def execute(path, preset):
        monkeypatch.setenv("INTRIGUING_PRESET", preset)
        namespace = {}
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                exec(cell.source, namespace)
        return asked

    return execute


TRAINS = {0: ["start_here"], 1: ["from_scratch"], 2: ["generalized_loss"], 3: ["heads_digits"],
          4: ["temperature_weight", "batch_size"]}


@pytest.mark.parametrize("number", TRAINS)
def test_all_that_a_notebook_trains_under_quick_was_recorded_for_five_seeds(number, trained_by):
    recorded = pd.concat([records.recorded(name) for name in TRAINS[number]])
    for experiment in trained_by(NOTEBOOKS[number], "quick"):
        rows = records.with_settings(recorded, settings(experiment))
        assert sorted(set(rows["seed"])) == [0, 1, 2, 3, 4], experiment


@pytest.mark.parametrize("number", TRAINS)
def test_a_notebook_runs_under_full_on_little_data_with_pretended_runs(number, trained_by, monkeypatch):
    """What would fail on a GPU after hours of training, fails here, with a small encoder in the ResNet's place."""
    monkeypatch.setattr(encoders, "ResNet", lambda depth: encoders.SmallConv((4, 8), 16))
    monkeypatch.setattr(images, "mnist", lambda split: images.digits(split)[:600])
    monkeypatch.setattr(images, "cifar10", lambda split: colourful(600, split))
    assert trained_by(NOTEBOOKS[number], "full")


def colourful(n, split):
    pixels = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images.ImageSet(pixels, torch.arange(n) % 10, tuple("abcdefghij"), "cifar10", split, "noise")


def verdicts_shown(path):
    """What `judge` left in a notebook's committed outputs."""
    return verdicts_in(nbformat.read(path, as_version=4))


def test_the_committed_verdicts_are_those_that_the_notebooks_show():
    shown = pd.DataFrame([verdict for path in NOTEBOOKS for verdict in verdicts_shown(path)])
    columns = ["claim", "data", "preset", "verdict", "seeds"]
    assert shown[columns].to_dict("records") == claims.committed()[columns].to_dict("records")


@pytest.mark.parametrize("name", claims.CLAIMS)
def test_every_claim_is_judged_in_its_notebook(name):
    (path,) = [path for path in NOTEBOOKS if path.stem == claims.CLAIMS[name].notebook]
    assert any(verdict["claim"] == name for verdict in verdicts_shown(path))


def test_verdicts_on_recorded_runs_are_what_the_records_say():
    for verdict in claims.committed().query("preset == 'recorded'").to_dict("records"):
        rows = recorded_rows(verdict)
        effect = claims.CLAIMS[verdict["claim"]].measure(rows)
        assert claims.CLAIMS[verdict["claim"]].verdict(effect) == verdict["verdict"]
        assert effect.value == pytest.approx(verdict["effect"], abs=1e-5) and effect.seeds == verdict["seeds"]


def test_the_readme_shows_the_committed_verdicts():
    """To mend it: paste what `python -c "from intriguing_lib import claims; print(claims.verdicts_in_markdown())"` prints."""
    assert claims.verdicts_in_markdown() in (CLONE / "README.md").read_text()


def recorded_rows(verdict):
    if verdict["claim"] == "depth makes batch size matter less":
        rows = records.recorded("batch_size")
        rows = rows[rows["steps"] * rows["batch_size"] == 25_600]
    else:
        rows = pd.concat([records.recorded(name) for name in ("heads_digits", "heads_fashion", "cifar10_heads")])
        rows = rows[(rows["data"] == f"{verdict['data']} train") & rows["condition"].isin(MEMBERS)]
    return rows


def test_what_notebook_00_says_of_its_recorded_runs():
    """What its prose rests on: training helps, ten shared bits undo it, fresh ones do not. Means over five seeds."""
    recorded = records.recorded("start_here").groupby("condition")["linear"].mean()
    trained = recorded["digits: contrastive encoder"]
    assert trained >= 0.95
    assert trained - recorded["digits: untrained encoder"] >= 0.05
    assert trained - recorded["digits: raw pixels"] >= 0.03
    assert trained - recorded["ten bits, shared by the views"] >= 0.40
    assert trained - recorded["ten bits, fresh in each view"] < 0.08
