import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from intriguing_lib import evaluate
from intriguing_lib.encoders import SmallConv
from intriguing_lib.evaluate import (
    PENALTIES,
    TOLERANCE,
    accuracy,
    features,
    knn_accuracy,
    linear_evaluation,
    logistic_regression,
    logistic_regressions,
    neighbours,
    pixels,
    predict,
    top1_of,
)
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits
from intriguing_lib.runs import run
from intriguing_lib.train import Optimizer
from intriguing_lib.views import digit_view


def blobs(n, seed, d=12, classes=4, spread=1.6):
    """Overlapping Gaussian blobs: no classifier is perfect, so agreement means something."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=torch.Generator().manual_seed(99))
    labels = torch.randint(classes, (n,), generator=generator)
    return centres[labels] + spread * torch.randn(n, d, generator=generator), labels


def standardised(x, *others):
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-6)
    return [(z - mean) / deviation for z in (x, *others)]


def value_and_gradient(weights, x, labels, penalty):
    """Of mean cross-entropy + penalty / 2 · ‖W‖², by autograd in float64: (number, largest entry of the gradient)."""
    weights, x = weights.double().requires_grad_(), x.double()
    value = F.cross_entropy(F.linear(x, weights[:, :-1], weights[:, -1]), labels) + penalty / 2 * weights[:, :-1].square().sum()
    return value.item(), torch.autograd.grad(value, weights)[0].abs().max().item()


def theirs(x, labels, penalty, **settings):
    """scikit-learn's minimum of the same function, in float64: (the model, its weights with the bias behind)."""
    model = LogisticRegression(C=1 / (penalty * len(x)), max_iter=20_000, **settings).fit(x.double().numpy(), labels.numpy())
    return model, torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)[:, None]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Standardised features that an encoder learned in 50 steps: (x, labels, test x, test labels), 4,000 and 2,000 digits."""
    train, test = digits("train", "cpu")[:4000], digits("test", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTRIGUING_CACHE", str(tmp_path_factory.mktemp("cache")))
        encoder = run(Experiment(train, digit_view(), optimizer=Optimizer(lr=3e-3), steps=50,
                                 batch_size=128)).model.encoder
    x, test_x = standardised(features(encoder, train), features(encoder, test))
    return x, train.labels, test_x, test.labels


@pytest.mark.parametrize("penalty", PENALTIES)
def test_logistic_regression_finds_scikit_learns_minimum(penalty):
    x, y = blobs(400, 0)
    weights = logistic_regression(x.double(), y, penalty, 4)
    _, slopes, _ = theirs(x, y, penalty, tol=1e-8)
    assert torch.allclose(weights[:, :-1], slopes, atol=2e-3)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_fit_of_learned_features_converges_to_scikit_learns(penalty, learned):
    """In float32, against float64: the value to 1e-4, the predictions of 2,000 test images but one."""
    x, labels, test_x, _ = learned
    weights = logistic_regression(x, labels, penalty, 10)
    value, gradient = value_and_gradient(weights, x, labels, penalty)
    assert weights.dtype == torch.float32 and gradient <= 1.1 * TOLERANCE
    model, slopes, bias = theirs(x, labels, penalty, solver="newton-cholesky")
    minimum, _ = value_and_gradient(torch.cat([slopes, bias], 1), x, labels, penalty)
    assert value == pytest.approx(minimum, rel=1e-4)
    assert (predict(test_x, weights) != torch.from_numpy(model.predict(test_x.double().numpy()))).sum() <= 1


def test_fits_together_are_the_fits_alone(learned):
    x, labels, *_ = learned
    together, steepest = logistic_regressions(x, labels, PENALTIES, 10)
    assert (steepest <= TOLERANCE).all()
    for weights, penalty, gradient in zip(together, PENALTIES, steepest, strict=True):
        value, autograds = value_and_gradient(weights, x, labels, penalty)
        assert autograds == pytest.approx(gradient.item(), abs=0.1 * TOLERANCE)
        alone, _ = value_and_gradient(logistic_regression(x, labels, penalty, 10), x, labels, penalty)
        assert value == pytest.approx(alone, rel=1e-4)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_constant_and_repeated_features_change_nothing(penalty):
    """A constant one, standardised, is 0 and gets no weight; a feature there twice shares its weight among both, and its
    penalty is half of one's alone, as that of the feature times √2 would be. Where a gradient ends, so near is a weight that
    the penalty alone holds: gradient / penalty."""
    x, y = standardised(blobs(400, 0)[0])[0].double(), blobs(400, 0)[1]

    def fit(x):
        (weights,), gradient = logistic_regressions(x, y, (penalty,), 4, tolerance=1e-10)
        assert gradient <= 1e-10
        return weights

    weights = fit(torch.cat([x, x[:, :3], torch.zeros(400, 2)], 1))
    alone = fit(torch.cat([2**0.5 * x[:, :3], x[:, 3:]], 1))
    assert weights[:, 15:17].abs().max() <= 1e-10 / penalty
    torch.testing.assert_close(weights[:, :3], weights[:, 12:15], rtol=0, atol=2e-10 / penalty)
    torch.testing.assert_close(2**0.5 * weights[:, :3], alone[:, :3], rtol=0, atol=1e-8 / penalty)


def test_a_fit_that_is_cut_short_says_so(learned, monkeypatch):
    x, labels, test_x, test_labels = learned
    with pytest.warns(UserWarning, match="penalty 1e-05 has not converged after 5 steps.*allow more steps"):
        logistic_regression(x, labels, 1e-5, 10, steps=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = linear_evaluation(x, labels, test_x, test_labels)
    assert found.converged
    monkeypatch.setattr(evaluate, "CHOOSING", 1e-12)  # nothing in float32 comes so near
    with pytest.warns(UserWarning, match="has not converged after 1000 steps: its gradient is .*e-.*, above 1e-12"):
        assert not linear_evaluation(x[:100], labels[:100], test_x, test_labels).converged


def test_what_cannot_be_evaluated_is_refused():
    x, y = blobs(40, 0)
    for labels, test_x, match in ((torch.zeros_like(y), x, "two classes"), (y, x[:0], "test features"),
                                  (y, x.log(), "finite")):
        with pytest.raises((ValueError, FloatingPointError), match=match):
            linear_evaluation(x, labels, test_x, y[:len(test_x)])


def test_linear_evaluation_agrees_with_scikit_learn_on_real_features(some_digits):
    """Same standardised pixels, same penalty: the same accuracy within one of 500 test images."""
    train, test = some_digits
    a, b = pixels(train), pixels(test)
    ours = linear_evaluation(a, train.labels, b, test.labels)
    a, b = standardised(a, b)
    model, *_ = theirs(a, train.labels, ours.penalty)
    assert abs(ours.top1 - model.score(b.double().numpy(), test.labels.numpy())) <= 1 / 500 and ours.converged
    assert 0.8 < ours.top1 < 0.95


def test_the_penalty_is_chosen_without_the_test_data():
    """On pure noise a strong penalty validates best; swapping the test set must not change the choice."""
    x, y = torch.randn(300, 50, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 3
    one, other = (linear_evaluation(x, y, test, y) for test in (x, torch.randn_like(x)))
    assert one.penalty == other.penalty >= 1e-2


def test_the_same_features_give_the_same_number(learned):
    one, other = (linear_evaluation(*learned) for _ in range(2))
    assert torch.equal(one.predictions, other.predictions) and one.penalty == other.penalty
    double = linear_evaluation(*(z.double() if z.is_floating_point() else z for z in learned))
    assert double.penalty == one.penalty and (double.predictions != one.predictions).sum() <= 1


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


def test_linear_evaluation_from_images_leaves_a_training_encoder_as_it_was(some_digits):
    """Of tensors and of data alike; in training mode before and after."""
    encoder = SmallConv((4, 8), 16).build((1, 28, 28)).train()
    before = copy.deepcopy(encoder.state_dict())
    train, test = some_digits
    found = top1_of(encoder, train, train.labels, test, test.labels)
    tensors = top1_of(encoder, train.batch(slice(None)), train.labels, test.batch(slice(None)), test.labels)
    by_steps = linear_evaluation(features(encoder, train), train.labels, features(encoder, test), test.labels).top1
    assert found == tensors == torch.tensor(by_steps) and 0.3 < found <= 1
    assert encoder.training and all(torch.equal(before[name], now) for name, now in encoder.state_dict().items())
