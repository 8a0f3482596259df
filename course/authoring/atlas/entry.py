"""One section of the atlas: the forms of a rule, the example that tells them apart, and how to port."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from course import rules
from course.authoring.atlas import conventions

STEPS = 20  # of the random stream on which agreement is checked


@dataclass(frozen=True)
class Form:
    """What one source means by the rule.

    who       the source and, in brackets, where it says so
    step      LaTeX lines, without what all forms of the section share
    rule      the name of a rule of the course or of a function in `conventions.py`
    defaults  what this source sets where the rule's own defaults differ; None: it must be given.
              A state's name sets its value before step 1
    fixed     what is no setting here, and stays under equal settings too
    eps, correction, decay   a few words each: where eps stands, how bias is corrected, how decay acts
    """

    who: str
    step: tuple
    rule: str
    defaults: dict = field(default_factory=dict)
    fixed: dict = field(default_factory=dict)
    eps: str = ""
    correction: str = ""
    decay: str = ""

    @property
    def name(self):
        """The source without its place: "Keras [K]" is Keras."""
        return self.who.partition(" [")[0]


@dataclass(frozen=True)
class Example:
    """The gradients on which the forms part.

    text    what is done, in words
    stream  the gradients, one a step
    equal   the settings of the column "equal settings"; lr is 1 unless it is among them
    theta0  where the parameters start
    rate    factors of the learning rate, one a step (default: 1)
    show    "moved": distance in units of the first learning rate; "distance"; "theta"
    read    which returned value is shown: 0 the parameters, 1 the first state
    """

    text: str
    stream: tuple
    equal: dict
    theta0: object = 0.0
    rate: tuple = ()
    show: str = "moved"
    read: int = 0


@dataclass(frozen=True)
class Port:
    """The claim that a rule of the course, with these settings, takes the steps of a form.

    The form runs with its defaults, but for `given`. A setting may be a function (t, lr) of the step and
    of the schedule t -> learning rate.
    """

    form: str
    rule: str
    settings: dict
    given: dict = field(default_factory=dict)
    constant: bool = False  # holds only while the learning rate is constant


@dataclass(frozen=True)
class Entry:
    """A section of the page; agree: groups of forms that take the same steps with equal settings.

    tied: pairs that differ, but not on this example.
    """

    title: str
    lead: str
    forms: tuple
    example: Example
    port: str
    agree: tuple = ()
    tied: tuple = ()
    ports: tuple = ()
    shared: tuple = ()

    def form(self, name):
        """The form of this name; StopIteration if there is none."""
        return next(form for form in self.forms if form.name == name)

    def own(self, form):
        """The example's number with the form's own defaults, as a float (arrays: their root mean square)."""
        return _shown(self.example, form, settings_of(self.example, form))

    def equal(self, form):
        """The same with the settings of the column "equal settings"."""
        return _shown(self.example, form, equal_settings(self.example, form))

    def path(self, form):
        """The form's steps with equal settings on a random stream, an array (STEPS, *shape of theta)."""
        settings = equal_settings(self.example, form)
        return _walk(form.rule, *self.random_stream(), _falling(settings.pop("lr", 1.0)), settings, self.example.read)

    def ported(self, port):
        """Two paths as in `path`: the form's, and that of the rule which ports it."""
        start, stream = self.random_stream()
        own = settings_of(self.example, self.form(port.form)) | port.given
        base = own.pop("lr", 1.0)
        lr = (lambda t: base) if port.constant else _falling(base)
        given = {"lr": lr} | {name: _bound(value, lr) for name, value in port.settings.items()}
        return (
            _walk(self.form(port.form).rule, start, stream, lr, own, self.example.read),
            _walk(port.rule, start, stream, given.pop("lr"), given, self.example.read),
        )

    def random_stream(self):
        """Start and STEPS gradients of sizes 1e-7 to 10, both signs: shape (4,), or (4, 2) for matrix rules."""
        rng = np.random.default_rng(0)
        shape = (4, 2) if np.ndim(self.example.theta0) == 2 else (4,)
        sizes = 10 ** rng.uniform(-7, 1, (STEPS, *shape))
        return rng.normal(size=shape), sizes * rng.choice([-1, 1], sizes.shape)


def rule_of(name):
    """The function that a name in a Form stands for, looked up when it is needed."""
    return rules.RULES[name] if name in rules.RULES else getattr(conventions, name)


def settings_of(example, form):
    """All settings with which a form runs by default; what must be given is taken from the equal settings."""
    given = {name: ({"lr": 1.0} | example.equal)[name] for name, value in form.defaults.items() if value is None}
    return rule_of(form.rule).hyper | form.defaults | given | form.fixed


def equal_settings(example, form):
    """The settings of the column "equal settings", as far as the form has them."""
    rule = rule_of(form.rule)
    known = rule.hyper | rule.state
    return {name: value for name, value in ({"lr": 1.0} | example.equal | form.fixed).items() if name in known}


def _shown(example, form, settings):
    lr = settings.pop("lr", 1.0)
    factors = example.rate or (1.0,) * len(example.stream)
    path = _walk(form.rule, example.theta0, example.stream, lambda t: lr * factors[t - 1], settings, example.read)
    end = path[-1]
    if example.show != "theta":
        end = (example.theta0 - end) / (lr if example.show == "moved" else 1)
    return float(end) if np.ndim(end) == 0 else float(np.sqrt(np.mean(end**2)))


def _walk(name, theta, stream, lr, settings, read):
    """What the rule returns at place `read`, step by step."""
    rule = rule_of(name)
    state = [settings.get(key, value) for key, value in rule.state.items()]
    hyper = {key: value for key, value in settings.items() if key in rule.hyper}
    hyper |= {"lr": lr} if "lr" in rule.hyper else {}
    path = []
    for t, g in enumerate(stream, start=1):
        now = {key: value(t) if isinstance(value, Callable) else value for key, value in hyper.items()}
        theta, *state = rule.__wrapped__(theta, g, t, *state, **now)
        path.append((theta, *state)[read])
    return np.array(path)


def _falling(lr):
    """A schedule, since forms that agree must do so while the rate changes."""
    return lambda t: lr / t**0.5


def _bound(value, lr):
    return (lambda t: value(t, lr)) if callable(value) else value
