import warnings
from dataclasses import replace

import pandas as pd
import pytest
import torch

from intriguing_lib import experiments, paths, records
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment, run, settings, sweep
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.views import digit_view


@pytest.fixture
def experiment(some_digits):
    train, test = some_digits
    return Experiment(train, test, digit_view(), SmallConv((4, 8), 16), Head(width=16, out=8), Contrastive(NTXent(0.2)),
                      steps=3, batch_size=32)


def test_the_second_time_it_is_loaded_and_identical(experiment, capsys):
    first, second = run(experiment), run(experiment)
    assert (first.from_cache, second.from_cache) == (False, True)
    said = capsys.readouterr().out.splitlines()
    assert "trained and measured in" in said[0] and "loaded from the cache" in said[1]
    assert first.metrics == second.metrics and torch.equal(first.losses, second.losses)
    for a, b in zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    images = experiment.test.batch(torch.arange(5))
    assert torch.equal(first.model(images), second.model(images))


def test_what_could_change_a_number_changes_the_key(experiment, monkeypatch):
    train = experiment.data
    variants = [experiment, replace(experiment, seed=1), replace(experiment, steps=4), replace(experiment, batch_size=16),
                replace(experiment, view=digit_view().transforms[0]), replace(experiment, encoder=SmallConv((4, 8), 17)),
                replace(experiment, head=Head(1, out=8)), replace(experiment, objective=Contrastive(NTXent(0.3))),
                replace(experiment, data=train[:999]), replace(experiment, data=RandBits(train, 2), test=RandBits(train, 2)),
                replace(experiment, data=RandBits(train, 2, "fresh"), test=RandBits(train, 2))]
    keys = [e.key for e in variants]
    monkeypatch.setattr(experiments, "NUMERICS", experiments.NUMERICS + 1)
    keys.append(experiment.key)
    monkeypatch.setattr(torch, "__version__", "99.1.0")
    keys.append(experiment.key)
    assert len(set(keys)) == len(keys)


def test_a_learners_own_function_is_trained_but_never_cached(experiment):
    own = replace(experiment, objective=Contrastive(lambda z1, z2: (z1 - z2).square().mean()))
    assert own.key is None
    assert not run(own).from_cache and not run(own).from_cache
    assert not list(paths.cache_folder().glob("*")) if paths.cache_folder().exists() else True


def test_zero_steps_measure_the_untrained_encoder(experiment):
    untrained = run(replace(experiment, steps=0))
    assert len(untrained.losses) == 0 and 0.1 < untrained.metrics["linear"] < 1


def test_describing_and_building_leave_the_global_random_state_alone(experiment):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    experiment.untrained()
    assert torch.equal(torch.rand(3), expected)


def test_a_sweep_is_a_tidy_table_that_says_what_it_will_do(experiment, capsys):
    todo = [replace(experiment, seed=seed) for seed in (0, 1)]
    run(todo[0])
    capsys.readouterr()
    table = sweep(todo)
    assert capsys.readouterr().out.startswith("2 runs, 1 of them to train: about ")
    assert table["seed"].tolist() == [0, 1] and table["from_cache"].tolist() == [True, False]
    assert table["objective.loss.temperature"].tolist() == [0.2, 0.2] and table["head.layers"].tolist() == [2, 2]
    assert table["linear"].between(0, 1).all() and table["loss"].between(2, 6).all()
    again = sweep(todo)
    assert capsys.readouterr().out == "2 runs, all loaded from the cache.\n"
    pd.testing.assert_series_equal(table["linear"], again["linear"])


def test_settings_are_flat_and_name_the_data(experiment):
    flat = settings(replace(experiment, data=RandBits(experiment.data, 3), test=RandBits(experiment.test, 3)))
    assert flat["data"] == "RandBits" and flat["data.images"] == "digits train" and flat["data.bits"] == 3
    assert flat["encoder.channels"] == "(4, 8)" and all(isinstance(v, str | int | float) for v in flat.values())


@pytest.mark.parametrize("harm", [lambda record, weights: record.write_text(record.read_text()[:50]),
                                  lambda record, weights: weights.write_bytes(weights.read_bytes()[:50]),
                                  lambda record, weights: weights.unlink(),
                                  lambda record, weights: record.write_text("{}")],
                         ids=["record cut short", "weights cut short", "weights missing", "an empty record"])
def test_a_damaged_record_is_noticed_named_and_redone(harm, experiment):
    first = run(experiment)
    (record,), (weights,) = (list(paths.cache_folder().glob(f"*.{end}")) for end in ("json", "safetensors"))
    harm(record, weights)
    with pytest.warns(UserWarning, match=f"cached run {experiment.key} can't be used .*: it is trained again"):
        again = run(experiment)
    assert not again.from_cache and again.metrics == first.metrics
    assert run(experiment).from_cache


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_cache(experiment, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "replace", full)
    with pytest.warns(UserWarning, match="could not be kept .*No space left.*: make room there, or set INTRIGUING_CACHE"):
        result = run(experiment)
    assert result.metrics["linear"] > 0
    assert not list(paths.cache_folder().glob("*"))  # no half-written file stays behind


def test_a_cache_folder_that_cannot_be_made_costs_nothing_but_the_cache(experiment, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be kept .*set INTRIGUING_CACHE"):
        assert run(experiment).metrics["linear"] > 0


def test_recorded_runs_are_read_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path)
    pd.DataFrame({"seed": [0, 1], "linear": [0.5, 0.6]}).to_csv(tmp_path / "x.csv", index=False)
    assert records.recorded("x")["linear"].tolist() == [0.5, 0.6]
    with pytest.raises(FileNotFoundError, match="no recorded runs called 'y'; recorded are: x"):
        records.recorded("y")


def test_data_and_test_must_go_together(experiment):
    with pytest.raises(ValueError, match=r"one shape and device, got \(3, 28, 28\) on cpu and \(1, 28, 28\) on cpu"):
        replace(experiment, data=RandBits(experiment.data, 2))
    with pytest.raises(ValueError, match="number of images, 1,000; got 2,000: take a smaller batch"):
        replace(experiment, batch_size=2000)


def test_nothing_warns_on_the_way(experiment):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(experiment)
        run(experiment)
