"""Adafactor and Muon."""

import numpy as np

from course.authoring.atlas.entry import Entry, Example, Form, Port

TINY = np.full((2, 2), 1e-16)
TALL = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5], [2.0, -1.0]])

AVERAGES = (
    r"R_t = (1 - t^\gamma) R_{t-1} + t^\gamma \, \text{row means of } q_t",
    r"C_t = (1 - t^\gamma) C_{t-1} + t^\gamma \, \text{column means of } q_t",
)
STEP = r"\theta_t = \theta_{t-1} - \alpha_t \frac{U_t}{\max(1, \lVert U_t \rVert / d)}"
BOUNDED = r"\alpha_t = \max(\epsilon_2, \lVert \theta_{t-1} \rVert) \min(\eta, 1 / \sqrt t)"
ADDED = r"q_t = g_t^2 + \epsilon_1, \; U_t = g_t / \sqrt{R_t C_t / \bar{R}_t}"

ADAFACTOR = Entry(
    title="Adafactor",
    lead=(
        r"$\epsilon_1$ is added to the squares or bounds the root from below, and the rate is bounded by "
        r"$1 / \sqrt t$ or not. All forms end with the same clipped step $"
        + STEP
        + r"$, where $\lVert \cdot \rVert$ is the root mean square and $\bar{R}_t$ the mean of $R_t$."
    ),
    forms=(
        Form(
            "torch",
            (
                r"q_t = g_t^2, \; V_t = R_t C_t / \max(\epsilon_1, \bar{R}_t)",
                r"U_t = g_t / \max(\epsilon_1, \sqrt{V_t})",
                BOUNDED,
            ),
            "adafactor",
            eps="bound",
            decay=r"times $\eta$",
        ),
        Form(
            "Keras [K, Adafactor]",
            (ADDED, BOUNDED),
            "adafactor_decayed_first",
            eps="added",
            decay=r"times $\eta$, first",
        ),
        Form(
            "Optax [O, adafactor]",
            (ADDED, r"\alpha_t = \max(\epsilon_2, \lVert \theta_{t-1} \rVert) \, \eta"),
            "adafactor_rate",
            {"lr": None},
            eps="added",
            decay=r"without $\eta$",
        ),
        Form(
            "paper [Shazeer and Stern 2018, algorithm 4]",
            (ADDED, BOUNDED),
            "adafactor_paper",
            {},
            {"weight_decay": 0.0},
            eps="added",
        ),
    ),
    example=Example(
        r"Two steps on a 2 x 2 matrix of ones, all gradients $10^{-16}$. Equal settings: $\eta = 1$, "
        r"$\epsilon_1 = 10^{-30}$, $\lambda = 0$. Shown: moved, as root mean square.",
        (TINY, TINY),
        {"beta2_decay": -0.8, "eps1": 1e-30, "eps2": 1e-3, "d": 1.0, "weight_decay": 0.0},
        theta0=np.ones((2, 2)),
    ),
    agree=(("Keras", "paper"),),
    port=(
        r"`Adafactor(lr=1e-3, eps=(1e-30, 1e-3))` is Keras's default on gradients well above $10^{-15}$. "
        r"Optax factors only matrices with both sides of 128 or more, needs no rate, and does not bound it: "
        r"with the same $\eta$ that shows from step $1 / \eta^2$ on."
    ),
    ports=(Port("Keras", "adafactor", {"eps1": 1e-30}), Port("paper", "adafactor", {"eps1": 1e-30})),
)

SUM = r"b_t = \beta b_{t-1} + g_t, \; O_t = NS(g_t + \beta b_t)"
SCALE = 0.2 * 4**0.5 / (4 / 2) ** 0.5  # Keras's factor over torch's, for the 4 x 2 matrix of the example
MUON = Entry(
    title="Muon",
    lead=(
        r"$NS$ is the iteration of Newton and Schulz, $n \times m$ the shape. The scale of the memory "
        r"does not matter, since $NS$ divides by the norm; the factor of the shape does. torch computes "
        r"$NS$ in bfloat16, this page in float64."
    ),
    forms=(
        Form(
            "torch",
            (
                r"b_t = \beta b_{t-1} + (1 - \beta) g_t",
                r"O_t = NS((1 - \beta) g_t + \beta b_t)",
                r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \sqrt{\max(1, n / m)} \, O_t",
            ),
            "muon",
            decay=r"times $\eta$",
        ),
        Form(
            "Keras [K, Muon]",
            (SUM, r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - 0.2 \eta \sqrt{\max(n, m)} \, O_t"),
            "muon_rms",
            decay=r"times $\eta$",
        ),
        Form(
            "Optax [O, contrib.muon]",
            (
                r"b_t = \beta b_{t-1} + (1 - \beta) g_t",
                r"O_t = NS \left( \frac{(1 - \beta) g_t}{1 - \beta^t} + \frac{\beta b_t}{1 - \beta^{t+1}} "
                r"\right)",
                r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \sqrt{\max(1, m / n)} \, O_t",
            ),
            "muon_corrected",
            {"lr": None},
            correction="averages",
            decay=r"times $\eta$",
        ),
        Form(
            "paper [Jordan et al. 2024, with its code's factor]",
            (SUM, r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \sqrt{\max(1, n / m)} \, O_t"),
            "muon_sum",
            decay=r"times $\eta$",
        ),
    ),
    example=Example(
        r"Two steps on a 4 x 2 matrix of zeros, with fixed gradients of about 1. Equal settings: $\beta = "
        r"0.95$, $\lambda = 0$, $k = 5$. Shown: moved, as root mean square.",
        (TALL, np.roll(TALL, 1, axis=0)),
        {"momentum": 0.95, "weight_decay": 0.0, "ns_steps": 5},
        theta0=np.zeros((4, 2)),
    ),
    agree=(("torch", "paper"),),
    port=(
        "`Muon(adjust_lr_fn='match_rms_adamw', weight_decay=4e-3)` is Keras's default; `Muon(lr=0.02, "
        "weight_decay=0)` the paper's. Optax keeps inputs as rows, so transpose the weights; its "
        "corrections have no setting in torch."
    ),
    ports=(
        Port("Keras", "muon", {"lr": lambda t, lr: SCALE * lr(t), "weight_decay": 4e-3 / SCALE}),
        Port("paper", "muon", {"weight_decay": 0.0}),
    ),
)

ENTRIES = (ADAFACTOR, MUON)
