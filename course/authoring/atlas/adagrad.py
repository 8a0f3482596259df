"""Adagrad, RMSprop, Adadelta and Rprop."""

from course.authoring.atlas.entry import Entry, Example, Form, Port

OUTSIDE = (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{G_t} + \epsilon}",)
INSIDE = (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{G_t + \epsilon}}",)

ADAGRAD = Entry(
    title="Adagrad",
    lead=r"The sum starts at 0 or at 0.1, and $\epsilon$ stands outside or inside the root.",
    shared=("G_t = G_{t-1} + g_t^2",),
    forms=(
        Form(
            "torch",
            (r"\eta_t = \frac{\eta}{1 + (t - 1) \zeta}", OUTSIDE[0].replace(r"\eta", r"\eta_t")),
            "adagrad",
            {"G": 0.0},
            eps="outside",
        ),
        Form(
            "Keras [K, Adagrad]",
            INSIDE,
            "adagrad_eps_inside",
            {"lr": 1e-3, "eps": 1e-7, "G": 0.1},
            {"lr_decay": 0.0},
            eps="inside",
        ),
        Form(
            "Optax [O, adagrad]",
            INSIDE,
            "adagrad_eps_inside",
            {"lr": None, "eps": 1e-7, "G": 0.1},
            {"lr_decay": 0.0},
            eps="inside",
        ),
        Form(
            "paper [Duchi et al. 2011, figure 1]",
            OUTSIDE,
            "adagrad",
            {"lr": None, "eps": None, "G": 0.0},
            {"lr_decay": 0.0},
            eps="outside",
        ),
        Form(
            "textbook [Ruder 2016, section 4.3]",
            INSIDE,
            "adagrad_eps_inside",
            {"eps": 1e-8, "G": 0.0},
            {"lr_decay": 0.0},
            eps="inside",
        ),
    ),
    example=Example(
        r"The first step on a gradient of $10^{-5}$. Equal settings: $G_0 = 0$, $\epsilon = 10^{-10}$. "
        r"Shown: moved.",
        (1e-5,),
        {"eps": 1e-10, "G": 0.0, "lr_decay": 0.0},
    ),
    agree=(("torch", "paper"), ("Keras", "Optax", "textbook")),
    port=(
        r"Inside the root, $\epsilon$ is only a larger $G_0$: `Adagrad(lr=1e-3, "
        r"initial_accumulator_value=0.1 + 1e-7, eps=0)` is Keras's default, and with your own lr Optax's."
    ),
    ports=(
        Port("Keras", "adagrad", {"G": 0.1 + 1e-7, "eps": 0.0}),
        Port("Optax", "adagrad", {"G": 0.1 + 1e-7, "eps": 0.0}),
        Port("textbook", "adagrad", {"G": 1e-8, "eps": 0.0}),
    ),
)

MEAN_SQUARE = r"v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2"
OUT = r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t} + \epsilon}"
IN = r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t + \epsilon}}"

RMSPROP = Entry(
    title="RMSprop",
    lead=(
        r"torch remembers ten times as long as Keras and Optax ($\alpha = 0.99$, not 0.9), and has "
        r"$\epsilon$ outside the root. None corrects the bias."
    ),
    shared=(MEAN_SQUARE,),
    forms=(
        Form("torch", (OUT,), "rmsprop", eps="outside"),
        Form("Keras [K, RMSprop]", (IN,), "rmsprop_eps_inside", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7}, eps="inside"),
        Form("Optax [O, rmsprop]", (IN,), "rmsprop_eps_inside", {"lr": None, "alpha": 0.9}, eps="inside"),
        Form(
            "paper [Hinton et al. 2012, slide 29]",
            (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t}}",),
            "rmsprop",
            {"lr": None, "alpha": 0.9},
            {"eps": 0.0},
        ),
        Form(
            "textbook [Goodfellow et al. 2016, algorithm 8.5]",
            (IN,),
            "rmsprop_eps_inside",
            {"lr": None, "alpha": None, "eps": 1e-6},
            eps="inside",
        ),
    ),
    example=Example(
        r"The first step on a gradient of $10^{-5}$. Equal settings: $\alpha = 0.99$, $\epsilon = "
        r"10^{-8}$. Shown: moved.",
        (1e-5,),
        {"alpha": 0.99, "eps": 1e-8},
    ),
    agree=(("Keras", "Optax", "textbook"),),
    port=(
        r"No setting of torch puts $\epsilon$ inside. `RMSprop(lr=1e-3, alpha=0.9, eps=1e-7**0.5)` is "
        r"nearest to Keras's default: equal for large and for small gradients, and shorter by at most "
        r"$\sqrt 2$ between. Optax's `eps_in_sqrt=False, decay=0.99` is torch's default."
    ),
)

