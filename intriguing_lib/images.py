"""Sets of images: uint8 tensors with their labels on one device, and the functions that load them.

    digits("train")            10,000 MNIST digits that come with the course; "test": 2,000
    fashion("train")           10,000 Fashion-MNIST garments that come with the course; "test": 2,000
    mnist, fashion_mnist, cifar10      the complete sets, downloaded once by torchvision
    image_folder(path)         one's own photographs, a folder for each class
    photos()                   seven photographs that scikit-image and scikit-learn bring along
"""
import hashlib
import os
import zipfile
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
import torch

from intriguing_lib.downloads import complete_set
from intriguing_lib.paths import shipped
from intriguing_lib.pictures import read_folder, square

DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# SHA-256 of each embedded set's content, as data/make_embedded.py prints it.
CONTENT = {"digits": "d5694e163249983363e8fd939c15e70ab91a46f6fd89ceb2c1bae0674020bd1c",
           "fashion": "9c0f9252c87083ac0ad8c763f6387f1a490fc707a383061ea9afdba81bfebb0d"}


# ImageSet.content of each embedded split, by which such a set is recognised when it is sent to another process.
EMBEDDED = {("digits", "train"): "6bdeaf00f118", ("digits", "test"): "8e995e3db502",
            ("fashion", "train"): "f4b89c4ac575", ("fashion", "test"): "bbde6ebdc383"}


def default_device():
    """The CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Images and labels of one split, on one device.

    images: uint8, (n, channels, height, width), channels 1 or 3.  labels: whole numbers, (n,), indices into `classes`.
    Both as tensors, NumPy arrays or lists; they are kept as tensors, labels as int64. classes: the names, in order.
    name, split, source: what it is called, "train", "test" or "all", and where it came from.
    Raises TypeError or ValueError when an array has another dtype or shape, or a label has no class.
    """
    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple
    name: str
    split: str
    source: str

    def __post_init__(self):
        object.__setattr__(self, "images", uint8_images(self.images))
        object.__setattr__(self, "labels", whole_labels(self.labels).to(self.images.device))
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"ImageSet needs one label an image, got {tuple(self.labels.shape)} labels for "
                             f"{len(self.images)} images.")
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"ImageSet: labels are indices into the {len(self.classes)} classes, from 0, got "
                             f"{self.labels.min()} to {self.labels.max()}: name all classes, and leave out images without a "
                             "label.")

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        """The images at `rows` (a slice, a boolean mask or int64 indices), as an ImageSet.

        Raises TypeError for a single number: one image is no set, and a DataLoader has nothing to load here.
        """
        if np.ndim(rows) == 0 and not isinstance(rows, slice):
            raise TypeError("An ImageSet gives a set, at a slice, a mask or several indices, and no single image: "
                            f"images[{rows!r}] are one's pixels. It needs no DataLoader: batch(rows) and views(rows, view, "
                            "generator) give whole batches.")
        return self._with(self.images[rows], self.labels[rows])

    def __repr__(self):
        shape = "×".join(map(str, self.shape))
        return f"ImageSet({self.name} {self.split}, {len(self):,} of {shape}, content {self.content})"

    @cached_property
    def content(self):
        """The first 12 hex digits of the SHA-256 of pixels and labels: in the repr, so that a cache key sees them."""
        digest = hashlib.sha256(self.images.cpu().numpy().tobytes())
        digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    @property
    def targets(self):
        """{"label": labels}: what is known of each image, by name."""
        return {"label": self.labels}

    @property
    def shape(self):
        """(channels, height, width) of one image."""
        return tuple(self.images.shape[1:])

    @property
    def device(self):
        return self.images.device

    def to(self, device):
        return self._with(self.images.to(device), self.labels.to(device))

    def _with(self, images, labels):
        return ImageSet(images, labels, self.classes, self.name, self.split, self.source)

    def __reduce__(self):
        """To another process an embedded set travels as its name, another as NumPy arrays, which joblib hands over by file."""
        if EMBEDDED.get((self.name, self.split)) == self.content:
            return embedded, (self.name, self.split, str(self.device))
        return from_arrays, (*self.arrays, self.classes, self.name, self.split, self.source, str(self.device))

    @cached_property
    def arrays(self):
        """(images, labels) as NumPy arrays: the same two at every call, so that joblib writes their file once."""
        return self.images.cpu().numpy(), self.labels.cpu().numpy()

    def batch(self, rows):
        """The images at `rows` as float32 in [0, 1], unchanged: what an encoder is measured on."""
        return self.images[rows].float().div_(255)

    def views(self, rows, view, generator):
        """Two views of the images at `rows`: `view(images, generator)` twice, each with its own chance."""
        images = self.batch(rows)
        return view(images, generator), view(images, generator)


def uint8_images(images):
    """uint8 images as a tensor, (n, 1 or 3, height, width), from whole numbers from 0 to 255 in a tensor, an array or lists."""
    images = numbers(images, "images")
    if images.is_floating_point() or images.dtype == torch.bool or images.is_complex():
        raise TypeError(f"ImageSet needs uint8 images (0 to 255), got {images.dtype}: "
                        "multiply images in [0, 1] by 255, round, and call .to(torch.uint8).")
    if images.dtype != torch.uint8 and images.numel() and not 0 <= images.min() <= images.max() <= 255:
        raise ValueError(f"ImageSet needs images of 0 to 255, got {images.min()} to {images.max()}: scale them, round, and "
                         "call .to(torch.uint8).")
    images = images.to(torch.uint8)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    remedy = "give all images in one array, with an axis for channels, even if there is one"
    if images.ndim == 3:
        remedy = "add the axis of the channels, images[:, None]"
    elif images.ndim == 4 and images.shape[1] in (2, 4):
        remedy = f"leave out the last channel, transparency, images[:, :{images.shape[1] - 1}]"
    elif images.ndim == 4 and images.shape[3] in (1, 3):
        remedy = "move the channels to the second axis, images.permute(0, 3, 1, 2)"
    raise ValueError(f"ImageSet needs images of shape (n, 1 or 3, height, width), got {tuple(images.shape)}: {remedy}.")


