"""A run: trained once, read as often as one likes, and the same whenever it is trained again."""
import re
import warnings
from dataclasses import dataclass, replace
from math import isnan

import pytest
import torch

from intriguing_lib import cache, experiments, measures, paths, runs
from intriguing_lib import train as train_module
from intriguing_lib.composites import Composite, RandBits
from intriguing_lib.encoders import Head, Pixels
from intriguing_lib.evaluate import linear_evaluation, pixels
from intriguing_lib.images import digits
from intriguing_lib.losses import nt_xent
from intriguing_lib.measures import AlongTop1, ChangesRead, Diagnostics, During, LinearTop1, NeighbourTop1, measured_on
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.protocols import Data
from intriguing_lib.runs import is_finished, is_trained, row, run
from intriguing_lib.sweeps import sweep
from intriguing_lib.train import Optimizer


@pytest.fixture
def measured(some_digits):
    return measured_on(some_digits[1])


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all that is trained meanwhile."""
    seeds, train = [], runs.train
    monkeypatch.setattr(runs, "train", lambda *given: seeds.append(given[7]) or train(*given))
    return seeds


def same_weights(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_the_second_time_it_is_loaded_and_identical(experiment, measured, capsys):
    first, second = run(experiment, measured), run(experiment, measured)
    assert (first.from_cache, second.from_cache) == (False, True)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"trained in \d+ s, measured in \d+ s", said[0])
    assert said[1] == "loaded from the cache"
    assert first.metrics == second.metrics and torch.equal(first.losses, second.losses)
    assert list(first.metrics) == ["linear", "knn"] and all(0 < value < 1 for value in first.metrics.values())
    assert first.seconds == second.seconds > 0 and first.circumstances == second.circumstances
    assert same_weights(first.model, second.model) and not (first.model.training or second.model.training)
    images = experiment.data.batch(torch.arange(5))
    assert torch.equal(first.model(images), second.model(images))


def test_one_training_read_in_three_ways_is_trained_once(experiment, some_digits, trainings, capsys):
    """Later readings are of the same weights, and take none of the earlier ones anew."""
    _, test = some_digits
    a, b = run(experiment), run(experiment, measured_on(test))
    c = run(experiment, (*measured_on(test), LinearTop1(test, after_head=True), Diagnostics(test)))
    assert trainings == [0] and (a.from_cache, b.from_cache, c.from_cache) == (False, True, True)
    assert a.metrics == {} and {"linear", "knn"} == set(b.metrics) and b.metrics.items() < c.metrics.items()
    assert set(c.metrics) - set(b.metrics) == {"linear after head", "effective rank", "variance within classes"}
    assert same_weights(a.model, c.model)
    assert len(cache.readings(experiment.key)) == 4 and cache.finished() == [experiment.key]
    assert capsys.readouterr().out.splitlines()[0].startswith("trained in ")


def test_a_new_test_set_trains_nothing_and_is_a_reading_of_its_own(experiment, some_digits, trainings):
    _, test = some_digits
    found = [run(experiment, measured_on(data)).metrics for data in (test, test[:100], digits("train", "cpu")[2000:2100], test)]
    assert trainings == [0] and found[0] == found[3] and len({m["linear"] for m in found[:3]}) > 1
    assert len(cache.readings(experiment.key)) == 6


def test_a_reading_does_not_depend_on_what_else_is_read(experiment, some_digits):
    """Each alone, and all together, which share features; the changes' chance and linear evaluation's stay apart."""
    _, test = some_digits
    several = (*measured_on(test), LinearTop1(test, after_head=True), Diagnostics(test, after_head=True),
               ChangesRead(test[:200]))
    alone = {}
    for measure in several:
        alone |= run(replace(experiment, seed=1), (measure,)).metrics
    cache.remove(replace(experiment, seed=1).key)
    together = run(replace(experiment, seed=1), several[::-1]).metrics
    assert together == alone and len(alone) == 8 and set(alone) == {name for m in several for name in m.metrics}


def test_forgotten_weights_leave_readings_and_come_back_the_same(experiment, measured, some_digits, trainings):
    first = run(experiment, measured)
    before = row(experiment, measured)
    assert cache.remove_weights(experiment.key) > 0 and not cache.has_weights(experiment.key)
    assert is_finished(experiment, measured) and row(experiment, measured) == before and trainings == [0]
    new = (*measured, NeighbourTop1(some_digits[1], k=5, after_head=True))
    assert not is_finished(experiment, new)
    again = row(experiment, new)
    assert trainings == [0, 0] and again["knn after head"] > 0 and again["linear"] == before["linear"]
    second = run(experiment)
    assert second.from_cache and same_weights(first.model, second.model) and torch.equal(first.losses, second.losses)


@pytest.mark.parametrize("taken", [True, False], ids=["with measures", "without"])
def test_what_is_done_is_finished_until_its_number_rises(taken, experiment, measured, monkeypatch, trainings):
    measured = measured if taken else ()
    assert not is_finished(experiment, measured)
    run(experiment, measured)
    assert is_finished(experiment, measured) and not is_finished(replace(experiment, seed=1), measured)
    monkeypatch.setattr(measures, "MEASURING", measures.MEASURING + 1)
    assert is_finished(experiment, measured) is not taken  # readings are taken anew, without training
    row(experiment, measured)
    assert is_finished(experiment, measured) and trainings == [0]
    monkeypatch.setattr(experiments, "TRAINING", experiments.TRAINING + 1)
    assert not is_finished(experiment, measured)


def test_a_run_without_its_card_is_not_finished(experiment, measured):
    run(experiment, measured)
    (paths.cache_folder() / f"{experiment.key}.json").unlink()
    assert not is_finished(experiment, measured)


def test_a_learners_own_function_is_trained_but_never_kept(experiment, measured, trainings, capsys):
    own = replace(experiment, objective=Contrastive(lambda z1, z2, generator: (z1 - z2).square().mean()))
    assert own.key is None
    first, second = run(own, measured), run(own, measured)
    assert not first.from_cache and not second.from_cache and trainings == [0, 0]
    assert capsys.readouterr().out.count("not kept: objective.loss is your own code, and a later change of it could not") == 2
    assert first.metrics == second.metrics and same_weights(first.model, second.model)
    assert row(own, measured)["key"] is None and not paths.cache_folder().exists()


def test_a_function_of_the_library_as_a_loss_is_refused_before_anything_is_trained(experiment, trainings):
    for attempt in (run, lambda e: row(e, ())):
        with pytest.raises(TypeError, match=r"objective\.loss is nt_xent, .*: give a description .*NTXent\(temperature=0\.5\)"):
            attempt(replace(experiment, objective=Contrastive(nt_xent)))
    assert trainings == []


@dataclass(frozen=True)
class BrightestFeature:
    """A learner's own measure."""
    test: object
    metrics = ("brightest",)

    def __call__(self, frozen, data):
        return {"brightest": frozen.features(self.test).max().item()}


