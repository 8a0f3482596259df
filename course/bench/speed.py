"""Speed as ratios, each of two things measured in turn: rules beside torch's kernels, sweeps beside loops.

large     one parameter of 1e7 float32 numbers: fast=True against fused, foreach and for-loop; against the time
          that the bytes moved need at the bandwidth of this machine; NumPy in blocks that fit the cache
network   the 148 tensors of GPT-2 small: fast=True against fused, and the seconds of compiling
small     a network of six small tensors: the adapter, without fast, against torch's for-loop
sweep     128 x 128 settings of Adam on Rosenbrock at once, against a loop over torch.optim
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from course import fast, problems, rules, torch_optim
from course.adapter import Batch, formula
from course.batch import keep_freed_memory
from course.run import run, sweep

BLOCK = 2**17  # entries of NumPy's blocks: from 256 KB on it computes in place what no one else holds
RULES = {  # name -> (settings, arrays read and written by a step, torch has a fused kernel for the CPU)
    "SGD": ({"lr": 0.01, "momentum": 0.9}, 5, True),
    "Adagrad": ({}, 5, True),
    "Adam": ({}, 7, True),
    "AdamW": ({}, 7, True),
    "RMSprop": ({}, 5, False),
    "Adadelta": ({}, 7, False),
    "Adamax": ({}, 7, False),
    "NAdam": ({}, 7, False),
    "RAdam": ({}, 7, False),
}
PART_OF_NONE_FUSED = ("RMSprop", "Adadelta", "Adamax", "NAdam")  # for which the target of 5 times was set
GPT2 = {"vocabulary": 50257, "positions": 1024, "layers": 12}
SMALL = ((32, 64), (32,), (32, 32), (32,), (10, 32), (10,))
KINDS = ("large", "network", "small", "sweep")


class Table:
    """Ratios of interleaved runs, printed as they come; remembers which targets were missed."""

    def __init__(self):
        self.rows = []
        print(f"{'ratio of times':58} {'min':>8} {'median':>8} {'max':>8}   target")

    def ratio(self, what, over, under, most=None, least=None):
        """One row: over / under, round by round; the target is for the median."""
        ratios = [a / b for a, b in zip(over, under, strict=True)]
        self.row(what, min(ratios), statistics.median(ratios), max(ratios), most, least)

    def row(self, what, low, middle, high, most=None, least=None):
        met = None if most is None and least is None else middle <= most if least is None else middle >= least
        target = "" if met is None else f"{'at most' if least is None else 'at least'} {most or least:g}"
        numbers = " ".join(f"{x:8.0f}" if abs(x) >= 1000 else f"{x:8.3g}" for x in (low, middle, high))
        print(f"{what:58} {numbers}   {target}{'' if met is not False else ': missed'}", flush=True)
        self.rows.append({"what": what, "min": low, "median": middle, "max": high, "target": target, "met": met})


@contextlib.contextmanager
def one_core(device):
    """Timed runs share one core, so that they meet the same cache and the same neighbours."""
    if device != "cpu" or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def interleaved(functions, rounds, device="cpu", calls=1, between=None):
    """name -> seconds per call of each round; in a round every function has its turn.

    between   called before each turn, outside of the time: what empties the cache of what the last one left
    On the CPU these are seconds of the processor, which other programs on a busy machine disturb less.
    """
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = {name: [] for name in functions}
    with one_core(device):
        for turn in range(rounds + 1):
            for name, function in functions.items():
                if between is not None:
                    between()
                wait()
                began = clock()
                for _ in range(calls):
                    function()
                wait()
                if turn:  # the first round warms up
                    times[name].append((clock() - began) / calls)
    return times


def optimizers(name, shapes, settings, variants, device="cpu"):
    """variant -> an optimizer's step, on parameters of its own that share the gradients."""
    torch.manual_seed(0)
    gradients, steps = [torch.randn(shape, device=device) for shape in shapes], {}
    for variant in variants:
        params = [torch.nn.Parameter(torch.zeros(shape, device=device)) for shape in shapes]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        module = torch_optim if variant in ("fast", "ours") else torch.optim
        how = {"fast": {"fast": True}, "fused": {"fused": True}, "foreach": {"foreach": True},
               "for-loop": {"foreach": False}, "ours": {}}[variant]  # fmt: skip
        optimizer = getattr(module, name)(params, **settings, **how)
        for _ in range(7 if name == "RAdam" else 2):  # which make the state and compile; RAdam turns at step 6
            optimizer.step()
        steps[variant] = optimizer.step
    return steps


