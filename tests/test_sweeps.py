"""A sweep: a tidy table, the same whoever does the runs, and one run's misfortune stays its own."""
import math
import pickle
import warnings
from dataclasses import dataclass, replace

import joblib
import pandas as pd
import pytest
import torch

from intriguing_lib import cache, runs, sweeps
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Ink
from intriguing_lib.images import digits, fashion
from intriguing_lib.losses import nt_xent
from intriguing_lib.measures import Diagnostics, measured_on
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.runs import run
from intriguing_lib.sweeps import sweep
from intriguing_lib.train import Optimizer

BY_THE_CLOCK = ["seconds", "date"]


@pytest.fixture
def measured(some_digits):
    return measured_on(some_digits[1])


@pytest.fixture
def several(experiment):
    """Experiments of several kinds, one of them with a learner's own loss."""
    own = replace(experiment, objective=Contrastive(lambda z1, z2, generator: nt_xent(z1, z2, 0.2)))
    supervised = replace(experiment, objective=Supervised(), head=Head(layers=1, out=10), data=RandBits(experiment.data, 0))
    return [experiment, replace(experiment, seed=1), supervised, own, replace(experiment, steps=0)]


def test_a_sweep_is_a_tidy_table_that_says_what_it_will_do(experiment, measured, capsys):
    todo = [replace(experiment, seed=seed) for seed in (0, 1)]
    run(todo[0], measured)
    capsys.readouterr()
    table = sweep(todo, measured)
    assert capsys.readouterr().out.startswith("2 runs, 1 of them to do: about ")
    assert table["seed"].tolist() == [0, 1] and table["from_cache"].tolist() == [True, False]
    assert table["objective.loss.temperature"].tolist() == [0.2, 0.2] and table["head.layers"].tolist() == [2, 2]
    assert table["linear"].between(0, 1).all() and table["loss"].between(2, 6).all()
    assert table["key"].tolist() == [e.key for e in todo] and set(table["device"].str[-8:]) == {"1 thread"}
    again = sweep(todo, measured)
    assert capsys.readouterr().out == "2 runs, all loaded from the cache.\n"
    pd.testing.assert_frame_equal(table.drop(columns="from_cache"), again.drop(columns="from_cache"))


def test_a_sweep_without_measures_is_finished_too(experiment, capsys):
    assert "linear" not in sweep([experiment])
    capsys.readouterr()
    assert sweep([experiment])["from_cache"].tolist() == [True]
    assert capsys.readouterr().out == "1 runs, all loaded from the cache.\n"


def test_measures_may_depend_on_the_experiment_and_experiments_come_one_by_one(experiment, some_digits):
    def its_measures(e):
        return (Diagnostics(some_digits[1]),) if e.seed else measured_on(some_digits[1])

    table = sweep((replace(experiment, seed=seed) for seed in (0, 1)), its_measures)
    assert table["linear"].isna().tolist() == [False, True] and table["effective rank"].isna().tolist() == [True, False]
    assert table["batch_size"].tolist() == [32, 32] and len(sweep([])) == 0


def test_whole_numbers_stay_whole_where_some_are_missing(experiment):
    table = sweep([experiment, replace(experiment, objective=Contrastive(lambda z1, z2, g: (z1 - z2).square().mean())),
                   replace(experiment, data=RandBits(experiment.data, 2))])
    assert table["data.bits"].isna().tolist() == [True, True, False] and str(table["data.bits"].dtype) == "Int64"
    assert table["data.bits"][2] == 2 and table["steps"].dtype == "int64"


def same_tables(a, b):
    pd.testing.assert_frame_equal(a.drop(columns=BY_THE_CLOCK), b.drop(columns=BY_THE_CLOCK))


@pytest.fixture
def alone(several, measured, tmp_path, monkeypatch):
    """What one run after the other gives; the cache is then another, empty one."""
    table = sweep(several, measured)
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "another"))
    # the repr of a learner's function holds its address, which is another in another process
    return table.drop(columns="objective.loss")


def test_worker_processes_give_the_same_table(several, measured, alone, monkeypatch, capfd):
    monkeypatch.setattr(sweeps, "WORKERS_PAY", 0)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(runs, "train", None)  # in this process nothing could be trained; theirs import their own
    same_tables(sweep(several, measured).drop(columns="objective.loss"), alone)
    assert len(cache.finished()) == 4


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_another_backend_gives_the_same_table(two_threads, backend, several, measured, alone):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        same_tables(sweep(several, measured).drop(columns="objective.loss"), alone)
    assert torch.get_num_threads() == 2


def test_a_backend_that_gives_all_results_at_once_will_do(several, measured, alone, monkeypatch):
    """As Ray's, which refuses return_as="generator"."""
    class AllAtOnce(joblib.Parallel):
        def __init__(self, *arguments, return_as="list", **options):
            if return_as != "list":
                raise ValueError("Backend AllAtOnce does not support return_as=generator")
            super().__init__(*arguments, **options)

    monkeypatch.setattr(joblib, "Parallel", AllAtOnce)
    same_tables(sweep(several, measured).drop(columns="objective.loss"), alone)


@dataclass(frozen=True)
class NotANumber:
    """A learner's loss that fails from the start."""

    def __call__(self, z1, z2, generator):
        return (z1 - z2).square().mean() * float("nan")