def test_a_learners_own_measure_is_taken_every_time_of_a_run_that_is_kept(experiment, measured, some_digits, trainings):
    own = BrightestFeature(some_digits[1])
    first, second = run(experiment, (*measured, own)), run(experiment, (*measured, own))
    assert first.metrics == second.metrics and "brightest" in first.metrics and second.from_cache and trainings == [0]
    assert len(cache.readings(experiment.key)) == 2 and not is_finished(experiment, (own,))


def test_other_targets_of_composites_are_read_by_name(experiment, some_digits):
    data, test = (RandBits(part, 2) for part in some_digits)
    e = replace(experiment, data=data)
    found = run(e, (LinearTop1(test), LinearTop1(test, "code"), NeighbourTop1(test, "code"))).metrics
    assert list(found) == ["linear", "linear code", "knn code"] and found["linear code"] > 0.5


@dataclass(frozen=True, eq=False)
class WithTarget(Composite):
    """Images with one more target."""
    images: Data
    target: torch.Tensor

    shape = property(lambda self: self.images.shape)
    targets = property(lambda self: {"also": self.target})

    def batch(self, rows):
        return self.images.batch(rows)

    def views(self, rows, view, generator):
        return self.images.views(rows, view, generator)


def also(target):
    """What measures the target "also" of the 500 test images, on the 1,000 trained on."""
    return lambda e, test: (replace(e, data=WithTarget(e.data, target[:1000])),
                            LinearTop1(WithTarget(test, target[-500:]), "also"))


@pytest.mark.parametrize("wrong, said", [
    (lambda e, test: (e, LinearTop1(test, "code")), "no target 'code': they have label"),
    (lambda e, test: (e, NeighbourTop1(test, "count")), "no target 'count': they have label"),
    (lambda e, test: (replace(e, data=RandBits(e.data, 2)), LinearTop1(test)), r"\(3, 28, 28\) .*\(1, 28, 28\)"),
    (lambda e, test: (e, LinearTop1(test[:0])), "LinearTop1: there are no test images: check how they were chosen"),
    (lambda e, test: (e, NeighbourTop1(test[:0])), "NeighbourTop1: there are no test images"),
    (lambda e, test: (e, Diagnostics(test[:0])), "Diagnostics: there are no test images"),
    (lambda e, test: (replace(e, data=e.data[:40]), NeighbourTop1(test, k=41)), "41 neighbours of 40 training images"),
    (lambda e, test: (replace(e, data=e.data[e.data.labels == 3]), LinearTop1(test)), "training labels of two classes or more"),
    (also(torch.rand(1500, 3)), r"target 'also' is no class, .* is torch.float32 of shape \(1000, 3\)"),
    (also(torch.rand(1500)), "target 'also' is no class, .* is torch.float32"),
    (also(torch.arange(1500) - 1), "target 'also' is no class, .* from -1"),
], ids=["linear", "neighbours", "shape", "empty", "empty, neighbours", "empty, diagnostics", "k", "one class", "presence",
        "count", "below 0"])
