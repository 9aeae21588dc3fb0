"""The file behind "Why your fourth digit may differ from mine": it is whole, and what the trainings of today give."""

import json

import digits
import matrix
import pytest

STORED = json.loads((matrix.ROOT / digits.RESULT).read_text(encoding="utf-8"))


def test_the_file_has_every_experiment_under_every_setting():
    assert list(STORED) == ["machine", "settings", "losses", "seeds"]
    assert list(STORED["losses"]) == list(STORED["settings"])
    assert {"one-thread", "two-threads", "oldest"} <= set(STORED["settings"])
    for found in STORED["losses"].values():
        assert list(found) == list(digits.EXPERIMENTS)
        assert [len(losses) for losses in found.values()] == [30] * len(digits.EXPERIMENTS)


@pytest.mark.parametrize("name, closeness", [("digits", 1e-10), ("digits, float32", 1e-4), ("moons, rate 0.5", 1e-10)])
def test_todays_losses_are_the_stored_ones(name, closeness):
    """A change of nnlib that moves them calls for `tools/digits.py --write`."""
    assert digits.EXPERIMENTS[name]() == pytest.approx(STORED["losses"]["one-thread"][name], rel=closeness)


def test_a_seed_is_what_the_first_experiment_gives():
    assert STORED["seeds"][0] == STORED["losses"]["one-thread"]["digits"][-1]
    assert digits.digits_losses(seed=1)[-1] == pytest.approx(STORED["seeds"][1], rel=1e-10)
    assert len(STORED["seeds"]) == len(digits.SEEDS)


@pytest.mark.parametrize(
    "a, b, agree", [(1.0, 1.0, 16), (1.0, 1.0 + 2e-16, 15), (2.0, 2.0002, 4), (1.0, 2.0, 0), (1.0, -9.0, 0)]
)
def test_agreeing_digits(a, b, agree):
    assert digits.agreeing_digits(a, b) == agree