def test_a_run_that_diverges_is_a_row_of_nan_and_a_sentence_and_the_others_are_there(experiment, measured, capsys):
    todo = [experiment, replace(experiment, optimizer=Optimizer("sgd", lr=1e30)), replace(experiment, seed=1),
            replace(experiment, objective=Contrastive(NotANumber()))]
    table = sweep(todo, measured)
    said = capsys.readouterr().out
    for number in (2, 4):
        assert f"run {number} of 4 ended early and has no numbers: The loss is nan at step " in said
    numbers = table[["first_loss", "loss", "linear", "knn", "seconds"]]
    assert numbers.isna().all(axis=1).tolist() == [False, True, False, True] and numbers.iloc[[0, 2]].notna().all(axis=None)
    assert "diverged" not in table and table["optimizer.lr"].tolist() == [0.001, 1e30, 0.001, 0.001]
    assert table["seed"].tolist() == [0, 0, 1, 0] and sorted(cache.finished()) == sorted([todo[0].key, todo[2].key])
    alone = sweep([todo[1]], measured)
    assert alone["linear"].isna().all() and alone["steps"].tolist() == [3]


@dataclass
class Refused:
    """What fails in every way that a learner's part may: it isn't even hashable."""
    features = 16

    def build(self, shape):
        raise RuntimeError("the learner's mistake")

    def __call__(self, *given):
        raise RuntimeError("the learner's mistake")


def test_what_has_nothing_to_train_costs_the_forecast_nothing(experiment):
    """No optimiser takes an encoder without weights; NaN for all would keep the sweep in one process."""
    bare = replace(experiment, encoder=Ink(), head=Head(0), steps=0)
    assert sweeps.seconds_to_train([bare]) == 0
    assert 0 < sweeps.seconds_to_train([bare, experiment]) < math.inf


@pytest.mark.parametrize("wrong", [dict(objective=Refused()), dict(encoder=Refused()), dict(view=Refused()),
                                   dict(objective=Contrastive(Refused())), dict(steps=0),
                                   dict(optimizer=Optimizer("sgd", lr=1e30))], ids=str)
def test_the_forecast_never_raises(wrong, experiment):
    """Whatever is wrong, the run itself tells: its traceback is the one to read."""
    seconds = sweeps.seconds_to_train([replace(experiment, **wrong)])
    assert seconds != seconds or seconds >= 0


def test_a_learners_mistake_comes_out_of_the_sweep_as_it_is(experiment, capsys):
    with pytest.raises(RuntimeError, match="the learner's mistake"):
        sweep([replace(experiment, objective=Refused())])
    assert capsys.readouterr().out.startswith("1 runs, 1 of them to do.\n")
    with pytest.raises(TypeError, match="objective.loss is nt_xent"):
        sweep([replace(experiment, objective=Contrastive(nt_xent))])


def test_forgotten_weights_cost_no_training_where_all_is_read(experiment, measured, some_digits, monkeypatch, capsys):
    before = sweep([experiment], measured)
    weights = run(experiment).model.state_dict()
    cache.remove_weights(experiment.key)
    train = runs.train
    monkeypatch.setattr(runs, "train", None)
    capsys.readouterr()
    pd.testing.assert_frame_equal(sweep([experiment], measured).drop(columns="from_cache"), before.drop(columns="from_cache"))
    assert capsys.readouterr().out == "1 runs, all loaded from the cache.\n"
    monkeypatch.setattr(runs, "train", train)
    new = sweep([experiment], (*measured, Diagnostics(some_digits[1])))
    assert capsys.readouterr().out.startswith("1 runs, 1 of them to do: about ")
    assert new["linear"][0] == before["linear"][0] and new["loss"][0] == before["loss"][0] and new["effective rank"][0] > 1
    assert all(torch.equal(weights[name], tensor) for name, tensor in run(experiment).model.state_dict().items())


@pytest.mark.parametrize("load", [digits, fashion])
@pytest.mark.parametrize("split", ["train", "test"])
def test_an_embedded_set_travels_as_its_name(load, split):
    data = load(split, "cpu")
    sent = pickle.dumps(data)
    found = pickle.loads(sent)
    assert len(sent) < 1000 and repr(found) == repr(data) and found.classes == data.classes and found.source == data.source
    assert torch.equal(found.images, data.images) and torch.equal(found.labels, data.labels) and found.device == data.device
    assert pickle.loads(sent) is found  # read once in a process
    assert len(pickle.dumps(RandBits(data, 3))) < 1100


def test_another_set_travels_whole_and_an_experiment_keeps_its_key(experiment, noise):
    part = digits("train", "cpu")[:1000]
    for data in (part, noise):
        sent = pickle.dumps(data)
        found = pickle.loads(sent)
        assert len(sent) > data.images.numel() and repr(found) == repr(data) and found.classes == data.classes
        assert torch.equal(found.images, data.images) and torch.equal(found.labels, data.labels)
        found.images[0] = 0  # what joblib hands over by file must not be written to; this is a copy
    for e in (experiment, replace(experiment, data=RandBits(experiment.data, 3))):
        assert pickle.loads(pickle.dumps(e)).key == e.key


def test_nothing_warns_on_the_way(several, measured):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sweep(several, measured)
        sweep(several, measured)
