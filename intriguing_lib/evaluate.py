"""Measuring an encoder without changing it: features and maps, linear evaluation and nearest neighbours."""
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torchvision.models.feature_extraction import create_feature_extractor

from intriguing_lib.views import require_images

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # strongest first: each fit starts from the one before
VALIDATION_SHARE = 0.2


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
    """top1: accuracy on the test features, 0 to 1. penalty: the one chosen. predictions: int64, (n_test,)."""
    top1: float
    penalty: float
    predictions: torch.Tensor


def linear_evaluation(train_features, train_labels, test_features, test_labels):
    """Multinomial logistic regression on frozen features: the field's measure of a representation.

    train_features, test_features: float, (n, d); labels: int64, (n,). Features are standardised by the training
    features' mean and deviation. The L2 penalty is the one of `PENALTIES` that does best on a fifth of the training
    data held back; with it the classifier is fitted to all of them, and only then meets the test data. Full-batch
    L-BFGS from zero: the same features give the same number.
    """
    mean, deviation = train_features.mean(0), train_features.std(0).clamp(min=1e-6)
    train_x, test_x = ((x - mean) / deviation for x in (train_features, test_features))
    classes = int(train_labels.max()) + 1
    order = torch.randperm(len(train_x), generator=torch.Generator().manual_seed(0)).to(train_x.device)
    held, kept = order.split([round(VALIDATION_SHARE * len(order)), len(order) - round(VALIDATION_SHARE * len(order))])
    weights, scores = None, {}
    for penalty in PENALTIES:
        weights = logistic_regression(train_x[kept], train_labels[kept], penalty, classes, start=weights)
        scores[penalty] = accuracy(predict(train_x[held], weights), train_labels[held])
    best = max(scores, key=scores.get)
    predictions = predict(test_x, logistic_regression(train_x, train_labels, best, classes))
    return LinearEvaluation(accuracy(predictions, test_labels), best, predictions)


def logistic_regression(x, labels, penalty, classes, start=None, steps=100):
    """Weights (classes, d + 1), the last column the bias, that minimise mean cross-entropy + penalty / 2 · ‖W‖².

    The bias is not penalised. scikit-learn's LogisticRegression(C=1 / (penalty · n)) minimises the same function.
    """
    x = with_ones(x)
    weights = x.new_zeros(classes, x.shape[1]) if start is None else start.clone()
    weights.requires_grad_(True)
    solver = torch.optim.LBFGS([weights], max_iter=steps, history_size=10, tolerance_grad=1e-5, tolerance_change=1e-9,
                               line_search_fn="strong_wolfe")

    def loss_and_gradient():
        solver.zero_grad()
        loss = F.cross_entropy(F.linear(x, weights), labels) + penalty / 2 * weights[:, :-1].square().sum()
        loss.backward()
        return loss

    solver.step(loss_and_gradient)
    return weights.detach()


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
