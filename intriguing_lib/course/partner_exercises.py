"""The exercise on how often a view finds its partner."""
import torch

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.losses import normalised
from intriguing_lib.partners import partner_found


def own(z1):
    """The partner of first view i is number i."""
    return torch.arange(len(z1), device=z1.device)


def cosines(z1, z2):
    """Of each first view, a row, with each second view."""
    return normalised(z1) @ normalised(z2).T


def found_with(likeness=cosines, nearest=lambda s: s.argmax(1),
               end=lambda hits: hits.float().mean()):
    """`partner_found` with one thing changed."""
    return lambda z1, z2: end(nearest(likeness(z1, z2)) == own(z1))


def scaled_in_columns(z):
    return z / z.norm(dim=0)


def less_its_mean(z):
    """Each row less the mean of its own entries, which makes a correlation of the cosine."""
    return normalised(z - z.mean(1, keepdim=True))


def less_the_cloud(z):
    return normalised(z - z.mean(0))


def standardised(z):
    return normalised((z - z.mean(0)) / z.std(0))


def among_both_views(z1, z2):
    """NT-Xent's similarities, (2n, 2n), none with itself."""
    z = normalised(torch.cat([z1, z2]))
    return (z @ z.T).fill_diagonal_(-2)


def among_first_views(z1, z2):
    a = normalised(z1)
    return (a @ a.T).fill_diagonal_(-2)


def among_all_others(z1, z2):
    return (among_both_views(z1, z2)[:len(z1)].argmax(1) == len(z1) + own(z1)).float().mean()


def each_view_among_all(z1, z2):
    n = len(z1)
    return (among_both_views(z1, z2).argmax(1) == torch.cat([own(z1) + n, own(z1)])).float().mean()


def found_both_ways(z1, z2):
    s = cosines(z1, z2)
    return ((s.argmax(1) == own(z1)) & (s.argmax(0) == own(z1))).float().mean()


def partners_and_others(z1, z2):
    """The cosines with the partner, (n, 1), and with all second views, (n, n)."""
    s = cosines(z1, z2)
    return s.diagonal()[:, None], s


def beaten(z1, z2):
    """The share of the other second views that are less like the first view than its partner."""
    partner, s = partners_and_others(z1, z2)
    return (partner > s).float().sum() / (len(s) * (len(s) - 1))


def beaten_of_all(z1, z2):
    partner, s = partners_and_others(z1, z2)
    return (partner > s).float().mean()


def above_the_mean(z1, z2):
    partner, s = partners_and_others(z1, z2)
    return (partner > s.mean(1, keepdim=True)).float().mean()


def above(threshold):
    return lambda z1, z2: (partners_and_others(z1, z2)[0] > threshold).float().mean()


def more_than_guessing(z1, z2):
    p = cosines(z1, z2).softmax(1)
    return (p.diagonal() > 1 / len(z1)).float().mean()


def among_the_first(k):
    def found(z1, z2):
        s = cosines(z1, z2)
        return (s.topk(k, dim=1).indices == own(z1)[:, None]).any(1).float().mean()
    return found


def softly(temperature):
    return lambda z1, z2: (cosines(z1, z2) / temperature).softmax(1).diagonal().mean()


def pairs(n, d, seed, noise=0.7):
    """Views that find their partners now and then, of various lengths, and not around the origin."""
    generator = torch.Generator().manual_seed(seed)
    shared, one, two = torch.randn(3, n, d, generator=generator)
    lengths = 0.3 + 3 * torch.rand(2, n, 1, generator=generator)
    return lengths[0] * (shared + noise * one + 0.4), lengths[1] * (shared + noise * two + 0.4)


def all_far(n, seed):
    """Views whose nearest, too, have a negative cosine."""
    away = torch.full((n, 1), 1.5)
    z1, z2 = (normalised(z) for z in pairs(n, 4, seed, noise=0.3))
    return torch.cat([away, z1], 1), torch.cat([-away, z2], 1)


