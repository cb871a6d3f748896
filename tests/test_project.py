"""What must agree across the repository's files."""
import re
import sys
import tomllib
from dataclasses import asdict, replace
from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import torch
from nbconvert import HTMLExporter
from packaging.requirements import Requirement
from packaging.version import Version

from intriguing_lib import claims, encoders, figures, images, records, runs, studies, sweeps
from intriguing_lib.challenge import Fenced
from intriguing_lib.claimed import FAILS, HOLDS
from intriguing_lib.course.checks import EXERCISES, LEVELS
from intriguing_lib.descriptions import settings
from intriguing_lib.measures import Frozen
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.runs import Run, check_fit
from tests.test_statistics import race

sys.path.append(str(CLONE / "ci"))
import refresh  # noqa: E402

NOTEBOOKS = sorted((CLONE / "notebooks").glob("*.ipynb"))


# Studies of CIFAR-10 and of the complete MNIST, which are pretended here.
PRETENDED = ("cifar10_search", "cifar10_search_longer", "cifar10_retuned", "cifar10_heads", "photographs", "authors_cells",
             "authors_cells_again", "real_colours", "digits_on_photographs", "cifar10_heads_again")


def requirements(name):
    lines = [line.split("#")[0].strip() for line in (CLONE / name).read_text(encoding="utf-8").splitlines()]
    return {r.name: r for r in map(Requirement, filter(None, lines))}


def test_every_dependency_has_one_floor_a_reason_and_a_tested_version():
    declared, tested = requirements("requirements.txt"), requirements("constraints.txt")
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for requirement in map(Requirement, project):
        assert declared[requirement.name] == requirement
    for line in (CLONE / "requirements.txt").read_text(encoding="utf-8").splitlines():
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


