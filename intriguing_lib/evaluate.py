"""Measuring an encoder without changing it: features and maps, linear evaluation and nearest neighbours."""
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchvision.models.feature_extraction import create_feature_extractor

from intriguing_lib.views import require_images

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # strongest first: of equals it is chosen
VALIDATION_SHARE = 0.2
# A fit has converged when no entry of its gradient, in standardised features, is larger.
TOLERANCE = 3e-6
CHOOSING = 1e-4  # for the penalty's choice: scikit-learn's own; held-back accuracy then moves by less than its sampling error
STEPS = 1000  # a fit that needs more gradients than that warns
MEMORY = 20  # steps that L-BFGS remembers
RIDGE_PENALTIES = np.logspace(-2, 5, 15)  # from which ridge regression chooses its own


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

    converged: whether all six fits did; where one did not, there was a warning.
    """
    top1: float
    penalty: float
    predictions: torch.Tensor
    converged: bool


def linear_evaluation(train_features, train_labels, test_features, test_labels):
    """Multinomial logistic regression on frozen features: the field's measure of a representation.

    train_features, test_features: float, (n, d); labels: int64, (n,). Features are standardised by the training
    features' mean and deviation. The L2 penalty is the one of `PENALTIES` that does best on a fifth of the training
    data held back; with it the classifier is fitted to all of them, from where the choice left it, and only then meets the
    test data. The same features give the same number. Raises ValueError for training labels of one class and without
    test features, FloatingPointError for features that aren't finite; warns where a fit doesn't converge.
    """
    check_evaluable(train_features, train_labels, test_features)
    classes = int(train_labels.max()) + 1
    mean, deviation = train_features.mean(0), train_features.std(0).clamp(min=1e-6)
    order = torch.randperm(len(train_labels), generator=torch.Generator().manual_seed(0)).to(train_labels.device)
    x, labels = train_features[order].sub_(mean).div_(deviation), train_labels[order]
    held = round(VALIDATION_SHARE * len(x))
    weights, steepest = logistic_regressions(x[held:], labels[held:], PENALTIES, classes, tolerance=CHOOSING)
    scores = [accuracy(predict(x[:held], fitted), labels[:held]) for fitted in weights]
    best = scores.index(max(scores))
    (chosen,), last = logistic_regressions(x, labels, PENALTIES[best:best + 1], classes, start=weights[best:best + 1])
    predictions = predict((test_features - mean) / deviation, chosen)
    converged = bool((steepest <= CHOOSING).all() and last <= TOLERANCE)
    return LinearEvaluation(accuracy(predictions, test_labels), PENALTIES[best], predictions, converged)


def top1_of(encoder, train_images, train_labels, test_images, test_labels):
    """Linear evaluation of an encoder, from images to the top-1 accuracy on the test images: a tensor from 0 to 1.

    encoder: a module from float images (n, c, height, width) to features (n, d); it is left as it was. images: such tensors, or
    data; labels: int64, (n,).
    """
    a, b = features(encoder, train_images), features(encoder, test_images)
    return torch.tensor(linear_evaluation(a, train_labels, b, test_labels).top1)


def check_labels(train_labels):
    if (train_labels == train_labels[:1]).all():
        raise ValueError("Linear evaluation needs training labels of two classes or more: check how the images were chosen.")


def check_evaluable(train_features, train_labels, test_features):
    check_labels(train_labels)
    if not len(test_features):
        raise ValueError("Linear evaluation needs test features, and there are none: check how the images were chosen.")
    if not (train_features.isfinite().all() and test_features.isfinite().all()):
        raise FloatingPointError("Linear evaluation needs finite features, and some are infinite or not a number: if training "
                                 "diverged, lower the learning rate.")


def logistic_regression(x, labels, penalty, classes, steps=STEPS):
    """Weights (classes, d + 1), the last column the bias, that minimise mean cross-entropy + penalty / 2 · ‖W‖².

    The bias is not penalised. scikit-learn's LogisticRegression(C=1 / (penalty · n)) minimises the same function.
    """
    return logistic_regressions(x, labels, (penalty,), classes, steps=steps)[0][0]


@torch.no_grad()
def logistic_regressions(x, labels, penalties, classes, start=None, tolerance=TOLERANCE, steps=STEPS):
    """`logistic_regression` for p penalties: weights (p, classes, d + 1), and the largest entry of each gradient, (p,).

    One product of matrices serves all fits that still go on; for a single fit it is narrow, and slow for its size. L-BFGS
    moves in coordinates in which the Hessian at W = 0 is the identity, for weights that sum to 0 over the classes: along the
    eigenvectors of the features' second moments S, scaled by 1 / √(S / classes + penalty). So constant and repeated
    features don't hold it up. Warns where `steps` gradients don't suffice.
    """
    penalty = x.new_tensor(penalties)[:, None, None]
    moments, basis = torch.linalg.eigh(x.T @ x / len(x))
    scale = F.pad((moments.clamp(min=0) / classes + penalty).rsqrt(), (0, 1), value=classes**0.5)
    target = F.one_hot(labels, classes).T.to(x.dtype)
    weights = x.new_zeros(len(penalties), classes, x.shape[1] + 1) if start is None else start.clone()
    steepest = x.new_full((len(penalties),), torch.inf)
    going = torch.arange(len(penalties), device=x.device)  # the fits that haven't converged; from here on all else is theirs
    search = Search(rotated(weights, basis) / scale)
    for _ in range(steps):
        weights[going] = rotated(search.trial * scale, basis.T)
        gradient = gradient_at(weights[going], x, target, penalty)
        steepest[going] = gradient.abs().amax((1, 2))
        search.advance(rotated(gradient, basis) * scale)
        on = steepest[going] > tolerance
        if not on.any():
            return weights, steepest
        if not on.all():
            going, penalty, scale = going[on], penalty[on], scale[on]
            search.keep(on)
    penalty, gradient = penalties[going[-1]], steepest[going[-1]]
    warnings.warn(f"Logistic regression with penalty {penalty:g} has not converged after {steps} steps: its gradient is "
                  f"{gradient:.1g}, above {tolerance:g}; allow more steps or a stronger penalty.", stacklevel=4)
    return weights, steepest


def gradient_at(weights, x, target, penalty):
    """Of mean cross-entropy + penalty / 2 · ‖W‖² at weights (p, classes, d + 1); target: the labels one-hot, (classes, n)."""
    slopes, bias = weights[..., :-1], weights[..., -1:]
    logits = (slopes.flatten(0, 1) @ x.T).view(*bias.shape[:2], len(x)) + bias
    excess = logits.softmax(1).sub_(target).div_(len(x))
    return torch.cat([(excess.flatten(0, 1) @ x).view_as(slopes) + penalty * slopes, excess.sum(2, keepdim=True)], 2)


def rotated(weights, basis):
    """Weights (p, classes, d + 1) with all but the bias multiplied by a (d, d) matrix."""
    return torch.cat([weights[..., :-1] @ basis, weights[..., -1:]], 2)


def dot(a, b):
    return (a * b).sum((1, 2), keepdim=True)


class Search:
    """L-BFGS for several convex functions at once, that is told the gradient at `trial` and nothing else.

    A step is too long where the function rises at its end more than half as steeply as it fell at first. In float32
    slopes say that to the last, and differences of values don't.
    """
    def __init__(self, start):
        self.trial = self.point = start
        self.gradient = self.direction = torch.zeros_like(start)
        self.length = self.size = start.new_ones(len(start), 1, 1)
        self.moves = self.changes = start.new_zeros(len(start), MEMORY, start[0].numel())

    def keep(self, on):
        """Go on with those functions alone where `on` is True."""
        for name, value in vars(self).items():
            setattr(self, name, value[on])

    def advance(self, gradient):
        """Take the trial, or shorten the step to where the slope is 0 on a line; `gradient` is the one at the trial."""
        slope, slope_there = dot(self.gradient, self.direction), dot(gradient, self.direction)
        good = slope_there <= slope.abs() / 2
        move, change = torch.where(good, self.trial - self.point, 0), torch.where(good, gradient - self.gradient, 0)
        curvature = dot(move, change)
        self.size = torch.where(curvature > 0, curvature / dot(change, change), self.size)
        self.moves, self.changes = remember(self.moves, move), remember(self.changes, change)
        self.point, self.gradient = torch.where(good, self.trial, self.point), torch.where(good, gradient, self.gradient)
        self.direction = torch.where(good, self.downhill(), self.direction)
        self.length = torch.where(good, 1, self.length * slope / (slope - slope_there))
        self.trial = self.point + self.length * self.direction

    def downhill(self):
        """The two loops of L-BFGS as two triangular systems, a few large products; steps not taken are zeros in them."""
        gradient = self.gradient.flatten(1)[..., None]
        products = self.moves @ self.changes.mT
        own = products.diagonal(dim1=1, dim2=2)
        triangle = products.triu() + torch.diag_embed((own <= 0).to(own.dtype))
        first = torch.linalg.solve_triangular(triangle, self.moves @ gradient, upper=True)
        rest = self.size * (gradient - self.changes.mT @ first)
        second = torch.linalg.solve_triangular(triangle.mT, own[..., None] * first - self.changes @ rest, upper=False)
        return -(rest + self.moves.mT @ second).view_as(self.gradient)


def remember(memory, new):
    """A memory (p, MEMORY, length) without its oldest entry, and with a new one, flattened, behind."""
    return torch.cat([memory[:, 1:], new.flatten(1)[:, None]], 1)


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


def ridge_r2(a, of_a, b, of_b):
    """R² on (b, of_b) of ridge regression fitted on (a, of_a), NumPy arrays; of several numbers an image their mean."""
    return float(make_pipeline(StandardScaler(), RidgeCV(RIDGE_PENALTIES)).fit(a, of_a).score(b, of_b))
