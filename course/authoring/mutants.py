"""python3 -m course mutants: every single-token change of the rules and schedules, and whether a test sees it.

The generator is `mutate.py`; what notices a change is `rule_killer.py` and `schedule_killer.py`: the
cases of the tests without pytest around them. A change that no input can show is listed in EQUIVALENT
with the reason.
"""

import argparse
import importlib
import inspect
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from course.authoring import mutate, recursion_killer, rule_killer, schedule_killer, setting_killer

# module, and what notices a change in one of its functions
MODULES = {
    **{f"course.rules.{name}": rule_killer for name in ("momentum", "adagrad", "adam", "matrix")},
    **{f"course.schedules.{name}": schedule_killer for name in ("decays", "cycles", "warmups", "combinations", "feedback")},
    "course.schedules.recursion": recursion_killer,
    "course.schedules.schedule": setting_killer,
}  # fmt: skip

# module -> pattern found in a mutant's description -> why no input tells the mutant from the original
EQUIVALENT = {
    "momentum": {
        r"  b=0.0 -> b=1.0$": "momentum_dampened sets b to g at step 1, whatever it was",
        r"-> b = 1 \* g if t <= 1 else": "t is never below 1",
        r"  a=0.0 -> a=1.0$": "asgd's mean at step 1 is a + (theta - a) / 1, which is theta, whatever a was",
    },
    "adagrad": {
        r"-> size = lr - 0 \* sign\(theta\)": "zero times a sign is zero",
        r"where\(g [<>]= g, sign\(g\), 0.0\)": "every number is equal to itself, at most and at least itself; NaN is none",
    },
    "adam": {
        r"-> r = sqrt\(.*\* (rho_inf / .*|.* rho_t\)\))$": "b and rho_inf, a and rho_t differ only where rho_t < 5, and r "
        "is not used there; all are at least 1, so the root stays real",
        r"-> scale = where\((rho_t >= 5|a > 5)": "rounding keeps rho_t from being exactly 5; and a > 5 where rho_t > 5",
    },
    "matrix": {
        r"  [RC]=0.0 -> [RC]=1.0$": "t**beta2_decay is 1 at step 1: R + (x - R) * 1 is x, whatever R was",
        r"array_namespace\((g|V)\)|finfo\(g\.dtype\)": "g and V are arrays of theta's kind and type",
        r"-> n, m = (g|b|O)\.shape$": "g, b and O have theta's shape",
        r"-> tall = G\.shape": "both orders give X (X^T X)^k; the shorter side only makes it cheaper",
    },
    "decays": {
        r"\*\* sum\(\(milestone <= t - 1 for": "a sum of truth values counts the true ones",
    },
    "cycles": {
        r"-> phases = .*values\[1:\](, strict=True)?\)$": "the last phase ends at the last step, so the zip is never gone "
        "through to its end",
        r"-> if anneal_strategy >= 'linear'": "the strategy is 'cos' or 'linear'",
        r"-> cycle = math\.floor\(1 \+ \(t - 2\) / length\)": "another cycle only at its first step, where the height is 0",
        r"-> height = .* if x < peak else": "both lines give 1 at the peak",
    },
    "warmups": {
        r"-> if t < warmup_steps: return lr \* \(t / warmup_steps\)": "the rise ends where the cosine begins, at lr",
        r"-> if t < total_steps - decay_steps": "the constant rate ends where the fall begins, at lr",
    },
    "combinations": {
        r"-> if len\(schedules\) <= 0": "a length is never below 0",
    },
    "recursion": {
        r"-> if k <= 0": "k is never below 0",
        r"-> return lr( \* (factor|start_factor))?$|if k > 0 else lr$": "at k = 0 the rate is still lr",
        r"k % step_size <= 0": "a remainder is never below 0",
        r"-> return eta_min \+ |\(lr - rate\)": "one step after a minimum the last rate is eta_min",
        r"-> if not callable\(schedule\)": "what has a func is a functools.partial, and then both are callable",
        r"-> raise wrong\('schedule', function": "what is not callable has no func: both are the same",
    },
    "schedule": {
        r"-> if name >= 'three_phase'": "no setting that gets here stands after it in the alphabet",
    },
    "feedback": {
        r"-> (best = .* if mode >= 'min'|sign = .* if mode <= 'max')": "the mode is 'min' or 'max'",
        r"-> if threshold_mode >= 'rel'": "the threshold mode is 'rel' or 'abs'",
        r"-> if factor >= 1": "a factor above 1 is refused one line before",
        r"-> rates = _falling\(.*patience, value": "the last value that the loop above looks at is the cooldown",
    },
}


