"""One run in miniature of each record, trained again: the recorded numbers come from this library still."""
import sys
from dataclasses import replace

import pytest

from intriguing_lib import records
from intriguing_lib.experiments import settings, sweep
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import record  # noqa: E402


@pytest.fixture(scope="module")
def recorded():
    return records.recorded("reduced")


def band(rows, column):
    """How far the same seed may be from its record: the deviation over the five recorded seeds."""
    return rows[column].astype(float).std()


@pytest.mark.parametrize("name", record.MINIATURES)
def test_a_record_in_miniature_comes_out_as_it_was_recorded(name, recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path))
    experiment = record.miniature(name)
    rows = records.with_settings(recorded[recorded["condition"] == name], settings(experiment))
    assert rows["seed"].tolist() == [0, 1, 2, 3, 4]
    (now,) = sweep([experiment]).to_dict("records")
    for column in ("loss", "linear"):
        assert abs(now[column] - float(rows[column].iloc[0])) <= band(rows, column), column


def test_a_wrong_loss_would_be_noticed(recorded, tmp_path, monkeypatch):
    """The alignment halved, as in the authors' code: outside the band."""
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path))
    experiment = record.miniature("heads_digits")
    wrong = replace(experiment, objective=Contrastive(replace(experiment.objective.loss, authors=True)))
    rows = recorded[recorded["condition"] == "heads_digits"]
    (now,) = sweep([wrong]).to_dict("records")
    assert abs(now["loss"] - float(rows["loss"].iloc[0])) > band(rows, "loss")


def test_there_is_a_miniature_of_every_record():
    of_embedded_data = {name for name in record.RECORDS if not name.startswith("cifar10")}  # which wants a download
    assert set(record.MINIATURES) == of_embedded_data - {"reduced"}
