"""Adam, AdamW, AMSGrad and Adamax."""

from course.authoring.atlas.entry import Entry, Example, Form, Port

MEANS = (r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t", r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2")
HATS = (r"\hat{m}_t = \frac{m_t}{1 - \beta_1^t}", r"\hat{v}_t = \frac{v_t}{1 - \beta_2^t}")
RATE = r"\eta_t = \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}"
OUT = r"\theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}"
HAT = r"\theta_t = \theta_{t-1} - \eta_t \frac{m_t}{\sqrt{v_t} + \epsilon}"
BETAS = {"beta1": 0.9, "beta2": 0.999}


def corrected(eps):
    """eps as torch needs it at step t to stand where Keras has it, before the correction."""
    return lambda t, lr: eps / (1 - 0.999**t) ** 0.5


ADAM = Entry(
    title="Adam",
    lead=(
        r"The corrections act on the averages or on the rate; in the second form $\epsilon$ is left "
        r"uncorrected and weighs more in the first steps."
    ),
    shared=(*MEANS, *HATS),
    forms=(
        Form("torch", (OUT,), "adam", eps="outside", correction="averages"),
        Form("Keras [K, Adam]", (RATE, HAT), "adam_eps_hat", {"eps": 1e-7}, eps="uncorrected", correction="rate"),
        Form("Optax [O, adam]", (OUT,), "adam", {"lr": None}, eps="outside", correction="averages"),
        Form("paper [Kingma and Ba 2015, algorithm 1]", (OUT,), "adam", eps="outside", correction="averages"),
        Form(
            "paper's end [end of section 2]",
            (RATE, HAT),
            "adam_eps_hat",
            {"eps": None},
            eps="uncorrected",
            correction="rate",
        ),
        Form(
            "inside [Optax's eps_root, with eps = 0]",
            (r"\theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t + \epsilon}}",),
            "adam_eps_inside",
            {"lr": None, "eps": None},
            eps="inside",
            correction="averages",
        ),
    ),
    example=Example(
        r"The first step on a gradient of $10^{-5}$. Equal settings: $\epsilon = 10^{-8}$. Shown: moved.",
        (1e-5,),
        BETAS | {"eps": 1e-8},
    ),
    agree=(("torch", "Optax", "paper"), ("Keras", "paper's end")),
    port=(
        r"Set `group['eps']` to $10^{-7} / \sqrt{1 - \beta_2^t}$ before step $t$: that is Keras's "
        r"default. In the long run it is `Adam(eps=1e-7)`."
    ),
    ports=(Port("Keras", "adam", {"eps": corrected(1e-7)}), Port("Optax", "adam", {})),
)

ADAMW = Entry(
    title="AdamW",
    lead=(
        r"The decay is multiplied by the rate everywhere but in the paper, and its default differs a "
        r"hundredfold."
    ),
    shared=(*MEANS, *HATS),
    forms=(
        Form(
            "torch",
            (r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}",),
            "adamw",
            eps="outside",
            decay=r"times $\eta$",
        ),
        Form(
            "Keras [K, AdamW]",
            (RATE, r"\theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta_t \frac{m_t}{\sqrt{v_t} + \epsilon}"),
            "adamw_eps_hat",
            eps="uncorrected",
            decay=r"times $\eta$",
        ),
        Form(
            "Optax [O, adamw]",
            (
                r"\theta_t = \theta_{t-1} - \eta \left( \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon} + "
                r"\lambda \theta_{t-1} \right)",
            ),
            "adamw",
            {"lr": None, "weight_decay": 1e-4},
            eps="outside",
            decay=r"times $\eta$",
        ),
        Form(
            "paper [Loshchilov and Hutter 2019, algorithm 2]",
            (r"\theta_t = (1 - \lambda) \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}",),
            "adamw_apart",
            {"weight_decay": None},
            eps="outside",
            decay="by itself",
        ),
        Form(
            "L2 [torch, Adam with weight decay]",
            (r"g_t \leftarrow g_t + \lambda \theta_{t-1}", OUT),
            "adam_l2",
            {"weight_decay": None},
            eps="outside",
            decay="in the gradient",
        ),
    ),
    example=Example(
        r"1,000 gradients of 0, from $\theta_0 = 1$. Equal settings: $\eta = 10^{-3}$, $\lambda = 0.01$, "
        r"$\epsilon = 10^{-8}$. Shown: $\theta$.",
        (0.0,) * 1000,
        BETAS | {"lr": 1e-3, "eps": 1e-8, "weight_decay": 1e-2},
        theta0=1.0,
        show="theta",
    ),
    agree=(("torch", "Optax"),),
    tied=(("torch", "Keras"), ("Optax", "Keras")),
    port=(
        r"`AdamW(weight_decay=4e-3)` with $\epsilon$ as for Adam is Keras's default, "
        r"`AdamW(weight_decay=1e-4)` Optax's, and $\lambda / \eta$ as `weight_decay` gives the paper's. "
        r"In Keras `weight_decay` means this for every optimizer; in torch it adds $\lambda \theta$ to "
        r"the gradient for all but AdamW, Adafactor and Muon, unless decoupled_weight_decay=True."
    ),
    ports=(
        Port("Keras", "adamw", {"weight_decay": 4e-3, "eps": corrected(1e-7)}),
        Port("Optax", "adamw", {"weight_decay": 1e-4}),
        Port("paper", "adamw", {"weight_decay": lambda t, lr: 1e-2 / lr(t)}),
    ),
)

