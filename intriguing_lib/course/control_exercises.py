"""The exercises on controls: views whose bits aren't shared, and a readout that changes nothing of what it reads.

Many functions are right here, whose numbers differ, so what they give is tried and not compared.
"""
import torch
import torch.nn.functional as F

from intriguing_lib.composites import fresh_bits
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.encoders import SmallConv
from intriguing_lib.evaluate import linear_evaluation, top1_of
from intriguing_lib.experiments import DrawnFrom
from intriguing_lib.images import digits

N, CHANNELS, BITS = 64, 2, 9
FAR = 0.12  # from the library's top-1, for other linear classifiers of 200 images


def codes_of(views):
    """The bits of what `fresh_bits` should give, at each image's first pixel: (2, n, bits)."""
    return views[:, :, CHANNELS:, 0, 0]


def trial(wrong):
    """A trial of `fresh_bits`: whether its result is wrong in the way that wrong(views, a, b) says."""
    return lambda function, a, b, bits, generator: bool(wrong(function(a, b, bits, generator), a, b))


def again(function, a, b, bits, generator):
    """Two results, the second with the generator as the first has left it."""
    return [codes_of(function(a, b, bits, generator)) for _ in range(2)]


def same_codes_in_another_order(views, a, b):
    first, second = (set(map(tuple, codes.tolist())) for codes in codes_of(views))
    return len(first & second) > len(first) / 2


def drawn_without_it(function, a, b, bits, generator):
    """Whether two equal generators give different bits."""
    codes = [codes_of(function(a, b, bits, torch.Generator().manual_seed(0))) for _ in range(2)]
    return not torch.equal(*codes)


# By chance each of these is so for a right answer less than once in a million times.
FRESH_TRIALS = {
    "the images themselves have changed: the first channels are the views as they were, a and b, the bits stand behind them.":
        trial(lambda views, a, b: not torch.equal(views[:, :, :CHANNELS], torch.stack([a, b]))),
    "a bit is one number an image and channel: here the channels are not constant. Draw (n, bits) numbers and expand them.":
        trial(lambda views, a, b: not torch.equal(views[:, :, CHANNELS:], views[:, :, CHANNELS:, :1, :1].expand_as(
            views[:, :, CHANNELS:]))),
    "bits are 0 or 1: here are other numbers among them.":
        trial(lambda views, a, b: ((codes_of(views) != 0) & (codes_of(views) != 1)).any()),
    "all images have the same bits: each image draws its own, (n, bits) numbers a view.":
        trial(lambda views, a, b: (codes_of(views) == codes_of(views)[:, :1]).all()),
    "all bits of an image are the same: draw bits numbers for each, not one.":
        trial(lambda views, a, b: (codes_of(views) == codes_of(views)[..., :1]).all()),
    "both views carry the same bits: that is shared, though drawn anew each time. Draw twice, once for each view.":
        trial(lambda views, a, b: torch.equal(*codes_of(views))),
    "one view's bits are the other's turned round: whoever knows the one knows the other, so they are shared. Draw twice.":
        trial(lambda views, a, b: torch.equal(codes_of(views)[0], 1 - codes_of(views)[1])),
    "one view has the other's codes in another order: a batch of equal codes, of which an encoder can tell who belongs to whom "
    "by their number. Draw twice.": trial(same_codes_in_another_order),
    "one view's bits are the other's, its channels in another order: whoever knows the one knows the other. Draw twice.":
        trial(lambda views, a, b: torch.equal(*(codes.sum(1) for codes in codes_of(views)))),
    "one view has no bits but zeros, or ones: both draw.":
        trial(lambda views, a, b: any(len(codes.unique()) == 1 for codes in codes_of(views))),
    "a second call gives the same bits: take them from the generator that is handed in, and make none of your own.":
        lambda *given: torch.equal(*again(*given)),
    "the generator isn't used: two equal ones give different bits, so no run could be repeated. Hand it to what draws, "
    "generator=generator.": drawn_without_it,
    "0 and 1 aren't equally frequent.":
        trial(lambda views, a, b: abs(codes_of(views).float().mean() - 0.5) > 0.08),
}


def fresh_with(codes):
    """`fresh_bits` with other codes: codes(n, bits, generator) gives both views'."""
    def function(a, b, bits, generator):
        return torch.stack([torch.cat([view, code[..., None, None].expand(-1, -1, *view.shape[2:]).float()], 1)
                            for view, code in zip((a, b), codes(len(a), bits, generator), strict=True)])
    return function


