"""`ci/record.py`: a record comes from its notebook's own cells, so a setting changed there changes the record."""
import os
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from intriguing_lib.paths import CLONE
from tests.test_commands import script

SETTING = "steps = 2"
CELLS = ("preset = None", f"""
from dataclasses import replace
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits
from intriguing_lib.measures import measured_on
from intriguing_lib.studies import study
from intriguing_lib.views import digit_view
{SETTING}
base = Experiment(digits("train", "cpu")[:200], digit_view(), SmallConv((4, 8), 16), Head(1, out=8), steps=steps, batch_size=32)
measures = measured_on(digits("test", "cpu")[:100])
""", """
other = study("other", {"other": base}, measures, live=[base])
other[other["source"] == "here"]["linear"].mean().no_such_thing
""", "1 +", """
table = study("toy", {"trained": base, "untrained": replace(base, steps=0)}, measures, seeds=range(2), live=[base])
raise SystemExit("a cell behind the study is not executed")
""")


@pytest.fixture
def record(tmp_path):
    """Records a study of a copy of the course that has one toy notebook: what it printed, and the record."""
    (tmp_path / "ci").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "results").mkdir()
    shutil.copy(CLONE / "ci" / "record.py", tmp_path / "ci")

    def recorded(name="toy", change=(SETTING, SETTING)):
        cells = [nbformat.v4.new_code_cell(cell.replace(*change)) for cell in CELLS]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "09_toy.ipynb")
        code = ("import sys; from pathlib import Path; from intriguing_lib import records; "
                f"records.shipped = lambda folder: Path({str(tmp_path)!r}) / folder; "
                f"sys.argv = ['record.py', {name!r}]; import runpy; runpy.run_path('ci/record.py', run_name='__main__')")
        ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
                               env=os.environ | {"PYTHONPATH": str(CLONE)})
        path = tmp_path / "results" / f"{name}.csv"
        return ended.stdout + ended.stderr, pd.read_csv(path) if path.exists() else None

    return recorded


def test_a_study_is_recorded_from_its_notebook_resumed_and_changed_with_it(record):
    said, table = record()
    assert "results/toy.csv: 4 runs" in said and "4 runs, 4 of them to do" in said
    assert "code cell 2 was left: KeyError" in said  # the other study has neither a record nor, here, runs of its own
    assert table["steps"].tolist() == [2, 2, 0, 0] and table["seed"].tolist() == [0, 1, 0, 1]
    assert "code cell 3 was left: SyntaxError" in said
    said, again = record()
    assert "4 runs, all loaded from the cache" in said and again.equals(table)
    said, changed = record(change=(SETTING, "steps = 3"))
    assert "4 runs, 2 of them to do" in said and changed["steps"].tolist() == [3, 3, 0, 0]
    assert (changed["loss"] != table["loss"])[:2].all() and (changed["linear"] == table["linear"])[2:].all()


def test_an_unknown_study_is_answered_with_those_there_are(record):
    said, table = record("tpy")
    assert "NAME is one of: other, toy" in said and table is None


def test_a_study_that_cannot_be_described_is_its_own_error(record):
    said, table = record(change=(SETTING, "steps = -1"))
    assert "steps must not be negative, got -1" in said and table is None


def test_every_study_has_one_notebook():
    module = script("record")
    found = [name for path in sorted((CLONE / "notebooks").glob("*.ipynb")) for cell in module.code_cells(path)
             for name in module.STUDY.findall(cell)]
    assert len(set(found)) == len(found) >= 19 and module.studies().keys() == set(found)
