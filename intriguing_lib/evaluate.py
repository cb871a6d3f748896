"""Measuring an encoder without changing it: features and maps, linear evaluation and nearest neighbours."""
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torchvision.models.feature_extraction import create_feature_extractor

from intriguing_lib.views import require_images

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # strongest first: each fit starts from the one before
VALIDATION_SHARE = 0.2
CONVERGED = 1e-5  # largest entry of the gradient at which a fit is done
TOLERATED = 1e-4  # up to which nobody is warned: float32 can't always do better
WHITENING_COST = 2_000_000_000  # multiplications


@contextmanager
def evaluation(encoder):
    """No gradients, and the encoder in evaluation mode: neither weights nor batch-norm statistics move.

    Each module's own mode is put back afterwards, also after an error.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    try:
        with torch.no_grad():
            yield encoder.eval()
    finally:
        for module, training in modes:
            module.training = training


def batches(images, batch_size):
    """The images of an ImageSet or composite, or a float tensor of images, as float tensors of `batch_size` images."""
    if isinstance(images, torch.Tensor):
        require_images("The encoder", images)
        return images.split(batch_size)
    return (images.batch(rows) for rows in torch.arange(len(images), device=images.device).split(batch_size))


def features(encoder, data, batch_size=500):
    """The encoder's features of every image of an ImageSet or composite: float32, (n, d), on its device.

    The encoder is left as it was: see `evaluation`.
    """
    with evaluation(encoder):
        return torch.cat([encoder(part).flatten(1).float() for part in batches(data, batch_size)])


def feature_maps(encoder, images, taps, batch_size=500):
    """The maps inside a built encoder at the named taps: {tap: float32, (n, channels, height, width)}, on its device.

    The descriptions name theirs, shallow to deep: `SmallConv().taps`, `ResNet().taps` (the paper's block groups 1 to 4).
    images: an ImageSet, a composite, or float images (n, channels, height, width) in [0, 1]. Layers behind the last tap are
    left out, so images may be larger or smaller than those it was built for. Beyond the result it takes the memory of one
    batch. A tap whose output the next layer changes in place shows what that layer left. The encoder itself is left as it
    was: see `evaluation`. Raises ValueError when it has no such tap, TypeError when the images are not float.
    """
    unknown = [tap for tap in taps if tap not in dict(encoder.named_modules())]
    if unknown:
        there = ", ".join(name for name, _ in encoder.named_children())
        raise ValueError(f"feature_maps: the encoder has no {unknown[0]!r}; its taps are {there}.")
    maps = {}
    with evaluation(encoder):
        extractor, done = create_feature_extractor(encoder, list(taps)), 0
        for part in batches(images, batch_size):
            for tap, found in extractor(part).items():
                if tap not in maps:
                    maps[tap] = torch.empty(len(images), *found.shape[1:], device=found.device)
                maps[tap][done:done + len(part)] = found
            done += len(part)
    return maps


def pixels(data):
    """The images themselves as feature vectors: float32 in [0, 1], (n, channels · height · width)."""
    return features(torch.nn.Flatten(), data)


@dataclass(frozen=True)
class LinearEvaluation:
    """top1: accuracy on the test features, 0 to 1. penalty: the one chosen. predictions: int64, (n_test,).

    gradient: the largest entry of the objective's gradient where the worst of the fits ended; it converged up to `CONVERGED`.
    """
    top1: float
    penalty: float
    predictions: torch.Tensor
    gradient: float


def linear_evaluation(train_features, train_labels, test_features, test_labels):
    """Multinomial logistic regression on frozen features: the field's measure of a representation.

    train_features, test_features: float, (n, d); labels: int64, (n,). Features are standardised by the training
    features' mean and deviation. The L2 penalty is the one of `PENALTIES` that does best on a fifth of the training
    data held back; with it the classifier is fitted to all of them, and only then meets the test data. Full-batch
    L-BFGS, each fit from the one before: the same features give the same number. Warns where a fit doesn't converge.
    Raises ValueError for fewer than two classes or no test images, FloatingPointError for features that aren't finite.
    """
    check_features(train_features, train_labels, test_features)
    mean, deviation = train_features.mean(0), train_features.std(0).clamp(min=1e-6)
    train_x, test_x = ((x - mean) / deviation for x in (train_features, test_features))
    classes = int(train_labels.max()) + 1
    order = torch.randperm(len(train_x), generator=torch.Generator().manual_seed(0)).to(train_x.device)
    held, kept = order.split([round(VALIDATION_SHARE * len(order)), len(order) - round(VALIDATION_SHARE * len(order))])
    x, labels, held_x = train_x[kept], train_labels[kept], train_x[held]
    weights, fits, scores, gradients = None, {}, {}, []
    for penalty in PENALTIES:
        weights, gradient = logistic_regression(x, labels, penalty, classes, start=weights)
        fits[penalty], scores[penalty] = weights, accuracy(predict(held_x, weights), train_labels[held])
        gradients.append(gradient)
    best = max(scores, key=scores.get)
    weights, gradient = logistic_regression(train_x, train_labels, best, classes, start=fits[best])
    worst = max(*gradients, gradient)
    if not worst <= TOLERATED:
        warnings.warn(f"A fit of the linear evaluation did not converge (gradient {worst:.0e}, wanted {TOLERATED:.0e}): "
                      "the top-1 may be off; look for features of very different size, or nearly the same.", stacklevel=2)
    predictions = predict(test_x, weights)
    return LinearEvaluation(accuracy(predictions, test_labels), best, predictions, worst)


def check_features(train_features, train_labels, test_features):
    if not len(test_features):
        raise ValueError("Linear evaluation needs test images, and there are none.")
    if len(train_labels.unique()) < 2:
        raise ValueError("Linear evaluation needs at least two classes among the training images.")
    if not (train_features.isfinite().all() and test_features.isfinite().all()):
        raise FloatingPointError("The features are not all finite: the encoder has diverged, lower its learning rate.")


def logistic_regression(x, labels, penalty, classes, start=None, steps=400):
    """(weights, gradient): weights (classes, d + 1), the last column the bias, that minimise mean cross-entropy + penalty / 2 ·
    ‖W‖², and the largest entry of the gradient there, at most `CONVERGED` unless `steps` evaluations were too few.

    x: float, (n, d), standardised. The bias is not penalised. scikit-learn's LogisticRegression(C=1 / (penalty · n)) minimises
    the same function. L-BFGS in coordinates in which every class's own curvature at the start is 1 in all directions
    (`whitening`): features differ in width by orders of magnitude, and without that most fits don't converge in hundreds of
    steps.
    """
    x = with_ones(x)
    weights = x.new_zeros(classes, x.shape[1]) if start is None else start
    to_white, from_white = whitening(x, weights, penalty)
    white = (to_white @ weights.unsqueeze(2)).requires_grad_(True)
    solver = torch.optim.LBFGS([white], max_iter=steps, max_eval=steps, history_size=10, tolerance_grad=0, tolerance_change=0,
                               line_search_fn="strong_wolfe")
    best = weights, math.inf

    def loss_and_gradient():
        nonlocal best
        weights = (from_white @ white.detach()).squeeze(2)
        loss, gradient = cross_entropy_and_gradient(x, labels, weights, penalty)
        size = gradient.abs().max().item()
        if size < best[1]:
            best = weights, size
        # a gradient of 0 is where L-BFGS stops
        white.grad = from_white.mT @ gradient.unsqueeze(2) if size > CONVERGED else torch.zeros_like(white)
        return loss

    solver.step(loss_and_gradient)
    return best


def whitening(x, weights, penalty):
    """(Lᵀ, L⁻ᵀ) of each class, (classes, d + 1, d + 1): L Lᵀ is the Hessian of the objective in that class's weights alone.

    Over so many rows as cost about one step of the solver for narrow features, and at least twice as many as there are columns.
    """
    d = x.shape[1]
    x = x[:max(2 * d, WHITENING_COST // (len(weights) * d * d))]
    p = F.linear(x, weights).softmax(1)
    hessian = torch.stack([(x * (share * (1 - share)).unsqueeze(1)).T @ x / len(x) for share in p.T])
    ridge = torch.full((d,), penalty + 1e-6, dtype=x.dtype, device=x.device)  # a dead feature must not make it singular
    factor = torch.linalg.cholesky(hessian + ridge.diag())
    identity = torch.eye(d, dtype=x.dtype, device=x.device).expand_as(factor)
    return factor.mT, torch.linalg.solve_triangular(factor.mT, identity, upper=True)


def cross_entropy_and_gradient(x, labels, weights, penalty):
    """The objective and its gradient, (classes, d + 1), in three passes over x; autograd would take twice as many."""
    logits = F.linear(x, weights)
    normaliser = logits.logsumexp(1, keepdim=True)
    chosen = labels.unsqueeze(1)
    loss = (normaliser - logits.gather(1, chosen)).mean() + penalty / 2 * weights[:, :-1].square().sum()
    errors = (logits - normaliser).exp_()
    errors.scatter_add_(1, chosen, torch.full_like(normaliser, -1.0))
    gradient = errors.T @ x / len(x)
    gradient[:, :-1] += penalty * weights[:, :-1]
    return loss, gradient


def with_ones(x):
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def predict(x, weights):
    return F.linear(with_ones(x), weights).argmax(1)


def accuracy(predictions, labels):
    return (predictions == labels).double().mean().item()


def neighbours(queries, candidates, k):
    """Row numbers of each query's k nearest candidates by cosine similarity, nearest first: int64, (n_queries, k)."""
    candidates = F.normalize(candidates, dim=1)
    return torch.cat([(part @ candidates.T).topk(k).indices for part in F.normalize(queries, dim=1).split(1000)])


def knn_accuracy(train_features, train_labels, test_features, test_labels, k=20):
    """Share of test features whose k nearest training features (cosine) vote for the right class, ties to the lower."""
    votes = train_labels[neighbours(test_features, train_features, k)]
    counts = F.one_hot(votes, int(train_labels.max()) + 1).sum(1)
    return accuracy(counts.argmax(1), test_labels)