def coins(n, bits, generator):
    return torch.randint(2, (n, bits), generator=generator)


def shuffled(n, bits, generator):
    codes = coins(n, bits, generator)
    return codes, codes[torch.randperm(n, generator=generator)]


FRESH_MISTAKES = dict(zip(FRESH_TRIALS, (
    lambda a, b, bits, generator: fresh_bits(a.flip(-1), b, bits, generator),
    lambda a, b, bits, generator: torch.cat([torch.stack([a, b]), torch.randint(
        2, (2, len(a), bits, *a.shape[2:]), generator=generator).float()], 2),
    fresh_with(lambda n, bits, generator: [torch.rand(n, bits, generator=generator) for _ in "ab"]),
    fresh_with(lambda n, bits, generator: [coins(1, bits, generator).expand(n, -1) for _ in "ab"]),
    fresh_with(lambda n, bits, generator: [coins(n, 1, generator).expand(-1, bits) for _ in "ab"]),
    fresh_with(lambda n, bits, generator: [coins(n, bits, generator)] * 2),
    fresh_with(lambda n, bits, generator: (lambda codes: (codes, 1 - codes))(coins(n, bits, generator))),
    fresh_with(shuffled),
    fresh_with(lambda n, bits, generator: (lambda codes: (codes, codes.roll(1, 1)))(coins(n, bits, generator))),
    fresh_with(lambda n, bits, generator: (coins(n, bits, generator), torch.zeros(n, bits))),
    fresh_with(lambda n, bits, generator: [coins(n, bits, torch.Generator().manual_seed(seed)) for seed in range(2)]),
    fresh_with(lambda n, bits, generator: [torch.randint(2, (n, bits)) for _ in "ab"]),
    fresh_with(lambda n, bits, generator: [(torch.rand(n, bits, generator=generator) < 0.8).float() for _ in "ab"])),
    strict=True))


def changed(state_before, encoder, names):
    """Whether any of an encoder's tensors whose names say so has changed."""
    return any(not torch.equal(before, encoder.state_dict()[name]) for name, before in state_before.items() if names(name))


def watched(wrong):
    """A trial of `top1_of`: whether wrong(encoder, its state before, the value) is so after the call."""
    def found(function, encoder, *images_and_labels):
        before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
        return wrong(encoder, before, function(encoder, *images_and_labels))
    return found


def by_lot(labels):
    return torch.randint(10, labels.shape, generator=torch.Generator().manual_seed(1))


def reads_lots_of_test_images(function, encoder, train_images, train_labels, test_images, test_labels):
    """Only whoever fits on them can. The training images are all alike, so nobody reads those."""
    alike = train_images[:1].expand_as(train_images)
    return float(function(encoder, alike, train_labels, test_images, by_lot(test_labels))) > 0.5


def reads_lots_of_training_images(function, encoder, train_images, train_labels, test_images, test_labels):
    """Only whoever counts on the images fitted on can. The test images are all alike."""
    alike = test_images[:1].expand_as(test_images)
    return float(function(encoder, train_images, by_lot(train_labels), alike, test_labels)) > 0.5


TOP1_TRIALS = {
    "the encoder's weights have changed: linear evaluation freezes them. Take the features under torch.no_grad(), and give the "
    "optimiser the classifier's weights alone.":
        watched(lambda encoder, before, value: changed(before, encoder, lambda name: name.endswith(("weight", "bias")))),
    "gradients have reached the encoder: take the features under torch.no_grad(), or detach them.":
        watched(lambda encoder, before, value: any(p.grad is not None for p in encoder.parameters())),
    "the encoder was in training mode: batch norm took the batch's own statistics, and moved the ones it keeps. Call "
    "encoder.eval() before you take features.":
        watched(lambda encoder, before, value: changed(before, encoder, lambda name: "running" in name)),
    "a share lies between 0 and 1: this is per cent, or a number of images.":
        watched(lambda encoder, before, value: float(value) > 1.001),
    "this is the share of images that are read wrong: one less that.":
        lambda function, *given: abs(1 - float(function(*given)) - float(top1_of(*given))) < FAR,
    "it reads test labels that are drawn by lot, so it is fitted on the test images: fit on the training images alone.":
        reads_lots_of_test_images,
    "it reads training labels that are drawn by lot: this is the accuracy on the images that it was fitted on. Count the test "
    "images that are read right.": reads_lots_of_training_images,
    "this is far from what a linear layer on these features reads: is it a linear classifier, fitted until it hardly changes, "
    "of features of the same encoder for training and test images?":
        lambda function, *given: abs(float(function(*given)) - float(top1_of(*given))) > FAR,
}


