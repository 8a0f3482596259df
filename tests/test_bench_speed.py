"""course bench speed: what it measures is what it says; the times themselves are no test."""

import json
import math

import pytest

from course.bench import speed


def test_the_network_is_gpt2_small():
    shapes = speed.network_shapes(768)
    assert len(shapes) == 148 and sum(map(math.prod, shapes)) == 124_439_808


def test_blocks_of_numpy_step_as_the_rule():
    """Two blocks and a part of one; the first step's size is lr, but for eps where the gradient is near 0."""
    step = speed.numpy_blocks(speed.rules.adam, 2 * speed.BLOCK + 5)
    step()
    theta, g = (cell.cell_contents for name, cell in zip(step.__code__.co_freevars, step.__closure__, strict=True)
                if name in ("g", "theta"))  # fmt: skip
    theta, g = (theta, g) if abs(theta).max() < abs(g).max() else (g, theta)
    assert abs(theta + 1e-3 * g / (abs(g) + 1e-8)).max() <= 1e-9


def test_it_prints_a_table_and_keeps_it(capsys, tmp_path):
    speed.main(["small", "--rounds", "1", "--keep", str(tmp_path / "kept.json")])
    printed, kept = capsys.readouterr().out, json.loads((tmp_path / "kept.json").read_text())
    assert "median" in printed and "targets met" in printed and len(kept["rows"]) == 1 + len(speed.RULES)
    assert all(row["min"] <= row["median"] <= row["max"] and row["what"] in printed for row in kept["rows"])


def test_a_wrong_part_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        speed.main(["fastest"])
    assert stopped.value.code == 2 and "got 'fastest', expected parts among large, network" in capsys.readouterr().err
