"""Readouts of several objects, against scikit-learn on the same features, and where the answer is known."""
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from intriguing_lib import readouts
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Ink, PooledConv
from intriguing_lib.evaluate import features, linear_evaluation
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits, photos
from intriguing_lib.measures import Frozen, LinearTop1
from intriguing_lib.objectives import SupervisedPresence
from intriguing_lib.overlays import Tinted
from intriguing_lib.readouts import PENALTY, CodeRead, ColourR2, EdgesTold, PresenceAUC, RegionScores, ValueR2
from intriguing_lib.runs import run
from intriguing_lib.scenes import FewKinds, MultiDigits
from intriguing_lib.views import Chain, Crop

VIEW = Chain((Crop((0.3, 1.0)),))


@pytest.fixture(scope="module")
def scenes():
    """(train, test)"""
    return MultiDigits(digits("train", "cpu"), count=3, scenes=400), MultiDigits(digits("test", "cpu"), count=3, scenes=300)


@pytest.fixture(scope="module")
def untrained(scenes):
    return Experiment(scenes[0], VIEW, PooledConv((4, 8), (2, 2)), batch_size=32, steps=0).untrained().eval()


def test_presence_is_scikit_learns_regression_and_area_on_the_same_features(scenes, untrained):
    train, test = scenes
    scaler = StandardScaler().fit(features(untrained.encoder, train).double())
    a, b = (scaler.transform(features(untrained.encoder, data).double()) for data in scenes)
    areas = []
    for there, in_test in zip(train.targets["presence"].T, test.targets["presence"].T, strict=True):
        classifier = LogisticRegression(C=1 / (2 * PENALTY * len(a)), tol=1e-8, max_iter=10_000).fit(a, there)
        areas.append(roc_auc_score(in_test, classifier.decision_function(b)))
    found = PresenceAUC(test)(Frozen(untrained), train)
    assert found["auc presence"] == pytest.approx(sum(areas) / 10, abs=2e-3)


def test_what_is_known_is_read_and_noise_is_not(scenes):
    """From whether a class is there, everything; from noise, chance."""
    train, test = scenes

    class Known:
        def features(self, data, after_head=False):
            return data.targets["presence"].float() if self.knows else torch.rand(len(data), 10)

    known = Known()
    for known.knows, auc, r2 in ((True, 1.0, 1.0), (False, 0.5, 0.0)):
        assert PresenceAUC(test)(known, train)["auc presence"] == pytest.approx(auc, abs=0.06)
        assert ValueR2(test)(known, train)["r2 count"] == pytest.approx(r2, abs=0.1)


def test_mean_colour_is_read_from_what_knows_it_brightness_aside():
    train, test = (Tinted(digits(split, "cpu")[:200]) for split in ("train", "test"))

    class Known:
        def features(self, data, after_head=False):
            channels = data.batch(slice(None)).mean((2, 3))
            return channels if self.colours else channels.mean(1, keepdim=True).expand(-1, 3)

    known = Known()
    for known.colours, low, high in ((True, 0.99, 1.0), (False, -0.5, 0.4)):
        assert low < ColourR2(test)(known, train)["colour r2"] <= high
    grey = digits("test", "cpu")
    with pytest.raises(ValueError, match="3 channels, got 1"):
        ColourR2(grey).check_fit(grey)


def test_ink_alone_is_the_mean_brightness(scenes):
    train, _ = scenes
    model = Experiment(train, VIEW, Ink(), Head(layers=0), steps=0, batch_size=32).untrained()
    images = train.batch(slice(0, 20))
    assert torch.allclose(features(model, images)[:, 0], images.mean((1, 2, 3)))


def test_a_readout_may_be_fitted_and_tested_on_other_images_than_those_trained_on(scenes, untrained):
    single = MultiDigits(digits("train", "cpu"), count=1, scenes=400), MultiDigits(digits("test", "cpu"), count=1, scenes=200)
    (a, of_a), (b, of_b) = ((features(untrained.encoder, data), data.targets["label"]) for data in single)
    measure = LinearTop1(single[1], fit=single[0])
    measure.check_fit(scenes[0])
    assert measure(Frozen(untrained), scenes[0]) == {"linear": linear_evaluation(a, of_a, b, of_b).top1}
    with pytest.raises(ValueError, match="LinearTop1: the data have no target 'label'"):
        LinearTop1(single[1]).check_fit(scenes[0])
    with pytest.raises(ValueError, match=r"fitted on \(1, 28, 28\)"):
        LinearTop1(single[1], fit=digits("train", "cpu")).check_fit(scenes[0])


