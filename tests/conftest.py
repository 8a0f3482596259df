import pytest
import torch
from browser import chromium, tab  # noqa: F401, for every module of e2e tests

from course.authoring import parity


@pytest.fixture(params=parity.devices())
def device(request):
    """Every device that this machine has."""
    return request.param


@pytest.fixture
def gradients():
    """100 gradients of four coordinates, float64, sizes from 1e-9 to 1e3, both signs, some zeros."""
    return parity.gradients()


@pytest.fixture
def double_scalars():
    """torch keeps NAdam's product and ASGD's rate as scalars of the default type; in float32 they cost 1e-8."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
