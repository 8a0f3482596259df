"""NAdam and RAdam."""

import math

from course.authoring.atlas.adam import BETAS, HATS, MEANS
from course.authoring.atlas.entry import Entry, Example, Form, Port

MU = r"\mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{t \psi})"
MIX = (
    r"\hat{m}_t = \frac{\mu_{t+1} m_t}{1 - \prod_{i \le t+1} \mu_i} + \frac{(1 - \mu_t) g_t}{1 - \prod_{i \le t} \mu_i}"
)


def _half(psi):
    """The step at which 0.96^(t psi) is nearest to 1/2."""
    return round(math.log(0.5) / (psi * math.log(0.96)))


NADAM = Entry(
    title="NAdam",
    lead=(
        rf"The momentum $\mu$ warms up from half of $\beta_1$ to $\beta_1$; half of the way is done after {_half(0.004):,} "
        rf"steps in torch, after {_half(1)} in Keras. Optax does not warm up. The update is Adam's with the $\hat{{m}}_t$ shown."
    ),
    shared=(r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2", HATS[1], MU),
    forms=(
        Form("torch", (MEANS[0], MIX), "nadam", eps="outside"),
        Form(
            "Keras [K, Nadam]",
            (MEANS[0], MIX, r"\psi = 1"),
            "nadam",
            {"lr": 1e-3, "eps": 1e-7},
            {"momentum_decay": 1.0},
            eps="outside",
        ),
        Form(
            "Optax [O, nadam]",
            (MEANS[0], r"\hat{m}_t = \frac{\beta_1 m_t}{1 - \beta_1^{t+1}} + \frac{(1 - \beta_1) g_t}{1 - \beta_1^t}"),
            "nadam_constant",
            {"lr": None},
            eps="outside",
        ),
        Form(
            "paper [Dozat 2016, algorithm 2]",
            (r"m_t = \mu_t m_{t-1} + (1 - \mu_t) g_t", MIX),
            "nadam_paper",
            {"lr": None, "beta1": None, "beta2": None, "eps": None},
            eps="outside",
        ),
        Form(
            "textbook [Ruder 2016, section 4.8]",
            (MEANS[0], r"\hat{m}_t = \frac{\beta_1 m_t + (1 - \beta_1) g_t}{1 - \beta_1^t}"),
            "nadam_same_correction",
            {"lr": None},
            eps="outside",
        ),
    ),
    example=Example(
        r"The first step on a gradient of 1. Equal settings: $\epsilon = 10^{-8}$, and $\psi = 0.004$ "
        r"where it can be set. Shown: moved.",
        (1.0,),
        BETAS | {"eps": 1e-8, "momentum_decay": 4e-3},
    ),
    port=(
        "`NAdam(lr=1e-3, eps=1e-7, momentum_decay=1)` is Keras's default. `NAdam(momentum_decay=1e6)` "
        "has no warm-up and is Optax's."
    ),
    ports=(
        Port("Keras", "nadam", {"eps": 1e-7, "momentum_decay": 1.0}),
        Port("Optax", "nadam", {"momentum_decay": 1e6}),
    ),
)

LENGTH = r"\rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t}"
RADAM = Entry(
    title="RAdam",
    lead=(
        r"The root comes in once the mean square's memory $\rho_t$ is longer than 4 or 5. Before that all "
        r"take the step $\eta \hat{m}_t$. Keras has no RAdam. The factor $r_t$ is that of the paper in "
        r"all."
    ),
    shared=(*MEANS, *HATS, LENGTH),
    forms=(
        Form(
            "torch",
            (
                r"\rho_t > 5: \; \theta_t = \theta_{t-1} - \eta \, \hat{m}_t \, r_t \frac{\sqrt{1 - "
                r"\beta_2^t}}{\sqrt{v_t} + \epsilon}",
            ),
            "radam",
            eps="uncorrected",
        ),
        Form(
            "Optax [O, radam]",
            (r"\rho_t \ge 5: \; \theta_t = \theta_{t-1} - \eta \, \hat{m}_t \frac{r_t}{\sqrt{\hat{v}_t} + \epsilon}",),
            "radam_eps_outside",
            {"lr": None},
            eps="outside",
        ),
        Form(
            "paper [Liu et al. 2020, algorithm 2]",
            (r"\rho_t > 4: \; \theta_t = \theta_{t-1} - \eta \, \hat{m}_t \frac{r_t}{\sqrt{\hat{v}_t}}",),
            "radam_paper",
            {"lr": None},
        ),
    ),
    example=Example(
        r"20 gradients of 2, so that five plain steps are 10 long. Equal settings: $\epsilon = 0.1$, "
        r"which is too large on purpose. Shown: moved.",
        (2.0,) * 20,
        BETAS | {"eps": 0.1},
    ),
    port=(
        r"Set `group['eps']` to $\epsilon \sqrt{1 - \beta_2^t}$ before step $t$: that is Optax's. No "
        r"setting moves torch's threshold."
    ),
    ports=(Port("Optax", "radam", {"eps": lambda t, lr: 1e-8 * (1 - 0.999**t) ** 0.5}),),
)

ENTRIES = (NADAM, RADAM)
