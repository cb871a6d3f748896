import warnings
from dataclasses import dataclass, replace

import pandas as pd
import pytest
import torch

from intriguing_lib import experiments, paths
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import run, settings, sweep
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.views import Chain, Crop, digit_view


def test_the_second_time_it_is_loaded_and_identical(experiment, capsys):
    first, second = run(experiment), run(experiment)
    assert (first.from_cache, second.from_cache) == (False, True)
    said = capsys.readouterr().out.splitlines()
    assert "trained and measured: " in said[0] and "loaded from the cache" in said[1]
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
    own = replace(experiment, objective=Contrastive(lambda z1, z2, generator: (z1 - z2).square().mean()))
    assert own.key is None
    assert not run(own).from_cache and not run(own).from_cache
    assert not paths.cache_folder().exists()


@dataclass(frozen=True)
class OwnLoss:
    """Its repr stays the same when its author changes what it does."""
    temperature: float

    def __call__(self, z1, z2, generator):
        return nt_xent(z1, z2, self.temperature)


@pytest.mark.parametrize("own", [dict(objective=Contrastive(OwnLoss(0.2))), dict(objective=OwnLoss(0.2)),
                                 dict(view=Chain((Crop(), lambda images, generator: images))), dict(encoder=OwnLoss(1.0))],
                         ids=["a loss", "an objective", "a transform", "an encoder"])
def test_what_a_learner_described_is_not_cached_either(own, experiment):
    """A dataclass of the learner's has a tidy repr, but the code behind it may change from one cell to the next."""
    assert replace(experiment, **own).key is None and experiment.key is not None


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