@pytest.mark.parametrize("path, following", list(pairwise(NOTEBOOKS)), ids=lambda p: p.stem)
def test_every_notebook_ends_with_its_next(path, following):
    last = nbformat.read(path, as_version=4).cells[-1].source
    assert re.search(rf"^\*\*Next:\*\* \[.+\]\({following.name}\)", last, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_figures_alternative_text_arrives_in_the_page(path):
    """In the HTML that nbconvert makes, which is what a browser is given."""
    notebook = nbformat.read(path, as_version=4)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = sum("image/png" in o.get("data", {}) or "image/gif" in o.get("data", {}) for o in shown)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    tags = re.findall(r'<img\b[^>]*src="data:image/(?:png|gif)[^>]*>', page)
    assert len(tags) == pictures and all(re.search(r'alt="[^"]{10,}"', tag) for tag in tags)


def test_an_exercises_heading_says_what_its_check_says():
    stated = {}
    for path in NOTEBOOKS:
        heading = None
        for cell in nbformat.read(path, as_version=4).cells:
            heading = (re.findall(r"^### Exercise: .+ \((.+)\)$", cell.source, re.MULTILINE) or [heading])[-1]
            stated |= dict.fromkeys(re.findall(r"= check\(\"(\w+)\"", cell.source), heading)
    assert stated == {name: f"{e.minutes} minutes, {LEVELS[e.level]}" for name, e in EXERCISES.items()}


@pytest.fixture
def executed(monkeypatch):
    """Executes a notebook under a preset in this process, with pretended runs.

    Gives what it asked to be trained here, and its studies as it described them: (experiments, {name: (experiments, measures,
    seeds)}).
    """
    asked, described = [], {}

    def pretended(e, its_measures):
        check_fit(e, its_measures)
        asked.append(e)
        return {name: 0.5 for measure in its_measures for name in measure.metrics}

    def run(e, its_measures=(), on_report=None):
        return Run(e, e.untrained().eval(), torch.ones(e.steps), pretended(e, its_measures), 0, {}, True)

    def sweep(several, its_measures=()):
        of = its_measures if callable(its_measures) else lambda e: its_measures
        fixed = {"first_loss": 6.0, "loss": 3.0, "seconds": 1.0, "device": ""}
        return pd.DataFrame([settings(e) | fixed | pretended(e, of(e)) for e in several])

    def study(name, experiments, its_measures, seeds=range(5), **live):
        described[name] = experiments, its_measures, seeds
        return real_study(name, experiments, its_measures, seeds, **live)

    real_study = studies.study
    monkeypatch.delenv("INTRIGUING_STRICT", raising=False)  # pretended runs have no verdict
    monkeypatch.setattr(figures, "show", lambda figure, *args, **kwargs: plt.close(figure))
    monkeypatch.setattr(runs, "run", run)
    monkeypatch.setattr(sweeps, "sweep", sweep)
    monkeypatch.setattr(studies, "sweep", sweep)
    monkeypatch.setattr(studies, "study", study)

    def execute(path, preset):
        monkeypatch.setenv("INTRIGUING_PRESET", preset)
        namespace = {}
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                exec(cell.source, namespace)
        return asked, described

    return execute


def as_records(table):
    """Rows to compare, in an order of their own: what is missing as None, whole numbers as integers."""
    rows = [{key: None if pd.isna(value) else int(value) if isinstance(value, float) and value.is_integer() else value
             for key, value in row.items()} for row in table.astype(object).to_dict("records")]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_records_hold_what_the_studies_describe(path, executed, monkeypatch):
    """Every setting of every row, and the seeds; and what is trained here has five recorded seeds, unless it is a learner's."""
    monkeypatch.setattr(images, "cifar10", lambda split="train": colourful({"train": 50_000, "test": 10_000}[split], split))
    monkeypatch.setattr(images, "mnist", lambda split="train": black({"train": 60_000, "test": 10_000}[split], split))
    asked, described = executed(path, "quick")
    for name, (experiments, _, seeds) in described.items():
        pairs = studies.pairs_of(experiments() if callable(experiments) else experiments)
        expected = pd.DataFrame([{"condition": c} | settings(e.with_seed(s)) for c, e in pairs for s in seeds])
        pretended = [column for column in expected if column.endswith(".content") and name in PRETENDED]
        expected = expected.drop(columns=pretended)
        past = records.recorded(name)
        assert as_records(past.reindex(columns=expected.columns)) == as_records(expected), name
        assert records.beside(name)["notebook"] == path.stem
    recorded = pd.concat([records.recorded(name) for name in described])
    for experiment in asked:
        a_learners = experiment.own_code or isinstance(experiment.objective, Fenced)  # entered into notebook 10's board
        assert a_learners or len(set(records.with_settings(recorded, settings(experiment))["seed"])) >= 3, experiment


@pytest.fixture
def cheapest(executed):
    """Of a notebook's recorded runs with several seeds the one that trains least: (its row in the record, the rows of all its
    seeds, experiment, measures)."""

    def found(path):
        described = {name: study for name, study in executed(path, "quick")[1].items() if not callable(study[0])}
        cost, name, condition, e = min(((e.steps * e.batch_size, name, condition, e) for name, study in described.items()
                                        for condition, e in studies.pairs_of(study[0]) if e.steps), key=lambda one: one[0])
        rows = records.with_settings(records.recorded(name), settings(e)).query("condition == @condition")
        of, seeds = described[name][1:]
        e = replace(e, seed=seeds[0])
        return rows[rows["seed"] == e.seed].iloc[0], rows, e, of(e) if callable(of) else of

    return found


@pytest.mark.parametrize("path", NOTEBOOKS[2:5], ids=lambda p: p.stem)
def test_a_recorded_run_comes_out_again(path, cheapest):
    """The same seed nearer to its record than a deviation among seeds: processors round differently.

    Not of notebooks 00, 01, 05 and 06, whose shortest runs take half a minute; `ci/compare.py` has those, after a course.
    """
    recorded, all_seeds, experiment, its_measures = cheapest(path)
    now = runs.row(experiment, its_measures)
    for column in ("loss", "linear"):
        assert abs(now[column] - recorded[column]) <= all_seeds[column].std(), column


@pytest.mark.parametrize("study", sorted({path.stem.split(".")[0] for path in (CLONE / "results").glob("*.safetensors")}))
def test_the_encoders_that_are_shipped_are_those_that_were_recorded(study, executed, monkeypatch):
    """Measured anew they give their rows' numbers: of scenes of digits, and of photographs that need no download."""
    monkeypatch.setattr(images, "cifar10", lambda split="train": colourful(300, split))
    (notebook,) = (p for p in NOTEBOOKS if p.stem == records.beside(study)["notebook"])
    experiments, its_measures, seeds = executed(notebook, "quick")[1][study]
    experiments, past = experiments() if callable(experiments) else experiments, records.recorded(study)
    for path in (CLONE / "results").glob(f"{study}.*.safetensors"):
        condition = path.stem.split(".")[1].replace("_", " ")
        e, row = experiments[condition], past.query("condition == @condition").sort_values("seed").iloc[0]
        assert row["seed"] == seeds[0]
        frozen = Frozen(SimpleNamespace(encoder=records.recorded_encoder(study, condition, e.encoder, e.data.shape)))
        of_our_own = [m for m in its_measures(e) if getattr(m.test, "objects", m.test).name != "CIFAR-10 (JPEG)"]
        found = of_our_own[-1](frozen, e.data)
        assert found == pytest.approx({name: row[name] for name in found}, abs=0.02), condition


def test_a_wrong_loss_would_be_noticed(cheapest):
    """The alignment halved, as in the authors' code: outside the band."""
    recorded, all_seeds, experiment, its_measures = cheapest(NOTEBOOKS[4])
    wrong = replace(experiment, objective=Contrastive(replace(experiment.objective.loss, authors=True)))
    assert abs(runs.row(wrong, its_measures)["loss"] - recorded["loss"]) > all_seeds["loss"].std()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_under_full_on_little_data_with_pretended_runs(path, executed, monkeypatch):
    """What would fail on a GPU after hours of training, fails here, with a small encoder in the ResNet's place."""
    monkeypatch.setattr(encoders, "ResNet", lambda *depth_and_stem: encoders.SmallConv((4, 8), 16))
    monkeypatch.setattr(images, "mnist", lambda split: images.digits(split)[:600])
    monkeypatch.setattr(images, "fashion_mnist", lambda split: images.fashion(split)[:600])
    monkeypatch.setattr(images, "cifar10", lambda split: colourful(600, split))
    asked, described = executed(path, "full")
    assert asked or described  # the ledger trains nothing, and has a study


def colourful(n, split):
    pixels = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images.ImageSet(pixels, torch.arange(n) // 5 % 10, images.CIFAR10, "CIFAR-10 (JPEG)", split, "noise")


def black(n, split):
    pixels = torch.zeros(n, 1, 28, 28, dtype=torch.uint8)
    return images.ImageSet(pixels, torch.arange(n) % 10, images.DIGITS, "mnist", split, "nothing")


def verdicts_shown():
    """What `show_claim` and `show_recorded_claim` left in the notebooks' committed outputs."""
    shown = {path.stem: refresh.verdicts_in(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}
    return pd.DataFrame([verdict | {"notebook": name} for name, verdicts in shown.items() for verdict in verdicts])


def in_order(table):
    """Verdicts without their effects, which are rounded when committed."""
    columns = ["claim", "data", "preset", "verdict", "seeds"]
    return table[columns].sort_values(columns).to_dict("records")


def test_the_committed_verdicts_are_those_that_the_notebooks_show():
    assert in_order(verdicts_shown()) == in_order(claims.committed())


@pytest.mark.parametrize("name", claims.CLAIMS)
def test_every_claim_is_judged_in_its_notebook(name):
    assert (verdicts_shown().query("claim == @name")["notebook"] == claims.CLAIMS[name].notebook).any()


def test_the_committed_verdicts_on_recorded_runs_are_what_the_records_say():
    """To mend it: `python ci/refresh.py verdicts`."""
    recorded = pd.DataFrame(refresh.recorded_verdicts())
    committed = claims.committed().query("preset == 'recorded'").reset_index(drop=True)
    pd.testing.assert_frame_equal(committed, recorded, check_exact=False, rtol=0, atol=2e-6)


def test_the_readme_shows_the_ledger():
    """To mend it: `python ci/refresh.py verdicts`."""
    readme = (CLONE / "README.md").read_text(encoding="utf-8")
    assert refresh.MARKED.findall(readme) == [refresh.in_markdown()]


def test_a_verdict_on_a_record_reaches_the_readme_in_one_call(tmp_path, monkeypatch):
    """A made-up record, in which losses are far apart behind a deep head, and a notebook with a quick verdict."""
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path / folder)
    name = "losses are similar"
    for other in claims.CLAIMS:
        monkeypatch.setitem(claims.CLAIMS, other, replace(claims.CLAIMS[other], records=("made_up",) if other == name else ()))
    (tmp_path / "results").mkdir()
    race({1: 0.01, 3: 0.09}, seeds=4).to_csv(tmp_path / "results" / "made_up.csv", index=False)
    quick = asdict(claims.Verdict("losses are similar", "digits", "quick", HOLDS, 0.5, 0.25, 0.75, 3, "a test"))
    bundles = [{refresh.MIMETYPE: [quick]}, {refresh.MIMETYPE: [quick | {"preset": "recorded", "verdict": "of yesterday"}]}]
    shown = [nbformat.v4.new_output("display_data", bundle) for bundle in bundles]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("show", outputs=shown)]),
                   tmp_path / "notebooks" / "03.ipynb")
    (tmp_path / "README.md").write_text("before\n<!-- verdicts -->\nyesterday's\n<!-- /verdicts -->\nafter\n", encoding="utf-8")
    refresh.save_verdicts()
    table = pd.read_csv(tmp_path / "results" / "verdicts.csv")
    assert table["verdict"].tolist() == [HOLDS, FAILS] and table["preset"].tolist() == ["quick", "recorded"]
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "<!-- verdicts -->"] and lines[-2:] == ["<!-- /verdicts -->", "after"]
    assert "yesterday's" not in lines
    assert lines[2].startswith("1. **mixed**: losses of the family")  # the made-up record against the committed equivalence


def test_a_readme_without_its_markers_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("nothing marked", encoding="utf-8")
    with pytest.raises(ValueError, match="README.md needs a line <!-- verdicts -->"):
        refresh.save_verdicts()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "nothing marked"


def test_what_notebook_00_says_of_its_recorded_runs():
    """What its prose rests on: training helps, ten shared bits undo it, fresh ones do not. Means over five seeds."""
    both = pd.concat([records.recorded("start_here"), records.recorded("ten_bits")])
    recorded = both.groupby("condition")["linear"].mean()
    trained = recorded["digits: contrastive encoder"]
    assert trained >= 0.95
    assert trained - recorded["digits: untrained encoder"] >= 0.05
    assert trained - recorded["digits: raw pixels"] >= 0.03
    assert trained - recorded["ten bits, shared by the views"] >= 0.40
    assert trained - recorded["ten bits, fresh in each view"] < 0.08
