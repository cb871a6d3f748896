"""What an exercise is.

A mistake is a function that makes it, with the sentence that a learner reads whose function gives the same numbers: what is
wrong, and what to do.
"""
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Exercise:
    """answer: the library's function. inputs: argument tuples to try it on. mistakes: {the sentence: the function, or several}.
    also_right: functions whose other numbers are as good, where chance is drawn in another order. trials: see `trials`.

    large: arguments of the size that the notebook uses, to see how long a right answer takes.
    by_trials: whether an answer's numbers may be others, and passing all trials is what makes it right.
    minutes, level (1 to 3): what to expect. hints: three, from a nudge to nearly the answer. gradient: of so many of the
    first tensors the gradient must be right too; 0 where nobody will ask for it.
    """
    answer: Callable
    minutes: int
    level: int
    inputs: tuple
    large: tuple
    mistakes: dict
    hints: tuple
    gradient: int = 2
    also_right: tuple = ()
    trials: dict = field(default_factory=dict)
    by_trials: bool = False
