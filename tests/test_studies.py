"""A study: live rows beside recorded ones, nobody else's among them, and all of it trained where it is recorded."""
from dataclasses import replace

import pandas as pd
import pytest
import torch

from intriguing_lib import cache, records, runs, studies
from intriguing_lib.images import digits
from intriguing_lib.losses import nt_xent
from intriguing_lib.measures import measured_on
from intriguing_lib.objectives import Contrastive
from intriguing_lib.records import recorded_encoder, write
from intriguing_lib.studies import sides, study
from intriguing_lib.sweeps import sweep


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path)
    monkeypatch.setattr(studies, "made", {})
    return tmp_path


@pytest.fixture
def trainings(monkeypatch):
    """The (steps, seed) of all that is trained meanwhile."""
    seen, train = [], runs.train
    monkeypatch.setattr(runs, "train", lambda *given: seen.append((given[5], given[7])) or train(*given))
    return seen


@pytest.fixture
def measured(some_digits):
    return measured_on(some_digits[1][:100])


@pytest.fixture
def experiment(experiment):
    """On 200 digits: a study has many runs."""
    return replace(experiment, data=experiment.data[:200])


@pytest.fixture
def conditions(experiment):
    return {"none": replace(experiment, steps=0), "some": [replace(experiment, steps=2), experiment]}


@pytest.fixture
def the_record(conditions, measured, monkeypatch, results):
    """What `ci/record.py toy` makes."""
    monkeypatch.setattr(studies, "recording", "toy")
    table = study("toy", conditions, measured, seeds=range(2))
    monkeypatch.setattr(studies, "recording", None)
    write("toy", table, "99_toy")
    return table


