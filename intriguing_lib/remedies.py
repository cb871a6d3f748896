"""Losses and objectives that were proposed, or might be tried, against the suppression of features (notebook 10).

None of them looks at labels or knows which feature suppresses which. The losses are called as (z1, z2, generator), like any
other; what needs an encoder, a head or data of its own stands in `remedy_parts` and `remedy_data`.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from intriguing_lib.descriptions import Description
from intriguing_lib.generative import reconstruction
from intriguing_lib.losses import NTXent, check_pair, check_temperature, cosine_similarities, normalised
from intriguing_lib.mistakes import logits_and_partner
from intriguing_lib.protocols import Loss


def partner_and_negatives(z1, z2):
    """Each anchor's cosine similarity with its partner, (2n, 1), and with its negatives, (2n, 2n − 2): float32 (or float64).

    z1, z2: float, (n, d), row i of both belongs to image i. Raises what `nt_xent` raises for them.
    """
    check_pair(z1, z2)
    similarities = cosine_similarities(torch.cat([z1, z2]))
    itself = torch.eye(len(similarities), dtype=torch.bool, device=z1.device)
    partner = itself.roll(len(z1), 0)
    return similarities[partner][:, None], similarities[~(itself | partner)].view(len(similarities), -1)


def picking(partner, negatives):
    """The mean cross-entropy of picking the partner, from the logits of partners (m, 1) and negatives (m, k)."""
    return (torch.cat([partner, negatives], 1).logsumexp(1, keepdim=True) - partner).mean()


def implicit_feature_modification(z1, z2, temperature, epsilon):
    """Half NT-Xent, half NT-Xent made harder: every partner `epsilon` less similar, every negative `epsilon` more so.

    That is what the worst change of each vector by `epsilon` along its gradient comes to; the similarities are changed before
    they are divided by the temperature. Robinson et al. 2021, "Can contrastive learning avoid shortcut solutions?". z1, z2,
    temperature: as for `nt_xent`, whose value is that at epsilon 0. Returns a float32 (or float64) scalar.
    """
    partner, negatives = partner_and_negatives(z1, z2)
    plain = picking(partner / temperature, negatives / temperature)
    harder = picking((partner - epsilon) / temperature, (negatives + epsilon) / temperature)
    return (plain + harder) / 2


@dataclass(frozen=True)
class ImplicitFeatureModification(Description):
    """`implicit_feature_modification` with its settings. epsilon: 0 or more."""
    temperature: float = 0.2
    epsilon: float = 0.1

    def check(self):
        check_temperature(self.temperature)
        check_not_negative(self, "epsilon")

    def __call__(self, z1, z2, generator=None):
        return implicit_feature_modification(z1, z2, self.temperature, self.epsilon)


@dataclass(frozen=True)
class HardNegatives(Description):
    """NT-Xent whose negatives weigh the more the more similar they are: in proportion to exp(beta · similarity / temperature).

    positive_share: the share of the negatives that are taken to belong with the anchor after all, and whose part is subtracted;
    the sum over negatives stays at least what it would be if all lay opposite. Robinson et al. 2021, "Contrastive learning with
    hard negative samples". beta: 0 or more; beta 0 and share 0 give NT-Xent.
    """
    temperature: float = 0.2
    beta: float = 1.0
    positive_share: float = 0.0

    def check(self):
        check_temperature(self.temperature)
        check_not_negative(self, "beta")
        if not 0 <= self.positive_share < 1:
            raise ValueError(f"HardNegatives: positive_share is at least 0 and below 1, got {self.positive_share}.")

    def __call__(self, z1, z2, generator=None):
        partner, negatives = (similarity / self.temperature for similarity in partner_and_negatives(z1, z2))
        weights = (self.beta * negatives).softmax(1) * negatives.shape[1]  # with a mean of 1
        total = (weights * negatives.exp()).sum(1, keepdim=True)
        share = self.positive_share
        total = (total - share * negatives.shape[1] * partner.exp()) / (1 - share)
        lowest = negatives.shape[1] * torch.tensor(-1 / self.temperature, device=total.device).exp()
        return F.softplus(total.clamp(min=lowest).log() - partner).mean()


@dataclass(frozen=True)
class DecoupledContrastive(Description):
    """NT-Xent without the partner in the denominator, so that easy partners don't weaken the push: DCL, Yeh et al. 2022.

    Not the paper's decoupled NT-Xent (`generalised.DecoupledNTXent`), which frees the weight of the distribution.
    """
    temperature: float = 0.2

    def check(self):
        check_temperature(self.temperature)

    def __call__(self, z1, z2, generator=None):
        partner, negatives = (similarity / self.temperature for similarity in partner_and_negatives(z1, z2))
        return (negatives.logsumexp(1, keepdim=True) - partner).mean()


@dataclass(frozen=True)
class OfDotProducts(Description):
    """NT-Xent of vectors whose length carries the temperature: similarities are dot products, not divided by anything.

    For heads that set the temperature themselves, `remedy_parts.LearnedTemperature` and `ScheduledTemperature`.
    """

    def __call__(self, z1, z2, generator=None):
        check_pair(z1, z2)
        return F.cross_entropy(*logits_and_partner(z1.float(), z2.float(), temperature=1, normalised=False))


@dataclass(frozen=True)
class VICReg(Description):
    """Variance, invariance, covariance: Bardes, Ponce, LeCun 2022. Vectors as they are, without a temperature or negatives.

    The mean squared distance of partners, plus `variance` × how far each coordinate's standard deviation lies below 1 (mean
    over coordinates and views), plus `covariance` × the sum of the squared covariances of different coordinates, divided by
    their number, summed over views. Their weights, 25, 25 and 1, are 1, 1 and 0.04 here.
    """
    variance: float = 1.0
    covariance: float = 0.04

    def check(self):
        check_not_negative(self, "variance", "covariance")

    def __call__(self, z1, z2, generator=None):
        check_pair(z1, z2)
        loss = (z1 - z2).square().mean()
        for z in (z1, z2):
            z = z - z.mean(0)
            narrow = (1 - (z.var(0) + 1e-4).sqrt()).relu().mean()
            loss = loss + self.variance * narrow / 2 + self.covariance * off_diagonal(z.T @ z / (len(z) - 1)) / z.shape[1]
        return loss


@dataclass(frozen=True)
class BarlowTwins(Description):
    """The views' coordinates correlate with themselves and not with one another: Zbontar et al. 2021.

    Standardised over the batch, they have a cross-correlation c between the views; the loss is Σ (1 − c_ii)² + redundancy · Σ
    over i ≠ j of c_ij², divided by the number of coordinates.
    """
    redundancy: float = 0.005

    def check(self):
        check_not_negative(self, "redundancy")

    def __call__(self, z1, z2, generator=None):
        check_pair(z1, z2)
        a, b = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (z1, z2))
        correlation = a.T @ b / len(a)
        itself = (1 - correlation.diagonal()).square().sum()
        return (itself + self.redundancy * off_diagonal(correlation)) / len(correlation)


@dataclass(frozen=True)
class WhitenedMSE(Description):
    """Each view's batch is whitened, then partners are pulled together on the sphere: W-MSE, Ermolov et al. 2021.

    Whitening by the Cholesky factor of the covariance over the whole batch (they take parts of it), to which `shrink` times
    the identity is mixed. Raises ValueError for a batch with no more pairs than coordinates, which has no full covariance.
    """
    shrink: float = 0.01

    def check(self):
        if not 0 < self.shrink < 1:
            raise ValueError(f"WhitenedMSE: shrink lies between 0 and 1, got {self.shrink}.")

    def __call__(self, z1, z2, generator=None):
        check_pair(z1, z2)
        if len(z1) <= z1.shape[1]:
            raise ValueError(f"WhitenedMSE: a batch of {len(z1)} has no full covariance of {z1.shape[1]} coordinates: take "
                             "more images, or a head with a shorter output.")
        a, b = (normalised(self.whitened(z.float())) for z in (z1, z2))
        return 2 - 2 * (a * b).sum(1).mean()

    def whitened(self, z):
        z = z - z.mean(0)
        covariance = (1 - self.shrink) * z.T @ z / (len(z) - 1) + self.shrink * torch.eye(z.shape[1], device=z.device)
        return torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), z.T, upper=False).T


@dataclass(frozen=True)
class DroppedFeatures(Description):
    """An objective: in each view a random `share` of an image's features is set to 0 before the head, the rest scaled up.

    So that the head can't rely on a few of them: dropout, whose chance comes from the training's generator.
    """
    loss: Loss = NTXent(0.2)
    share: float = 0.5

    def check(self):
        if not 0 <= self.share < 1:
            raise ValueError(f"DroppedFeatures: share is at least 0 and below 1, got {self.share}.")

    def __call__(self, model, a, b, target, generator):
        h = model.encoder(torch.cat([a, b]))
        kept = torch.rand(h.shape, generator=generator, device=h.device) >= self.share
        return self.loss(*model.head(h * kept / (1 - self.share)).chunk(2), generator)


@dataclass(frozen=True)
class WithReconstruction(Description):
    """An objective: a contrastive loss, plus `weight` × the binary cross-entropy per pixel of reconstructing both views.

    All channels weigh alike, bits or not: it doesn't know which is which. So that nothing may be thrown away: as in predictive
    contrastive learning, Li et al. 2023. The head is a `remedy_parts.HeadAndDecoder`.
    """
    loss: Loss = NTXent(0.2)
    weight: float = 1.0

    def check(self):
        check_not_negative(self, "weight")

    def __call__(self, model, a, b, target, generator):
        images = torch.cat([a, b])
        h = model.encoder(images)
        pixels = reconstruction(model.head.decoder(h), images, image_channels=images.shape[1]).mean()
        return self.loss(*model.head(h).chunk(2), generator) + self.weight * pixels

    def check_fit(self, data, encoder, head):
        """Raise ValueError unless the head has a decoder for images of the data's shape."""
        if getattr(getattr(head, "decoder", None), "shape", None) != tuple(data.shape):
            raise ValueError(f"WithReconstruction: there is no decoder for images of shape {tuple(data.shape)}: take "
                             f"HeadAndDecoder(Head(), Decoder({tuple(data.shape)})).")


