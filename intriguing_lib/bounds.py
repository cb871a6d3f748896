"""What a contrastive loss comes down to for somebody who knows an image's random bits and nothing else."""
import numpy as np
from scipy import stats


def loss_left(bits, batch, views=1):
    """E log2(1 + views · B), B ~ Binomial(batch − 1, 2^−bits): the loss in bits that is left, the temperature being near 0.

    Of the batch − 1 other images B have the same integer by chance. They can't be told from the partner, and nothing else can
    be mistaken for it, so that the best guess hesitates between 1 + views · B candidates.

    bits: 0 or more. batch: images, 2 or more. views: how many candidates each other image gives: 1 where the negatives are
    the other view's alone (`info_nce`, batch − 1 of them), 2 for NT-Xent (2 · batch − 2). Returns a float, from
    log2(1 + views · (batch − 1)) for no bits, when everything is left, down to 0. Raises ValueError outside these ranges.
    """
    if bits < 0 or batch < 2 or views not in (1, 2):
        raise ValueError(f"loss_left: bits is 0 or more, batch 2 or more, views 1 or 2, got {bits}, {batch} and {views}.")
    alike = np.arange(batch)
    return float(stats.binom.pmf(alike, batch - 1, 0.5**bits) @ np.log2(1 + views * alike))


def warm_loss_left(bits, batch, temperature):
    """The same for NT-Xent at a temperature above 0, in bits: E log2(1 + 2B + (2 · batch − 2 − 2B) · e^(−1 / temperature)).

    Two images with different integers are taken to stand at right angles, two with the same one on top of each other, so that
    a candidate that can be told apart still weighs e^(−1 / temperature) beside the partner. With many bits that alone is left:
    how far the loss lies above it for fewer bits is what is still to be earned. Raises ValueError outside the ranges of
    `loss_left`, and for a temperature that isn't above 0.
    """
    if bits < 0 or batch < 2 or not temperature > 0:
        raise ValueError(f"warm_loss_left: bits is 0 or more, batch 2 or more, temperature above 0, got {bits}, {batch} and "
                         f"{temperature}.")
    alike = np.arange(batch)
    candidates = 1 + 2 * alike + (2 * batch - 2 - 2 * alike) * np.exp(-1 / temperature)
    return float(stats.binom.pmf(alike, batch - 1, 0.5**bits) @ np.log2(candidates))