def whole_labels(labels):
    """Labels as an int64 tensor, from a tensor, an array or a list of whole numbers."""
    labels = numbers(labels, "labels")
    if labels.numel() and (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool):
        raise TypeError(f"ImageSet needs whole numbers as labels, indices into its classes, got {labels.dtype}: "
                        "call .to(torch.int64).")
    return labels.long()


def numbers(values, name):
    """A tensor of what is a tensor, an array or lists of numbers, all rows alike."""
    try:
        return values if isinstance(values, torch.Tensor) else torch.from_numpy(np.array(values))
    except (TypeError, ValueError):
        raise TypeError(f"ImageSet needs {name} as a tensor, an array or lists of numbers, all of one shape, got a "
                        f"{type(values).__name__}.") from None


def digits(split="train", device=None):
    """10,000 ("train") or 2,000 ("test") MNIST digits, 1×28×28, classes balanced. Needs no network."""
    return _embedded("digits", split, device, DIGITS, "MNIST (LeCun, Cortes; CC BY-SA 3.0), chosen by data/make_embedded.py")


def fashion(split="train", device=None):
    """10,000 ("train") or 2,000 ("test") Fashion-MNIST garments, 1×28×28, classes balanced. Needs no network."""
    return _embedded("fashion", split, device, GARMENTS, "Fashion-MNIST (Zalando; MIT), chosen by data/make_embedded.py")


@lru_cache
def embedded(name, split, device):
    """An embedded set by its name, read once in a process."""
    return {"digits": digits, "fashion": fashion}[name](split, device)


def from_arrays(images, labels, *described):
    """An ImageSet from arrays that may lie in a file which must not be written to."""
    *described, device = described
    return ImageSet(torch.tensor(images), torch.tensor(labels), *described).to(device)


def mnist(split="train", device=None):
    """The complete MNIST: 60,000 ("train") or 10,000 ("test") digits, 1×28×28. Downloads 10 MB once."""
    return _complete("MNIST", "mnist", split, device, DIGITS, "digits()")


def fashion_mnist(split="train", device=None):
    """The complete Fashion-MNIST: 60,000 or 10,000 garments, 1×28×28. Downloads 30 MB once."""
    return _complete("FashionMNIST", "fashion_mnist", split, device, GARMENTS, "fashion()")


def cifar10(split="train", device=None):
    """CIFAR-10: 50,000 ("train") or 10,000 ("test") photographs, 3×32×32. Downloads 170 MB once.

    INTRIGUING_CIFAR10 names a folder with sub-folders train and test, of images as `image_folder` reads them, to be read
    in place of the download; the set is then called as the folder is.
    """
    folder = os.environ.get("INTRIGUING_CIFAR10")
    if folder:
        _checked_split(split)
        return replace(image_folder(Path(folder) / split, 32, device), name=Path(folder).name, split=split)
    return _complete("CIFAR10", "cifar10", split, device, CIFAR10, "fashion()")


def image_folder(path, size=224, device=None):
    """All images under `path`, one sub-folder a class, as one ImageSet in memory, 3×size×size.

    Each is read as `pictures.read_square` reads it. Takes 3·size² bytes an image. What systems and archivers put beside images
    (names that begin with a dot, __MACOSX) is passed over. Raises FileNotFoundError when there is no such folder or no image in
    it, ValueError with the file's name when one can't be read.
    """
    images, labels, classes = read_folder(path, size)
    return ImageSet(images, labels, classes, Path(path).name, "all", str(path)).to(device or default_device())


def photos(size=224, device=None):
    """Seven photographs, 3×size×size, each its own class: to look at local features with no network."""
    load = sklearn.datasets.load_sample_image
    pictures = {"astronaut": skimage.data.astronaut(), "cat": skimage.data.cat(), "coffee": skimage.data.coffee(),
                "rocket": skimage.data.rocket(), "motorcycle": skimage.data.stereo_motorcycle()[0],
                "temple": load("china.jpg"), "flower": load("flower.jpg")}
    images = [square(torch.from_numpy(p.copy()).permute(2, 0, 1), size) for p in pictures.values()]
    return ImageSet(torch.stack(images), torch.arange(len(images)), tuple(pictures), "photos", "all",
                    "scikit-image and scikit-learn").to(device or default_device())


def _checked_split(split):
    if split not in ("train", "test"):
        raise ValueError(f"split is 'train' or 'test', got {split!r}.")


def _embedded(name, split, device, classes, source):
    _checked_split(split)
    path = shipped("data") / f"{name}.npz"
    remedy = f"get it again from the course's repository (data/{name}.npz)."
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: {remedy}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("train_images", "train_labels", "test_images", "test_labels")}
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise ValueError(f"{path} is damaged and can't be read ({type(error).__name__}): {remedy}") from None
    content = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    if content != CONTENT[name]:
        raise ValueError(f"{path} is not the file this version of the course was made with (its SHA-256 differs): {remedy}")
    images, labels = (torch.from_numpy(arrays[f"{split}_{part}"]) for part in ("images", "labels"))
    return ImageSet(images.unsqueeze(1), labels, classes, name, split, source).to(device or default_device())


def _complete(dataset, name, split, device, classes, offline):
    _checked_split(split)
    images, labels = complete_set(dataset, name, split, offline)
    return ImageSet(images, labels, classes, name, split, f"torchvision.datasets.{dataset}").to(device or default_device())
