import pytest
import torch
import torchvision
from torch import nn

from intriguing_lib.encoders import Head, Model, PooledConv, ResNet, SmallConv
from intriguing_lib.evaluate import feature_maps


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("encoder, shape", [
    (SmallConv(), (1, 28, 28)), (SmallConv(), (11, 28, 28)), (SmallConv((8, 16), 32), (3, 33, 64)),
    (PooledConv(), (1, 28, 28)), (PooledConv((8, 16), (1, 3)), (5, 3, 17)), (PooledConv(), (3, 4, 4)),
    (ResNet(18), (3, 32, 32)), (ResNet(18), (1, 28, 28)), (ResNet(50), (13, 32, 32)),
    (ResNet(18, "imagenet"), (3, 96, 96)), (ResNet(18, "imagenet"), (5, 96, 96))], ids=str)
def test_features_have_the_promised_length_for_any_channels(encoder, shape):
    assert encoder.build(shape)(torch.rand(2, *shape)).shape == (2, encoder.features)


def test_resnets_are_torchvisions_but_for_stem_and_classifier():
    reference = torchvision.models.resnet50(weights=None)
    classifier = parameters(reference.fc)
    assert parameters(ResNet(50, "imagenet").build((3, 224, 224))) == parameters(reference) - classifier
    cifar = ResNet(50).build((3, 32, 32))
    assert parameters(cifar) == parameters(reference) - classifier - 64 * 3 * 7 * 7 + 64 * 3 * 3 * 3
    assert feature_maps(cifar, torch.rand(1, 3, 32, 32), ["layer1"])["layer1"].shape[-1] == 32  # nothing shrunk yet


@pytest.mark.parametrize("layers", range(5))
def test_a_head_has_as_many_dense_layers_as_it_says(layers):
    head = Head(layers, width=48, out=16).build(32)
    assert sum(isinstance(m, nn.Linear) for m in head) == layers
    assert sum(isinstance(m, nn.BatchNorm1d) for m in head) == max(0, layers - 1)
    assert head(torch.rand(4, 32)).shape == (4, 16 if layers else 32)
    assert not layers or isinstance(head[-1], nn.Linear)  # the last is linear: the loss may need negative numbers


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 64)], ids=str)
def test_a_seed_gives_smallconv_the_weights_of_its_layers_built_one_by_one(shape):
    """The runs in the caches and the records rest on them: first the convolutions, shallow to deep, then the dense layer."""
    torch.manual_seed(3)
    network = SmallConv((8, 16, 24), 32).build(shape)
    torch.manual_seed(3)
    widths, size, layers = (shape[0], 8, 16, 24), shape[1:], []
    for width, out in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Conv2d(width, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out)]
        size = [(side + 1) // 2 for side in size]
    layers.append(nn.Linear(24 * size[0] * size[1], 32))
    expected = [p for layer in layers for p in layer.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), expected, strict=True))
    names = [f"block{i}.{part}" for i in (1, 2, 3) for part in ("0.weight", "1.weight", "1.bias")]
    assert [name for name, _ in network.named_parameters()] == [*names, "dense.weight", "dense.bias"]


def test_pooledconv_takes_images_of_any_size_and_names_the_smallest():
    network = PooledConv().build((1, 28, 28))
    for size in ((4, 4), (28, 28), (5, 90)):
        assert network(torch.rand(2, 1, *size)).shape == (2, 64)
    with pytest.raises(ValueError, match=r"at least 4×4 pixels, got 28×3: take larger images or smaller strides"):
        PooledConv().build((1, 28, 3))
    with pytest.raises(ValueError, match=r"one entry a convolution, got \(16, 32\) and \(2, 2, 1\)"):
        PooledConv((16, 32))


def test_pooledconv_counts_a_shape_wherever_it_lies():
    """An image moved by the total stride within a black field has the same features: pooling forgets the place."""
    network = PooledConv().build((1, 40, 40)).eval()
    images = torch.zeros(2, 1, 40, 40)
    images[0, :, 12:20, 12:20] = images[1, :, 16:24, 20:28] = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    first, moved = network(images)
    assert torch.allclose(first, moved, atol=1e-6) and first.abs().max() > 0.01


def test_taps_are_the_maps_that_lead_to_the_features():
    encoder = SmallConv((8, 16, 24), 32)
    network, images = encoder.build((1, 28, 28)).eval(), torch.rand(2, 1, 28, 28)
    maps = feature_maps(network, images, encoder.taps)
    assert [tuple(m.shape) for m in maps.values()] == [(2, 8, 14, 14), (2, 16, 7, 7), (2, 24, 4, 4)]
    assert torch.allclose(network.dense(maps["block3"].flatten(1)), network(images))
    resnet = feature_maps(ResNet(18).build((3, 32, 32)), torch.rand(2, 3, 32, 32), ResNet.taps)
    assert [m.shape[-1] for m in resnet.values()] == [32, 16, 8, 4]


def test_a_model_is_its_head_on_its_encoder():
    model = Model(SmallConv(), Head(), (1, 28, 28)).eval()
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(model(images), model.head(model.encoder(images)))


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="depth is 18 or 50, got 34"):
        ResNet(34)
    with pytest.raises(ValueError, match="stem is 'cifar' or 'imagenet', got 'mnist'"):
        ResNet(18, "mnist")
