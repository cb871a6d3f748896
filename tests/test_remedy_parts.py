"""Encoders, heads and data of the remedies: what stays as it was, what is kept apart, and what a batch shows."""
import math
from dataclasses import replace

import pytest
import torch

from intriguing_lib import remedy_parts
from intriguing_lib.composites import RandBits
from intriguing_lib.descriptions import settings
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.losses import NTXent
from intriguing_lib.measures import LinearTop1
from intriguing_lib.objectives import Contrastive
from intriguing_lib.remedies import MeanOfEach, OfDotProducts, WithinBlocks
from intriguing_lib.remedy_data import Clustered, InGroups, Sometimes
from intriguing_lib.remedy_parts import (
    Grown,
    HeadForEach,
    HeadOfTheLast,
    LearnedTemperature,
    ScheduledTemperature,
    Several,
    WithAdversary,
)
from intriguing_lib.runs import run, trained
from intriguing_lib.train import Optimizer, train
from intriguing_lib.views import digit_view


@pytest.fixture
def small(some_digits):
    return Experiment(RandBits(some_digits[0], 3), digit_view(), SmallConv((4, 8), 16), Head(2, 16, 8),
                      Contrastive(NTXent(0.2)), Optimizer(lr=3e-3), steps=3, batch_size=32)


def trained_silently(e):
    model = e.untrained()
    train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda step, loss: None)
    return model


def temperature_of(head, h):
    return 1 / head(h).square().sum(1)


def test_a_learned_temperature_starts_where_it_is_told_and_moves(small):
    e = replace(small, head=LearnedTemperature(small.head, 0.3), objective=Contrastive(OfDotProducts()))
    h = torch.randn(8, 16)
    assert torch.allclose(temperature_of(e.untrained().head, h), torch.tensor(0.3), rtol=1e-4)
    assert not torch.allclose(temperature_of(trained_silently(e).head.eval(), h), torch.tensor(0.3), rtol=1e-4)


def test_a_scheduled_temperature_goes_down_and_up_again_and_counts_training_alone():
    head = ScheduledTemperature(Head(1, out=4), 0.1, 0.9, period=4).build(16)
    h, found = torch.randn(8, 16), []
    for _ in range(6):
        found.append(temperature_of(head.eval(), h).mean().item())
        head.eval()(h)
        head.train()(h)
    expected = [0.1 + 0.8 * (1 + math.cos(2 * math.pi * step / 4)) / 2 for step in range(6)]
    assert found == pytest.approx(expected, rel=1e-4)
    assert head.state_dict()["step"] == 6  # so that a training that is taken up again goes on in the schedule


def test_several_encoders_learn_what_each_would_learn_alone(small):
    """The gradient of one's weights is what it would be without the other, over their number."""
    e = replace(small, encoder=Several(small.encoder, 2), head=HeadForEach(small.head, 2),
                objective=Contrastive(MeanOfEach(NTXent(0.2), 2)))
    assert e.encoder.features == 32 and e.head.outputs(32) == 16
    model = e.untrained().train()
    a, b = e.data.views(torch.arange(32), e.view, torch.Generator().manual_seed(1))
    e.objective(model, a, b, None, None).backward()
    together = [p.grad.clone() for p in model.encoder[1].parameters()]
    model.zero_grad()
    z = model.head[1](model.encoder[1](torch.cat([a, b])))
    NTXent(0.2)(*z.chunk(2)).backward()
    for found, alone in zip(together, model.encoder[1].parameters(), strict=True):
        assert torch.allclose(found, alone.grad / 2, atol=1e-6)


def test_an_earlier_stage_stays_as_it_was(small):
    e = replace(small, encoder=Grown(small, small.encoder), head=HeadOfTheLast(small.head, 16))
    before, model = trained(small).model.encoder, trained_silently(e)
    for name, tensor in before.state_dict().items():
        assert torch.equal(tensor, model.encoder.earlier.state_dict()[name])
    images = small.data.batch(slice(0, 8))
    h = model.eval().encoder(images)
    assert h.shape == (8, 32) and torch.equal(h[:, :16], before(images))
    assert torch.equal(model.head(h), model.head(h + torch.cat([torch.ones(8, 16), torch.zeros(8, 16)], 1)))
    assert not torch.equal(model.encoder.new.dense.weight, e.untrained().encoder.new.dense.weight)


def test_a_seed_is_that_of_every_stage(small):
    e = replace(small, encoder=Grown(small, small.encoder), head=HeadOfTheLast(small.head, 16),
                data=InGroups(Clustered(small.data, small, 3), "group", 8), objective=Contrastive(WithinBlocks(0.2, 8)))
    other = e.with_seed(7)
    assert (other.seed, other.encoder.earlier.seed, other.data.images.learned.seed) == (7, 7, 7)
    assert replace(small, seed=7) == small.with_seed(7) and small.with_seed(0) == small
    assert other.data.images.images is small.data  # what holds no experiment is not copied
    assert e.key != other.key


