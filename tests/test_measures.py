"""Measures give what their functions give of the same features, under names that say what is unusual."""
from dataclasses import replace

import pytest
import torch

from intriguing_lib import diagnostics
from intriguing_lib.changes import r2_of_change
from intriguing_lib.encoders import HeadAndClassifier
from intriguing_lib.evaluate import features, knn_accuracy, linear_evaluation
from intriguing_lib.measures import (
    AlongTop1,
    ChangesRead,
    Diagnostics,
    During,
    Frozen,
    LinearTop1,
    NeighbourTop1,
    NotFrozen,
    Uniformity,
)
from intriguing_lib.mistakes import evaluation_that_trains
from intriguing_lib.objectives import WithClassifier
from intriguing_lib.runs import run
from intriguing_lib.train import Optimizer


@pytest.fixture
def model(experiment):
    return replace(experiment, steps=0).untrained().eval()


@pytest.fixture
def read(model, experiment):
    return lambda measure: measure(Frozen(model), experiment.data)


@pytest.mark.parametrize("after_head, ending", [(False, ""), (True, " after head")])
def test_top1_is_that_of_the_features_asked_for(after_head, ending, model, read, some_digits):
    train, test = some_digits
    module = model if after_head else model.encoder
    arguments = features(module, train), train.labels, features(module, test), test.labels
    assert read(LinearTop1(test, after_head=after_head)) == {f"linear{ending}": linear_evaluation(*arguments).top1}
    assert read(NeighbourTop1(test, after_head=after_head, k=5)) == {f"knn{ending}": knn_accuracy(*arguments, k=5)}


def test_diagnostics_and_changes_are_those_of_the_test_images(model, read, some_digits):
    train, test = some_digits
    h = features(model.encoder, test)
    assert read(Diagnostics(test)) == {"effective rank": diagnostics.effective_rank(h).item(),
                                       "variance within classes": diagnostics.class_spread(h, test.labels).item()}
    z = features(model, test)
    assert read(Uniformity(test, after_head=True)) == {"uniformity after head": diagnostics.uniformity(z).item()}
    found = read(ChangesRead(test, after_head=True, seed=2))
    assert set(found) == {"angle after head", "sideways position after head", "brightness after head"}
    assert found["angle after head"] == r2_of_change(model, train, test, "angle", 2)


def test_an_evaluation_that_trains_leaves_the_model_and_says_how_far_it_went(model, read, some_digits):
    """Weights in channels-last order too, as those of every run are."""
    train, test = some_digits
    before = [weight.clone() for weight in model.parameters()]
    found = read(NotFrozen(test, steps=3, seed=1))
    top1, changed = evaluation_that_trains(model.encoder, train, test, 3, seed=1)
    assert found["not frozen"] == top1
    pairs = list(zip(changed.parameters(), model.encoder.parameters(), strict=True))
    way, length = sum((a - b).square().sum() for a, b in pairs).sqrt(), sum(b.square().sum() for _, b in pairs).sqrt()
    assert found["moved by"] == pytest.approx((way / length).item(), rel=1e-5) and found["moved by"] > 0.001
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_classifier_trained_along_reads_what_the_loss_makes_and_changes_nothing_of_it(experiment, some_digits):
    """Encoder and projection head end as they do without it; it itself is better than chance."""
    along = replace(experiment, head=HeadAndClassifier(experiment.head), objective=WithClassifier(experiment.objective.loss),
                    optimizer=Optimizer(lr=3e-2), steps=200)
    alone, beside = (run(e) for e in (replace(along, head=experiment.head, objective=experiment.objective), along))
    pairs = zip(alone.model.state_dict().items(), beside.model.state_dict().items(), strict=False)
    assert all(torch.equal(a, b) and name == other.replace("projection.", "") for (name, a), (other, b) in pairs)
    top1 = run(along, (AlongTop1(some_digits[1]),)).metrics["along"]
    logits = beside.model.head.classifier(features(beside.model.encoder, some_digits[1]))
    assert top1 == (logits.argmax(1) == some_digits[1].labels).double().mean() > 0.3


@pytest.mark.parametrize("steps", [(), (-1, 3)])
def test_steps_that_no_training_has_are_named(steps, some_digits):
    with pytest.raises(ValueError, match="During: steps are one or more, from 0, got"):
        During(LinearTop1(some_digits[1]), steps)


def test_a_head_without_a_classifier_that_fits_is_named_before_the_training(experiment):
    """A projection head alone, a classifier of too few classes, and a target that the data don't have."""
    for head, target, said in ((experiment.head, "label", r"has 0 outputs of a classifier for 10 classes of 'label'"),
                               (HeadAndClassifier(classes=9), "label", "has 9 outputs of a classifier for 10 classes"),
                               (HeadAndClassifier(), "digit", "the data have no target 'digit': they have label")):
        with pytest.raises(ValueError, match=f"WithClassifier: .*{said}"):
            replace(experiment, head=head, objective=WithClassifier(target=target))
