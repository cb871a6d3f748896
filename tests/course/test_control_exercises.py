"""The exercises on controls, with mistakes and right answers as learners would write them."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression, SGDClassifier


def view_by_view(a, b, bits, generator):
    """A right answer, whose draws come in another order and way than the library's."""
    both = []
    for view in (b, a):
        coins = (torch.rand(len(view), bits, 1, 1, generator=generator) < 0.5).float()
        both.append(torch.cat([view, coins.repeat(1, 1, *view.shape[2:])], 1))
    return torch.stack(both[::-1])


def from_integers(a, b, bits, generator):
    """A right answer by integers and their binary digits."""
    def with_code(view):
        code = torch.randint(2**bits, (len(view), 1), generator=generator) >> torch.arange(bits)
        return torch.cat([view, (code % 2)[..., None, None].expand(-1, -1, *view.shape[2:]).to(view.dtype)], 1)
    return torch.stack([with_code(a), with_code(b)])


def anew_but_shared(a, b, bits, generator):
    coins = torch.randint(2, (len(a), bits, 1, 1), generator=generator).float().expand(-1, -1, *a.shape[2:])
    return torch.stack([torch.cat([a, coins], 1), torch.cat([b, coins], 1)])


def rolled(a, b, bits, generator):
    """Every image has its neighbour's code in the other view."""
    coins = torch.randint(2, (len(a), bits, 1, 1), generator=generator).float().expand(-1, -1, *a.shape[2:])
    return torch.stack([torch.cat([a, coins], 1), torch.cat([b, coins.roll(1, 0)], 1)])


def the_bits_in_another_order(a, b, bits, generator):
    coins = torch.randint(2, (len(a), bits, 1, 1), generator=generator).float().expand(-1, -1, *a.shape[2:])
    return torch.stack([torch.cat([a, coins], 1), torch.cat([b, coins.flip(1)], 1)])


def a_seed_of_ones_own(a, b, bits, generator):
    return from_integers(a, b, bits, torch.Generator().manual_seed(7))


def global_chance(a, b, bits, generator):
    coins = torch.randint(0, 2, (2, len(a), bits, 1, 1)).float().expand(-1, -1, -1, *a.shape[2:])
    return torch.cat([torch.stack([a, b]), coins], 2)


def a_coin_a_pixel(a, b, bits, generator):
    return torch.cat([torch.stack([a, b]), torch.randint(2, (2, len(a), bits, *a.shape[2:]), generator=generator).float()], 2)


def bits_first(a, b, bits, generator):
    return torch.cat([from_integers(a, b, bits, generator)[:, :, a.shape[1]:], torch.stack([a, b])], 2)


def a_pair(a, b, bits, generator):
    return tuple(from_integers(a, b, bits, generator))


@pytest.mark.parametrize("attempt, words", [
    (view_by_view, "right"), (from_integers, "right"), (anew_but_shared, "that is shared, though drawn anew each time"),
    (rolled, "has the other's codes in another order"),
    (the_bits_in_another_order, "one view's bits are the other's, its channels"),
    (a_seed_of_ones_own, "a second call gives the same bits"), (global_chance, "the generator isn't used"),
    (a_coin_a_pixel, "the channels are not constant"), (bits_first, "the bits stand behind them"),
    (a_pair, "returns 2 things, and should return one tensor")], ids=lambda x: getattr(x, "__name__", ""))
def test_fresh_bits_as_learners_would_write_them(attempt, words, said):
    out, used = said("fresh_bits", attempt)
    assert words in out and used == (words == "right")


def frozen(encoder, *images):
    encoder.eval()
    with torch.no_grad():
        return [encoder(part) for part in images]


def with_sklearn(encoder, train_images, train_labels, test_images, test_labels):
    a, b = frozen(encoder, train_images, test_images)
    return torch.tensor(LogisticRegression(max_iter=1000).fit(a, train_labels).score(b, test_labels))


def a_layer_with_adam(encoder, train_images, train_labels, test_images, test_labels):
    a, b = frozen(encoder, train_images, test_images)
    layer = torch.nn.Linear(a.shape[1], 10)
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)
    for _ in range(300):
        optimizer.zero_grad()
        F.cross_entropy(layer(a), train_labels).backward()
        optimizer.step()
    return (layer(b).argmax(1) == test_labels).float().mean().detach()


def without_eval(encoder, train_images, train_labels, test_images, test_labels):
    with torch.no_grad():
        a, b = encoder(train_images), encoder(test_images)
    return torch.tensor(LogisticRegression(max_iter=1000).fit(a, train_labels).score(b, test_labels))


def the_encoder_learns_too(encoder, train_images, train_labels, test_images, test_labels):
    layer = torch.nn.Linear(256, 10)
    optimizer = torch.optim.Adam([*encoder.eval().parameters(), *layer.parameters()], 1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(layer(encoder(train_images)), train_labels).backward()
        optimizer.step()
    return (layer(encoder(test_images)).argmax(1) == test_labels).float().mean().detach()


def on_all_images(encoder, train_images, train_labels, test_images, test_labels):
    a, b = frozen(encoder, train_images, test_images)
    fitted = LogisticRegression(max_iter=1000).fit(torch.cat([a, b]), torch.cat([train_labels, test_labels]))
    return torch.tensor(fitted.score(b, test_labels))


def training_accuracy(encoder, train_images, train_labels, test_images, test_labels):
    a, _ = frozen(encoder, train_images, test_images)
    return torch.tensor(LogisticRegression(max_iter=1000).fit(a, train_labels).score(a, train_labels))


def a_count(encoder, *given):
    return with_sklearn(encoder, *given) * len(given[-1])


def one_step(encoder, train_images, train_labels, test_images, test_labels):
    a, b = frozen(encoder, train_images, test_images)
    barely = SGDClassifier(max_iter=1, tol=None, random_state=0, eta0=1e-6, learning_rate="constant")
    fitted = barely.fit(a[:20], train_labels[:20])
    return torch.tensor(fitted.score(b, np.asarray(test_labels)))


@pytest.mark.parametrize("attempt, words", [
    (with_sklearn, "right"), (a_layer_with_adam, "right"), (without_eval, "encoder.eval() before you take features"),
    (the_encoder_learns_too, "the encoder's weights have changed"), (on_all_images, "fitted on the test images"),
    (training_accuracy, "the accuracy on the images that it was fitted on"), (a_count, "a share lies between 0 and 1"),
    (one_step, "far from what a linear layer")], ids=lambda x: getattr(x, "__name__", ""))
def test_a_readout_as_learners_would_write_it(attempt, words, said):
    out, used = said("top1_of", attempt)
    assert words in out and used == (words == "right")
