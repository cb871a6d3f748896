"""Complete sets where there is no network, and where files were put by hand, right and wrong."""
import gzip
import re
import urllib.request

import numpy as np
import pytest
import torch
from torchvision.models import resnet50
from torchvision.transforms.functional import normalize

from intriguing_lib import downloads
from intriguing_lib.evaluate import feature_maps, features
from intriguing_lib.images import cifar10, fashion_mnist, mnist

IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
PICTURES = np.arange(20 * 784, dtype=np.uint32).astype(np.uint8).reshape(20, 28, 28)


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    monkeypatch.setenv("INTRIGUING_DATA", str(tmp_path))


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    """The folder of a small MNIST, put there by hand: 20 pictures to train on, 10 to test, with torchvision's names."""
    monkeypatch.setitem(downloads.COUNTS, "MNIST", ((2,) * 10, (1,) * 10))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 20), ("t10k", 10)):
        header = b"".join(number.to_bytes(4, "big") for number in (0x803, n, 28, 28))
        (raw / IMAGES.format(part)).write_bytes(header + PICTURES[:n].tobytes())
        header = b"".join(number.to_bytes(4, "big") for number in (0x801, n))
        (raw / LABELS.format(part)).write_bytes(header + bytes(i % 10 for i in range(n)))
    return raw


@pytest.mark.parametrize("load, file, offline", [(mnist, "train-images-idx3-ubyte.gz", "digits()"),
                                                 (fashion_mnist, "train-images-idx3-ubyte.gz", "fashion()"),
                                                 (cifar10, "cifar-10-python.tar.gz", "fashion()")])
def test_no_network_says_what_failed_what_to_put_where_and_what_works_offline(load, file, offline, tmp_path):
    message = (rf"{load.__name__}\(\) could not be downloaded \(.*Name or service not known.*\). Put .*{file}.* into "
               rf"{re.escape(str(tmp_path))}.*{re.escape(offline)}, which needs no network")
    with pytest.raises(RuntimeError, match=message) as raised:
        load()
    assert "\n" not in str(raised.value)


def test_a_complete_set_is_read_where_intriguing_data_points(by_hand):
    loaded = mnist("train", "cpu")
    assert np.array_equal(loaded.images[:, 0].numpy(), PICTURES) and loaded.labels[:3].tolist() == [0, 1, 2]
    assert len(mnist("test", "cpu")) == 10


def swap(a, b):
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


@pytest.mark.parametrize("harm", [
    lambda raw: (raw / IMAGES.format("train")).write_bytes(b""),
    lambda raw: (raw / IMAGES.format("train")).write_bytes(b"<html>404: not found</html>"),
    lambda raw: (raw / IMAGES.format("train")).write_bytes((raw / IMAGES.format("train")).read_bytes()[:3000]),
    lambda raw: (raw / LABELS.format("train")).write_bytes(b"<html>404: not found</html>"),
    lambda raw: swap(raw / IMAGES.format("train"), raw / LABELS.format("train")),
    lambda raw: [swap(raw / name.format("train"), raw / name.format("t10k")) for name in (IMAGES, LABELS)],
    lambda raw: swap(raw / IMAGES.format("train"), raw / IMAGES.format("t10k")),
], ids=["empty", "a web page", "cut short", "a web page of labels", "images for labels", "test for train",
        "test images for train"])
def test_files_that_are_there_and_wrong_are_not_called_a_failed_download(harm, by_hand):
    harm(by_hand)
    with pytest.raises(RuntimeError, match=rf"mnist\(\): what lies in {re.escape(str(by_hand))} is damaged or another set: "
                                           "delete it, .* which downloads it anew") as raised:
        mnist("train", "cpu")
    assert "\n" not in str(raised.value)


def test_another_set_of_the_same_form_is_seen(by_hand, monkeypatch):
    monkeypatch.setitem(downloads.COUNTS, "MNIST", ((1, 3, *(2,) * 8), (1,) * 10))
    with pytest.raises(RuntimeError, match="damaged or another set"):
        mnist("train", "cpu")


@pytest.mark.parametrize("content", [b"", b"<html>", gzip.compress(b"another")], ids=["empty", "a web page", "another archive"])
@pytest.mark.parametrize("load, file", [(mnist, "MNIST/raw/train-images-idx3-ubyte.gz"), (cifar10, "cifar-10-python.tar.gz")])
def test_an_archive_put_there_by_hand_is_held_to_its_checksum(content, load, file, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(RuntimeError, match=rf"{re.escape(str(tmp_path / file))} is damaged .*: delete it\. Put") as raised:
        load("train", "cpu")
    assert "\n" not in str(raised.value)


def test_a_full_disk_is_named(monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(urllib.request, "urlopen", full)
    with pytest.raises(RuntimeError, match="could not be downloaded .*No space left on device"):
        cifar10("train", "cpu")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The file in which torch looks for the ResNet's weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "torch" / "hub" / "checkpoints" / "resnet50-0676ba61.pth"


def test_public_weights_without_a_network_or_damaged_are_one_sentence(hub):
    with pytest.raises(RuntimeError, match=r"could not be had \(.*service not known.*\). Put the file .*0676ba61.pth into "):
        downloads.public_resnet50()
    hub.write_bytes(b"half of a fi")
    with pytest.raises(RuntimeError, match="could not be had .* in place of any other of that name, or stay with the encoders"):
        downloads.public_resnet50()


def test_public_weights_are_read_as_tensors_and_their_images_standardised(hub):
    network = resnet50(weights=None)
    torch.save(network.state_dict(), hub)
    found = downloads.public_resnet50()
    assert not any(module.training for module in found.modules())
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network.fc = torch.nn.Identity()
    expected = network.eval()(normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    assert torch.allclose(features(found, images), expected, atol=1e-4)
    maps = feature_maps(found, images, ["network.layer2", "network.layer4"])
    assert [m.shape for m in maps.values()] == [(2, 512, 8, 8), (2, 2048, 2, 2)]


def test_public_weights_are_no_place_for_code(hub, tmp_path):
    class Opens:
        def __reduce__(self):
            return open, (str(tmp_path / "was here"), "w")

    torch.save({"fc.weight": Opens()}, hub)
    with pytest.raises(RuntimeError, match="could not be had"):
        downloads.public_resnet50()
    assert not (tmp_path / "was here").exists()
