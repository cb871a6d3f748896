"""Every figure of the course, by kind; notebooks say `figures.show(figures.accuracies(...), alt=...)`."""
from intriguing_lib.figures.comparisons import *  # noqa: F403
from intriguing_lib.figures.flows import *  # noqa: F403
from intriguing_lib.figures.plots import *  # noqa: F403
