"""What is downloaded once by torchvision and held to what it should be: the complete sets, and a large encoder's weights."""
from collections import OrderedDict

import torch
import torchvision
from torch import nn
from torchvision.datasets.utils import check_integrity
from torchvision.models import ResNet50_Weights, resnet50

from intriguing_lib.paths import data_folder

# Images of each class, (train, test). No two sets have the same, so one in the place of another is seen.
COUNTS = {"MNIST": ((5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
                    (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)),
          "FashionMNIST": ((6000,) * 10, (1000,) * 10), "CIFAR10": ((5000,) * 10, (1000,) * 10)}

FAILED = ("Error downloading", "Dataset not found", "File not found")  # how torchvision's RuntimeErrors of a download begin


def complete_set(dataset, name, split, offline):
    """(images: uint8, (n, channels, height, width); labels: int64, (n,)) of torchvision's `dataset`, downloaded where missing.

    name: of the function that was called. offline: the call that needs no network. Raises RuntimeError, in one sentence, that
    tells a download that failed from files that are there and wrong.
    """
    kind, folder = getattr(torchvision.datasets, dataset), data_folder()
    place = folder if dataset == "CIFAR10" else folder / dataset / "raw"
    archives = [(kind.filename, kind.tgz_md5)] if dataset == "CIFAR10" else kind.resources
    files = ", ".join(file for file, _ in archives)
    remedy = (f"Put {files} into {place} (or set INTRIGUING_DATA to the folder that {folder} stands for), or use {offline}, "
              "which needs no network.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        loaded = kind(folder, train=split == "train", download=True)
    except Exception as error:  # torchvision's own, the network's, the disk's, and whatever a damaged file gives rise to
        wrong = [file for file, md5 in archives if (place / file).exists() and not check_integrity(place / file, md5)]
        if wrong:
            raise RuntimeError(f"{name}(): {place / wrong[0]} is damaged or not the file of that name (its MD5 differs): "
                               f"delete it. {remedy}") from None
        if isinstance(error, OSError) or str(error).startswith(FAILED):
            cause = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise RuntimeError(f"{name}() could not be downloaded ({cause}). {remedy}") from None
        raise RuntimeError(not_original(name, place, remedy)) from None
    pixels, labels = torch.as_tensor(loaded.data), torch.as_tensor(loaded.targets)
    if tuple(labels.bincount().tolist()) != COUNTS[dataset][split == "test"] or len(pixels) != len(labels):
        raise RuntimeError(not_original(name, place, remedy))
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous(), labels


def not_original(name, place, remedy):
    return (f"{name}(): what lies in {place} is damaged or another set: delete it, and call {name}() again, which downloads it "
            f"anew. {remedy}")


def public_resnet50():
    """torchvision's ResNet-50, trained by labels on ImageNet: a module in evaluation mode that takes images in [0, 1].

    Its block groups are the taps "network.layer1" to "network.layer4". It lies on the CPU. Downloads 98 MB once, from where
    torchvision has them, to torch's own folder (TORCH_HOME); a download's hash is checked, and nothing but tensors is read.
    Raises RuntimeError, in one sentence, where that fails.
    """
    weights, network = ResNet50_Weights.IMAGENET1K_V1, resnet50(weights=None)
    try:
        network.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except Exception as error:  # the network's, the disk's, and whatever a damaged file gives rise to
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RuntimeError(f"public_resnet50(): its weights could not be had ({cause}). Put the file {weights.url} "
                           f"into {torch.hub.get_dir()}/checkpoints in place of any other of that name, or stay with the "
                           "encoders that came with the course.") from None
    preset = weights.transforms()
    network.fc = nn.Identity()
    return nn.Sequential(OrderedDict(standardise=Standardise(preset.mean, preset.std), network=network)).eval()


class Standardise(nn.Module):
    """Each channel less its mean, divided by its deviation."""

    def __init__(self, mean, deviation):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, images):
        return (images - self.mean) / self.deviation
