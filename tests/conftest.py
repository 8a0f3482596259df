import numpy as np
import pytest
import torch

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()


@pytest.fixture(params=DEVICES)
def device(request):
    """Every device that this machine has."""
    return request.param


@pytest.fixture
def gradients():
    """100 gradients of four coordinates, float64, sizes from 1e-9 to 1e3, both signs, some zeros.

    Feedback through a loss would amplify rounding; a fixed stream does not, and its sizes show
    every misplaced eps.
    """
    rng = np.random.default_rng(0)
    g = 10 ** rng.uniform(-9, 3, (100, 4)) * rng.choice([-1, 1], (100, 4))
    g[:, 3] = 10 ** rng.uniform(-6, -4, 100)
    g[rng.random((100, 4)) < 0.05] = 0
    return g
