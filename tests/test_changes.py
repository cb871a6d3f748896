"""What is read of changes from representations whose answer is known, and the changes themselves."""
import pytest
import torch
from torch import nn

from intriguing_lib.changes import CHANGES, Changed, dimmed, moved, r2_of_change, turned
from intriguing_lib.evaluate import features
from intriguing_lib.images import digits
from intriguing_lib.measures import ChangesRead, Frozen


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_changes_do_what_they_say():
    images = digits("train", "cpu").batch(slice(0, 50))
    steps_images, steps = moved(images, generator())
    for image, changed, step in zip(images, steps_images, steps.int().tolist(), strict=True):
        assert torch.equal(changed, image.roll(step, -1))
    assert steps.min() == -4 and steps.max() == 4
    dim, factors = dimmed(images, generator())
    assert torch.allclose(dim.flatten(1).sum(1) / images.flatten(1).sum(1), factors)
    assert factors.min() >= 0.4 and factors.max() <= 1
    rotated, angles = turned(images, generator())
    assert angles.abs().max() <= 30 and rotated.shape == images.shape
    assert torch.equal(turned(images, generator())[0], rotated)  # the same chance, the same images


def test_what_is_there_is_read_and_what_is_not_there_is_not():
    """Mean brightness of the whole image tells dimming in part and turning hardly; the whole image tells more of each; of a
    constant nothing can be read."""
    class Mean(nn.Module):
        def forward(self, images):
            return images.flatten(1).mean(1, keepdim=True)

    class Nothing(nn.Module):
        def forward(self, images):
            return torch.ones(len(images), 2)

    train, test = digits("train", "cpu")[:600], digits("test", "cpu")[:300]
    mean, pixels, nothing = ({change: r2_of_change(module, train, test, change) for change in CHANGES}
                             for module in (Mean(), nn.Flatten(), Nothing()))
    assert mean["brightness"] > 0.2 and mean["angle"] < 0.05
    assert pixels["sideways position"] > 0.5 > mean["sideways position"]
    assert list(nothing.values()) == pytest.approx([0, 0, 0], abs=0.03)


def test_r2_is_that_of_a_ridge_regression_in_float64_with_the_penalty_that_leaves_one_out_best():
    """The normal equations solved anew for every image left out, in place of scikit-learn's shortcut."""
    train, test = digits("train", "cpu")[:60], digits("test", "cpu")[:40]
    module = nn.Sequential(nn.AvgPool2d(7), nn.Flatten())
    chance = generator(3)
    (a, y), (b, expected) = (CHANGES["brightness"](part.batch(slice(None)), chance) for part in (train, test))
    x, new = (features(module, Changed(images)).double() for images in (a, b))
    mean, deviation = x.mean(0), x.std(0, correction=0)
    deviation[deviation == 0] = 1
    x, new = (x - mean) / deviation, (new - mean) / deviation
    y, expected = y.double(), expected.double()

    def predicted(x, y, new, penalty):
        centre, level = x.mean(0), y.mean()
        gram = (x - centre).T @ (x - centre) + penalty * torch.eye(x.shape[1], dtype=torch.float64)
        return (new - centre) @ torch.linalg.solve(gram, (x - centre).T @ (y - level)) + level

    def left_out_error(penalty):
        rest = [[j for j in range(60) if j != i] for i in range(60)]
        return sum((predicted(x[r], y[r], x[i:i + 1], penalty) - y[i]).square().item() for i, r in enumerate(rest))

    best = min((10 ** (-2 + 7 * i / 14) for i in range(15)), key=left_out_error)
    errors = (predicted(x, y, new, best) - expected).square().sum()
    r2 = 1 - errors / (expected - expected.mean()).square().sum()
    assert r2_of_change(module, train, test, "brightness", seed=3) == pytest.approx(r2.item(), abs=1e-6)


def test_the_measure_reads_every_change_before_or_after_the_head(experiment):
    """R² is the same each time; another seed draws other changes."""
    train, test = experiment.data[:200], digits("test", "cpu")[:100]
    frozen = Frozen(experiment.untrained())
    before, after = ChangesRead(test), ChangesRead(test, after_head=True)
    assert before.metrics == tuple(CHANGES) and after.metrics == tuple(f"{change} after head" for change in CHANGES)
    found, again, other = before(frozen, train), before(frozen, train), ChangesRead(test, seed=1)(frozen, train)
    assert tuple(found) == before.metrics and found == again and found["angle"] != other["angle"]
    of_head = after(frozen, train)
    assert tuple(of_head) == after.metrics
    assert of_head["brightness after head"] == r2_of_change(frozen.model, train, test, "brightness")
    assert found["brightness"] == r2_of_change(frozen.model.encoder, train, test, "brightness")
