"""A course on the optimizers and learning-rate schedules of PyTorch.

`course.rules` holds every update rule, `course.run` runs one, `course.problems` is what they run on.
Nothing heavy is imported until it is used.
"""

__version__ = "0.1.0"


def device():
    """The device that lessons compute on: CUDA where there is one, else Apple's MPS, else the CPU.

    The environment variable COURSE_DEVICE (cpu, cuda, cuda:1, mps) chooses another.

    Returns a torch.device. Raises ValueError where COURSE_DEVICE names a device that is not there.
    """
    import os

    import torch

    name = os.environ.get("COURSE_DEVICE", "")
    if not name:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"COURSE_DEVICE: got {name!r}, expected a device that is present ({reason})") from None
