"""The exercise on a step of training: what the loop of notebook 01 does with two views of a batch."""
import torch
import torch.nn.functional as F

from intriguing_lib.course.calls import copies_of
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.encoders import Head, Model, SmallConv
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


def one_step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def step_with(project=lambda model, x1, x2: model(torch.cat([x1, x2])).chunk(2), loss_of=nt_xent, learn=one_step,
              end=torch.Tensor.item):
    """`training_step` with one thing changed."""
    def step(model, optimizer, x1, x2, temperature):
        loss = loss_of(*project(model, x1, x2), temperature)
        learn(optimizer, loss)
        return end(loss)
    return step


def in_evaluation_mode(model, x1, x2):
    return model.eval()(torch.cat([x1, x2])).chunk(2)


def every_other(model, x1, x2):
    z = model(torch.cat([x1, x2]))
    return z[0::2], z[1::2]


def another_batch_order(model, x1, x2):
    """Rows of both views by turns, cut into halves."""
    return model(torch.stack([x1, x2], 1).flatten(0, 1)).chunk(2)


def afterwards(again):
    """The loss once more, after the step."""
    def step(model, optimizer, x1, x2, temperature):
        training_step(model, optimizer, x1, x2, temperature)
        return nt_xent(*again(model, x1, x2), temperature).item()
    return step


def cross_entropy_of(z1, z2, temperature):
    """The other view's n candidates alone."""
    return F.cross_entropy(F.normalize(z1) @ F.normalize(z2).T / temperature, torch.arange(len(z1)))


def times(factor):
    return step_with(loss_of=lambda z1, z2, temperature: factor * nt_xent(z1, z2, temperature))


def at(temperature_of):
    return step_with(loss_of=lambda z1, z2, temperature: nt_xent(z1, z2, temperature_of(temperature)))


def never_emptied(optimizer, loss):
    loss.backward()
    optimizer.step()


def stepped_twice(optimizer, loss):
    one_step(optimizer, loss)
    optimizer.step()


def uphill(optimizer, loss):
    one_step(optimizer, -loss)


def doubled(optimizer, loss):
    one_step(optimizer, 2 * loss)


def without_memory(optimizer, loss):
    """By hand, or by an optimizer that is made anew in each step."""
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for weight in optimizer.param_groups[0]["params"]:
            weight -= optimizer.param_groups[0]["lr"] * weight.grad


def moved(function, arguments, steps):
    """How far so many steps on the same views move each weight: a tensor."""
    model, *others = copies_of(arguments)
    before = torch.cat([weight.detach().flatten().clone() for weight in model.parameters()])
    for _ in range(steps):
        function(model, *others)
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]) - before


def alike(a, b):
    """Whether two ways are the same up to rounding, in parts of their length."""
    return bool((a - b).norm() <= 1e-3 * a.norm() + 1e-9)


def same_way_as(learn, steps=1):
    """A trial: whether the weights go where they go by that mistake, and not where they should."""
    def trial(function, *arguments):
        theirs, right = (moved(step, arguments, steps) for step in (function, training_step))
        return alike(theirs, moved(step_with(learn=learn), arguments, steps)) and not alike(theirs, right)
    return trial


def elsewhere(function, *arguments):
    """Whether the loss is right and the weights are not."""
    losses = [torch.as_tensor(step(*copies_of(arguments))).item() for step in (function, training_step)]
    return abs(losses[0] - losses[1]) < 1e-4 and not all(
        alike(moved(function, arguments, steps), moved(training_step, arguments, steps)) for steps in (1, 2))


