"""Picture files, as cameras, scanners and archivers leave them, read as square uint8 tensors."""
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import functional as TF

# Pictures that torchvision's list of endings leaves out, as it does whatever is no picture.
NOT_READ = (".gif", ".heic", ".heif", ".avif", ".jp2", ".svg", ".dng", ".cr2", ".nef", ".arw")
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}


def read_folder(path, size):
    """(images: uint8, (n, 3, size, size); labels: int64, (n,); classes) of a folder with a sub-folder for each class.

    What was changed in more than size to make 8-bit RGB of a file is said in one warning for the folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"image_folder: there is no folder {path}; give one that holds a sub-folder for each class.")
    folders = sorted(child for child in path.iterdir() if child.is_dir() and not passed_over(child))
    if len(folders) > 1 and {folder.name.lower() for folder in folders} <= SPLITS:
        raise ValueError(f"image_folder: the sub-folders of {path} are parts, {' and '.join(f.name for f in folders)}, and no "
                         f"classes: read one of them, image_folder({str(folders[0])!r}).")
    found = [(file, label) for label, folder in enumerate(folders) for file in pictures_in(folder)]
    files = [(file, label) for file, label in found if file.name.lower().endswith(IMG_EXTENSIONS)]
    empty = [folder for label, folder in enumerate(folders) if label not in {label for _, label in files}]
    if not files or empty:
        raise FileNotFoundError(f"image_folder: no image in {empty[0] if empty else path}; give a folder that holds a "
                                f"sub-folder for each class, with images in it ({', '.join(IMG_EXTENSIONS)}).")
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a large photograph takes hundreds of megabytes: not more at a time
        read = list(pool.map(lambda file: read_square(file[0], size), files))
    tell([(file, "not read, save as JPEG or PNG") for file, _ in found if file.name.lower().endswith(NOT_READ)]
         + [(file, change) for (file, _), (_, changes) in zip(files, read, strict=True) for change in changes])
    images, labels = torch.stack([image for image, _ in read]), torch.tensor([label for _, label in files])
    return images, labels, tuple(folder.name for folder in folders)


def passed_over(path):
    """What is nobody's picture: hidden files, macOS's doubles (._0.png) and __MACOSX, __pycache__ and the like."""
    return path.name.startswith((".", "__"))


def pictures_in(folder):
    """The picture files in a folder and all below it, in order."""
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not passed_over(Path(name)))
        for name in sorted(names):
            if name.lower().endswith((*IMG_EXTENSIONS, *NOT_READ)) and not passed_over(Path(name)):
                yield Path(root) / name


def tell(changes):
    """One warning: of each kind of change how many files, and the first of them."""
    kinds = {}
    for file, change in changes:
        kinds.setdefault(change, []).append(file)
    if kinds:
        said = "; ".join(f"{change}: {len(files)} {'files' if len(files) > 1 else 'file'}, {files[0].name}"
                         f"{' first' if len(files) > 1 else ''}" for change, files in kinds.items())
        warnings.warn(f"image_folder makes 8-bit RGB of pictures, and not all could stay as they were. {said}.", stacklevel=4)


def read_square(file, size):
    """(uint8 image (3, size, size), what was changed to make 8-bit RGB of it: a list of words).

    Upright as the camera's note says, its colours brought to sRGB, its shorter side resized to `size` (bilinear, antialiased),
    its centre cropped. To save memory a large JPEG is decoded at an eighth, a quarter or half its size, at least at twice
    `size`, and pixels of any large picture are averaged in blocks beforehand, to four times `size` or more.
    Raises ValueError, with the file's name, when it can't be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # half the size that is refused
            with Image.open(file) as image:
                image.draft("RGB", (2 * size, 2 * size))
                changes = ["the first of several pictures"] if getattr(image, "n_frames", 1) > 1 else []
                image = ImageOps.exif_transpose(image)
                image = in_srgb(eight_bit(image, changes), changes)
                image = on_white(image, changes)
                image = image.reduce(max(1, min(image.size) // (4 * size)))
                return square(TF.pil_to_tensor(image), size), changes
    except Image.DecompressionBombError:
        raise ValueError(f"{file} has more pixels than fit into memory safely: make it smaller, or remove it.") from None
    except Exception as error:  # decoders raise errors of every kind
        raise ValueError(f"{file} can't be decoded as an image ({error}): remove or replace it.") from None


def eight_bit(image, changes):
    """Deep greys in 8 bits. Pillow's own conversion would make white of all above 255."""
    if image.mode.startswith("I;16") or image.mode == "I":
        changes.append("16 bits a pixel, of which the upper 8 are kept")
        return Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point numbers, which don't say what is black and what is white; save it with 8 bits")
    return image


def in_srgb(image, changes):
    """Colours of another profile, such as a phone's Display P3 or a printer's CMYK, as sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:
        return image
    changes.append("colours of another profile, brought to sRGB")
    return converted


def on_white(image, changes):
    """As RGB, what is transparent on white: under it a file may hold colours that no viewer shows."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    if image.getextrema()[3][0] == 255:
        return image.convert("RGB")
    changes.append("transparency, put on white")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def square(image, size):
    return TF.center_crop(TF.resize(image, size, antialias=True), [size, size])
