"""Make the two embedded sets, data/digits.npz and data/fashion.npz, from complete copies of MNIST and Fashion-MNIST.

    python data/make_embedded.py digits  FOLDER   FOLDER as torchvision.datasets.MNIST reads it
    python data/make_embedded.py fashion FOLDER   FOLDER as torchvision.datasets.FashionMNIST reads it
    python data/make_embedded.py fashion FILE.npz with `images` (n, 28, 28) uint8 and `labels` (n,), in any order

Which images are chosen depends on their pixels alone: within a class they are ranked by the SHA-256 of their 784
bytes, so every complete copy gives the same choice in the same order, whatever order it is stored in. Pixel-identical
images count once; one that occurs in both of MNIST's splits, or under two labels, would be dropped from both (none is
met in practice). Digits keep MNIST's own train and test apart. Garments are drawn from the union of Fashion-MNIST's
splits: the first 1,000 of a class by rank are train, the next 200 test.
"""
import hashlib
import pathlib
import sys

import numpy as np
from torchvision.datasets import MNIST, FashionMNIST

HERE = pathlib.Path(__file__).parent
TRAIN_PER_CLASS, TEST_PER_CLASS = 1000, 200


def ranked(images, labels):
    """Rows sorted by the SHA-256 of their pixels, each distinct image once: (hashes, images, labels)."""
    hashes = np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images])
    hashes, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    same_label = np.bincount(inverse, labels != labels[first][inverse]) == 0
    first = first[same_label]
    return hashes[same_label], images[first], labels[first]


def choose(images, labels, skip, count):
    """The `count` images of each class that follow the first `skip` in rank, in order of rank over all classes."""
    rows = [np.flatnonzero(labels == c)[skip:skip + count] for c in range(10)]
    if min(map(len, rows)) < count:
        sys.exit(f"A class has fewer than {skip + count} distinct images: this is not a complete copy of the set.")
    rows = np.sort(np.concatenate(rows))
    return images[rows], labels[rows].astype(np.int64)


def digits(folder):
    splits = [MNIST(folder, train=train) for train in (True, False)]
    train, test = (ranked(s.data.numpy(), s.targets.numpy()) for s in splits)
    keep = [~np.isin(a[0], b[0]) for a, b in ((train, test), (test, train))]
    (train, test) = ([array[rows] for array in split] for split, rows in zip((train, test), keep, strict=True))
    return choose(*train[1:], 0, TRAIN_PER_CLASS) + choose(*test[1:], 0, TEST_PER_CLASS)


def fashion(source):
    if source.endswith(".npz"):
        with np.load(source) as file:
            images, labels = file["images"], file["labels"]
    else:
        splits = [FashionMNIST(source, train=train) for train in (True, False)]
        images = np.concatenate([s.data.numpy() for s in splits])
        labels = np.concatenate([s.targets.numpy() for s in splits])
    _, images, labels = ranked(images, labels)
    return choose(images, labels, 0, TRAIN_PER_CLASS) + choose(images, labels, TRAIN_PER_CLASS, TEST_PER_CLASS)


def content_hash(arrays):
    """SHA-256 of the arrays' bytes: it does not change with the version of the compressor, as a file's own would."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("digits", "fashion"):
        sys.exit(__doc__)
    arrays = {"digits": digits, "fashion": fashion}[sys.argv[1]](sys.argv[2])
    names = ("train_images", "train_labels", "test_images", "test_labels")
    path = HERE / f"{sys.argv[1]}.npz"
    np.savez_compressed(path, **dict(zip(names, arrays, strict=True)))
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, content {content_hash(arrays)}")
