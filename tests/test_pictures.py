"""Folders of pictures as people have them. What is right is written down here, or read by Pillow's own, simpler, way."""
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torchvision.datasets import ImageFolder
from torchvision.transforms import functional as TF

from intriguing_lib.images import image_folder

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def folder(tmp_path):
    """Two classes, a picture each."""
    for name, colour in (("cat", RED), ("dog", BLUE)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (60, 40), colour).save(tmp_path / name / "1.png")
    return tmp_path


def read(picture, file, size=8, **how):
    """(what image_folder makes of a picture saved in `file`, its warning or None)."""
    file.parent.mkdir(parents=True)
    picture.save(file, **how)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        loaded = image_folder(file.parents[1], size, "cpu")
    return loaded.images[0], str(said[0].message) if said else None


def test_squares_and_classes(folder):
    loaded = image_folder(folder, size=32, device="cpu")
    assert loaded.images.shape == (2, 3, 32, 32) and loaded.classes == ("cat", "dog") and loaded.labels.tolist() == [0, 1]
    assert loaded.images[0, :, 16, 16].tolist() == list(RED)
    assert repr(image_folder(str(folder), size=32, device="cpu")) == repr(loaded)


def test_plain_pictures_are_read_as_torchvision_reads_them(folder):
    """To the last bit, as long as a JPEG isn't so large that it is decoded at a part of its size."""
    noise = np.random.default_rng(0).integers(256, size=(40, 56, 3), dtype=np.uint8)
    for i, kind in enumerate(("RGB png", "RGB jpg", "L jpg", "P png", "1 png", "L webp")):
        mode, ending = kind.split()
        Image.fromarray(noise).convert(mode).save(folder / "dog" / f"{i}.{ending}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = image_folder(folder, 32, "cpu")
    theirs = ImageFolder(folder)
    assert ours.labels.tolist() == theirs.targets and list(ours.classes) == theirs.classes
    for image, (picture, _) in zip(ours.images, theirs, strict=True):
        expected = TF.center_crop(TF.resize(TF.pil_to_tensor(picture), 32, antialias=True), [32, 32])
        assert torch.equal(image, expected)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_large_photograph_is_made_small_in_two_steps_and_looks_the_same(ending, tmp_path):
    x, y = np.meshgrid(np.arange(1600), np.arange(1200))
    picture = Image.fromarray(np.stack([128 + 100 * np.sin(x / 40), y / 5, (x + y) / 12], 2).astype(np.uint8))
    found, said = read(picture, tmp_path / "a" / f"1.{ending}", 64, quality=95)
    expected = TF.center_crop(TF.resize(TF.pil_to_tensor(picture), 64, antialias=True), [64, 64])
    assert said is None and (found.float() - expected.float()).abs().max() < 6


def test_what_systems_and_archivers_leave_is_passed_over(folder):
    before = repr(image_folder(folder, 8, "cpu"))
    for name in ("__MACOSX/cat/1.png", "cat/._1.png", "cat/.thumbnails/1.png", ".git/1.png", "dog/Thumbs.db", "dog/notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no picture")
    assert repr(image_folder(folder, 8, "cpu")) == before


def test_parts_are_no_classes(folder):
    for part in ("train", "Test"):
        (folder / "set" / part / "cat").mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(folder / "set" / part / "cat" / "1.png")
    with pytest.raises(ValueError, match=r"are parts, Test and train, and no classes: read one .* image_folder\('.*Test'\)"):
        image_folder(folder / "set")
    assert image_folder(folder / "set" / "train", 8).classes == ("cat",)


def put(name, content):
    """A harm: another file in the folder of dogs."""
    def harm(folder):
        if isinstance(content, Image.Image):
            content.save(folder / "dog" / name)
        else:
            (folder / "dog" / name).write_bytes(content)
        return folder
    return harm


@pytest.mark.parametrize("harm, error, message", [
    (lambda folder: folder / "nowhere", FileNotFoundError, "there is no folder .*nowhere; give one that holds a sub-folder"),
    (lambda folder: folder / "cat" / "1.png", FileNotFoundError, "there is no folder .*1.png"),
    (lambda folder: folder / "cat", FileNotFoundError, "no image in .*cat; give a folder that holds a sub-folder for each"),
    (lambda folder: (folder / "emu").mkdir() or folder, FileNotFoundError, "no image in .*emu"),
    (put("2.jpg", b"no image"), ValueError, "2.jpg can't be decoded .* remove or replace it"),
    (put("2.ppm", b"P6 4 4 25x "), ValueError, "2.ppm can't be decoded"),
    (lambda folder: put("2.png", half(folder / "dog" / "1.png"))(folder), ValueError, "2.png can't be decoded"),
    (put("2.png", Image.new("1", (20_000, 20_000))), ValueError, "2.png has more pixels than fit into memory"),
    (put("2.tif", Image.new("F", (9, 9))), ValueError, "2.tif .*floating-point.*8 bits"),
], ids=["nowhere", "a file", "no classes", "an empty class", "no image", "damaged PPM", "half a PNG",
        "400 megapixels", "floats"])
def test_what_can_not_be_read_is_named(harm, error, message, folder):
    with pytest.raises(error, match=message) as raised:
        image_folder(harm(folder), 8)
    assert "\n" not in str(raised.value)


def test_pictures_of_a_kind_that_is_not_read_are_named(folder):
    put("photo.HEIC", b"as a phone makes them")(folder)
    with pytest.warns(UserWarning, match="not read, save as JPEG or PNG: 1 file, photo.HEIC"):
        assert len(image_folder(folder, 8)) == 2


def half(file):
    content = file.read_bytes()
    return content[:len(content) // 2]


def test_a_photograph_stands_upright(tmp_path):
    """Orientation 6: the camera was turned, and what is left in the file belongs on top."""
    picture = Image.new("RGB", (40, 40), RED)
    picture.paste(BLUE, (0, 0, 20, 40))
    exif = picture.getexif()
    exif[0x0112] = 6
    found, said = read(picture, tmp_path / "a" / "1.png", exif=exif)
    assert found[:, 1, 4].tolist() == list(BLUE) and found[:, 6, 4].tolist() == list(RED) and said is None


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_deep_greys_keep_their_upper_bits(ending, tmp_path):
    grey = Image.fromarray(np.full((9, 9), 0x8001, np.uint16))
    found, said = read(grey, tmp_path / "a" / f"1.{ending}")
    assert found.unique().tolist() == [0x80] and f"16 bits a pixel, of which the upper 8 are kept: 1 file, 1.{ending}." in said


@pytest.mark.parametrize("mode, ending", [("RGBA", "png"), ("LA", "png"), ("P", "png"), ("RGBA", "webp")])
def test_what_is_transparent_is_white_whatever_lies_under_it(mode, ending, tmp_path):
    picture, how = Image.new("RGBA", (9, 9), (10, 20, 30, 0)).convert(mode), {}
    if mode == "P":
        picture, how = Image.new("P", (9, 9), 1), {"transparency": 1}
        picture.putpalette([0, 0, 0, 10, 20, 30])
    found, said = read(picture, tmp_path / "a" / f"1.{ending}", **how)
    assert found.unique().tolist() == [255] and "transparency, put on white: 1 file" in said


def test_an_opaque_picture_with_an_alpha_channel_is_as_it_is(tmp_path):
    found, said = read(Image.new("RGBA", (9, 9), (*RED, 255)), tmp_path / "a" / "1.png")
    assert found[:, 4, 4].tolist() == list(RED) and said is None


@pytest.mark.parametrize("ending", ["webp", "tif"])
def test_of_several_pictures_in_a_file_the_first_is_taken_and_that_is_said(ending, tmp_path):
    pages = [Image.new("RGB", (9, 9), colour) for colour in (RED, BLUE)]
    found, said = read(pages[0], tmp_path / "a" / f"1.{ending}", save_all=True, append_images=pages[1:],
                       lossless=True)
    assert found[:, 4, 4].tolist() == list(RED) and "the first of several pictures: 1 file" in said


def test_colours_of_another_profile_are_brought_to_srgb(tmp_path):
    """sRGB's profile with a straight curve in it: half the light is sRGB's grey 255 · (1.055 · .502^(1 / 2.4) − .055) = 188."""
    srgb, grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), Image.new("RGB", (9, 9), (128, 128, 128))
    found, said = read(grey, tmp_path / "of srgb" / "a" / "1.png", icc_profile=srgb)
    assert found.unique().tolist() == [128] and said is None
    straight, curve = srgb.replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be")), srgb.index(b"para", 200)
    numbers = b"".join(int(65536 * number).to_bytes(4, "big") for number in (1, 1, 0, 1, 0))  # of type 3: g, a, b, c, d
    straight = straight[:curve + 12] + numbers + straight[curve + 12 + len(numbers):]
    found, said = read(grey, tmp_path / "of light" / "a" / "1.png", icc_profile=straight)
    assert found.unique().tolist() == [188] and "brought to sRGB: 1 file" in said


def test_one_warning_tells_of_all(folder):
    for i in range(3):
        Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(folder / "cat" / f"t{i}.png")
    with pytest.warns(UserWarning, match="transparency, put on white: 3 files, t0.png first") as said:
        image_folder(folder, 8)
    assert len(said) == 1 and "\n" not in str(said[0].message)
