"""Schedules: the rate of each epoch, by its formula."""

import inspect
import math

import numpy as np
import pytest

import nnlib
from nnlib import (
    SGD,
    MeanSquaredError,
    constant_rate,
    cosine_decay,
    exponential_decay,
    fit,
    mlp,
    schedules,
    step_decay,
    warmup,
)

RATES = {  # a schedule, and some of its rates: epoch by rate
    "constant": (constant_rate(0.3), {0: 0.3, 1: 0.3, 1000: 0.3}),
    "steps": (
        step_decay(0.8, factor=0.25, every=3),
        {0: 0.8, 1: 0.8, 2: 0.8, 3: 0.2, 5: 0.2, 6: 0.05, 8: 0.05, 9: 0.0125},
    ),
    "steps, as they are": (step_decay(0.8), {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2}),
    "exponential": (exponential_decay(0.8, factor=0.5), {0: 0.8, 1: 0.4, 2: 0.2, 10: 0.8 / 1024}),
    "exponential, as it is": (exponential_decay(1), {0: 1, 1: 0.95, 2: 0.9025}),
    "cosine": (  # of 0, 30, 45, 60, 90, ... degrees
        cosine_decay(0.4, 12),
        {
            0: 0.4,
            2: 0.2 * (1 + math.sqrt(3) / 2),
            3: 0.2 * (1 + math.sqrt(1 / 2)),
            4: 0.3,
            6: 0.2,
            8: 0.1,
            11: 0.2 * (1 - math.cos(math.pi / 12)),
            12: 0,
            13: 0,
            1000: 0,
        },
    ),
    "cosine to a rate": (cosine_decay(0.5, 10, lr_min=0.1), {0: 0.5, 5: 0.3, 10: 0.1, 11: 0.1}),
    "cosine in one epoch": (cosine_decay(0.5, 1), {0: 0.5, 1: 0, 2: 0}),
    "warmup": (
        warmup(4, constant_rate(0.8)),
        {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 0.8, 100: 0.8},
    ),
    "warmup, then cosine": (
        warmup(2, cosine_decay(0.4, 4)),
        {0: 0.2, 1: 0.4, 2: 0.4, 3: 0.2 * (1 + math.sqrt(1 / 2)), 4: 0.2, 6: 0, 7: 0},
    ),
    "warmup of one epoch": (warmup(1, exponential_decay(0.8, 0.5)), {0: 0.8, 1: 0.8, 2: 0.4}),
    "warmup, then a function of one's own": (warmup(2, lambda epoch: 1 / (1 + epoch)), {0: 0.5, 1: 1, 2: 1, 3: 0.5}),
}
every_schedule = pytest.mark.parametrize("schedule, rates", RATES.values(), ids=RATES)


def test_every_schedule_is_tested():
    functions = {name: value for name, value in vars(schedules).items() if inspect.isfunction(value)}
    public = {name for name, function in functions.items() if function.__module__ == schedules.__name__}
    assert public == {"constant_rate", "step_decay", "exponential_decay", "cosine_decay", "warmup"}
    assert all(getattr(nnlib, name) is getattr(schedules, name) for name in public)


@every_schedule
def test_schedule_gives_the_rates_of_its_formula(schedule, rates):
    assert [schedule(epoch) for epoch in rates] == [
        pytest.approx(rate, rel=1e-14, abs=1e-17) for rate in rates.values()
    ]


@every_schedule
def test_schedule_remembers_nothing(schedule, rates):
    forwards, backwards = [schedule(epoch) for epoch in range(20)], [schedule(epoch) for epoch in reversed(range(20))]
    assert forwards == backwards[::-1]


@every_schedule
def test_fit_takes_the_rates_from_epoch_0(schedule, rates):
    network = mlp([2, 1], rng=np.random.default_rng(0))
    history = fit(
        network,
        MeanSquaredError(),
        np.ones((3, 2)),
        np.ones((3, 1)),
        optimizer=SGD(123),
        epochs=15,
        schedule=schedule,
        progress=False,
    )
    assert history["lr"] == [schedule(epoch) for epoch in range(15)]