def test_nothing_is_trained_that_can_not_be_measured(wrong, said, experiment, some_digits, trainings):
    e, measure = wrong(experiment, some_digits[1])
    for attempt in (run, row, lambda e, measures: sweep([experiment, e], lambda of: measures if of is e else ())):
        with pytest.raises(ValueError, match=said) as raised:
            attempt(e, (measure,))
        assert "\n" not in str(raised.value)
    assert trainings == []


def test_zero_steps_measure_the_untrained_encoder(experiment, measured):
    untrained = run(replace(experiment, steps=0), measured)
    assert len(untrained.losses) == 0 and 0.1 < untrained.metrics["linear"] < 1
    assert same_weights(untrained.model, experiment.untrained())


def test_plain_pixels_are_an_encoder_with_nothing_to_train(experiment, some_digits):
    train, test = some_digits
    found = row(replace(experiment, encoder=Pixels(), head=Head(layers=0), steps=0), measured_on(test))
    theirs = linear_evaluation(pixels(train), train.labels, pixels(test), test.labels)
    assert found["linear"] == theirs.top1 and isnan(found["loss"])


def test_supervised_runs_are_kept_too(experiment):
    e = replace(experiment, objective=Supervised(), head=replace(experiment.head, layers=1, out=10))
    assert not run(e).from_cache and run(e).from_cache


def test_a_run_works_with_one_thread_and_says_so(two_threads, experiment, measured):
    """Also where it fails, the caller's number of threads comes back."""
    seen = []
    result = run(experiment, measured, on_report=lambda step, loss: seen.append(torch.get_num_threads()))
    assert seen == [1] and torch.get_num_threads() == 2
    assert result.circumstances["device"].endswith(", 1 thread")
    with pytest.raises(FloatingPointError):
        run(replace(experiment, steps=30, optimizer=Optimizer("sgd", lr=1e30)))
    assert torch.get_num_threads() == 2


def test_a_run_that_diverges_is_named_and_not_kept(experiment, measured):
    diverging = replace(experiment, optimizer=Optimizer("sgd", lr=1e30))
    with pytest.raises(FloatingPointError, match="The loss is nan at step 3: lower the learning rate"):
        run(diverging, measured)
    found = row(diverging, measured)
    assert found["diverged"].startswith("The loss is nan at step 3") and found["steps"] == 3 and found["key"] == diverging.key
    assert all(found[name] != found[name] for name in ("first_loss", "loss", "linear", "knn", "seconds"))
    assert cache.finished() == [] and not cache.has_weights(diverging.key)


def test_weights_that_are_not_finite_after_the_last_step_are_named(experiment):
    """The loss of the only step is still that of the untrained model."""
    with pytest.raises(FloatingPointError, match="A weight is no longer finite after the last step: lower the learning rate"):
        run(replace(experiment, steps=1, optimizer=Optimizer("sgd", lr=1e300)))


def test_nothing_warns_on_the_way(experiment, measured):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(experiment, measured)
        run(experiment, measured)
        run(replace(experiment, head=Head(layers=1, out=8)), (ChangesRead(measured[0].test),))


def test_what_is_measured_during_a_training_is_what_shorter_looks_at_it_give(experiment, some_digits, trainings):
    """A constant learning rate makes step 7 of 20 the end of a training of 7. The readings are kept; so are the weights."""
    linear = LinearTop1(some_digits[1])
    e = replace(experiment, steps=20, optimizer=Optimizer(schedule="constant"))
    found = run(e, (linear, During(linear, (0, 7, 20)))).metrics
    assert list(found) == ["linear", "linear at 0", "linear at 7", "linear at 20"]
    for steps in (0, 7, 20):
        assert found[f"linear at {steps}"] == run(replace(e, steps=steps), (linear,)).metrics["linear"]
    assert found["linear"] == found["linear at 20"] != found["linear at 0"]
    before, plain = len(trainings), run(e)
    again = run(e, (During(NeighbourTop1(some_digits[1]), (0, 7)),))
    assert len(trainings) == before and again.from_cache and same_weights(plain.model, again.model)
    assert is_finished(e, (During(linear, (0, 7, 20)),)) and list(again.snapshots) == [0, 7]