CENTERED = Entry(
    title="RMSprop, centered",
    lead=("The mean square less the square of the mean: a variance. Only the place of the small constant differs."),
    shared=(MEAN_SQUARE, r"m_t = \alpha m_{t-1} + (1 - \alpha) g_t"),
    forms=(
        Form(
            "torch",
            (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t - m_t^2} + \epsilon}",),
            "rmsprop_centered",
            eps="outside",
        ),
        Form(
            "Keras [K, RMSprop]",
            (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t - m_t^2 + \epsilon}}",),
            "rmsprop_centered_inside",
            eps="inside",
        ),
        Form(
            "Optax [O, rmsprop]",
            (r"\theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t - m_t^2 + \epsilon}}",),
            "rmsprop_centered_inside",
            {"lr": None, "eps": 1e-8},
            eps="inside",
        ),
    ),
    example=Example(
        r"100 gradients of $10^{-3}$, whose variance goes to 0. Equal settings: $\alpha = 0.9$, $\epsilon "
        r"= 10^{-8}$. Shown: moved.",
        (1e-3,) * 100,
        {"alpha": 0.9, "eps": 1e-8},
    ),
    agree=(("Keras", "Optax"),),
    port=(
        r"As for RMSprop: no exact setting; `eps=1e-7**0.5` with `alpha=0.9` is nearest to Keras. On a "
        r"steady gradient torch's default step grows to $\eta g / \epsilon$."
    ),
)

WITH_MOMENTUM = Entry(
    title="RMSprop with momentum",
    lead=(
        "torch multiplies the memory by the rate, the others put the rate into the memory. It shows once "
        "the rate changes."
    ),
    shared=(MEAN_SQUARE,),
    forms=(
        Form(
            "torch",
            (r"b_t = \beta b_{t-1} + \frac{g_t}{\sqrt{v_t} + \epsilon}", r"\theta_t = \theta_{t-1} - \eta b_t"),
            "rmsprop_momentum",
            {"momentum": None},
            eps="outside",
        ),
        Form(
            "Keras [K, RMSprop]",
            (
                r"\Delta_t = \beta \Delta_{t-1} + \eta \frac{g_t}{\sqrt{v_t + \epsilon}}",
                r"\theta_t = \theta_{t-1} - \Delta_t",
            ),
            "rmsprop_momentum_inside",
            {"momentum": None},
            eps="inside",
        ),
        Form(
            "Optax [O, rmsprop]",
            (
                r"\Delta_t = \beta \Delta_{t-1} + \eta \frac{g_t}{\sqrt{v_t + \epsilon}}",
                r"\theta_t = \theta_{t-1} - \Delta_t",
            ),
            "rmsprop_momentum_inside",
            {"lr": None, "eps": 1e-8, "momentum": None},
            eps="inside",
        ),
        Form(
            "paper [Graves 2013, eq. 38-41]",
            (
                r"m_t = \alpha m_{t-1} + (1 - \alpha) g_t",
                r"\Delta_t = \beta \Delta_{t-1} + \eta \frac{g_t}{\sqrt{v_t - m_t^2 + \epsilon}}",
                r"\theta_t = \theta_{t-1} - \Delta_t",
            ),
            "graves",
            eps="inside",
        ),
    ),
    example=Example(
        r"Three gradients of 1; the rate falls to $\eta / 10$ at the third. Equal settings: $\alpha = "
        r"0.9$, $\epsilon = 10^{-8}$, $\beta = 0.9$. Shown: moved.",
        (1.0,) * 3,
        {"alpha": 0.9, "eps": 1e-8, "momentum": 0.9},
        rate=(1.0, 1.0, 0.1),
    ),
    agree=(("Keras", "Optax"),),
    port=(
        r"Under a schedule set `group['momentum']` to $\beta \eta_{t-1} / \eta_t$ before each step, as "
        r"for SGD; $\epsilon$ as for RMSprop."
    ),
)