LARGEST = r"v^{max}_t = \max(v^{max}_{t-1}, v_t)"
AMSGRAD = Entry(
    title="AMSGrad",
    lead="The maximum is taken before the correction, after it, or without one.",
    shared=(*MEANS, HATS[0]),
    forms=(
        Form(
            "torch",
            (
                LARGEST,
                r"\theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{v^{max}_t / (1 - \beta_2^t)} + "
                r"\epsilon}",
            ),
            "amsgrad",
            eps="outside",
            correction="after the maximum",
        ),
        Form(
            "Keras [K, Adam(amsgrad=True)]",
            (LARGEST, RATE, r"\theta_t = \theta_{t-1} - \eta_t \frac{m_t}{\sqrt{v^{max}_t} + \epsilon}"),
            "amsgrad_eps_hat",
            eps="uncorrected",
            correction="rate",
        ),
        Form(
            "Optax [O, amsgrad]",
            (
                r"v^{max}_t = \max(v^{max}_{t-1}, \hat{v}_t)",
                r"\theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{v^{max}_t} + \epsilon}",
            ),
            "amsgrad_corrected_first",
            {"lr": None},
            eps="outside",
            correction="before the maximum",
        ),
        Form(
            "paper [Reddi et al. 2018, algorithm 2]",
            (LARGEST, r"\theta_t = \theta_{t-1} - \frac{\eta}{\sqrt t} \frac{m_t}{\sqrt{v^{max}_t}}"),
            "amsgrad_paper",
            {"lr": None},
        ),
        Form(
            "textbook [Ruder 2016, its web edition of 2018]",
            (LARGEST, r"\theta_t = \theta_{t-1} - \eta \frac{m_t}{\sqrt{v^{max}_t} + \epsilon}"),
            "amsgrad_uncorrected",
            {"lr": None},
            eps="outside",
        ),
    ),
    example=Example(
        r"Gradients $10^{-5}$ and 0. Equal settings: $\epsilon = 10^{-8}$. Shown: moved.",
        (1e-5, 0.0),
        BETAS | {"eps": 1e-8},
    ),
    port=(
        r"`Adam(amsgrad=True)` with $\epsilon$ set before each step as for Adam is Keras's. Optax's "
        r"maximum has no setting in torch."
    ),
    ports=(Port("Keras", "amsgrad", {"eps": corrected(1e-7)}),),
)

ADAMAX = Entry(
    title="Adamax",
    lead=r"$\epsilon$ is added to each gradient's size and fades with it, or to the maximum, or not at all.",
    shared=(MEANS[0],),
    forms=(
        Form(
            "torch",
            (
                r"u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert + \epsilon)",
                r"\theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \frac{m_t}{u_t}",
            ),
            "adamax",
            eps="in the maximum",
        ),
        Form(
            "Keras [K, Adamax]",
            (
                r"u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert)",
                r"\theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \frac{m_t}{u_t + \epsilon}",
            ),
            "adamax_eps_after",
            eps="after it",
        ),
        Form(
            "Optax [O, adamax]",
            (
                r"u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert + \epsilon)",
                r"\theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \frac{m_t}{u_t}",
            ),
            "adamax",
            {"lr": None},
            eps="in the maximum",
        ),
        Form(
            "paper [Kingma and Ba 2015, algorithm 2]",
            (
                r"u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert)",
                r"\theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \frac{m_t}{u_t}",
            ),
            "adamax",
            {},
            {"eps": 0.0},
        ),
    ),
    example=Example(
        r"100 gradients: 99 zeros follow one of $10^{-8}$. Equal settings: $\epsilon = 10^{-8}$. Shown: "
        r"moved.",
        (1e-8,) + (0.0,) * 99,
        BETAS | {"eps": 1e-8},
    ),
    agree=(("torch", "Optax"),),
    port=(
        r"`Adamax(eps=0)` is the paper's and divides 0 by 0 until a gradient comes. `Adamax(lr=1e-3, "
        r"eps=1e-7)` is Keras's as long as gradients are much larger than $\epsilon$."
    ),
    ports=(Port("paper", "adamax", {"eps": 0.0}), Port("Optax", "adamax", {})),
)

ENTRIES = (ADAM, ADAMW, AMSGRAD, ADAMAX)