def test_a_run_without_snapshots_is_trained_once_more_to_the_same_numbers(experiment, some_digits, trainings):
    measure = During(LinearTop1(some_digits[1]), (2,))
    first = run(experiment)
    second = row(experiment, (measure,))
    assert trainings == [0, 0] and second["linear at 2"] > 0
    assert same_weights(first.model, run(experiment).model)
    assert row(experiment, (measure,))["linear at 2"] == second["linear at 2"] and trainings == [0, 0]


def test_snapshots_survive_an_interruption(experiment, some_digits, monkeypatch, capsys):
    """Killed at step 15 of 20, after a checkpoint at step 10: the run goes on there and has what it took at step 5."""
    e = replace(experiment, steps=20)
    measure = During(LinearTop1(some_digits[1]), (5, 15))
    whole = run(e, (measure,))
    cache.remove(e.key)
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(train_module, "CHECKPOINT_SHARE", 1e9)
    take_down = train_module.take_down

    def killed(model, step, snapshots):
        if step == 16:
            raise KeyboardInterrupt
        take_down(model, step, snapshots)

    monkeypatch.setattr(train_module, "take_down", killed)
    with pytest.raises(KeyboardInterrupt):
        run(e, (measure,))
    monkeypatch.setattr(train_module, "take_down", take_down)
    again = run(e, (measure,))
    assert "going on at step 10" in capsys.readouterr().out
    assert again.metrics == whole.metrics and same_weights(again.model, whole.model)
    assert all(same_weights(again.snapshots[step], whole.snapshots[step]) for step in (5, 15))


def test_a_checkpoint_without_a_snapshot_that_is_asked_for_is_not_gone_on_from(experiment, some_digits, monkeypatch, capsys):
    e, checkpoint = replace(experiment, steps=20), cache.Checkpoint(experiment.key)
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(train_module, "CHECKPOINT_SHARE", 1e9)
    for snapshots, goes_on in ((None, False), (None, True), ({5: None}, False), ({5: None}, True),
                              ({5: None, 20: None}, False)):
        capsys.readouterr()
        model = e.untrained()
        train_module.train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda *told: None,
                           checkpoint, snapshots)
        assert ("going on at step" in capsys.readouterr().out) == goes_on


def test_a_step_beyond_the_training_is_named_before_it(experiment, some_digits, trainings):
    with pytest.raises(ValueError, match="During: step 50 of a training of 3 steps: take earlier ones"):
        run(experiment, (During(LinearTop1(some_digits[1]), (0, 50)),))
    with pytest.raises(ValueError, match="AlongTop1: there is no classifier trained along: take the objective WithClassifier"):
        run(experiment, (During(AlongTop1(some_digits[1]), (0,)),))
    assert trainings == []


def test_other_steps_are_kept_beside_those_that_were(experiment, some_digits, trainings):
    linear = LinearTop1(some_digits[1])
    run(experiment, (During(linear, (1,)),))
    assert not is_trained(experiment, (During(linear, (2,)),)) and is_trained(experiment, (During(linear, (1,)),))
    run(experiment, (During(linear, (2,)),))
    assert trainings == [0, 0] and is_trained(experiment, (During(linear, (1, 2)),))
    row(experiment, (During(NeighbourTop1(some_digits[1]), (1, 2)),))
    assert trainings == [0, 0]


def test_a_sweep_forecasts_what_snapshots_will_take(experiment, some_digits, capsys):
    run(experiment)
    sweep([experiment], (During(LinearTop1(some_digits[1]), (1,)),))
    assert "1 runs, 1 of them to do: about" in capsys.readouterr().out
    assert not sweep([experiment], (During(LinearTop1(some_digits[1]), (1,)),))["from_cache"].eq(False).any()


def test_a_row_of_a_run_that_was_trained_again_says_so(experiment, some_digits):
    first = row(experiment, ())
    second = row(experiment, (During(LinearTop1(some_digits[1]), (1,)),))
    assert (first["from_cache"], second["from_cache"]) == (False, False) and second["loss"] == first["loss"]


def test_a_checkpoint_of_an_earlier_version_is_gone_on_from(experiment, monkeypatch, capsys):
    """It has no snapshots; none are asked for."""
    e = replace(experiment, steps=20)
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(train_module, "CHECKPOINT_SHARE", 1e9)
    save = cache.Checkpoint.save
    monkeypatch.setattr(cache.Checkpoint, "save", lambda self, state: save(self, {k: v for k, v in state.items()
                                                                                  if k != "snapshots"}))
    for steps in (20, 20):
        train_module.train(e.untrained(), e.objective, e.data, e.view, e.optimizer, steps, e.batch_size, e.seed,
                           lambda *told: None, cache.Checkpoint(e.key))
    assert "going on at step 20" in capsys.readouterr().out
