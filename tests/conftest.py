"""Shared by all tests: small data, one place for chance, and no run left in the reader's own cache."""
import pytest
import torch

from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import DIGITS, ImageSet, digits
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.views import digit_view

torch.set_num_threads(1)  # as runs and notebooks have it: two threads wait for one another beside other work


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def some_digits():
    """(train, test): 1,000 and 500 of the embedded digits."""
    return digits("train", "cpu")[:1000], digits("test", "cpu")[:500]


@pytest.fixture
def noise():
    """64 images of noise with random labels: nothing to learn, everything to pass through."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (64, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return ImageSet(images, torch.arange(64) % 10, DIGITS, "noise", "train", "a test")


@pytest.fixture
def experiment(some_digits):
    """A contrastive run that takes a fraction of a second."""
    train, _ = some_digits
    return Experiment(train, digit_view(), SmallConv((4, 8), 16), Head(width=16, out=8), Contrastive(NTXent(0.2)),
                      steps=3, batch_size=32)
