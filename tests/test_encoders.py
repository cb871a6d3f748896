import pytest
import torch
import torchvision
from torch import nn

from intriguing_lib.encoders import Head, Model, ResNet, SmallConv, feature_maps


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("encoder, shape", [
    (SmallConv(), (1, 28, 28)), (SmallConv(), (11, 28, 28)), (SmallConv((8, 16), 32), (3, 33, 64)),
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
