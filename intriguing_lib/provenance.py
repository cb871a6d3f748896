"""Where, when and with what a number was made."""
import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata

import torch
import torchvision

import intriguing_lib
from intriguing_lib.paths import CLONE


def circumstances(device):
    """What a number may depend on beside its settings, as plain text: device, platform, versions, commit and date."""
    threads = torch.get_num_threads()
    processor = f"CPU ({torch.backends.cpu.get_cpu_capability()}), {threads} thread{'s'[:threads > 1]}"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor
    return {"device": name, "platform": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "torch": torch.__version__, "torchvision": torchvision.__version__, "intriguing_lib": intriguing_lib.__version__,
            "commit": commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


@lru_cache
def commit():
    """The library's git commit, 12 hex digits, "+changes" behind it where the working tree differs; else "unknown"."""
    try:
        if CLONE is None:  # pip wrote down what it installed from
            installed = json.loads(metadata.distribution("intriguing-lib").read_text("direct_url.json"))
            return installed["vcs_info"]["commit_id"][:12]
        changes = _git("status", "--porcelain", "--", "intriguing_lib", "data")
        return _git("rev-parse", "--short=12", "HEAD") + "+changes" * bool(changes)
    except (OSError, subprocess.CalledProcessError, metadata.PackageNotFoundError, TypeError, KeyError):
        return "unknown"


def _git(*arguments):
    return subprocess.run(["git", *arguments], cwd=CLONE, check=True, capture_output=True, encoding="utf-8").stdout.strip()
