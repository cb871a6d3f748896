"""Known changes of an image, and how much of one can be read, linearly, from a representation: angle, place, brightness."""
import torch

from intriguing_lib.evaluate import features, ridge_r2
from intriguing_lib.views import Rotate, per_image, uniform

DEGREES, PIXELS, DARKEST = 30.0, 4, 0.4


def turned(images, generator):
    """(images turned by up to ±30°, their angles in degrees)."""
    rotate = Rotate(DEGREES)
    (angles,) = rotate.draw(images, generator)
    return rotate.apply(images, angles), angles


def moved(images, generator):
    """(images moved sideways by up to ±4 whole pixels, how many). What leaves on one side comes in on the other."""
    steps = torch.randint(-PIXELS, PIXELS + 1, (len(images),), generator=generator, device=images.device)
    columns = (torch.arange(images.shape[-1], device=images.device) - steps[:, None]) % images.shape[-1]
    return images.gather(-1, columns[:, None, None].expand_as(images)), steps.float()


def dimmed(images, generator):
    """(images at 0.4 to 1 of their brightness, that factor)."""
    factors = uniform(images, DARKEST, 1.0, generator)
    return images * per_image(factors), factors


CHANGES = {"angle": turned, "sideways position": moved, "brightness": dimmed}


def r2_of_change(module, data, test, change, seed=0):
    """R² of ridge regression from a module's representations, (n, d), to a change: 1 is perfect, 0 no better than the mean.

    data, test: each image is changed once, by chance from `seed`; fitted on the first, R² on the second. change: a name in
    CHANGES. The penalty is chosen by leave-one-out on the first.
    """
    generator = torch.Generator(data.device).manual_seed(seed)
    (a, change_of_a), (b, change_of_b) = (CHANGES[change](part.batch(slice(None)), generator) for part in (data, test))
    fitted, tested = (features(module, Changed(images)).cpu().numpy() for images in (a, b))
    return ridge_r2(fitted, change_of_a.cpu().numpy(), tested, change_of_b.cpu().numpy())


class Changed:
    """Changed images in memory, as something that `features` can walk through."""

    def __init__(self, images):
        self.images, self.device = images, images.device

    def __len__(self):
        return len(self.images)

    def batch(self, rows):
        return self.images[rows]