TRIALS = {
    "no weight has moved, after two steps either: loss.backward() first, then optimizer.step(), no zero_grad() between the "
    "two, and nothing that cuts the loss off from the model (detach, no_grad, .item(), torch.tensor, a copy of the model).":
        lambda function, *arguments: not moved(function, arguments, 2).any(),
    "the first step moves nothing, and later ones lag behind: loss.backward() has to come before optimizer.step().":
        lambda function, *arguments: not moved(function, arguments, 1).any(),
    "the model is left in evaluation mode: the next step would go by other statistics of batch norm.":
        lambda function, model, *others: (function(model, *others), not model.training)[1],
    "the weights go uphill: the gradient's sign is turned round somewhere.": same_way_as(uphill),
    "the gradient counts twice: is backward() called twice, or the loss doubled?": same_way_as(doubled),
    "one call takes two steps: call optimizer.step() once.": same_way_as(stepped_twice),
    "the first step is right and the second isn't: backward() adds to the gradients that are there, so empty them with "
    "optimizer.zero_grad() in every step.": same_way_as(never_emptied, steps=2),
    "the first step is right and the second isn't: this optimizer remembers earlier gradients, so call the step() of the one "
    "that you were handed, and make none of your own.": same_way_as(without_memory, steps=2),
    "the loss is right, but the weights end up elsewhere: does its gradient flow through both views (no detach, no no_grad), "
    "through the model as it was handed in, and does nothing change the optimizer, the gradients or the views?": elsewhere,
}
STEP_MISTAKES = {
    "the views go through the model one after the other, so batch norm sees half of the batch each time: put them into one "
    "batch, torch.cat([x1, x2]), and take the result apart, chunk(2).":
        step_with(project=lambda model, x1, x2: (model(x1), model(x2))),
    "the model is in evaluation mode: leave it in training mode, in which batch norm takes the batch's own statistics.":
        step_with(project=in_evaluation_mode),
    "this is the loss after the step: return the one that the step was taken on, and take one step a call.": tuple(
        afterwards(again) for again in (lambda model, x1, x2: model(torch.cat([x1, x2])).chunk(2), in_evaluation_mode)),
    "one view is compared with itself: do x1 and x2 both go through the model, and z1 and z2 both into the loss?": (
        *(step_with(project=lambda model, x1, x2, of=of: model(torch.cat([(x1, x2)[of]] * 2)).chunk(2)) for of in (0, 1)),
        *(step_with(loss_of=lambda z1, z2, temperature, of=of: nt_xent(*[(z1, z2)[of]] * 2, temperature)) for of in (0, 1)),
        step_with(loss_of=lambda z1, z2, temperature: nt_xent(*[torch.cat([z1, z2])] * 2, temperature))),
    "partners are mixed up: after torch.cat([x1, x2]) the first n rows are the first views, so take them apart with chunk(2).":
        (step_with(project=every_other), step_with(project=another_batch_order),
         step_with(loss_of=lambda z1, z2, temperature: nt_xent(z1, z2.flip(0), temperature)),
         step_with(loss_of=lambda z1, z2, temperature: nt_xent(z1, z2.roll(1, 0), temperature))),
    "each vector is cut in half: take the batch apart, along dim 0.":
        step_with(project=lambda model, x1, x2: model(torch.cat([x1, x2])).chunk(2, dim=1)),
    "the loss sees the projections, model(...): the head is missing.":
        step_with(project=lambda model, x1, x2: model.encoder(torch.cat([x1, x2])).chunk(2)),
    "the loss is taken at another temperature than the one that is handed in.": tuple(
        at(of) for of in (*(lambda given, t=t: t for t in (0.05, 0.07, 0.1, 0.2, 0.5, 1.0)), lambda given: 1 / given)),
    "the candidates are the second views alone: take nt_xent, or loss_here.": step_with(loss_of=cross_entropy_of),
    "this is the sum over the views: NT-Xent is the mean.": step_with(
        loss_of=lambda z1, z2, temperature: 2 * len(z1) * nt_xent(z1, z2, temperature)),
    "the loss is doubled: NT-Xent has both views of a pair as anchors already.": times(2),
    "this is half of the loss: NT-Xent has both views of a pair as anchors already, and is their mean.": times(0.5),
    "this is minus the loss: the optimizer goes downhill by itself.": (
        times(-1), step_with(end=lambda loss: -loss.item())),
}


def small_training(n, seed, temperature):
    """A little model, an optimizer with a memory, and two views of n images that are drawn by lot."""
    with DrawnFrom(torch.Generator().manual_seed(seed)):
        model = Model(SmallConv((2, 4), 12), Head(2, 6), (1, 28, 28))
    generator = torch.Generator().manual_seed(seed)
    x1, other = torch.rand(2, n, 1, 28, 28, generator=generator)
    return model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), x1, 0.7 * x1 + 0.3 * other, temperature


EXERCISES = {
    "training_step": Exercise(
        training_step, minutes=10, level=1, mistakes=STEP_MISTAKES, trials=TRIALS, gradient=0,
        inputs=(small_training(5, 0, 0.2), small_training(8, 1, 0.3)), large=small_training(128, 2, 0.2), hints=(
            "Five things, in this order: projections, loss, old gradients out, new gradients, step.",
            "z1, z2 = model(torch.cat([x1, x2])).chunk(2) are the projections of both views, and loss_here gives the loss. "
            "Then zero_grad() of the optimizer, backward() of the loss, step() of the optimizer.",
            "z1, z2 = model(torch.cat([x1, x2])).chunk(2); loss = loss_here(z1, z2, temperature); optimizer.zero_grad(); "
            "loss.backward(); optimizer.step(); return loss.item()")),
}
