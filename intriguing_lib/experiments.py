"""One training described (`Experiment`), and the model it begins with. `runs` trains it, `measures` reads what came out."""
import hashlib
from dataclasses import dataclass, fields, replace

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

from intriguing_lib.descriptions import Description, own_code
from intriguing_lib.encoders import Head, Model, SmallConv
from intriguing_lib.objectives import Contrastive
from intriguing_lib.protocols import AnyHead, Data, Encoder, Objective, View
from intriguing_lib.train import Optimizer, check_batch

TRAINING = 1  # raise it whenever a change can alter what a training gives: every earlier run is then trained anew


@dataclass(frozen=True)
class Experiment(Description):
    """One training run; its repr says everything that its weights depend on.

    data: what it trains on. view: the random view. steps: 0 gives the untrained encoder. seed: of the weights, the
    batches and the views.
    Raises ValueError where the parts don't fit: a batch larger than the data, a head that the objective can't use.
    """
    data: Data
    view: View
    encoder: Encoder = SmallConv()
    head: AnyHead = Head()
    objective: Objective = Contrastive()
    optimizer: Optimizer = Optimizer()
    steps: int = 300
    batch_size: int = 256
    seed: int = 0

    def check(self):
        check_batch(self.batch_size, self.data)
        if self.steps < 0:
            raise ValueError(f"Experiment: steps must not be negative, got {self.steps}; 0 gives the untrained encoder.")
        if hasattr(self.head, "features"):
            raise TypeError(f"Experiment: head is of type {type(self.head).__name__}, which is an encoder: give Head(...).")
        if hasattr(self.objective, "check_fit"):
            self.objective.check_fit(self.data, self.encoder, self.head)

    def untrained(self):
        """The model at step 0, on the data's device, by chance of its own: torch's global random state stays out of it."""
        with DrawnFrom(torch.Generator().manual_seed(self.seed)):
            model = Model(self.encoder, self.head, self.data.shape)
        return model.to(self.data.device, memory_format=torch.channels_last)

    def with_seed(self, seed):
        """The same with another seed, its own and that of every experiment among its parts, such as an earlier stage."""
        return replace(reseeded(self, seed), seed=seed)

    @property
    def key(self):
        """Names the weights in a cache; None where a part is the learner's own, whose repr doesn't tell what it does."""
        return None if self.own_code else key_of(f"{self!r} training={TRAINING}", self.data.device)

    @property
    def own_code(self):
        """The name of the first part that is the learner's own code, such as "objective.loss"; None where there is none."""
        found = own_code(self, "experiment")
        return found and found.removeprefix("experiment.")


def reseeded(part, seed):
    """A description whose fields, and theirs, hold no experiment but with this seed; itself where they hold none."""
    changes = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, Description):
            new = value.with_seed(seed) if isinstance(value, Experiment) else reseeded(value, seed)
            changes |= {field.name: new} if new is not value else {}
    return replace(part, **changes) if changes else part


def key_of(text, device):
    """20 hex digits that name a number in a cache: torch's minor version and the kind of device can alter it too."""
    minor = ".".join(torch.__version__.split(".")[:2])
    return hashlib.sha256(f"{text} torch={minor} device={device.type}".encode()).hexdigest()[:20]


class DrawnFrom(TorchFunctionMode):
    """While it is entered, what modules of this thread draw for their weights comes from a generator.

    The numbers are those that torch.manual_seed with the same seed would give; but that one is shared by all threads.
    """
    DRAWS = {init.uniform_, init.normal_, init.trunc_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.xavier_uniform_,
             init.xavier_normal_, init.orthogonal_, torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.random_,
             torch.Tensor.bernoulli_, torch.Tensor.exponential_, torch.rand, torch.randn, torch.normal, torch.randint,
             torch.randperm, torch.bernoulli, torch.multinomial}

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in self.DRAWS and kwargs.get("generator") is None:
            kwargs = kwargs | {"generator": self.generator}
        return function(*args, **kwargs)
