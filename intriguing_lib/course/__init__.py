"""What only notebooks need: their set-up, settings that go with the preset, exercises, and checks of a learner's code."""
import os
import platform

import torch
import torchvision
from threadpoolctl import threadpool_limits

from intriguing_lib import figures
from intriguing_lib.course.checks import check, hint, show_answer
from intriguing_lib.course.claims import show_claim, show_recorded_claim
from intriguing_lib.images import default_device

__all__ = ["by_preset", "check", "hint", "setup", "show_answer", "show_claim", "show_recorded_claim"]

PRESETS = ("smoke", "quick", "full")


def setup(preset=None):
    """Validate the preset, set the figures' style, print device, versions and preset; returns the preset.

    preset: "smoke", "quick" or "full"; None takes the environment's INTRIGUING_PRESET, or "quick".

    On a CPU the notebook's own work (torch's, NumPy's, scikit-learn's) has one thread from here on, as every run has: two
    threads wait for one another, and beside one busy process, a browser say, take twice as long as one.
    """
    preset = preset or os.environ.get("INTRIGUING_PRESET") or "quick"
    if preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}: take 'smoke' (seconds, proves that it runs), 'quick' (minutes on two "
                         "cores) or 'full' (one GPU), in the parameters cell or in INTRIGUING_PRESET.")
    device = default_device()
    if device.type == "cpu":
        torch.set_num_threads(1)
        threadpool_limits(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, 1 thread"
    print(f"preset {preset} · {name} · Python {platform.python_version()} · torch {torch.__version__} · "
          f"torchvision {torchvision.__version__}")
    if torch.backends.mps.is_available():
        print("This Mac's GPU is not used: accuracies are computed in float64, which it lacks, and it was never timed.")
    if preset == "full" and device.type == "cpu":
        print("The preset full is meant for a GPU, and there is none: on a CPU it takes hours.")
    figures.use_style()
    return preset


def by_preset(preset, *, smoke, quick, full):
    """The setting that goes with the preset: `steps = by_preset(preset, smoke=3, quick=300, full=3000)`."""
    return {"smoke": smoke, "quick": quick, "full": full}[preset]