def copying(size, device="cpu"):
    """a += b: 12 bytes for each entry, all of them used, so that its speed is the memory's."""
    a, b = torch.zeros(size, device=device), torch.ones(size, device=device)
    return lambda: a.add_(b)


def numpy_blocks(rule, size):
    """A step of a rule in NumPy, in place, in blocks that stay in the cache while it is computed."""
    rng = np.random.default_rng(0)
    theta, g = np.zeros(size, np.float32), rng.standard_normal(size, np.float32)
    state = [np.zeros(size, np.float32) for _ in rule.state]
    batch, t = Batch(rule, {}, 1, {}, (), {}, torch.float32), 0
    keep_freed_memory()

    def step():
        nonlocal t
        t += 1
        for start in range(0, size, BLOCK):
            here = slice(start, start + BLOCK)
            states = {name: array[here] for name, array in zip(rule.state, state, strict=True)}
            new = formula(rule, theta[here], g[here], t, states, {}, batch.outside)
            for array, value in zip((theta, *state), new, strict=True):
                array[here] = value

    return step


def large(table, options):
    for name, (settings, arrays, fused) in RULES.items():
        variants = ("fast", "foreach", "for-loop", *(["fused"] if fused or options.device == "cuda" else []))
        steps = optimizers(name, [(options.size,)], settings, variants, options.device)
        steps["memory"] = copying(options.size, options.device)
        if name == "Adam" and options.device == "cpu":
            steps["NumPy"] = numpy_blocks(rules.adam, options.size)
        empty = copying(options.size, options.device)
        times = interleaved(steps, options.rounds, options.device, between=empty)
        best = [min(pair) for pair in zip(times["foreach"], times["for-loop"], strict=True)]
        if "fused" in times:
            table.ratio(f"{name}: fast over fused", times["fast"], times["fused"], most=1.05)
        target = {"least": 5.0} if name in PART_OF_NONE_FUSED and options.device == "cpu" else {}
        table.ratio(f"{name}: torch's best of foreach and for-loop over fast", best, times["fast"], **target)
        roof = [seconds * arrays / 3 for seconds in times["memory"]]  # a += b moves three arrays
        table.ratio(f"{name}: fast over the time of {4 * arrays} B at {12e-9 * options.size / _middle(times['memory']):.0f} "
                    "GB/s", times["fast"], roof, most=1.15)  # fmt: skip
        if "NumPy" in times:
            table.ratio("Adam: NumPy in blocks over fused", times["NumPy"], times["fused"], most=3.5)


def network_shapes(width):
    """The 148 tensors of GPT-2 small, whose width is 768."""
    layer = [(width,), (width,), (width, 3 * width), (3 * width,), (width, width), (width,),
             (width,), (width,), (width, 4 * width), (4 * width,), (4 * width, width), (width,)]  # fmt: skip
    return [(GPT2["vocabulary"], width), (GPT2["positions"], width), *(GPT2["layers"] * layer), (width,), (width,)]


def network(table, options):
    shapes = network_shapes(options.width)
    began = time.perf_counter()
    optimizers("SGD", [(1000,)], {}, ["fast"], options.device)
    first = time.perf_counter() - began
    fast._recordings.clear()
    began = time.perf_counter()
    optimizers("AdamW", [(1000,)] * len(shapes), {}, ["fast"], options.device)  # its kernel fits every size
    seconds = time.perf_counter() - began
    kernels = len(fast._kernels)
    steps = optimizers("AdamW", shapes, {}, ("fast", "fused"), options.device)
    if len(fast._kernels) != kernels:
        raise RuntimeError(f"the network compiled {len(fast._kernels) - kernels} kernels more, expected none")
    numbers = sum(int(np.prod(shape)) for shape in shapes)
    empty = copying(10**7, options.device)
    times = interleaved(steps, options.rounds, options.device, between=empty)
    table.ratio(f"AdamW, {len(shapes)} tensors, {numbers:.3g} numbers: fast over fused", times["fast"], times["fused"],
                most=1.15)  # fmt: skip
    table.row("  seconds of compiling its kernel", seconds, seconds, seconds, most=5)
    table.row("  seconds of the first kernel ever, which probes the CPU", first, first, first)


