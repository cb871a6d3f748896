"""A learner's function tried on further arguments, to see what it depends on where its numbers alone don't tell.

An exercise's trials are {the sentence: trial}; a trial is called as (function, *arguments) and says whether that is so.
"""
import torch
from torch.overrides import TorchFunctionMode

from intriguing_lib.course.calls import Crashed, TooSlow, copies_of, value_in_time
from intriguing_lib.experiments import DrawnFrom
from intriguing_lib.statistics import mean_and_margin

GENERATORS = 100  # over which a function that draws is averaged
FAR = 2.5  # half widths of a 95 % interval, about five standard errors: by chance once in a million
SPREAD = 1.6  # between standard deviations of so many values each: by chance once in a million


def found_by_trial(attempt, exercise):
    """The sentence of the first trial that the function fails on any of the exercise's inputs, or None."""
    for sentence, trial in exercise.trials.items():
        try:
            if any(trial(attempt, *copies_of(arguments)) for arguments in exercise.inputs):
                return sentence
        except Exception:  # whatever a learner's function returns here, it has no say
            continue
    return None


def right_with_64_bits(attempt, exercise):
    """Whether the function is right but for the rounding of 32 bits."""
    try:
        for arguments in exercise.inputs:
            longer = [a.double() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in arguments]
            value, right = value_in_time(attempt, copies_of(longer)), exercise.answer(*copies_of(longer))
            if value.shape != right.shape or not torch.allclose(value.double(), right, rtol=1e-4, atol=1e-6):
                return False
        return True
    except (Crashed, TooSlow, AttributeError, RuntimeError):  # it need not work with 64 bits
        return False


def numbers_drawn(function, *arguments):
    """How many random numbers each draw of torch's takes from the generator among the arguments, at a second call.

    What the first call keeps for later ones isn't drawn any more.
    """
    recorded = Recorded(next(a for a in arguments if isinstance(a, torch.Generator)))

    def watched(*given):
        function(*given)
        with recorded:
            return function(*given)

    value_in_time(watched, arguments)
    return recorded.counts


def same_again(function, *arguments):
    """Whether a second call with the same generator, which has moved on since, gives what the first gave."""
    return torch.equal(*(value_in_time(function, arguments) for _ in range(2)))


class Recorded(TorchFunctionMode):
    """While it is entered, notes what this thread draws from one generator."""

    def __init__(self, generator):
        super().__init__()
        self.generator, self.counts = generator, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if function in DrawnFrom.DRAWS and (kwargs or {}).get("generator") is self.generator:
            self.counts.append(found.numel())
        return found


def alike_on_average(attempt, exercise):
    """Whether a function that draws gives, over many generators, the library's value on average, and as widely spread, on small
    inputs and on a large one."""
    try:
        for arguments in (*exercise.inputs, exercise.large):
            of = {}
            for function in (attempt, exercise.answer):
                of[function] = torch.stack([value_in_time(function, [
                    torch.Generator().manual_seed(seed) if isinstance(a, torch.Generator) else a for a in copies_of(arguments)])
                    for seed in range(GENERATORS)])
            difference, margin = mean_and_margin((of[attempt] - of[exercise.answer]).detach())
            ours, theirs = (of[function].detach().std() for function in (exercise.answer, attempt))
            if not (abs(difference) <= FAR * margin and ours / SPREAD <= theirs <= ours * SPREAD):
                return False
        return True
    except (Crashed, TooSlow, RuntimeError, TypeError):
        return False