@dataclass(frozen=True)
class MaskedView(Description):
    """An objective: the second view is seen through a mask that an adversary has learned, the first as it is.

    The adversary belongs to the encoder, a `remedy_parts.WithAdversary`, and raises the loss that the rest lowers: what the
    views agree on most easily is what it covers first. After viewmaker networks, Tamkin et al. 2021, much smaller.
    """
    loss: Loss = NTXent(0.2)

    def __call__(self, model, a, b, target, generator):
        return self.loss(*model(torch.cat([a, model.encoder.masked(b)])).chunk(2), generator)

    def check_fit(self, data, encoder, head):
        """Raise ValueError unless the encoder has an adversary."""
        if not hasattr(encoder, "covered"):
            raise ValueError("MaskedView: the encoder has no adversary: take WithAdversary(encoder).")


@dataclass(frozen=True)
class WithinBlocks(Description):
    """NT-Xent whose negatives are only those of the anchor's own block, `size` images that follow one another in the batch.

    For batches made of blocks of one kind (`remedy_data.InGroups`): what all of a block share picks out nobody. With kinds
    that an earlier stage has found it is a stage of multi-stage learning, Zhang et al. 2024. A block as large as the batch
    gives NT-Xent. Raises ValueError for a batch that isn't made of whole blocks.
    """
    temperature: float = 0.2
    size: int = 32

    def check(self):
        check_temperature(self.temperature)
        if self.size < 2:
            raise ValueError(f"WithinBlocks: size is at least 2, got {self.size}: a block of one has no negatives.")

    def __call__(self, z1, z2, generator=None):
        check_pair(z1, z2)
        if len(z1) % self.size:
            raise ValueError(f"WithinBlocks: a batch of {len(z1)} isn't made of whole blocks of {self.size} images.")
        logits, partner = logits_and_partner(z1, z2, self.temperature)
        block = torch.arange(len(z1), device=z1.device).repeat(2) // self.size
        return F.cross_entropy(logits.masked_fill(block[:, None] != block, -torch.inf), partner)


@dataclass(frozen=True)
class MeanOfEach(Description):
    """The mean of a loss over `count` parts of the projections, taken one after the other: for `remedy_parts.HeadForEach`."""
    loss: Loss = NTXent(0.2)
    count: int = 2

    def check(self):
        if self.count < 1:
            raise ValueError(f"MeanOfEach: count is at least 1, got {self.count}.")

    def __call__(self, z1, z2, generator):
        parts = zip(z1.chunk(self.count, 1), z2.chunk(self.count, 1), strict=True)
        return sum(self.loss(a, b, generator) for a, b in parts) / self.count


def off_diagonal(matrix):
    """The sum of the squares of a square matrix, but for its diagonal."""
    return matrix.square().sum() - matrix.diagonal().square().sum()


def check_not_negative(description, *names):
    for name in names:
        if not getattr(description, name) >= 0:
            raise ValueError(f"{type(description).__name__}: {name} must not be negative, got {getattr(description, name)}.")