def small(table, options):
    for name, (settings, _, _) in {"SGD, plain": ({"lr": 0.01}, 3, True), **RULES}.items():
        steps = optimizers(name.partition(",")[0], SMALL, settings, ("ours", "for-loop"))
        times = interleaved(steps, 3 * options.rounds, calls=20)
        table.ratio(f"{name}: eager adapter over torch's for-loop, 6 tensors", times["ours"], times["for-loop"],
                    most=1.2)  # fmt: skip


def whole_plane(options):
    problem = problems.rosenbrock()
    lr, beta1 = np.geomspace(1e-4, 1.0, 128), 1 - np.geomspace(1e-3, 1.0, 128)
    theta0 = np.asarray(problem.start, np.float32)
    return problem, theta0, lr, beta1


def one_by_torch(problem, theta0, lr, beta1):
    """200 steps of torch.optim for one setting."""
    theta = torch.nn.Parameter(torch.from_numpy(theta0.copy()))
    optimizer = torch.optim.Adam([theta], lr=lr, betas=(beta1, 0.999))
    for _ in range(200):
        theta.grad = problem.grad(theta.detach())
        optimizer.step()


def in_plane(table, options):
    problem, theta0, lr, beta1 = whole_plane(options)
    rng = np.random.default_rng(0)
    cells = [(int(i), int(j)) for i, j in rng.integers(0, 128, (options.cells, 2))]
    turn = iter(cells * 1000)

    def loop():
        i, j = next(turn)
        one_by_torch(problem, theta0, lr[i], beta1[j])

    ends = []
    plane = {"sweep": lambda: ends.append(sweep(rules.adam, problem.grad, theta0, 200, lr=lr, beta1=beta1))}
    times = interleaved(plane | {"loop": loop}, max(options.rounds, 10))
    milliseconds = [1000 * seconds for seconds in times["sweep"]]
    table.row("sweep: milliseconds of 128 x 128 settings, 200 steps", min(milliseconds), _middle(milliseconds),
              max(milliseconds), most=25)  # fmt: skip
    table.ratio("sweep: a loop over torch.optim (by one cell a round) over it", [128 * 128 * x for x in times["loop"]],
                times["sweep"], least=5000)  # fmt: skip
    equal = 0
    for i, j in cells:
        alone = run(rules.adam, problem.grad, theta0, 200, lr=lr[i], beta1=beta1[j], allow_nonfinite=True)[-1]
        equal += alone.tobytes() == ends[-1][i, j].tobytes()
    share = equal / len(cells)
    table.row(f"sweep: share of {len(cells)} cells equal to their run, bit for bit", share, share, share, least=1)


def _middle(values):
    return statistics.median(values)


def _machine(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    if Path("/proc/cpuinfo").exists():
        names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")]  # fmt: skip
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def main(argv):
    """Print the table: 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="python3 -m course bench speed", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", metavar="PART", help=f"{', '.join(KINDS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="turns of each (default 15)")
    parser.add_argument("--size", type=lambda text: int(float(text)), default=10**7, metavar="N",
                        help="numbers in the large parameter (default 1e7)")  # fmt: skip
    parser.add_argument("--width", type=int, default=768, metavar="N", help="of the network (default 768, GPT-2 small)")
    parser.add_argument("--cells", type=int, default=200, metavar="N", help="cells of the sweep to look at (200)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for large and network (default cpu)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the numbers and the machine's name as JSON")
    options = parser.parse_args(list(argv))
    wrong = [part for part in options.what if part not in KINDS]
    if wrong:
        parser.error(f"got {wrong[0]!r}, expected parts among {', '.join(KINDS)}")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.mkdtemp(prefix="bench_speed_"))  # compile anew
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}"
    print(f"{_machine(options.device)}, {os.cpu_count()} cores, one used; {versions}\n")
    table = Table()
    parts = {"network": network, "large": large, "small": small, "sweep": in_plane}
    try:
        for name, part in parts.items():
            if name in (options.what or KINDS) and not (options.device == "cuda" and name in ("small", "sweep")):
                part(table, options)
    finally:
        torch.set_num_threads(threads)
    if options.keep:
        kept = {"machine": _machine(options.device), "versions": versions, "size": options.size, "rows": table.rows}
        options.keep.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    missed = [row for row in table.rows if row["met"] is False]
    print(f"\n{sum(row['met'] is True for row in table.rows)} targets met, {len(missed)} missed")
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
