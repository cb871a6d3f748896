"""An experiment: what its key tells apart, which parts fit together, and the weights it begins with."""
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier

import pytest
import torch
from torch import nn

from intriguing_lib import experiments
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Model, ResNet, SmallConv
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer
from intriguing_lib.views import Chain, Crop, digit_view


def test_what_could_change_a_number_changes_the_key(experiment, monkeypatch):
    train = experiment.data
    variants = [experiment, replace(experiment, seed=1), replace(experiment, steps=4), replace(experiment, batch_size=16),
                replace(experiment, view=digit_view().transforms[0]), replace(experiment, encoder=SmallConv((4, 8), 17)),
                replace(experiment, head=Head(1, out=8)), replace(experiment, objective=Contrastive(NTXent(0.3))),
                replace(experiment, optimizer=Optimizer(lr=2e-3)),
                replace(experiment, data=train[:999]), replace(experiment, data=RandBits(train, 2)),
                replace(experiment, data=RandBits(train, 2, "fresh")),
                replace(experiment, data=RandBits(RandBits(train, 2), 2))]
    keys = [e.key for e in variants]
    monkeypatch.setattr(experiments, "TRAINING", experiments.TRAINING + 1)
    keys.append(experiment.key)
    monkeypatch.setattr(torch, "__version__", "99.1.0")
    keys.append(experiment.key)
    assert len(set(keys)) == len(keys) and all(len(key) == 20 and int(key, 16) >= 0 for key in keys)


@dataclass(frozen=True)
class OwnLoss:
    """Its repr stays the same when its author changes what it does."""
    temperature: float

    def __call__(self, z1, z2, generator):
        return nt_xent(z1, z2, self.temperature)


@dataclass(frozen=True)
class OwnEncoder:
    features: int = 16

    def build(self, shape):
        return torch.nn.Linear(shape[0], self.features)


@dataclass(frozen=True)
class OwnObjective:
    scale: float = 1.0

    def __call__(self, model, a, b, target, generator):
        return self.scale * model(a).sum()


@pytest.mark.parametrize("own, name", [
    (dict(objective=Contrastive(OwnLoss(0.2))), "objective.loss"), (dict(objective=OwnObjective()), "objective"),
    (dict(view=Chain((Crop(), lambda images, generator: images))), "view.transforms[1]"),
    (dict(encoder=OwnEncoder()), "encoder")],
    ids=["a loss", "an objective", "a transform", "an encoder"])
def test_what_a_learner_described_has_no_key_and_is_named(own, name, experiment):
    """A dataclass of the learner's has a tidy repr, but the code behind it may change from one cell to the next."""
    mine = replace(experiment, **own)
    assert mine.key is None and mine.own_code == name
    assert experiment.key is not None and experiment.own_code is None


def test_parts_that_do_not_fit_are_named(experiment):
    with pytest.raises(ValueError, match="number of images, 1,000; got 2,000: take a smaller batch"):
        replace(experiment, batch_size=2000)
    with pytest.raises(ValueError, match="steps must not be negative, got -1; 0 gives the untrained encoder"):
        replace(experiment, steps=-1)


def test_a_supervised_head_has_one_output_a_class(experiment):
    """Checked where the experiment is described, not after minutes of training, or never: a head that is too wide trains."""
    supervised = Supervised()
    assert replace(experiment, objective=supervised, head=Head(layers=1, out=10)).key
    for head, outputs in ((Head(layers=1, out=9), 9), (Head(layers=2, out=11), 11), (Head(layers=0), 16)):
        with pytest.raises(ValueError, match=rf"has {outputs} outputs for 10 classes of 'label': take Head.layers=1, out=10"):
            replace(experiment, objective=supervised, head=head)
    assert replace(experiment, objective=supervised, head=Head(layers=0), encoder=SmallConv((4, 8), 10)).key