class Module:
    """A module's functions, ready to be run with one of them changed."""

    def __init__(self, name):
        self.module, self.killer = importlib.import_module(name), MODULES[name]
        self.source = Path(inspect.getsourcefile(self.module)).read_text("utf-8")
        trees = mutate.functions(self.source, name)
        self.codes = {function: mutate.compiled(tree, name) for function, tree in trees.items()}
        self.used = {function: _names(code) for function, code in self.codes.items()}

    def mutants(self, only=None):
        return mutate.mutants(self.source, self.module.__name__.rpartition(".")[2] + ".py", only)

    def users(self, function):
        """The function and every other of the module that calls it, through others too."""
        found = [function]
        for user in found:  # grows while it is gone through
            found += [name for name, used in self.used.items() if name not in found and user in used]
        return found

    def with_mutant(self, mutant):
        """The functions of the module that a mutant changes: {name: function}."""
        names = self.users(mutant.function)
        namespace = vars(self.module) | {"turn": mutate.turns()}
        for name in names:
            exec(mutant.code if name == mutant.function else self.codes[name], namespace)
        return {name: namespace[name] for name in names}

    def noticed(self, mutant):
        """How the mutant is told from the original: a word, or "" where it is not."""
        try:
            changed = self.with_mutant(mutant)
        except Exception:
            return "raises"
        known = [name for name in changed if self.killer.knows(name)]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return next(filter(None, (self.killer.notices(name, changed[name]) for name in known)), "")


def _names(code):
    """Every global name that a code and the codes inside it use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        names |= _names(constant) if inspect.iscode(constant) else set()
    return names


def reason(mutant):
    """Why the mutant cannot be noticed, or ""."""
    known = EQUIVALENT.get(mutant.file.removesuffix(".py"), {})
    return next((why for pattern, why in known.items() if re.search(pattern, str(mutant))), "")


def check(names=tuple(MODULES), only=None):
    """Run the mutants: a list of (module, mutant, word).

    only: names of functions, None for all. word: how the mutant was noticed; "equivalent", or "survived".
    """
    results = []
    for name in names:
        module = Module(name)
        for mutant in module.mutants(only):
            word = module.noticed(mutant) or ("equivalent" if reason(mutant) else "survived")
            results.append((name, mutant, word))
    return results


def report(results):
    """The table, as text: killed and total of each function, then of all; then the survivors."""
    lines = [f"{'function':<28} {'killed':>7} {'of':>6} {'equivalent':>11} {'survived':>9}"]
    rows = {}
    for name, mutant, word in results:
        row = rows.setdefault(f"{name.split('.')[1]}.{mutant.function}", Counter())
        row[word if word in ("equivalent", "survived") else "killed"] += 1
    for name, row in [*rows.items(), ("all", sum(rows.values(), Counter()))]:
        of = row["killed"] + row["survived"]
        lines.append(f"{name:<28} {row['killed']:>7} {of:>6} {row['equivalent']:>11} {row['survived']:>9}")
    ways = Counter(word for _, _, word in results)
    lines.append("noticed by: " + ", ".join(f"{word} {count}" for word, count in ways.most_common()))
    lines += [
        f"survived: {mutant}  [{mutant.function}, {mutant.kind}]" for _, mutant, word in results if word == "survived"
    ]
    return "\n".join(lines)


def main(argv=()):
    """Print the report; exit status 1 where a mutant survives that is not listed as equivalent."""
    parser = argparse.ArgumentParser(
        prog="python3 -m course mutants", description=__doc__.splitlines()[0].partition(": ")[2]
    )
    parser.add_argument(
        "only", nargs="*", metavar="MODULE", help="such as rules.adam or schedules; all if none is named"
    )
    parser.add_argument("--equivalent", action="store_true", help="list the equivalent mutants with their reasons too")
    options = parser.parse_args(list(argv))
    names = [name for name in MODULES if not options.only or any(f".{one}." in f"{name}." for one in options.only)]
    if not names:
        parser.error(
            f"no module {' or '.join(options.only)}; there are {', '.join(n.partition('.')[2] for n in MODULES)}"
        )
    results = check(names)
    print(report(results))
    for _, mutant, word in results:
        if options.equivalent and word == "equivalent":
            print(f"equivalent: {mutant}  ({reason(mutant)})")
    return int(any(word == "survived" for _, _, word in results))