ADADELTA = Entry(
    title="Adadelta",
    lead=(
        "One formula everywhere. Keras's default rate of 0.001 makes it a thousand times slower than the "
        "paper's, which has none."
    ),
    forms=tuple(
        Form(
            who,
            (
                r"v_t = \rho v_{t-1} + (1 - \rho) g_t^2, \; \Delta_t = \frac{\sqrt{u_{t-1} + "
                r"\epsilon}}{\sqrt{v_t + \epsilon}} g_t",
                r"u_t = \rho u_{t-1} + (1 - \rho) \Delta_t^2, \; \theta_t = \theta_{t-1} - \eta \Delta_t",
            ),
            "adadelta",
            defaults,
            fixed,
            eps="inside",
        )
        for who, defaults, fixed in (
            ("torch", {}, {}),
            ("Keras [K, Adadelta]", {"lr": 1e-3, "rho": 0.95, "eps": 1e-7}, {}),
            ("Optax [O, adadelta]", {"lr": None}, {}),
            ("paper [Zeiler 2012, algorithm 1]", {"rho": 0.95}, {"lr": 1.0}),
        )
    ),
    example=Example(
        r"The first step on a gradient of 1. Equal settings: $\eta = 1$, $\rho = 0.9$, $\epsilon = "
        r"10^{-6}$. Shown: the distance itself, not in units of $\eta$.",
        (1.0,),
        {"rho": 0.9, "eps": 1e-6},
        show="distance",
    ),
    agree=(("torch", "Keras", "Optax", "paper"),),
    port="`Adadelta(lr=1e-3, rho=0.95, eps=1e-7)` is Keras's default, `Adadelta(rho=0.95)` the paper's.",
    ports=(
        Port("Keras", "adadelta", {"rho": 0.95, "eps": 1e-7}),
        Port("paper", "adadelta", {"rho": 0.95}),
    ),
)

SIZES = r"\Delta_t = \Delta_{t-1} \eta^{\pm} \text{ as } g_t g_{t-1} \gtrless 0"
RPROP = Entry(
    title="Rprop",
    lead=(
        "All grow and shrink the step sizes alike. They differ in what happens when a gradient changes "
        "its sign. Keras has no Rprop."
    ),
    shared=(SIZES,),
    forms=(
        Form(
            "torch",
            (
                r"\text{sign changed: no step, then as new}",
                r"\text{else } \theta_t = \theta_{t-1} - \Delta_t \, \mathrm{sign}(g_t)",
            ),
            "rprop",
        ),
        Form(
            "Optax [O, rprop]",
            (r"\text{as torch, each step one call late,}", r"\text{dropped if the sign has changed by then}"),
            "rprop_late",
            {"lr": None},
        ),
        Form(
            "paper [Riedmiller and Braun 1993]",
            (
                r"\text{sign changed: the last step is taken back}",
                r"\text{else } \theta_t = \theta_{t-1} - \Delta_t \, \mathrm{sign}(g_t)",
            ),
            "rprop_back",
        ),
        Form(
            "textbook [Rprop-, Igel and Husken 2003]",
            (r"\theta_t = \theta_{t-1} - \Delta_t \, \mathrm{sign}(g_t)",),
            "rprop_onward",
        ),
    ),
    example=Example(
        "Gradients 1, 1, -1, -1. Equal settings: the same first size and factors. Shown: moved, in units "
        "of the first size.",
        (1.0, 1.0, -1.0, -1.0),
        {"etaminus": 0.5, "etaplus": 1.2, "step_size_min": 1e-6, "step_size_max": 50.0},
    ),
    port=(
        "No setting of torch takes a step back or goes on after a change of sign. torch's default first "
        "size is a tenth of the paper's: `Rprop(lr=0.1)` starts alike."
    ),
)

ENTRIES = (ADAGRAD, RMSPROP, CENTERED, WITH_MOMENTUM, ADADELTA, RPROP)