def test_a_supervised_target_must_be_there(experiment):
    head = Head(layers=1, out=8)
    with pytest.raises(ValueError, match="the data have no target 'code': they have label"):
        replace(experiment, objective=Supervised("code"), head=head)
    of_bits = replace(experiment, data=RandBits(experiment.data, 3), objective=Supervised("code"), head=head)
    assert of_bits.key
    with pytest.raises(ValueError, match="they have label, code"):
        replace(of_bits, objective=Supervised("boxes"))
    with pytest.raises(ValueError, match="has 10 outputs for 8 classes of 'code'"):
        replace(of_bits, head=Head(layers=1, out=10))


@dataclass(frozen=True)
class ParticularObjective(OwnObjective):
    def check_fit(self, data, encoder, head):
        raise ValueError(f"{data.shape}, {encoder.features}, {head.outputs(encoder.features)}")


def test_an_objective_of_ones_own_is_asked_whether_the_parts_fit_where_it_can_tell(experiment):
    assert replace(experiment, objective=OwnObjective()).objective == OwnObjective()
    for head, outputs in ((Head(out=8), 8), (Head(layers=0), 16)):
        with pytest.raises(ValueError, match=rf"\(1, 28, 28\), 16, {outputs}"):
            replace(experiment, objective=ParticularObjective(), head=head)


WAYS = {"xavier": lambda n: nn.init.xavier_uniform_(nn.init.xavier_normal_(torch.empty(n, 3))),
        "kaiming": lambda n: nn.init.kaiming_uniform_(nn.init.kaiming_normal_(torch.empty(n, 3))),
        "orthogonal": lambda n: nn.init.orthogonal_(torch.empty(n, 3)),
        "truncated": lambda n: nn.init.trunc_normal_(torch.empty(n, 3)),
        "sparse": lambda n: nn.init.sparse_(torch.empty(n, 3), 0.5),
        "attention": lambda n: nn.MultiheadAttention(8, 2).in_proj_weight.detach(),
        "recurrent": lambda n: nn.LSTM(n, 3).weight_ih_l0.detach(),
        "plain functions": lambda n: torch.randn(n) + torch.rand(n),
        "in place": lambda n: torch.empty(n).normal_() + torch.empty(n).uniform_(),
        "normal": lambda n: torch.normal(torch.arange(float(n)), 1.0) + torch.normal(0.0, 1.0, (n,)),
        "integers": lambda n: torch.randint(100, (n,)).float() + torch.empty(n).random_(100),
        "a permutation": lambda n: torch.randperm(n).float(),
        "a mask": lambda n: torch.bernoulli(torch.full((n,), 0.5)) + torch.empty(n).bernoulli_(0.5)}


@dataclass(frozen=True)
class OwnEncoder:
    """A learner's encoder, with weights drawn in one of these ways, on top of those of a layer of torch's."""
    way: str
    features: int = 16

    def build(self, shape):
        module = nn.Sequential(nn.Flatten(), nn.Linear(784, self.features))
        module.drawn = nn.Parameter(WAYS[self.way](200))
        return module


def weights(model):
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


@pytest.mark.parametrize("encoder", [SmallConv((4, 8), 16), ResNet(18), ResNet(18, "imagenet"), *map(OwnEncoder, WAYS)],
                         ids=repr)
def test_weights_are_those_of_manual_seed_and_the_global_state_is_neither_used_nor_moved(encoder, experiment):
    e = replace(experiment, encoder=encoder, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = weights(Model(encoder, e.head, e.data.shape))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found = weights(e.untrained())
    assert torch.equal(found, expected) and torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(weights(e.untrained()), expected)


def test_threads_that_build_at_the_same_time_get_the_numbers_of_one_after_the_other(experiment):
    """200 models in four threads that begin together: with one state for all of them hardly any would be right."""
    todo = [replace(experiment, seed=seed) for seed in range(50)]
    alone = [weights(e.untrained()) for e in todo]
    start = Barrier(4)

    def build_all(order):
        start.wait()
        return {e.seed: weights(e.untrained()) for e in todo[::order]}

    with ThreadPoolExecutor(4) as pool:
        for built in pool.map(build_all, (1, -1, 1, -1)):
            assert all(torch.equal(built[seed], expected) for seed, expected in enumerate(alone))
