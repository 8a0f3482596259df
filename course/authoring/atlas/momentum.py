"""SGD with momentum, Nesterov's form, ASGD and Lion."""

from course.authoring.atlas.entry import Entry, Example, Form, Port

THREE = (1.0, 1.0, 1.0)
DROP = (1.0, 1.0, 0.1)  # the rate falls to a tenth at the third step


def rescaled(t, lr):
    """The momentum with which torch's memory takes heavy ball's steps when the rate changes."""
    return 0.9 * lr(t - 1) / lr(t) if t > 1 else 0.9


MOMENTUM = Entry(
    title="SGD with momentum",
    lead=(
        "The memory holds gradients or displacements, as a sum or as an average. It matters as soon as "
        "the learning rate changes, and for how long a step is."
    ),
    forms=(
        Form(
            "torch",
            (r"b_t = \beta b_{t-1} + g_t", r"\theta_t = \theta_{t-1} - \eta b_t"),
            "momentum",
            {"momentum": 0.0},
        ),
        Form(
            "torch, dampened",
            (r"b_1 = g_1, \; b_t = \beta b_{t-1} + (1 - \tau) g_t", r"\theta_t = \theta_{t-1} - \eta b_t"),
            "momentum_dampened",
            {"momentum": 0.0},
        ),
        Form(
            "Keras [K, SGD]",
            (r"\Delta_t = \beta \Delta_{t-1} - \eta g_t", r"\theta_t = \theta_{t-1} + \Delta_t"),
            "heavy_ball",
            {"lr": 1e-2, "momentum": 0.0},
        ),
        Form(
            "Optax [O, sgd]",
            (r"b_t = \beta b_{t-1} + g_t", r"\theta_t = \theta_{t-1} - \eta b_t"),
            "momentum",
            {"lr": None, "momentum": 0.0},
        ),
        Form(
            "paper [Polyak 1964, eq. 9]",
            (r"\Delta_t = \beta \Delta_{t-1} - \eta g_t", r"\theta_t = \theta_{t-1} + \Delta_t"),
            "heavy_ball",
            {"lr": None, "momentum": None},
        ),
        Form(
            "textbook [average, as Adam's first moment]",
            (r"b_t = \beta b_{t-1} + (1 - \beta) g_t", r"\theta_t = \theta_{t-1} - \eta b_t"),
            "momentum_ema",
            {"lr": None},
        ),
    ),
    example=Example(
        r"Three gradients of 1; the rate falls to $\eta / 10$ at the third. Equal settings: $\beta = "
        r"0.9$, and $\tau = 0.9$ where it exists. Shown: moved. No library has momentum by default.",
        THREE,
        {"momentum": 0.9, "dampening": 0.9},
        rate=DROP,
    ),
    agree=(("torch", "Optax"), ("Keras", "paper")),
    port=(
        r"Keras's `SGD(momentum=0.9)` is torch's while the rate is constant; under a schedule set "
        r"`group['momentum']` to $\beta \eta_{t-1} / \eta_t$ before each step. For the average, multiply "
        r"torch's rate by $1 - \beta$."
    ),
    ports=(
        Port("textbook", "momentum", {"lr": lambda t, lr: (1 - 0.9) * lr(t), "momentum": 0.9}),
        Port("Keras", "momentum", {"momentum": rescaled}, {"momentum": 0.9}),
    ),
)

NESTEROV = Entry(
    title="Nesterov's momentum",
    lead=(
        "The libraries store the look-ahead point, at which the gradient is taken; the paper stores the point itself."
    ),
    forms=(
        Form(
            "torch",
            (r"b_t = \beta b_{t-1} + g_t", r"\theta_t = \theta_{t-1} - \eta (g_t + \beta b_t)"),
            "nesterov",
            {"momentum": None},
        ),
        Form(
            "Keras [K, SGD]",
            (r"\Delta_t = \beta \Delta_{t-1} - \eta g_t", r"\theta_t = \theta_{t-1} + \beta \Delta_t - \eta g_t"),
            "nesterov_displacement",
            {"momentum": None},
        ),
        Form(
            "Optax [O, sgd]",
            (r"b_t = \beta b_{t-1} + g_t", r"\theta_t = \theta_{t-1} - \eta (g_t + \beta b_t)"),
            "nesterov",
            {"lr": None, "momentum": None},
        ),
        Form(
            "paper [Sutskever et al. 2013, eq. 3-4]",
            (
                r"\Delta_t = \beta \Delta_{t-1} - \eta \nabla f(\theta_{t-1} + \beta \Delta_{t-1})",
                r"\theta_t = \theta_{t-1} + \Delta_t",
            ),
            "heavy_ball",
            {"lr": None, "momentum": None},
        ),
    ),
    example=Example(
        r"As above, $\beta = 0.9$ in both columns; the paper's gradients are those at its look-ahead "
        r"points. Shown: moved.",
        THREE,
        {"momentum": 0.9},
        rate=DROP,
    ),
    agree=(("torch", "Optax"),),
    port=(
        "At a constant rate torch, Keras and Optax take the same steps. Under a schedule no setting of "
        "torch gives Keras's."
    ),
    ports=(Port("Keras", "nesterov", {"momentum": 0.9}, constant=True),),
)

