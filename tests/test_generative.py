"""Learning by reconstruction: the ELBO's parts by their definitions, what bits weigh, decoders, and what fits together."""
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch.distributions import Independent, Normal, kl_divergence

from intriguing_lib import evaluate
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Model, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.generative import VAE, Autoencoder, Decoder, VariationalDecoder, kl_to_normal, reconstruction
from intriguing_lib.images import ImageSet
from intriguing_lib.measures import measured_on
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.runs import run
from intriguing_lib.train import Optimizer, train
from intriguing_lib.views import digit_view

PAIRS = [(Autoencoder, Decoder), (VAE, VariationalDecoder)]
both = pytest.mark.parametrize("objective, head", PAIRS, ids=["autoencoder", "VAE"])


def some(n=5, channels=4, side=6, seed=0, dtype=torch.float32):
    """(logits, images), of which the channels behind the first are bits: constant, 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, channels, side, side, generator=generator, dtype=dtype)
    images = torch.rand(n, channels, side, side, generator=generator, dtype=dtype)
    images[:, 1:] = torch.randint(2, (n, channels - 1, 1, 1), generator=generator).to(dtype)
    return logits, images


def cross_entropies(logits, images):
    """By definition, −x log p − (1 − x) log(1 − p), in float64."""
    p, x = special.expit(logits.detach().numpy().astype(float)), images.numpy().astype(float)
    return -special.xlogy(x, p) - special.xlog1py(1 - x, -p)


def described(data, objective=Autoencoder, head=Decoder, **settings):
    parts = dict(view=digit_view(), encoder=SmallConv((8, 16), 32), optimizer=Optimizer(lr=3e-3), steps=3, batch_size=32)
    return Experiment(data, head=head(data.shape, (8, 4)), objective=objective(), **parts | settings)


def trained(e):
    model = e.untrained()
    return train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda step, loss: None), model


@pytest.mark.parametrize("image_channels, weight", [(1, 1.0), (1, 0.3), (1, 3.0), (3, 2.0)])
def test_reconstruction_is_the_cross_entropy_by_definition_with_bits_weighed_together(image_channels, weight):
    logits, images = some()
    expected = []
    for each in cross_entropies(logits, images):
        image, bits = each[:image_channels], each[image_channels:]
        expected.append((image.sum() / image_channels + weight * bits.sum() / len(bits)) / 36)
    found = reconstruction(logits, images, image_channels, weight)
    assert found.shape == (5,) and np.allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("bits", [1, 3, 10])
def test_at_a_weight_of_the_number_of_bits_every_channel_weighs_1_and_at_1_they_weigh_like_the_image(bits):
    logits, images = some(channels=1 + bits)
    a_channel = cross_entropies(logits, images).mean((2, 3))
    assert np.allclose(reconstruction(logits, images, 1, bits), a_channel.sum(1), rtol=1e-5)
    assert np.allclose(reconstruction(logits, images, 1, 1), a_channel[:, 0] + a_channel[:, 1:].mean(1), rtol=1e-5)
    once, twice = (reconstruction(logits, images, 1, weight) - reconstruction(logits, images, 1, 0) for weight in (0.7, 1.4))
    assert torch.allclose(2 * once, twice, rtol=1e-4)


def test_more_copies_of_the_same_bits_or_of_the_image_change_nothing():
    logits, images = some()
    again = torch.tensor([0, 0, 0, 1, 2, 3, 1, 2, 3])
    assert torch.allclose(reconstruction(logits[:, again], images[:, again], 3), reconstruction(logits, images))


def test_at_weight_0_bits_are_ignored_and_no_bits_cost_nothing():
    logits, images = some()
    ignored = reconstruction(logits, images, 1, 0)
    others = images.clone()
    others[:, 1:] = 1 - others[:, 1:]
    assert torch.equal(ignored, reconstruction(logits, others, 1, 0))
    assert not torch.allclose(reconstruction(logits, images), reconstruction(logits, others))
    for weight in (0, 1, 10):
        assert torch.equal(reconstruction(logits[:, :1], images[:, :1], 1, weight), ignored)


def test_the_divergence_is_torchs_its_formula_and_its_integral():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    found = kl_to_normal(mean, log_variance)
    prior = Independent(Normal(torch.zeros(7, 3).double(), 1), 1)
    theirs = kl_divergence(Independent(Normal(mean, (log_variance / 2).exp()), 1), prior)
    assert found.shape == (7,) and torch.allclose(found, theirs) and (found > 0).all()
    for m, v, total in zip(mean.numpy(), log_variance.numpy(), found.tolist(), strict=True):
        assert total == pytest.approx(sum(divergence(a, math.exp(b / 2)) for a, b in zip(m, v, strict=True)), rel=1e-7)
    assert (kl_to_normal(torch.zeros(4, 3), torch.zeros(4, 3)) == 0).all()


def divergence(mean, deviation):
    """∫ q log (q / p) for q = N(mean, deviation²) and p = N(0, 1), by quadrature."""
    q, p = stats.norm(mean, deviation), stats.norm()
    within = mean - 12 * deviation, mean + 12 * deviation
    return integrate.quad(lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), *within, epsabs=1e-12)[0]


def test_a_vaes_loss_is_the_negative_elbo_by_pixel_at_a_weight_of_the_number_of_bits(some_digits):
    """Step by step in NumPy, with the noise that a generator of the same seed gives."""
    data = RandBits(some_digits[0][:20], 3)
    model = described(data, VAE, VariationalDecoder, batch_size=20).untrained()
    a, b = data.batch(slice(0, 10)), data.batch(slice(10, 20))
    loss = VAE(bits_weight=3)(model, a, b, None, torch.Generator().manual_seed(4))
    images = torch.cat([a, b])
    mean, log_variance = (part.detach().numpy().astype(float) for part in model.head.moments(model.encoder(images)))
    noise = torch.randn(20, 32, generator=torch.Generator().manual_seed(4)).numpy()
    logits = model.head.decoder(torch.from_numpy(mean + np.sqrt(np.exp(log_variance)) * noise).float())
    log_likelihood = -cross_entropies(logits, images).sum((1, 2, 3))
    q = Normal(torch.from_numpy(mean), torch.from_numpy(np.sqrt(np.exp(log_variance))))
    kl = kl_divergence(q, Normal(torch.zeros(32).double(), 1)).sum(1).numpy()
    assert loss.item() == pytest.approx(-(log_likelihood - kl).mean() / 784, rel=1e-5)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_an_autoencoder_reconstructs_each_of_the_two_views(some_digits):
    data = RandBits(some_digits[0][:20], 2)
    model = described(data, batch_size=20).untrained()
    a, b = data.batch(slice(0, 10)), data.batch(slice(10, 20))
    loss = Autoencoder(bits_weight=0.5)(model, a, b, None, None)
    each = cross_entropies(model(torch.cat([a, b])), torch.cat([a, b])).mean((0, 2, 3))
    assert loss.item() == pytest.approx(each[0] + 0.5 * each[1:].mean(), rel=1e-5)
    loss.backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_a_vaes_noise_is_from_the_generator_alone(some_digits):
    data = some_digits[0][:20]
    model = described(data, VAE, VariationalDecoder, batch_size=20).untrained()
    a, losses = data.batch(slice(None)), []
    for disturbance, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(disturbance)
        before = torch.get_rng_state()
        losses.append(VAE()(model, a, a, None, torch.Generator().manual_seed(seed)).item())
        assert torch.equal(torch.get_rng_state(), before)
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("shape", [(1, 28, 28), (4, 28, 28), (3, 32, 32), (1, 30, 30), (2, 33, 7), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("head", [Decoder, VariationalDecoder])
def test_a_decoder_gives_logits_of_the_promised_shape(head, shape):
    for channels in ((16, 8), (4,), (8, 4, 4)):
        description = head(shape, channels)
        logits = description.build(12)(torch.randn(3, 12))
        assert logits.shape == (3, *shape) and description.outputs(12) == logits[0].numel()
    assert logits.min() < 0 < logits.max() or shape == (1, 1, 1)


def test_a_variational_model_decodes_the_latents_mean():
    model = Model(SmallConv((4, 8), 16), VariationalDecoder((1, 28, 28), (4, 4), latent=5), (1, 28, 28)).eval()
    images = torch.rand(3, 1, 28, 28)
    mean, log_variance = model.head.moments(model.encoder(images))
    assert mean.shape == log_variance.shape == (3, 5) and not torch.equal(mean, log_variance)
    assert torch.equal(model(images), model.head.decoder(mean))


@both
def test_the_same_seed_is_the_same_training_and_another_another(objective, head, some_digits):
    runs = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        losses, model = trained(described(RandBits(some_digits[0], 3), objective, head, seed=seed))
        runs.append((losses, torch.cat([p.detach().flatten() for p in model.parameters()])))
    assert all(torch.equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(runs[0], runs[2], strict=True))


@both
@pytest.mark.parametrize("bits", [0, 3])
def test_reconstructions_improve_and_beat_the_mean_image(objective, head, bits, some_digits):
    data = RandBits(some_digits[0][:256], bits)
    e = described(data, objective, head, steps=60, batch_size=64, optimizer=Optimizer(lr=1e-2), view=lambda x, generator: x)
    losses, model = trained(e)
    images = data.batch(slice(None))
    with evaluate.evaluation(model):
        found = reconstruction(model(images), images).mean()
    prediction = images.mean(0, keepdim=True).clamp(1e-4, 1 - 1e-4).logit().expand_as(images)
    assert losses[-5:].mean() < 0.7 * losses[0] and found < 0.9 * reconstruction(prediction, images).mean()


@both
def test_what_was_learned_is_measured_kept_and_loaded_as_ever(objective, head, some_digits):
    data, test = RandBits(some_digits[0], 3), RandBits(some_digits[1], 3)
    e = described(data, objective, head, steps=2)
    first, again = run(e, measured_on(test)), run(e, measured_on(test))
    assert again.from_cache and first.metrics == again.metrics and set(first.metrics) == {"linear", "knn"}
    assert evaluate.features(first.model.encoder, test).shape == (500, 32)
    assert len({replace(e, objective=objective(bits_weight=weight)).key for weight in (0, 1, 2)}) == 3


def test_colour_and_a_bottleneck_without_chance(some_digits):
    grey = some_digits[0][:64]
    colour = ImageSet(grey.images.repeat(1, 3, 1, 1), grey.labels, grey.classes, "colour", "train", "")
    for data in (colour, RandBits(colour, 2)):
        for objective, head in [*PAIRS, (Autoencoder, VariationalDecoder)]:
            losses, _ = trained(described(data, head=head, objective=lambda kind=objective: kind(image_channels=3)))
            assert losses.isfinite().all()


def test_parts_that_do_not_fit_are_named(some_digits):
    data = RandBits(some_digits[0], 3)
    e = described(data)
    for changed, message in {
        "another shape": (dict(head=Decoder((1, 28, 28))), r"Autoencoder: the decoder's images have shape \(1, 28, 28\), the "
                                                           r"data's \(4, 28, 28\): take Decoder\(\(4, 28, 28\)\)"),
        "no decoder": (dict(head=Head()), r"Autoencoder: the head is of type Head: take Decoder\(\(4, 28, 28\)\)"),
        "no latent": (dict(objective=VAE()), r"VAE: the head is of type Decoder: take VariationalDecoder\(\(4, 28, 28\)\)"),
        "too few channels": (dict(objective=Autoencoder(5)), "image_channels is 5, and the data have 4: give the number of"),
        "a supervised decoder": (dict(objective=Supervised()), r"has 3136 outputs for 10 classes.* Head\(layers=1, out=10"),
    }.values():
        with pytest.raises(ValueError, match=message):
            replace(e, **changed)
    with pytest.raises(ValueError, match=r"needs two tensors of one shape \(n, d\), got \(32, 4, 28, 28\)"):
        trained(replace(e, objective=Contrastive()))
    with pytest.raises(TypeError, match=r"Experiment: head is of type SmallConv, which is an encoder: give Head\(...\)"):
        replace(e, head=SmallConv())


@pytest.mark.parametrize("make, message", [
    (lambda: Autoencoder(0), "Autoencoder: image_channels is at least 1, got 0: 1 for grey images, 3 for RGB"),
    (lambda: VAE(bits_weight=-1), "VAE: bits_weight is a number from 0 on, got -1.0; 0 ignores the bits"),
    (lambda: VAE(bits_weight=math.nan), "VAE: bits_weight is a number from 0 on, got nan"),
    (lambda: Autoencoder(bits_weight=math.inf), "Autoencoder: bits_weight is a number from 0 on, got inf"),
    (lambda: Decoder((28, 28)), r"Decoder: shape is \(channels, height, width\).* got \(28, 28\) and .*: take the data's"),
    (lambda: Decoder((1, 0, 28)), r"all at least 1, got \(1, 0, 28\)"),
    (lambda: Decoder((1, 28, 28), ()), r"channels has a width for each up-sampling, all at least 1, got .* and \(\)"),
    (lambda: VariationalDecoder((1, 28, 28), (0,)), "VariationalDecoder: shape is"),
    (lambda: VariationalDecoder((1, 28, 28), latent=0), "VariationalDecoder: latent is at least 1, got 0")])
def test_settings_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