def test_stages_go_through_run_and_its_cache(small, some_digits, capsys):
    first = replace(small, steps=2)
    e = replace(first, encoder=Grown(first, small.encoder), head=HeadOfTheLast(small.head, 16),
                data=InGroups(Clustered(small.data, first, 3), "group", 8), objective=Contrastive(WithinBlocks(0.2, 8)))
    measure = (LinearTop1(small.data, fit=small.data),)
    one, two = run(e, measure), run(e, measure)
    assert not one.from_cache and two.from_cache and one.metrics == two.metrics


def test_clusters_put_alike_images_together_and_a_second_stage_divides_them(small):
    data = Clustered(small.data, replace(small, steps=0), 4)
    groups = data.targets["group"]
    assert groups.shape == (len(small.data),) and 2 <= len(groups.unique()) <= 4
    assert torch.equal(data.targets["label"], small.data.targets["label"])
    again = Clustered(data, replace(small, steps=0, seed=1), 4).targets["group"]
    for group in again.unique():
        assert len(groups[again == group].unique()) == 1
    assert len(again.unique()) > len(groups.unique())


def test_batches_in_groups_show_blocks_of_one_kind_and_all_images_alike():
    labels = torch.arange(90) % 9
    data = InGroups(Labelled(labels), "label", 8)
    generator, shown = torch.Generator().manual_seed(0), torch.zeros(90)
    for _ in range(400):
        rows = torch.randperm(90, generator=generator)[:32]
        found = data.in_groups(rows, generator)
        blocks = found.view(4, 8)
        assert (labels[blocks] == labels[rows[::8]][:, None]).all()
        assert all(len(block.unique()) == 8 for block in blocks)
        shown += torch.bincount(found, minlength=90)
    # 400 × 32 / 90 = 142 times each; blocks make the count's deviation about sqrt(142 · 8 / 9); 6 of them: false alarm < 1e-6
    assert (shown - 400 * 32 / 90).abs().max() < 6 * (142 * 8) ** 0.5
    assert len(data.in_groups(torch.arange(13), generator)) == 13  # a last block may be short


class Labelled:
    """Data of which nothing but the targets is looked at."""
    shape, device = (1, 4, 4), torch.device("cpu")

    def __init__(self, labels):
        self.targets = {"label": labels}

    def __len__(self):
        return len(self.targets["label"])

    def batch(self, rows):
        return torch.zeros(len(rows), *self.shape)

    def views(self, rows, view, generator):
        return self.batch(rows), self.batch(rows)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_sometimes_the_other_data_make_the_views(some_digits, share):
    shared, fresh = (RandBits(some_digits[0], 6, sharing) for sharing in ("shared", "fresh"))
    data = Sometimes(shared, fresh, share)
    a, b = data.views(torch.arange(400), digit_view(), torch.Generator().manual_seed(0))
    same = (a[:, 1:, 0, 0] == b[:, 1:, 0, 0]).all(1).double().mean().item()
    expected = 1 - share + share / 64
    # a binomial of 400: five deviations, false alarm below 1e-6
    assert abs(same - expected) <= 5 * (expected * (1 - expected) / 400) ** 0.5
    assert torch.equal(data.batch(torch.arange(5)), shared.batch(torch.arange(5)))


@pytest.mark.parametrize("wrong, sentence", [
    (lambda digits: ScheduledTemperature(lowest=0.5, highest=0.1), "0 < lowest <= highest"),
    (lambda digits: WithAdversary(SmallConv(), 1.0), "covered lies between 0 and 1"),
    (lambda digits: InGroups(digits, "code"), "InGroups: the data have no target 'code'"),
    (lambda digits: InGroups(digits, "label", 0), "size is at least 1"),
    (lambda digits: Sometimes(digits, digits, 1.5), "share lies between 0 and 1"),
    (lambda digits: Sometimes(digits, RandBits(digits, 2)), "both make views of the same images")])
def test_what_is_out_of_range_is_one_sentence(some_digits, wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong(some_digits[0])


def test_to_describe_a_stage_or_to_look_which_targets_there_are_trains_nothing(small, monkeypatch):
    monkeypatch.setattr(remedy_parts, "trained", lambda *args, **kwargs: pytest.fail("a stage was trained"))
    twice = Clustered(Clustered(small.data, small, 3), small, 3)
    e = replace(small, data=InGroups(twice, "group", 8), objective=Contrastive(WithinBlocks(0.2, 8)),
                encoder=Grown(small, small.encoder), head=HeadOfTheLast(small.head, 16)).with_seed(3)
    assert [*twice.targets] == [*small.data.targets, "group"] and len(twice.targets) == len(small.data.targets) + 1
    assert settings(e)["encoder.earlier"] != settings(e.with_seed(4))["encoder.earlier"]
    assert settings(e)["encoder.earlier"].startswith("Experiment ")