ASGD = Entry(
    title="ASGD",
    lead=(
        "SGD with a mean of the points it visits. Keras has such a mean as an option of every optimizer; "
        "Optax has no such rule."
    ),
    forms=(
        Form(
            "torch",
            (
                r"\theta_t = (1 - \lambda \eta_{t-1}) \theta_{t-1} - \eta_{t-1} g_t",
                r"a_t = a_{t-1} + \frac{\theta_t - a_{t-1}}{\max(1, \, t - 1 - t_0)}",
                r"\eta_t = \eta / (1 + \lambda \eta t)^\alpha, \; \eta_0 = \eta",
            ),
            "asgd",
        ),
        Form(
            "Keras [K, SGD(use_ema=True)]",
            (r"\theta_t = \theta_{t-1} - \eta g_t", r"a_1 = \theta_1, \; a_t = \gamma a_{t-1} + (1 - \gamma) \theta_t"),
            "sgd_fading_mean",
        ),
        Form(
            "paper [Polyak and Juditsky 1992, eq. 2]",
            (r"\theta_t = \theta_{t-1} - \eta g_t", r"a_t = a_{t-1} + \frac{\theta_t - a_{t-1}}{t}"),
            "sgd_mean",
            {"lr": None},
        ),
    ),
    example=Example(
        r"Four gradients of 1, from 0. Equal settings: $\lambda = 0$, $t_0 = 0$, $\gamma = 0.9$. Shown: "
        r"how far the mean $a$ has moved. By default torch's mean is the last point, for a million steps.",
        (1.0,) * 4,
        {"lambd": 0.0, "t0": 0, "ema_momentum": 0.9, "alpha": 0.75},
        read=1,
    ),
    port=(
        "`ASGD(t0=0, lambd=0)` gives the paper's mean without its first point; "
        "`torch.optim.swa_utils.AveragedModel` gives the paper's, and with `get_ema_multi_avg_fn(0.99)` "
        "Keras's."
    ),
)

AVERAGES_AND_SIGN = (
    r"c_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t",
    r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \, \mathrm{sign}(c_t)",
    r"m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t",
)

LION = Entry(
    title="Lion",
    lead=(
        r"One formula everywhere; the defaults differ. With a single $\beta$ it becomes another rule. "
        r"torch has no Lion."
    ),
    forms=(
        *(
            Form(who, AVERAGES_AND_SIGN, "lion", defaults, decay=r"times $\eta$")
            for who, defaults in (
                ("course", {}),
                ("Keras [K, Lion]", {"lr": 1e-3}),
                ("Optax [O, lion]", {"lr": None, "weight_decay": 1e-3}),
                ("paper [Chen et al. 2023, algorithm 2]", {}),
            )
        ),
        Form(
            "one average [Bernstein et al. 2018, Signum]",
            (r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t", r"\theta_t = \theta_{t-1} - \eta \, \mathrm{sign}(m_t)"),
            "signum",
            {"lr": None},
        ),
    ),
    example=Example(
        r"Gradients 1 and -0.5, from $\theta_0 = 1$. Equal settings: $\lambda = 0$. Shown: moved. Lion "
        r"turns at once, the single average does not.",
        (1.0, -0.5),
        {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
        theta0=1.0,
    ),
    agree=(("course", "Keras", "Optax", "paper"),),
    port="With `course.rules.lion`, lr=1e-3 gives Keras's default and weight_decay=1e-3 Optax's.",
    ports=(Port("Keras", "lion", {"lr": lambda t, lr: lr(t)}), Port("Optax", "lion", {"weight_decay": 1e-3})),
)

ENTRIES = (MOMENTUM, NESTEROV, ASGD, LION)
