"""Descriptions in plain form, what they refuse, and weights whose chance is their own."""
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, PooledConv, SmallConv
from intriguing_lib.generalised import DecoupledNTXent, SlicedWasserstein
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer


@pytest.mark.parametrize("one", [1, 1.0, np.float32(1), np.float64(1), np.int64(1), torch.tensor(1.0), torch.tensor(1),
                                 np.array(1.0)])
def test_one_setting_is_one_run_however_it_is_written(one, experiment):
    plain = replace(experiment, objective=Contrastive(NTXent(1.0)))
    assert replace(experiment, objective=Contrastive(NTXent(one))).key == plain.key
    assert type(NTXent(one).temperature) is float


def test_a_float32_keeps_its_short_form():
    assert NTXent(np.float32(0.1)) == NTXent(torch.tensor(0.1)) == NTXent(0.1)


def test_whole_numbers_and_none(experiment):
    assert replace(experiment, steps=np.int64(5), seed=torch.tensor(2), batch_size=32.0).key == replace(
        experiment, steps=5, seed=2, batch_size=32).key
    assert SlicedWasserstein("cube").directions is None and SlicedWasserstein("cube", directions=np.int32(3)).directions == 3


def test_lists_and_arrays_become_tuples(experiment):
    for channels in ([4, 8], np.array([4, 8]), torch.tensor([4, 8]), (np.int64(4), 8.0)):
        assert replace(experiment, encoder=SmallConv(channels, 16)).key == experiment.key
    assert PooledConv([4, 8], [2, 1]) == PooledConv((4, 8), (2, 1))


@pytest.mark.parametrize("make, words", [
    (lambda e: NTXent("0.1"), "NTXent: temperature is a float, got '0.1' of type str"),
    (lambda e: NTXent(True), "temperature is a float, got True"), (lambda e: Optimizer(lr=None), "Optimizer: lr is a float"),
    (lambda e: Head(layers=1.5), "Head: layers is an int, got 1.5"),
    (lambda e: DecoupledNTXent(authors=1), "authors is a bool"),
    (lambda e: replace(e, steps="3"), "Experiment: steps is an int")])
def test_what_has_no_plain_form_is_refused(make, words, experiment):
    with pytest.raises(TypeError, match=words):
        make(experiment)


@pytest.mark.parametrize("make, words", [
    (lambda e: replace(e, steps=-1), "steps must not be negative, got -1"), (lambda e: Head(-1), "layers must not be negative"),
    (lambda e: Optimizer(lr=-1.0), "lr must be above 0"), (lambda e: Optimizer(warmup=-1), "warmup not below"),
    (lambda e: replace(e, objective=Supervised()), r"8 outputs for 10 classes of 'label': take Head.layers=1, out=10"),
    (lambda e: replace(e, objective=Supervised("age")), "no target 'age': they have label")])
def test_what_cannot_be_trained_is_refused_before_training(make, words, experiment):
    with pytest.raises(ValueError, match=words):
        make(experiment)


def test_composites_nest_and_name_their_targets(some_digits):
    train, _ = some_digits
    nested = RandBits(RandBits(train, 2), 3, seed=1)
    assert nested.shape == (6, 28, 28) and nested.batch(slice(0, 4)).shape == (4, 6, 28, 28)
    assert set(nested.targets) == {"label", "code"} and nested.targets["label"] is train.labels
    assert nested.targets["code"].max() < 8
    assert torch.equal(RandBits(train[200:], 5).codes, RandBits(train, 5).codes[200:])  # in every subset an image keeps its own


def test_weights_are_those_of_manual_seed_and_torchs_own_chance_stays_out_of_it(experiment):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = [experiment.encoder.build((1, 28, 28)), experiment.head.build(16)]
    before = torch.get_rng_state()
    model = experiment.untrained()
    assert torch.equal(torch.get_rng_state(), before)
    for part, right in zip((model.encoder, model.head), expected, strict=True):
        assert all(map(torch.equal, part.state_dict().values(), right.state_dict().values()))


def test_models_built_side_by_side_in_threads_are_the_same(experiment):
    built = {}

    def build(seed):
        built[seed] = [replace(experiment, seed=seed).untrained() for _ in range(20)]

    threads = [threading.Thread(target=build, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, models in built.items():
        right = replace(experiment, seed=seed).untrained().state_dict()
        assert all(torch.equal(m.state_dict()[name], value) for m in models for name, value in right.items())
