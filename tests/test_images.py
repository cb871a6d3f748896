import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from intriguing_lib import images, paths
from intriguing_lib.images import ImageSet, digits, fashion, photos


@pytest.mark.parametrize("load, limit", [(digits, 3e6), (fashion, 6e6)])
def test_embedded_sets_are_balanced_distinct_and_small(load, limit):
    train, test = load("train"), load("test")
    assert (train.images.shape, test.images.shape) == ((10_000, 1, 28, 28), (2_000, 1, 28, 28))
    assert train.labels.bincount().tolist() == [1000] * 10 and test.labels.bincount().tolist() == [200] * 10
    hashes = {hashlib.sha256(image.numpy().tobytes()).digest() for s in (train, test) for image in s.images}
    assert len(hashes) == 12_000
    assert len(train.classes) == 10 and "10,000 of 1×28×28" in repr(train)
    assert (paths.shipped("data") / f"{train.name}.npz").stat().st_size <= limit


def test_digits_look_like_digits():
    """A nearest-centroid classifier on pixels, which owes nothing to this library, must read most of them (seen: .82)."""
    train, test = digits("train"), digits("test")
    x, y = (s.images.flatten(1).double() for s in (train, test))
    centroids = torch.stack([x[train.labels == c].mean(0) for c in range(10)])
    assert (torch.cdist(y, centroids).argmin(1) == test.labels).double().mean() > 0.75


def test_choice_depends_on_pixels_alone(tmp_path):
    """The committed script makes the same set from a shuffled copy."""
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(256, size=(12_500, 28, 28), dtype=np.uint8), np.arange(12_500) % 10
    made = []
    for copy, order in enumerate((np.arange(12_500), rng.permutation(12_500))):
        folder = tmp_path / str(copy)
        folder.mkdir()
        shutil.copy(paths.CLONE / "data" / "make_embedded.py", folder)
        np.savez(folder / "complete.npz", images=pictures[order], labels=labels[order])
        command = [sys.executable, str(folder / "make_embedded.py"), "fashion", str(folder / "complete.npz")]
        subprocess.run(command, check=True, capture_output=True)
        with np.load(folder / "fashion.npz") as file:
            made.append({key: file[key] for key in file.files})
    assert all(np.array_equal(made[0][key], made[1][key]) for key in made[0])
    assert not np.array_equal(made[0]["train_images"], pictures[:10_000])


def test_batch_is_float_in_0_1_and_keeps_order(noise):
    rows = torch.tensor([5, 3])
    batch = noise.batch(rows)
    assert batch.dtype == torch.float32
    assert torch.equal((batch * 255).round().byte(), noise.images[rows])


def test_subsets_keep_the_description_and_change_the_content(noise):
    half = noise[:32]
    assert len(half) == 32 and half.classes == noise.classes and half.content != noise.content
    assert repr(noise[:32]) == repr(half)


PICTURES = np.zeros((4, 1, 8, 8), np.uint8)


def image_set(pictures=PICTURES, labels=(0, 1, 1, 0), classes=("a", "b")):
    return ImageSet(pictures, labels, classes, "x", "train", "a test")


@pytest.mark.parametrize("pictures", [PICTURES, PICTURES.tolist(), PICTURES.astype(np.int64), torch.tensor(PICTURES).int()],
                         ids=["array", "lists", "int64", "int32 tensor"])
@pytest.mark.parametrize("labels", [[0, 1, 1, 0], np.array([0, 1, 1, 0], np.uint8), torch.tensor([0, 1, 1, 0]).int()],
                         ids=["list", "array", "tensor"])