# Of the first views some find their partner, most, all, nobody, most.
INPUTS = (pairs(37, 4, 1), pairs(60, 6, 2, noise=0.4), pairs(12, 4, 3, noise=0.1), pairs(12, 3, 15, noise=5), all_far(20, 4))


def lengths_matter(function, z1, z2):
    """Whether it gives something else for vectors of other lengths, both views' in turn."""
    longer = torch.linspace(0.2, 5, len(z1))[:, None]
    return not all(torch.isclose(function(z1.clone(), z2.clone()), torch.as_tensor(function(*given)))
                   for given in ((z1 * longer, z2.clone()), (z1.clone(), z2 * longer)))


def not_all_of_the_same(function, z1, z2):
    return abs(float(function(z1.clone(), z1.clone())) - 1) > 1e-6


TRIALS = {
    "longer vectors change the answer: the cosine doesn't know how long they are, so divide each row by its length first.":
        lengths_matter,
    "hand it z1 twice: each vector is nearest to itself, so the share should be 1, and by yours it isn't.":
        not_all_of_the_same,
}
FOUND_MISTAKES = {
    "these are inner products, and a long vector has large ones with everybody: divide each row by its length.":
        found_with(likeness=lambda z1, z2: z1 @ z2.T),
    "each cosine is divided by the wrong lengths: row i by z1's, z1.norm(dim=1)[:, None], and column j by z2's.":
        found_with(likeness=lambda z1, z2: z1 @ z2.T / (z1.norm(dim=1) * z2.norm(dim=1))),
    "these are distances of vectors of all lengths: divide each row by its length, or take the cosine.":
        found_with(likeness=lambda z1, z2: -torch.cdist(z1, z2)),
    "this looks for the least similar view: by a cosine the nearest has the largest, by a distance the smallest.":
        found_with(nearest=lambda s: s.argmin(1)),
    "each second view looks for its first view here: row i of the similarities is first view i, so take argmax along dim=1.":
        found_with(nearest=lambda s: s.argmax(0)),
    "the candidates are all other views, as in NT-Xent: here a first view looks among second views alone.":
        among_all_others,
    "this has 2n views that look, each among all others, as in NT-Xent: here first views look among second views.":
        each_view_among_all,
    "this looks both ways, each view for its partner, and takes the mean: asked are first views, among second ones.":
        lambda z1, z2: (partner_found(z1, z2) + partner_found(z2, z1)) / 2,
    "this asks that each be the other's nearest: asked are first views, among second ones.": found_both_ways,
    "this finds nobody, ever. Is the diagonal masked out? In z1 @ z2.T it holds the partners. Are a view itself, or the other "
    "first views, among its candidates? Do numbers of rows meet similarities, or numbers that begin at n? Has argmax no dim? "
    "Or must something be larger, >, than the largest of several to which it belongs?":
        (lambda z1, z2: torch.zeros(()), found_with(likeness=among_first_views)),
    "this gives always 1. Are z1 and z2 both in it, each once? Or is something compared with itself?":
        lambda z1, z2: torch.ones(()),
    "there is no threshold: the partner has to be nearer than all others, however near that is.":
        (*(above(threshold) for threshold in (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)), more_than_guessing),
    "divide by the number of first views, n: len(z1).": tuple(
        lambda z1, z2, by=by: partner_found(z1, z2) * len(z1) / by(*z1.shape) for by in (
            lambda n, d: n - 1, lambda n, d: n + 1, lambda n, d: 2 * n, lambda n, d: n**2, lambda n, d: d, lambda n, d: n * d,
            lambda n, d: 128)),
    "rows are counted from 0: the partner of the first is number 0.": found_with(nearest=lambda s: s.argmax(1) - 1),
    "this gives a table of n times n, as shapes (n,) and (n, 1) make one: compare n numbers with n.": lambda z1, z2: (
        cosines(z1, z2).argmax(1) == own(z1)[:, None]).float().mean(),
    "this is how similar the nearest is, not whether it is the partner.":
        lambda z1, z2: cosines(z1, z2).amax(1).mean(),
    "this looks whether two choices agree: look whether first view i chose second view i.":
        lambda z1, z2: (lambda s: (s.argmax(1) == s.argmax(0)).float().mean())(cosines(z1, z2)),
    "this rounds: wanted is the share itself.": (lambda z1, z2: partner_found(z1, z2).round(),
                                               lambda z1, z2: (partner_found(z1, z2) > 0.5).float()),
    "this counts the views that find theirs: divide by how many there are.": found_with(end=lambda hits: hits.float().sum()),
    "these are per cent: a share lies between 0 and 1.": found_with(end=lambda hits: 100 * hits.float().mean()),
    "this is the share of views that don't find theirs, the other way round.":
        found_with(end=lambda hits: 1 - hits.float().mean()),
    "this is 1 only where all find theirs: wanted is the share that does.": found_with(end=lambda hits: hits.all().float()),
    "this is 1 as soon as one finds its partner: wanted is the share that does.":
        found_with(end=lambda hits: hits.any().float()),
    "this is how similar partners are on average, without asking who else is: look whether the partner is the most similar.":
        (lambda z1, z2: (normalised(z1) * normalised(z2)).sum(1).mean(), lambda z1, z2: (z1 * z2).sum(1).mean()),
    "this is a mean probability, a softmax, as in the loss: here one candidate is chosen, the nearest, and it is right or "
    "wrong.":
        tuple(softly(temperature) for temperature in (1.0, 0.5, 0.2, 0.1, 0.07, 0.05)),
    "this is how many of the others the partner beats on average: it has to beat all of them.": (beaten, beaten_of_all),
    "here the partner has to be nearer than the others are on average: it has to be nearer than all of them.": above_the_mean,
    "this counts a partner among the nearest few: it has to be the nearest.":
        tuple(among_the_first(k) for k in (2, 3, 5, 10)),
    "the columns were scaled, not the rows: each view's vector is a row, so its length is a norm along dim=1.":
        tuple(found_with(likeness=lambda z1, z2, which=which: (scaled_in_columns if which[0] else normalised)(z1)
                         @ (scaled_in_columns if which[1] else normalised)(z2).T)
              for which in ((1, 1), (0, 1), (1, 0))),
    "each row had the mean of its entries subtracted, which makes a correlation of the cosine: leave it.":
        found_with(likeness=lambda z1, z2: less_its_mean(z1) @ less_its_mean(z2).T),
    "the cloud was centred, or standardised: the loss takes it as it is, so leave it.":
        (found_with(likeness=lambda z1, z2: less_the_cloud(z1) @ less_the_cloud(z2).T),
         found_with(likeness=lambda z1, z2: standardised(z1) @ standardised(z2).T)),
    "the cosine's sign was dropped: opposite directions are as far apart as they can be.":
        found_with(likeness=lambda z1, z2: cosines(z1, z2).abs()),
}

EXERCISES = {
    "partner_found": Exercise(
        partner_found, minutes=10, level=1, mistakes=FOUND_MISTAKES, gradient=0, large=pairs(128, 64, 0),
        inputs=INPUTS, trials=TRIALS,
        hints=(
            "Which of the n second views is nearest to first view i? Were you right to choose it? Then the share of rights.",
            "With rows of length 1, z1 @ z2.T holds all n × n cosines, row i those of first view i. argmax(1) says which is "
            "the largest in each row, and it should be number i.",
            "a, b = (z / z.norm(dim=1, keepdim=True) for z in (z1, z2)); nearest = (a @ b.T).argmax(1); return (nearest == "
            "torch.arange(len(z1), device=z1.device)).float().mean()")),
}
