"""The authors' RandBit network and objective, against what their code says, written out by hand."""
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.authors_randbit import AuthorsConv, AuthorsHead, AuthorsRandBit, Keras
from intriguing_lib.composites import RandBits
from intriguing_lib.experiments import Experiment
from intriguing_lib.train import Optimizer
from intriguing_lib.views import Crop


@pytest.fixture
def theirs(some_digits):
    return Experiment(RandBits(some_digits[0], 3), Crop((0.5, 1.0)), AuthorsConv(), AuthorsHead(), AuthorsRandBit(0.1),
                      Optimizer(lr=1e-3, schedule="linear"), steps=5, batch_size=100)


def test_the_network_has_their_shapes(theirs):
    """Valid convolutions leave 13, 6 and 2 pixels a side: 256 numbers, then 128; the head is 256 wide and gives 64."""
    model = theirs.untrained()
    kernels = {name: tuple(p.shape) for name, p in model.named_parameters() if p.ndim > 1}
    assert list(kernels.values()) == [(32, 4, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (128, 256),
                                      (256, 128), (64, 256), (10, 128)]
    biases = [name for name, p in model.named_parameters() if name.endswith("bias")]
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 5 and {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    assert len(biases) == 6  # of the five batch norms, and the classifier's
    assert model(theirs.data.batch(slice(0, 9))).shape == (9, 64)
    assert replace(theirs.encoder, padding=1).build((4, 28, 28))(torch.rand(2, 4, 28, 28)).shape == (2, 128)
    assert AuthorsConv(width=2).build((1, 28, 28))(torch.rand(2, 1, 28, 28)).shape == (2, 256)


def test_weights_are_drawn_by_glorots_rule(theirs):
    """Uniform within ±√(6 / (fan in + fan out)), of which 32 · 64 · 9 weights come within 1 %."""
    weights = theirs.untrained().encoder.block2[0].weight
    limit = (6 / (9 * 32 + 9 * 64)) ** 0.5
    assert 0.99 * limit < weights.abs().max() <= limit and abs(weights.std() / (limit / 3**0.5) - 1) < 0.03
    own = replace(theirs, encoder=AuthorsConv(keras=Keras(glorot=False))).untrained().encoder.block2[0].weight
    assert own.abs().max() <= 1 / (9 * 32) ** 0.5 < limit


def test_the_objective_is_theirs_term_by_term(theirs):
    model, a, b = theirs.untrained(), *theirs.data.views(torch.arange(50), theirs.view, torch.Generator().manual_seed(0))
    labels = theirs.data.targets["label"][:50]
    found = AuthorsRandBit(0.2, 1e-3)(model, a, b, lambda name: labels, None)
    z = [F.normalize(model(view).double(), dim=1) for view in (a, b)]  # each view's batch norm sees that view alone
    similarity = z[0] @ z[1].T / 0.2
    both = sum(-(s.log_softmax(1).diag().mean()) for s in (similarity, similarity.T))
    classified = F.cross_entropy(model.head.classifier(model.encoder(a)), labels)
    squares = sum(p.double().square().sum() for name, p in model.named_parameters() if p.ndim > 1 and "classifier" not in name)
    assert found.item() == pytest.approx((both + classified + 1e-3 * squares).item(), rel=1e-5)


def test_the_classifier_has_no_say_in_the_features(theirs):
    model, a, b = theirs.untrained(), *theirs.data.views(torch.arange(50), theirs.view, torch.Generator().manual_seed(0))
    gradients = []
    for labels in (torch.zeros(50, dtype=torch.int64), torch.arange(50) % 10):
        model.zero_grad()
        theirs.objective(model, a, b, lambda name, labels=labels: labels, None).backward()
        gradients.append((model.encoder.block1[0].weight.grad.clone(), model.head.classifier.weight.grad.clone()))
    assert torch.equal(gradients[0][0], gradients[1][0]) and not torch.equal(gradients[0][1], gradients[1][1])
