"""What ci/bench.py measures the library against: other libraries' transforms, losses and loops, with our settings."""
import numpy as np
import ot
import torch
from torch.utils.data import DataLoader
from torchvision import transforms as T

from intriguing_lib.train import precision

STRENGTH = 0.5  # of the colour jitter: SimCLR's on CIFAR-10, where it does not blur
TEMPERATURE = 0.5


def lightly_transform():
    from lightly.transforms import SimCLRTransform
    return SimCLRTransform(input_size=32, cj_strength=STRENGTH, gaussian_blur=0.0, normalize=None)


def torchvision_transform():
    """One view of a PIL image, as a tensor."""
    jitter = T.ColorJitter(0.8 * STRENGTH, 0.8 * STRENGTH, 0.8 * STRENGTH, 0.2 * STRENGTH)
    return T.Compose([T.RandomResizedCrop(32), T.RandomHorizontalFlip(), T.RandomApply([jitter], 0.8), T.RandomGrayscale(0.2),
                      T.ToTensor()])


def kornia_transform():
    """One view of a batch; crops are cut and resized one by one ("slice"), which kornia recommends for speed."""
    import kornia.augmentation as K
    return torch.nn.Sequential(
        K.RandomResizedCrop((32, 32), scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), align_corners=False),
        K.RandomHorizontalFlip(p=0.5),
        K.ColorJitter(0.8 * STRENGTH, 0.8 * STRENGTH, 0.8 * STRENGTH, 0.2 * STRENGTH, p=0.8), K.RandomGrayscale(p=0.2))


class PILImages(torch.utils.data.Dataset):
    """The images of an ImageSet as PIL images, as a folder of photographs gives them; `transform` makes two views of each."""

    def __init__(self, images, transform):
        self.images = [T.functional.to_pil_image(image) for image in images.images.cpu()]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i])


class Twice:
    """Two views of an image by a transform that gives one."""

    def __init__(self, transform):
        self.transform = transform

    def __call__(self, image):
        return [self.transform(image), self.transform(image)]


def loader(images, transform, batch_size, workers, device):
    """Shuffled batches of two views, by workers that stay alive from round to round."""
    return DataLoader(PILImages(images, transform), batch_size, shuffle=True, drop_last=True, num_workers=workers,
                      persistent_workers=workers > 0, pin_memory=device.type == "cuda")


def rank_sort(x):
    """Rows in ascending order as the authors' code puts them: an entry's rank is how many of its row are smaller, all pairs
    compared; the ranks, one-hot, times the places are the order to gather in. O(d b²) in time and memory for a (d, b) tensor.

    Equal entries get one rank and come out wrong, if within bounds. Two of a row's 512 float32 projections are equal in about
    every third batch.
    """
    rank = (x[:, :, None] > x[:, None]).sum(2, dtype=torch.int32)
    places = torch.arange(x.shape[1], device=x.device)
    order = (rank[:, None] == places[:, None]).float() @ places.float()
    return x.gather(1, order.long().clamp(max=x.shape[1] - 1))


def authors_distance(h, prior_sample, directions):
    """`sliced_wasserstein` with the sort that the authors' TensorFlow code has, in torch and without its needless copies."""
    mine, theirs = (rank_sort(directions.T @ x.T) for x in (h, prior_sample))
    return (mine - theirs).square().mean()


def pot_distance(h, prior_sample, directions):
    """POT's, squared: it gives the root of the mean."""
    return ot.sliced_wasserstein_distance(h, prior_sample, projections=directions, p=2) ** 2


def lightly_loop(encoder, head, load, device):
    """One epoch as lightly's SimCLR tutorial has it: its head, its loss, torch's Adam; autocast as ours."""
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    projection = SimCLRProjectionHead(encoder.features, head.width, head.out, num_layers=head.layers)
    model = torch.nn.Sequential(encoder.build((3, 32, 32)), projection).to(device).train()
    criterion = NTXentLoss(temperature=TEMPERATURE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    autocast, scaler = precision(device)

    def call():
        for a, b in load:
            a, b = a.to(device, non_blocking=True), b.to(device, non_blocking=True)
            with autocast():
                loss = criterion(model(a), model(b))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    return call


def paste_scenes(digits, canvas, placement, rng):
    """Scenes made one by one with NumPy, as a data set's generator is commonly written: loop, paste, try again.

    digits: uint8 (n, count, side, side). Where digits overlap the brighter pixel counts, as in ours. uint8 (n, canvas, canvas).
    """
    n, count, side = digits.shape[:3]
    scenes, cells = np.zeros((n, canvas, canvas), dtype=np.uint8), canvas // side
    for scene, several in zip(scenes, digits, strict=True):
        if placement == "grid":
            cell = rng.choice(cells ** 2, count, replace=False)
            places = np.stack([cell // cells, cell % cells], 1) * side
        elif placement == "anywhere":
            places = rng.integers(canvas - side + 1, size=(count, 2))
        else:
            places = places_apart(count, canvas - side, side, rng)
        for (top, left), digit in zip(places.tolist(), several, strict=True):
            window = scene[top:top + side, left:left + side]
            np.maximum(window, digit, out=window)
    return scenes


def places_apart(count, room, side, rng):
    """Places drawn until none overlaps those before it; after 100 vain tries the scene is begun anew."""
    places = []
    while len(places) < count:
        for _ in range(100):
            new = rng.integers(room + 1, size=2)
            if all(abs(new - old).max() >= side for old in places):
                places.append(new)
                break
        else:
            places = []
    return np.stack(places)
