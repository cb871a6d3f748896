"""The maps inside an encoder: what they are, and that looking at them disturbs nothing."""
import copy
import warnings

import pytest
import torch
from torch import nn

from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import PooledConv, ResNet, SmallConv
from intriguing_lib.evaluate import feature_maps, features

ENCODERS = [SmallConv((4, 8), 16), PooledConv((4, 8, 8)), ResNet()]
each_encoder = pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)


def built(encoder, shape=(1, 28, 28)):
    """In training mode, its batch norms' statistics moved by a batch: in evaluation mode it now gives other numbers."""
    torch.manual_seed(0)
    network = encoder.build(shape)
    with torch.no_grad():
        network(torch.rand(32, *shape))
    return network


@each_encoder
def test_the_maps_are_what_leaves_the_tapped_layers_in_evaluation_mode(encoder, noise):
    """Against forward hooks on the layers themselves, of a copy that has been in evaluation mode all along."""
    network, data = built(encoder), noise[:9]
    twin, expected = copy.deepcopy(network).eval(), {}
    for tap in encoder.taps:
        twin.get_submodule(tap).register_forward_hook(lambda m, i, out, tap=tap: expected.update({tap: out.clone()}))
    with torch.no_grad():
        twin(data.batch(torch.arange(9)))
    maps = feature_maps(network, data, encoder.taps)
    assert list(maps) == list(encoder.taps)
    for tap in encoder.taps:
        assert maps[tap].dtype == torch.float32 and maps[tap].ndim == 4
        assert torch.allclose(maps[tap], expected[tap], atol=1e-5)


@each_encoder
def test_looking_changes_nothing_and_makes_no_gradients(encoder, noise):
    network = built(encoder)
    before = copy.deepcopy(network.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = feature_maps(network, noise[:20], encoder.taps, 7)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(m.requires_grad for m in maps.values()) and torch.is_grad_enabled()
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("measure", [features, lambda *arguments: feature_maps(*arguments[:2], ["block1"], *arguments[2:])],
                         ids=["features", "feature_maps"])
def test_each_modules_mode_is_put_back_also_after_an_error(measure, noise):
    network = built(SmallConv((4, 8), 16))
    network.block2.eval()  # somebody trains with these statistics frozen
    modes = {name: module.training for name, module in network.named_modules()}
    measure(network, noise, 50)
    assert {name: module.training for name, module in network.named_modules()} == modes and len(set(modes.values())) == 2
    with pytest.raises(RuntimeError, match="channels"):
        measure(network, RandBits(noise, 2), 50)
    assert {name: module.training for name, module in network.named_modules()} == modes and torch.is_grad_enabled()


@each_encoder
def test_chunks_agree(encoder, noise):
    network, data = built(encoder), noise[:20]
    small, whole = (feature_maps(network, data, encoder.taps, batch_size) for batch_size in (7, 500))
    assert all(torch.allclose(small[tap], whole[tap], atol=1e-5) for tap in encoder.taps)


@pytest.mark.parametrize("of", [lambda data: data, lambda data: data.batch(torch.arange(len(data)))], ids=["set", "tensor"])
def test_no_layer_sees_more_than_a_chunk_and_none_behind_the_last_tap_runs(of, noise):
    """So what it takes beyond the result is bounded by the chunk."""
    network, seen = built(PooledConv((4, 8, 8))), []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, out, name=name: seen.append((name, len(out))))
    maps = feature_maps(network, of(noise), ["block1", "block2"], 10)
    assert [n for name, n in seen if name == "block1.0"] == [10] * 6 + [4] == [n for name, n in seen if name == "block2.0"]
    assert len(seen) == 14 and [tuple(m.shape) for m in maps.values()] == [(64, 4, 14, 14), (64, 8, 7, 7)]


def test_a_tensor_an_image_set_and_a_composite_give_the_same_maps(noise):
    network, taps = built(SmallConv((4, 8), 16)), ["block2"]
    rows = torch.arange(len(noise))
    of_set = feature_maps(network, noise, taps, 30)["block2"]
    assert torch.equal(feature_maps(network, noise.batch(rows), taps, 30)["block2"], of_set)
    assert torch.equal(feature_maps(network, RandBits(noise, 0), taps, 30)["block2"], of_set)


def test_pooledconvs_features_are_its_last_maps_mean_and_maximum(noise):
    encoder = PooledConv((4, 8, 8))
    network = built(encoder)
    maps = feature_maps(network, noise, encoder.taps)[encoder.taps[-1]].flatten(2)
    assert torch.allclose(torch.cat([maps.mean(2), maps.max(2).values], 1), features(network, noise), atol=1e-6)


@each_encoder
def test_images_may_have_another_size_than_the_encoder_was_built_for(encoder):
    maps = feature_maps(built(encoder), torch.rand(2, 1, 40, 64), encoder.taps)
    assert all(m.shape[-2:] == (-(-40 // (64 // m.shape[-1])), m.shape[-1]) for m in maps.values())


def test_unknown_taps_and_images_that_are_not_float_are_named(noise):
    network = built(SmallConv((4, 8), 16))
    with pytest.raises(ValueError, match="has no 'block9'; its taps are block1, block2, flatten, dense"):
        feature_maps(network, noise, ["block1", "block9"])
    with pytest.raises(ValueError, match="has no 'layer5'; its taps are .*layer1, layer2, layer3, layer4, "):
        feature_maps(ResNet().build((1, 28, 28)), noise, ["layer5"])
    with pytest.raises(TypeError, match="encoder needs float images .* got torch.uint8"):
        feature_maps(network, noise.images, ["block1"])
    assert network.training