def by_hand(encoder, train_images, train_labels, test_images, test_labels, steps=100, lr=0.05, also=lambda encoder: [],
            end=lambda right: right.float().mean()):
    """A linear layer trained with Adam on whatever features the encoder gives in the state it is in."""
    with DrawnFrom(torch.Generator().manual_seed(0)):
        layer = torch.nn.Linear(encoder(train_images[:2]).shape[1], 10)
    optimizer = torch.optim.Adam([*layer.parameters(), *also(encoder)], lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(layer(encoder(train_images)), train_labels).backward()
        optimizer.step()
    with torch.no_grad():
        return end(layer(encoder(test_images)).argmax(1) == test_labels)


def in_training_mode(encoder, train_images, train_labels, test_images, test_labels):
    with torch.no_grad():
        a, b = (encoder.train()(images) for images in (train_images, test_images))
    return torch.tensor(linear_evaluation(a, train_labels, b, test_labels).top1)


def gradients_left(encoder, *given):
    value = top1_of(encoder, *given)
    encoder(given[0]).sum().backward()
    encoder.eval()
    return value


TOP1_MISTAKES = dict(zip(TOP1_TRIALS, (
    lambda encoder, *given: by_hand(encoder.eval(), *given, also=lambda encoder: encoder.parameters()),
    lambda encoder, *given: by_hand(encoder.eval(), *given),
    in_training_mode,
    lambda *given: 100 * top1_of(*given),
    lambda *given: 1 - top1_of(*given),
    lambda encoder, train_images, train_labels, *test: by_hand(encoder.eval().requires_grad_(False), *test, *test),
    lambda encoder, *given: by_hand(encoder.eval().requires_grad_(False), *given[:2], *given[:2]),
    lambda *given: 0 * top1_of(*given)), strict=True))


def small_example():
    """An untrained encoder with more features than images, in training mode, and 200 digits each to fit and to test on."""
    with DrawnFrom(torch.Generator().manual_seed(0)):
        encoder = SmallConv((4, 8), 256).build((1, 28, 28))
    parts = [digits(split, "cpu")[:200] for split in ("train", "test")]
    with torch.no_grad():
        for _ in range(50):  # until batch norm's statistics are those of digits
            encoder(parts[0].batch(slice(None)))
    return encoder, *(x for part in parts for x in (part.batch(slice(None)), part.labels))


def two_views():
    generator = torch.Generator().manual_seed(0)
    return *torch.rand(2, N, CHANNELS, 5, 6, generator=generator), BITS, torch.Generator().manual_seed(1)


EXAMPLE = small_example()
EXERCISES = {
    "fresh_bits": Exercise(
        fresh_bits, minutes=10, level=1, mistakes=FRESH_MISTAKES, trials=FRESH_TRIALS, by_trials=True, gradient=0,
        inputs=(two_views(),), large=two_views(), hints=(
            "How many coins are tossed in all? For each view, each image and each bit one.",
            "torch.randint(2, (len(a), bits), generator=generator) tosses one view's. As channels they have shape (n, bits, 1, "
            "1), expanded to the views' height and width.",
            "For each view: torch.cat([view, coins.float()[..., None, None].expand(-1, -1, *view.shape[2:])], 1); then "
            "torch.stack both.")),
    "top1_of": Exercise(
        top1_of, minutes=15, level=2, mistakes=TOP1_MISTAKES, trials=TOP1_TRIALS, by_trials=True, gradient=0,
        inputs=(EXAMPLE,), large=EXAMPLE, hints=(
            "Three things have to stay as they were: the weights, the statistics that batch norm keeps, and the test labels, "
            "which are looked at once, when counting.",
            "encoder.eval(), then features of both sets under torch.no_grad(). What classifies them is up to you: "
            "sklearn.linear_model.LogisticRegression, or a torch.nn.Linear trained by hand.",
            "with torch.no_grad(): a, b = encoder(train_images), encoder(test_images); classifier = "
            "LogisticRegression(max_iter=1000).fit(a, train_labels); torch.tensor(classifier.score(b, test_labels))")),
}