def test_whole_numbers_of_any_kind_make_one_set(pictures, labels):
    made = image_set(pictures, labels, ["a", "b"])
    assert repr(made) == repr(image_set()) and made.classes == ("a", "b")
    assert (made.images.dtype, made.labels.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("wrong, error, message", [
    (dict(pictures=torch.rand(4, 1, 8, 8)), TypeError, r"needs uint8 images .* got torch.float32: multiply .* by 255"),
    (dict(pictures=PICTURES.astype(int) + 300), ValueError, "images of 0 to 255, got 300 to 300: scale them"),
    (dict(pictures=PICTURES[:, 0]), ValueError, r"got \(4, 8, 8\): add the axis of the channels, images\[:, None\]"),
    (dict(pictures=PICTURES.reshape(4, 8, 8, 1)), ValueError, r"got \(4, 8, 8, 1\): move the channels .*permute\(0, 3, 1, 2\)"),
    (dict(pictures=np.repeat(PICTURES, 4, 1)), ValueError, r"got \(4, 4, 8, 8\): leave out .* transparency, images\[:, :3\]"),
    (dict(pictures=[[[1, 2]], [[3]]]), TypeError, "images as a tensor, an array or lists of numbers, all of one shape"),
    (dict(pictures=None), TypeError, "images as a tensor, an array or lists of numbers"),
    (dict(labels=["a", "b", "b", "a"]), TypeError, "labels as a tensor, an array or lists of numbers"),
    (dict(labels=[0.0, 1.0, 1.0, 0.0]), TypeError, r"whole numbers as labels, .* got torch.float64: call .to\(torch.int64\)"),
    (dict(labels=[0, -1, 1, 0]), ValueError, "indices into the 2 classes, from 0, got -1 to 1"),
    (dict(labels=[0, 1, 2, 0]), ValueError, "indices into the 2 classes, from 0, got 0 to 2: name all classes"),
    (dict(labels=[0, 1, 1]), ValueError, r"one label an image, got \(3,\) labels for 4 images"),
    (dict(labels=np.eye(2, dtype=int)[[0, 1, 1, 0]]), ValueError, r"one label an image, got \(4, 2\) labels for 4 images"),
], ids=str)
def test_wrong_images_and_labels_are_named_with_the_remedy(wrong, error, message):
    with pytest.raises(error, match=f"ImageSet.*{message}") as raised:
        image_set(**wrong)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("row", [0, -1, np.int64(1), torch.tensor(1)], ids=repr)
def test_one_image_is_no_set(row, noise):
    """Neither for a loop nor for a DataLoader, which would load images one by one."""
    with pytest.raises(TypeError, match="a set, at a slice, a mask or several indices, .* It needs no DataLoader"):
        noise[row]
    with pytest.raises(TypeError, match="It needs no DataLoader"):
        next(iter(DataLoader(noise, 8)))
    assert [len(noise[rows]) for rows in ([1], slice(0, 2), np.array([1, 2, 3]), noise.labels == 0)] == [1, 2, 3, 7]


def test_a_split_is_train_or_test():
    with pytest.raises(ValueError, match="split is 'train' or 'test', got 'valid'"):
        digits("valid")


@pytest.mark.parametrize("harm, message", [
    (lambda file: file.unlink(), r"digits.npz is missing: get it again"),
    (lambda file: file.write_bytes(file.read_bytes()[:100_000]), r"digits.npz is damaged .*: get it again"),
    (lambda file: file.write_bytes(b"<html>not found</html>"), r"digits.npz is damaged .*: get it again"),
    (lambda file: file.write_bytes(flipped(file.read_bytes())), r"digits.npz is damaged .*: get it again"),
    (lambda file: np.savez(file, wrong=np.zeros(1)), r"digits.npz is damaged .*: get it again"),
    (lambda file: np.savez(file, **dict.fromkeys(("train_images", "train_labels", "test_images", "test_labels"), np.zeros(1))),
     r"digits.npz is not the file this version .*: get it again"),
], ids=["missing", "cut short", "a web page", "a flipped byte", "other arrays", "other content"])
def test_a_damaged_or_missing_embedded_set_is_one_clear_sentence(harm, message, tmp_path, monkeypatch):
    file = tmp_path / "digits.npz"
    shutil.copy(paths.shipped("data") / "digits.npz", file)
    harm(file)
    monkeypatch.setattr(images, "shipped", lambda folder: tmp_path)
    with pytest.raises((FileNotFoundError, ValueError), match=message) as raised:
        digits()
    assert "\n" not in str(raised.value) and str(file) in str(raised.value)


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1:]


def test_photos_need_no_network():
    loaded = photos(64)
    assert loaded.images.shape == (7, 3, 64, 64) and loaded.images.float().std((1, 2, 3)).min() > 10
