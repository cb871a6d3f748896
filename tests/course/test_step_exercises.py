"""The exercise on a step of training, with mistakes and right answers as learners would write them."""
import pytest
import torch

from intriguing_lib.course.step_exercises import small_training, training_step
from intriguing_lib.losses import nt_xent


def zeroed_at_the_end(model, optimizer, x1, x2, temperature):
    """A right answer: gradients are emptied after the step, and None at first."""
    z1, z2 = model(torch.cat((x1, x2), dim=0)).split(len(x1))
    loss = nt_xent(z1, z2, temperature)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return loss


def a_tensor_is_as_good(model, optimizer, x1, x2, temperature):
    model.zero_grad()
    z = model(torch.vstack([x1, x2]))
    loss = nt_xent(z[:len(x1)], z[len(x1):], temperature)
    loss.backward()
    optimizer.step()
    return loss.detach()


def never_zeroed(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    loss.backward()
    optimizer.step()
    return loss.item()


def emptied_too_late(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def no_backward(model, optimizer, x1, x2, temperature):
    optimizer.zero_grad()
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    optimizer.step()
    return nt_xent(z1, z2, temperature).item()


def step_first(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def uphill(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def twice(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


def one_view_detached(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2.detach(), temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def left_in_evaluation_mode(model, optimizer, x1, x2, temperature):
    value = training_step(model, optimizer, x1, x2, temperature)
    model.eval()
    return value


def one_after_the_other(model, optimizer, x1, x2, temperature):
    loss = nt_xent(model(x1), model(x2), temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def by_hand(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= optimizer.param_groups[0]["lr"] * p.grad
    return loss.item()


def an_optimizer_of_its_own(model, optimizer, x1, x2, temperature):
    return training_step(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), x1, x2, temperature)


def part_by_part(model, optimizer, x1, x2, temperature):
    """A right answer, as the notebook's cell 7 has it, with the shape that is said."""
    n = len(x1)
    z = model.head(model.encoder(torch.cat([x1, x2]).view(2 * n, 1, 28, 28)))
    loss = nt_xent(z[:n], z[n:], temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def the_notebooks_temperature(model, optimizer, x1, x2, temperature):
    return training_step(model, optimizer, x1, x2, 0.2)


def backward_twice(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def half_vectors(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2, 1)
    loss = nt_xent(z1, z2, temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def squared(model, optimizer, x1, x2, temperature):
    """A loss that the check doesn't know: it may not be told that the loss is right."""
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = (z1 - z2).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def a_number_too_soon(model, optimizer, x1, x2, temperature):
    z1, z2 = model(torch.cat([x1, x2])).chunk(2)
    loss = nt_xent(z1, z2, temperature).item()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def without_the_model(model, optimizer, x1, x2, temperature):
    return nt_xent(x1.flatten(1), x2.flatten(1), temperature).item()


def nothing_returned(model, optimizer, x1, x2, temperature):
    training_step(model, optimizer, x1, x2, temperature)


@pytest.mark.parametrize("attempt, words", [
    (zeroed_at_the_end, "right"), (a_tensor_is_as_good, "right"), (never_zeroed, "empty them with optimizer.zero_grad()"),
    (emptied_too_late, "no weight has moved"), (no_backward, "no weight has moved"),
    (step_first, "the first step moves nothing"), (uphill, "the weights go uphill"), (twice, "one call takes two steps"),
    (one_view_detached, "does its gradient flow through both views"), (left_in_evaluation_mode, "left in evaluation mode"),
    (one_after_the_other, "one after the other, so batch norm sees half"), (without_the_model, "no weight has moved"),
    (by_hand, "this optimizer remembers"), (an_optimizer_of_its_own, "this optimizer remembers"), (part_by_part, "right"),
    (the_notebooks_temperature, "at another temperature than the one"), (backward_twice, "the gradient counts twice"),
    (half_vectors, "each vector is cut in half"), (squared, "none of the mistakes this check knows"),
    (a_number_too_soon, "keep the loss as it is until backward()"),
    (nothing_returned, "does every way through it end in a `return`?")], ids=lambda x: getattr(x, "__name__", ""))
def test_a_step_of_training_as_learners_would_write_it(attempt, words, said):
    out, used = said("training_step", attempt)
    assert words in out and used == (words == "right")


def test_the_step_lowers_the_loss_on_its_own_batch():
    model, optimizer, x1, x2, temperature = small_training(20, 3, 0.2)
    losses = [training_step(model, optimizer, x1, x2, temperature) for _ in range(50)]
    assert losses[-1] < losses[0] - 0.2
