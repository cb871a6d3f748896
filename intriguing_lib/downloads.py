"""The complete sets: downloaded once by torchvision, and held to what they should be, since people put files there by hand."""
import torch
import torchvision
from torchvision.datasets.utils import check_integrity

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
