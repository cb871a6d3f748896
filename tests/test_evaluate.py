import copy

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from intriguing_lib.encoders import SmallConv
from intriguing_lib.evaluate import (
    PENALTIES,
    accuracy,
    features,
    knn_accuracy,
    linear_evaluation,
    logistic_regression,
    neighbours,
    pixels,
    predict,
)


def blobs(n, seed, d=12, classes=4, spread=1.6):
    """Overlapping Gaussian blobs: no classifier is perfect, so agreement means something."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=torch.Generator().manual_seed(99))
    labels = torch.randint(classes, (n,), generator=generator)
    return centres[labels] + spread * torch.randn(n, d, generator=generator), labels


@pytest.mark.parametrize("penalty", PENALTIES)
def test_logistic_regression_finds_scikit_learns_minimum(penalty):
    x, y = blobs(400, 0)
    weights = logistic_regression(x.double(), y, penalty, 4, steps=1000)
    theirs = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-8, max_iter=10_000).fit(x.double().numpy(), y.numpy())
    assert torch.allclose(weights[:, :-1], torch.from_numpy(theirs.coef_), atol=2e-3)


def test_linear_evaluation_agrees_with_scikit_learn_on_real_features(some_digits):
    """Same standardised pixels, same penalty: the same accuracy within 3 of 500 test images."""
    train, test = some_digits
    a, b = pixels(train), pixels(test)
    ours = linear_evaluation(a, train.labels, b, test.labels)
    scale = a.std(0).clamp(min=1e-6)
    mean = a.mean(0)
    a, b = ((x - mean) / scale for x in (a, b))
    theirs = LogisticRegression(C=1 / (ours.penalty * len(a)), max_iter=5000).fit(a.numpy(), train.labels.numpy())
    assert abs(ours.top1 - theirs.score(b.numpy(), test.labels.numpy())) <= 3 / 500
    assert 0.8 < ours.top1 < 0.95


def test_the_penalty_is_chosen_without_the_test_data():
    """On pure noise a strong penalty validates best; swapping the test set must not change the choice."""
    x, y = torch.randn(300, 50, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 3
    one, other = (linear_evaluation(x, y, test, y) for test in (x, torch.randn_like(x)))
    assert one.penalty == other.penalty >= 1e-2
    assert linear_evaluation(x, y, x, y).top1 == one.top1  # deterministic


def test_measuring_changes_neither_weights_nor_batch_norm(some_digits):
    train, test = some_digits
    encoder = SmallConv().build(train.shape).train()
    before = copy.deepcopy(encoder.state_dict())
    a, b = features(encoder, train), features(encoder, test)
    linear_evaluation(a, train.labels, b, test.labels)
    knn_accuracy(a, train.labels, b, test.labels)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert encoder.training and all(p.grad is None for p in encoder.parameters())
    assert not a.requires_grad


def test_features_do_not_depend_on_the_batch_they_are_computed_in(some_digits):
    train, _ = some_digits
    encoder = SmallConv().build(train.shape)
    assert torch.allclose(features(encoder, train, 100), features(encoder, train, 999), atol=1e-5)
    assert torch.equal(pixels(train), train.images.flatten(1).float() / 255)


def test_knn_agrees_with_scikit_learn(some_digits):
    train, test = some_digits
    a, b = pixels(train), pixels(test)
    for k in (1, 20):
        theirs = KNeighborsClassifier(k, metric="cosine").fit(a.numpy(), train.labels.numpy())
        assert abs(knn_accuracy(a, train.labels, b, test.labels, k) - theirs.score(b.numpy(), test.labels.numpy())) <= 1 / 500
    assert torch.equal(neighbours(a, a, 1)[:, 0], torch.arange(len(a)))  # everybody's nearest neighbour is itself


def test_predictions_and_accuracy():
    weights = torch.tensor([[1.0, 0.0], [0.0, 0.5]])  # class 0 scores x, class 1 scores 1/2
    assert predict(torch.tensor([[0.4], [0.6]]), weights).tolist() == [1, 0]
    assert accuracy(torch.tensor([1, 0, 0, 0]), torch.tensor([1, 0, 1, 1])) == 0.5
