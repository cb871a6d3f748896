"""The exercise on a step of training: what the loop of notebook 01 does with two views of a batch."""
import torch
import torch.nn.functional as F

from intriguing_lib.course.calls import copies_of
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.experiments import DrawnFrom
from intriguing_lib.losses import nt_xent


def training_step(model, optimizer, x1, x2, temperature):
    """One step of SimCLR: changes the model's weights, and returns the loss before the step, a number.

    model: from images to projections, in training mode. optimizer: of its weights. x1, x2: two views of n images, float32
    (n, channels, height, width). Both go through the model as one batch, so that batch norm sees all of them.
    """
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_with(project=lambda model, x1, x2: model(torch.cat([x1, x2])).chunk(2), loss_of=nt_xent, end=torch.Tensor.item):
    """`training_step` with one thing changed."""
    def step(model, optimizer, x1, x2, temperature):
        loss = loss_of(*project(model, x1, x2), temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return end(loss)
    return step


def loss_afterwards(model, optimizer, x1, x2, temperature):
    training_step(model, optimizer, x1, x2, temperature)
    return nt_xent(*model(torch.cat([x1, x2])).chunk(2), temperature).item()


def in_evaluation_mode(model, x1, x2):
    return model.eval()(torch.cat([x1, x2])).chunk(2)


def every_other(model, x1, x2):
    z = model(torch.cat([x1, x2]))
    return z[0::2], z[1::2]


def cross_entropy_of(z1, z2, temperature):
    """The other view's n candidates alone."""
    return F.cross_entropy(F.normalize(z1) @ F.normalize(z2).T / temperature, torch.arange(len(z1)))


def moved(function, arguments, steps):
    """How far so many steps on the same views move each weight: a tensor."""
    model, *others = copies_of(arguments)
    before = torch.cat([weight.detach().flatten().clone() for weight in model.parameters()])
    for _ in range(steps):
        function(model, *others)
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]) - before


def way(steps, wrong):
    """A trial: whether after so many steps wrong(way of the function, way that is right) is so."""
    return lambda function, *arguments: bool(wrong(*(moved(step, arguments, steps) for step in (function, training_step))))


def alike(a, b):
    return torch.allclose(a, b, rtol=1e-3, atol=1e-6)


TRIALS = {
    "no weight has moved, after two steps either: loss.backward() first, then optimizer.step(), and no zero_grad() between the "
    "two.": way(2, lambda theirs, right: not theirs.any()),
    "the first step moves nothing, and later ones lag behind: loss.backward() has to come before optimizer.step().":
        way(1, lambda theirs, right: not theirs.any()),
    "the weights go uphill: the gradient's sign is turned round somewhere.":
        way(1, lambda theirs, right: alike(theirs, -right)),
    "one call takes two steps: call optimizer.step() once.": way(1, lambda theirs, right: alike(theirs, 2 * right)),
    "the model is left in evaluation mode: the next step would go by other statistics of batch norm.":
        lambda function, model, *others: (function(model, *others), not model.training)[1],
    "the first step is right and the second isn't: backward() adds to the gradients that are there, so empty them with "
    "optimizer.zero_grad() in every step.": lambda function, *arguments: way(1, alike)(function, *arguments) and not way(
        2, alike)(function, *arguments),
    "the loss is right, but the weights end up elsewhere: does its gradient flow through both views (no detach, no "
    "no_grad), through the model as it was handed in, and is the step the optimizer's own?":
        way(1, lambda theirs, right: not alike(theirs, right)),
}
STEP_MISTAKES = {
    "the views go through the model one after the other, so batch norm sees half of the batch each time: put them into one "
    "batch, torch.cat([x1, x2]), and take the result apart, chunk(2).":
        step_with(project=lambda model, x1, x2: (model(x1), model(x2))),
    "the model is in evaluation mode: leave it in training mode, in which batch norm takes the batch's own statistics.":
        step_with(project=in_evaluation_mode),
    "this is the loss after the step: return the one that the step was taken on.": loss_afterwards,
    "the first view is compared with itself: does x2 go through the model?":
        step_with(project=lambda model, x1, x2: model(torch.cat([x1, x1])).chunk(2)),
    "partners are mixed up: after torch.cat the first n rows are the first views, so take them apart with chunk(2).":
        step_with(project=every_other),
    "the temperature is left out.": (step_with(loss_of=lambda z1, z2, temperature: nt_xent(z1, z2, 1.0)),
                                   step_with(loss_of=lambda z1, z2, temperature: nt_xent(z1, z2, 0.5))),
    "the candidates are the second views alone: take nt_xent, or loss_here.": step_with(loss_of=cross_entropy_of),
    "this is the sum over the views: NT-Xent is the mean.": step_with(
        loss_of=lambda z1, z2, temperature: 2 * len(z1) * nt_xent(z1, z2, temperature)),
    "this is minus the loss: the optimizer goes downhill by itself.": (
        step_with(loss_of=lambda z1, z2, temperature: -nt_xent(z1, z2, temperature)), step_with(end=lambda loss: -loss.item())),
    "loss.backward() returns nothing, and the loss is a number of its own: return loss.item().":
        step_with(end=lambda loss: 0.0),
}


def small_training(n, seed, lr=0.1):
    """A little network with batch norm, its optimizer, and two views of n images that are drawn by lot."""
    with DrawnFrom(torch.Generator().manual_seed(seed)):
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(),
                                    torch.nn.Linear(6, 4))
    generator = torch.Generator().manual_seed(seed)
    x1 = torch.rand(n, 1, 3, 3, generator=generator)
    x2 = (x1 + 0.3 * torch.rand(n, 1, 3, 3, generator=generator)).clamp(max=1)
    return model, torch.optim.SGD(model.parameters(), lr), x1, x2, 0.2


EXERCISES = {
    "training_step": Exercise(
        training_step, minutes=10, level=1, mistakes=STEP_MISTAKES, trials=TRIALS, gradient=0,
        inputs=(small_training(5, 0), small_training(8, 1)), large=small_training(128, 2), hints=(
            "Five things, in this order: projections, loss, old gradients out, new gradients, step.",
            "z1, z2 = model(torch.cat([x1, x2])).chunk(2) are the projections of both views. The loss is loss_here's. Then it "
            "is the optimizer's turn, the loss's, and the optimizer's.",
            "loss = loss_here(z1, z2, temperature); optimizer.zero_grad(); loss.backward(); optimizer.step(); return "
            "loss.item()")),
}