def test_adapted_statistics_are_those_of_what_is_fitted_on_and_the_model_stays(scenes, untrained):
    single = MultiDigits(digits("train", "cpu"), count=1, scenes=400)
    before = {name: tensor.clone() for name, tensor in untrained.state_dict().items()}
    first = Frozen(untrained).adapted_to(single).model.encoder.block1
    maps = untrained.encoder.block1[0](single.batch(slice(None)))
    assert torch.allclose(first[1].running_mean, maps.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(first[1].running_var, maps.var((0, 2, 3)), rtol=1e-2)
    assert torch.equal(first[0].weight, untrained.encoder.block1[0].weight)
    assert all(torch.equal(before[name], tensor) for name, tensor in untrained.state_dict().items())
    measure = LinearTop1(single, fit=single, adapted=True)
    assert measure.metrics == ("linear adapted",) and list(measure(Frozen(untrained), scenes[0])) == ["linear adapted"]


def test_presence_can_be_trained_and_a_head_that_does_not_fit_is_named(scenes):
    train, test = scenes
    e = Experiment(train, VIEW, PooledConv((4, 8), (2, 2)), Head(layers=1, out=10), SupervisedPresence(), steps=3,
                   batch_size=32)
    logits, there = torch.tensor([[0.3, -2.0]]), torch.tensor([[1, 0]])
    loss = SupervisedPresence()(lambda x: x, logits, logits, lambda name: there, None)
    assert loss.item() == pytest.approx(-(logits.sigmoid()[0, 0].log() + (1 - logits.sigmoid()[0, 1]).log()).item() / 2)
    assert "auc presence" in run(e, (PresenceAUC(test),)).metrics
    with pytest.raises(ValueError, match="SupervisedPresence: the head has 9 outputs for 10 classes of 'presence'"):
        replace(e, head=Head(layers=1, out=9))


@pytest.fixture(scope="module")
def few_kinds():
    """(fitted on, tested on)"""
    return tuple(FewKinds(digits(split, "cpu"), 4, "grid", kinds=2, canvas=64, scenes=40) for split in ("train", "test"))


def test_regions_that_are_the_classes_score_1_and_noise_0(few_kinds, monkeypatch):
    """Maps of the class that each cell shows, at random lengths, and of nothing. Chance alone stays below these bounds by
    more than five standard deviations: the scenes have some 8,000 cells with ink."""
    fit, test = few_kinds
    generator = torch.Generator().manual_seed(0)
    exact = {scenes: F.one_hot(scenes.classes(slice(None)) + 1, 11).movedim(-1, 1)
             * (1 + torch.rand(40, 1, 64, 64, generator=generator))
             + 0.01 * torch.rand(40, 11, 64, 64, generator=generator) for scenes in few_kinds}
    noise = {scenes: torch.randn(40, 8, 64, 64, generator=generator) for scenes in few_kinds}
    found = []
    for maps in (exact, noise):
        monkeypatch.setattr(readouts, "feature_maps", lambda encoder, scenes, taps, maps=maps: {taps[0]: maps[scenes]})
        found.append(RegionScores(test, fit, "a tap")(Frozen(SimpleNamespace(encoder=None)), fit))
    place = found[0].pop("ami place a tap 1")
    assert found[0] == pytest.approx({f"{metric} a tap 1": 1 for metric in ("ari scene", "ari all", "ami class", "cell top1")})
    assert abs(place) < 0.3  # 160 objects of 10 classes in 16 places: a digit's cells go together, so some is shared by chance
    assert abs(found[1]["ami class a tap 1"]) < 0.02 and abs(found[1]["ami place a tap 1"]) < 0.02
    assert abs(found[1]["ari scene a tap 1"]) < 0.02 and abs(found[1]["ari all a tap 1"]) < 0.02
    assert found[1]["cell top1 a tap 1"] < 0.25


def test_a_trained_encoders_regions_are_named_by_tap_and_window(few_kinds):
    fit, test = few_kinds
    e = Experiment(digits("train", "cpu")[:200], VIEW, PooledConv((4, 8), (2, 2)), batch_size=32, steps=0)
    found = run(e, (RegionScores(test, fit, "block2", 3),)).metrics
    assert list(found) == [f"{metric} block2 3" for metric in ("ari scene", "ari all", "ami class", "ami place", "cell top1")]


def test_maps_of_places_group_by_place(few_kinds, monkeypatch):
    """Maps of the grid's cell that each pixel's object lies in: all of the place, and of the class what chance has it."""
    fit, test = few_kinds
    maps = {scenes: F.one_hot(scenes.cells_shown(slice(None)) + 1, 17).movedim(-1, 1).float() for scenes in few_kinds}
    monkeypatch.setattr(readouts, "feature_maps", lambda encoder, scenes, taps: {taps[0]: maps[scenes]})
    monkeypatch.setattr(readouts, "grouped", lambda maps, k, where: torch.where(where, maps.argmax(1), -1))
    found = RegionScores(test, fit, "a tap")(Frozen(SimpleNamespace(encoder=None)), fit)
    assert found["ami place a tap 1"] == pytest.approx(1) and found["ami class a tap 1"] < 0.3


def test_a_tap_or_a_window_that_can_not_be_is_told_before_the_training(few_kinds):
    fit, test = few_kinds
    e = Experiment(digits("train", "cpu")[:200], VIEW, PooledConv((4, 8), (2, 2)), batch_size=32, steps=10**9)
    with pytest.raises(ValueError, match="RegionScores: the encoder has no 'block3'; its taps are block1, block2."):
        run(e, (RegionScores(test, fit, "block3"),))
    with pytest.raises(ValueError, match="A window is an odd number of cells, so that it has a middle, got 4."):
        RegionScores(test, fit, "block2", 4)


@pytest.fixture(scope="module")
def photographs():
    return photos(64, "cpu")


def test_groups_that_are_the_edges_tell_all_of_them_and_noise_nothing(photographs, monkeypatch):
    """Of 7 × 16 × 16 cells, 8 groups of noise tell by chance 7 / (2 · 1792) nats or .3 % of the entropy."""
    edges = readouts.edges_in(photographs.batch(slice(None)))
    found = edges.view(7, 16, 4, 16, 4).any(4).any(2)
    assert 0.2 < found.float().mean() < 0.8
    maps = {True: torch.stack([found, ~found], 1).float(), False: torch.randn(7, 8, 16, 16)}
    for knows in maps:
        monkeypatch.setattr(readouts, "feature_maps", lambda encoder, images, taps, knows=knows: {taps[0]: maps[knows]})
        told = EdgesTold(photographs, "a tap", groups=2 if knows else 8)(Frozen(SimpleNamespace(encoder=None)), photographs)
        assert told["edges told a tap"] == (pytest.approx(1) if knows else pytest.approx(0, abs=0.01))


def test_edges_are_where_brightness_changes(photographs):
    halves = torch.zeros(1, 3, 32, 32)
    halves[..., 16:] = 1
    edges = readouts.edges_in(halves)[0]
    assert edges[:, 15:17].any(1)[2:-2].all() and not edges[:, :14].any() and not edges[:, 18:].any()


def test_edges_want_colours(photographs, few_kinds):
    with pytest.raises(ValueError, match="EdgesTold: trained on .*: give colour images on one device."):
        EdgesTold(photographs, "block1").check_fit(few_kinds[0])


def test_scenes_of_another_kind_than_the_images_are_refused(few_kinds):
    fit, test = few_kinds
    with pytest.raises(ValueError, match="RegionScores: trained on .*: give data of the same kind"):
        RegionScores(test, replace(fit, canvas=80), "block2").check_fit(fit)


def test_codes_are_read_bit_by_bit_and_whole():
    """From the bits themselves everything; from noise chance; from all but two of them, these two by chance."""
    train, test = (RandBits(digits(split, "cpu"), bits=6) for split in ("train", "test"))

    class Known:
        def features(self, data, after_head=False):
            bits = (data.codes[:, None] >> torch.arange(self.bits)) & 1
            return torch.cat([bits.float(), torch.rand(len(data), 8, generator=torch.Generator().manual_seed(0))], 1)

    known = Known()
    for known.bits, bit, whole in ((6, 1, 1), (4, 5 / 6, 1 / 4), (0, 1 / 2, 1 / 64)):
        found = CodeRead(test, bits=6)(known, train)
        # 2,000 images: four standard errors or more, false-alarm rate below 1e-3 in all
        assert found["bit"] == pytest.approx(bit, abs=0.02) and found["whole code"] == pytest.approx(whole, abs=0.04)
    with pytest.raises(ValueError, match="bits is at least 1, got 0"):
        CodeRead(test, bits=0)
    with pytest.raises(ValueError, match="CodeRead: bits is 5, and the data carry 6: give the same number"):
        CodeRead(test, bits=5).check_fit(train)
    with pytest.raises(ValueError, match="CodeRead: the data have no target 'code': they have label"):
        CodeRead(test.images, bits=6).check_fit(train.images)


def test_bits_are_those_of_scikit_learns_regression_on_the_same_features():
    train, test = (RandBits(digits(split, "cpu")[:600], bits=3) for split in ("train", "test"))
    frozen = Frozen(Experiment(train, VIEW, PooledConv((4, 8), (2, 2)), batch_size=32, steps=0).untrained().eval())
    scaler, right = StandardScaler().fit(frozen.features(train).double()), []
    a, b = (scaler.transform(frozen.features(data).double()) for data in (train, test))
    for i in range(3):
        of_a, of_b = (torch.tensor([code // 2**i % 2 for code in data.codes.tolist()]) for data in (train, test))
        classifier = LogisticRegression(C=1 / (2 * PENALTY * len(a)), tol=1e-8, max_iter=10_000).fit(a, of_a)
        right.append(torch.from_numpy(classifier.predict(b)) == of_b)
    right, found = torch.stack(right).double(), CodeRead(test, bits=3)(frozen, train)
    assert found["bit"] == pytest.approx(right.mean().item(), abs=3e-3)  # 1,800 bits
    assert found["whole code"] == pytest.approx(right.amin(0).mean().item(), abs=7e-3)