def test_recording_trains_everything_whatever_is_live(the_record, trainings, conditions, measured, tmp_path, monkeypatch):
    assert list(the_record)[:2] == ["condition", "source"] and set(the_record["source"]) == {"here"}
    assert the_record["condition"].tolist() == ["none"] * 2 + ["some"] * 4
    assert list(zip(the_record["steps"], the_record["seed"], strict=True)) == [(0, 0), (0, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    monkeypatch.setattr(studies, "recording", "toy")
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "another"))
    again = study("toy", lambda: conditions, measured, seeds=range(2), live=[conditions["none"]], live_seeds=(7,))
    assert trainings == [(0, 0), (0, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    pd.testing.assert_frame_equal(again.drop(columns=["seconds", "date"]), the_record.drop(columns=["seconds", "date"]))
    assert studies.made["toy"] is again and set(again["source"]) == {"here"}


def test_other_studies_train_nothing_while_one_is_recorded(the_record, conditions, measured, trainings, monkeypatch):
    monkeypatch.setattr(studies, "recording", "another")
    table = study("toy", conditions, measured, live=[conditions["none"]], live_seeds=(7,))
    assert trainings == [] and set(table["source"]) == {"recorded"} and len(table) == 6 and studies.made["toy"] is not table


def test_live_rows_stand_beside_recorded_ones(the_record, conditions, measured, experiment, trainings):
    table = study("toy", conditions, measured, live=[experiment, conditions["none"]], live_seeds=(5, 0))
    assert table["source"].tolist() == ["here"] * 4 + ["recorded"] * 6
    assert table["condition"].tolist() == ["none"] * 2 + ["some"] * 2 + ["none"] * 2 + ["some"] * 4
    assert list(zip(table["steps"], table["seed"], strict=True))[:4] == [(0, 5), (0, 0), (3, 5), (3, 0)]
    assert trainings == [(0, 5), (3, 5)]  # seed 0 is in the cache from when it was recorded
    both = table[(table["steps"] == 3) & (table["seed"] == 0)]
    assert both["source"].tolist() == ["here", "recorded"]
    for name in ("linear", "knn", "loss", "data.content", "objective.loss.temperature", "batch_size"):
        here, past = both[name]
        assert here == (pytest.approx(past, abs=1e-6) if isinstance(past, float) else past), name
    assert table["steps"].dtype == table["seed"].dtype == "int64" and table["linear"].dtype == "float64"


def test_nothing_live_is_the_record_alone_and_needs_no_experiments(the_record, measured, trainings):
    def described_when_recorded():
        raise AssertionError("its data would be downloaded here")

    table = study("toy", described_when_recorded, measured)
    assert trainings == [] and len(table) == 6 and set(table["source"]) == {"recorded"}
    columns = [c for c in the_record if c not in ("source", "from_cache", "key", "seconds")]
    pd.testing.assert_frame_equal(table[columns], the_record[columns].round(6), check_dtype=False)


def test_a_stranger_among_the_live_is_refused(the_record, conditions, measured, experiment, trainings):
    with pytest.raises(ValueError, match="study 'toy': a live experiment is none of its own; put it among the conditions"):
        study("toy", conditions, measured, live=[experiment, replace(experiment, steps=7)])
    assert trainings == []


def test_the_same_experiment_described_twice_is_no_stranger(the_record, conditions, measured, experiment, trainings):
    """A cell that loads the data once more describes the same run: its key is the same."""
    twin = replace(experiment, data=digits("train", "cpu")[:200])
    assert twin.key == experiment.key
    table = study("toy", conditions, measured, live=[twin])
    assert (table["source"] == "here").sum() == 1 and trainings == []


def test_a_learners_own_experiment_is_as_live_as_ours(the_record, conditions, measured, experiment, trainings):
    mine = replace(experiment, objective=Contrastive(lambda z1, z2, generator: nt_xent(z1, z2, 0.2)))
    table = study("toy", conditions | {"mine": mine}, measured, live=[mine])
    assert table["condition"][0] == "mine" and table["source"].tolist() == ["here"] + ["recorded"] * 6 and trainings == [(3, 0)]
    same = table[(table["source"] == "recorded") & (table["steps"] == 3) & (table["seed"] == 0)]
    assert table["linear"][0] == pytest.approx(same["linear"].item(), abs=1e-6)  # the same loss, in other words


def test_a_study_that_was_never_recorded_has_live_rows_alone_and_says_so(conditions, measured, experiment, capsys):
    said = "The study 'unheard' has no record yet: `python ci/record.py unheard` makes it.\n"
    empty = study("unheard", conditions, measured)
    assert capsys.readouterr().out == said and len(empty) == 0 and list(empty) == ["condition", "source"]
    table = study("unheard", conditions, measured, live=[experiment])
    assert capsys.readouterr().out.startswith(said) and table["source"].tolist() == ["here"] and sides(table)[1] == {"some": []}


def test_sides_are_means_here_and_values_there_in_the_studys_order(the_record, conditions, measured, experiment):
    table = study("toy", conditions, measured, live=[experiment], live_seeds=(0, 1))
    here, past = sides(table)
    assert list(here) == list(past) == ["none", "some"] and here["none"] is None
    rows = sweep([experiment, replace(experiment, seed=1)], measured)
    assert here["some"] == pytest.approx(rows["linear"].mean()) and [len(values) for values in past.values()] == [2, 4]
    assert past["none"] == pytest.approx(the_record["linear"][:2].tolist(), abs=1e-6)
    assert sides(table, "knn")[1]["none"] == pytest.approx(the_record["knn"][:2].tolist(), abs=1e-6)


def test_recording_keeps_the_encoders_that_are_asked_for_of_the_first_seed(conditions, measured, experiment, monkeypatch):
    monkeypatch.setattr(studies, "recording", "toy")
    study("toy", {"some": experiment, "none": replace(experiment, steps=0)}, measured, seeds=(5, 0), ship=("some",))
    kept = recorded_encoder("toy", "some", experiment.encoder, experiment.data.shape).state_dict()
    of = runs.trained(replace(experiment, seed=5)).model.encoder.state_dict()
    assert all(torch.equal(kept[name], of[name]) for name in of)
    with pytest.raises(FileNotFoundError):
        recorded_encoder("toy", "none", experiment.encoder, experiment.data.shape)


def test_what_was_trained_here_is_kept_once(the_record, conditions, measured, experiment):
    for live_seeds in ((5,), (5, 6)):
        table = study("toy", conditions, measured, live=[experiment], live_seeds=live_seeds)
    rows = studies.kept("toy")
    assert [(row["condition"], row["steps"], row["seed"]) for row in rows] == [("some", 3, 5), ("some", 3, 6)]
    here = table[table["source"] == "here"]
    assert [row["linear"] for row in rows] == here["linear"].tolist() and {row["key"] for row in rows} == set(here["key"])


def test_a_learners_own_code_is_not_kept(conditions, measured, experiment):
    own = replace(experiment, objective=Contrastive(lambda z1, z2, generator: nt_xent(z1, z2, 0.5)))
    study("own", conditions | {"own": own}, measured, live=[own, conditions["none"]])
    assert [row["condition"] for row in studies.kept("own")] == ["none"]


def test_a_run_that_was_forgotten_is_in_no_study(the_record, conditions, measured, experiment):
    study("toy", conditions, measured, live=[experiment], live_seeds=(5, 6))
    cache.remove(studies.kept("toy")[0]["key"])
    assert [row["seed"] for row in studies.kept("toy")] == [6]


def test_kept_rows_that_are_damaged_are_named_and_come_back(the_record, conditions, measured, experiment, tmp_path):
    study("toy", conditions, measured, live=[experiment])
    (tmp_path / "cache" / "toy.study.json").write_text("{", encoding="utf-8")
    with pytest.warns(UserWarning, match="What this machine found in the study 'toy' can't be used"):
        assert studies.kept("toy") == []
    with pytest.warns(UserWarning, match="run again, brings"):
        study("toy", conditions, measured, live=[experiment])
    assert len(studies.kept("toy")) == 1
