"""The training loop: the same for every objective, and the same numbers every time."""
import copy
import math

import pytest
import torch

from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Model, SmallConv
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer, train
from intriguing_lib.views import digit_view


def small_model(head=Head(width=32, out=16)):
    torch.manual_seed(0)
    return Model(SmallConv((8, 16), 32), head, (1, 28, 28))


def train_on(data, model, objective=Contrastive(), steps=4, batch_size=16, seed=0, optimizer=Optimizer(), **kwargs):
    return train(model, objective, data, digit_view(), optimizer, steps, batch_size, seed, **kwargs)


@pytest.mark.parametrize("objective, head", [(Contrastive(NTXent(0.2)), Head(width=64, out=32)),
                                             (Supervised(), Head(layers=1, out=10))], ids=["contrastive", "supervised"])
def test_one_loop_lowers_every_objective(objective, head, some_digits):
    train_set, _ = some_digits
    torch.manual_seed(0)
    model = Model(SmallConv((8, 16), 32), head, (1, 28, 28))
    losses = train_on(train_set, model, objective, steps=40, batch_size=100, optimizer=Optimizer(lr=3e-3))
    chance = math.log(199) if isinstance(objective, Contrastive) else math.log(10)
    assert losses.shape == (40,) and losses.dtype == torch.float32 and losses.isfinite().all()
    assert losses[-5:].mean() < 0.85 * chance and losses[-5:].mean() < 0.9 * losses[:5].mean()


def test_same_seed_same_numbers_and_the_global_state_does_not_matter(noise):
    runs = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        model = small_model()
        torch.manual_seed(disturbance)
        losses = train_on(noise, model, seed=seed)
        runs.append((losses, torch.cat([p.flatten() for p in model.parameters()])))
    assert torch.equal(runs[0][0], runs[1][0]) and torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][0], runs[2][0])


def test_an_epoch_visits_every_image_once_and_drops_the_rest(noise):
    seen = []

    def view(images, generator):
        seen.append(images)
        return images

    train(small_model(), Contrastive(), noise, view, Optimizer(), steps=6, batch_size=20, seed=0)
    batches = seen[::2]  # the first view of each step
    epochs = [torch.cat(batches[:3]), torch.cat(batches[3:])]
    for epoch in epochs:
        assert len(epoch) == 60 == len(epoch.flatten(1).unique(dim=0))
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("schedule, half, last", [("cosine", 0.5, 0.002), ("linear", 0.5, 0.02), ("constant", 1, 1)])
def test_schedules_start_high_after_the_warm_up_and_end_low(schedule, half, last):
    optimizer = Optimizer(schedule=schedule, warmup=10)
    factors = [optimizer.factor(step, 110) for step in range(110)]
    assert factors[0] == 0.1 and factors[9] == 1 and factors[10] == 1
    assert factors[60] == pytest.approx(half) and factors[-1] <= last and max(factors) == 1


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_each_optimiser_is_torchs(name, noise):
    """Weight decay alone, with no gradient: coupled for adam and sgd, decoupled for adamw; all shrink the weights."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer, scheduler = Optimizer(name, lr=0.1, weight_decay=0.1, schedule="linear").build([weight], steps=2)
    weight.grad = torch.zeros(3)
    optimizer.step()
    expected = {"adam": 0.9, "adamw": 0.99, "sgd": 0.99}[name]  # Adam normalises even a tiny coupled gradient to a step of lr
    assert torch.allclose(weight, torch.full((3,), expected), atol=1e-4)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_reports_every_ten_steps_and_at_the_end(noise):
    seen = []
    losses = train_on(noise, small_model(), steps=25, on_report=lambda step, loss: seen.append((step, loss)))
    assert [step for step, _ in seen] == [10, 20, 25]
    assert seen[-1][1] == pytest.approx(losses[-1].item())


def test_the_batch_norm_of_a_contrastive_step_sees_both_views_at_once(noise):
    model = small_model()
    sizes = []
    model.encoder.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    train_on(noise, model, steps=2)
    assert sizes == [32, 32]


@pytest.mark.parametrize("batch_size", [65, 1])
def test_a_batch_that_does_not_fit_is_named(batch_size, noise):
    with pytest.raises(ValueError, match=f"between 2 and the number of images, 64; got {batch_size}: take a smaller batch"):
        train_on(noise, small_model(), batch_size=batch_size)


def test_a_loss_that_explodes_is_named(noise):
    with pytest.raises(FloatingPointError, match="The loss is nan at step .*: lower the learning rate or raise the temp"):
        train_on(noise, small_model(), steps=30, optimizer=Optimizer("sgd", lr=1e30))


def test_an_objective_gets_the_batchs_targets_by_name(noise):
    """As many as the data have, in the order of the batch, of any shape whose first axis is the image."""
    presence = torch.rand(64, 3, generator=torch.Generator().manual_seed(2))
    several = SeveralTargets(noise, {"label": noise.labels, "number": torch.arange(64), "presence": presence})
    seen = []

    def objective(model, a, b, target, generator):
        seen.append({name: target(name) for name in several.targets})
        return Contrastive()(model, a, b, target, generator)

    train_on(several, small_model(), objective, steps=4)
    assert sorted(torch.cat([batch["number"] for batch in seen]).tolist()) == list(range(64))
    for batch in seen:
        assert torch.equal(batch["label"], noise.labels[batch["number"]])
        assert torch.equal(batch["presence"], presence[batch["number"]])


class SeveralTargets:
    """Data of nobody's class: only what the protocol asks for."""

    def __init__(self, images, targets):
        self.images, self.targets = images, targets
        self.shape, self.device, self.views = images.shape, images.device, images.views

    def __len__(self):
        return len(self.images)


def test_supervised_looks_at_the_target_it_names(noise):
    """The loss of the first step is the cross-entropy of the untrained model's outputs, computed in float64."""
    coded = RandBits(noise, 2)
    model = Model(SmallConv((8, 16), 32), Head(layers=1, out=4), coded.shape)
    before = copy.deepcopy(model)
    seen = []

    def view(images, generator):
        seen.append(images)
        return images

    losses = train(model, Supervised("code"), coded, view, Optimizer(), steps=1, batch_size=64, seed=0)
    order = [noise.batch(slice(None)).flatten(1).eq(image.flatten()).all(1).nonzero().item() for image in seen[0]]
    z = before.train()(torch.cat([coded.batch(torch.tensor(order))] * 2)).double()
    right = z.gather(1, coded.codes[order].repeat(2)[:, None]).squeeze(1)
    assert losses.item() == pytest.approx((z.exp().sum(1).log() - right).mean().item(), rel=1e-5)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="'adam', 'adamw' or 'sgd', got 'lars'"):
        Optimizer("lars")
    with pytest.raises(ValueError, match="'cosine', 'linear' or 'constant', got 'step'"):
        Optimizer(schedule="step")
    for wrong in (dict(lr=0.0), dict(lr=float("nan")), dict(weight_decay=-1.0), dict(warmup=-1)):
        with pytest.raises(ValueError, match="lr must be above 0, weight_decay and warmup not below"):
            Optimizer(**wrong)
