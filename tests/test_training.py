"""Batches, `fit` and its `History`, and early stopping."""

import copy
import inspect
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from cases import Spy

import nnlib
from nnlib import (
    SGD,
    Adam,
    BatchNorm,
    BinaryCrossEntropy,
    Dense,
    Dropout,
    EarlyStopping,
    History,
    MeanSquaredError,
    Network,
    SoftmaxCrossEntropy,
    accuracy,
    batches,
    fit,
    mlp,
)


def problem(n=10, columns=5, classes=3, dtype=np.float64, seed=0):
    """A small network, and data of three classes that nothing may write to."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, columns)), rng.integers(0, classes, n)
    X.flags.writeable = y.flags.writeable = False
    return mlp([columns, 7, classes], "tanh", rng=rng, dtype=dtype), X, y


def train(network, X, y, loss=None, lr=0.1, epochs=3, progress=False, **options):
    optimizer = options.pop("optimizer", None) or SGD(lr)
    return fit(
        network, loss or SoftmaxCrossEntropy(), X, y, optimizer=optimizer, epochs=epochs, progress=progress, **options
    )


def weights(network):
    return [value.copy() for _, value, _ in network.parameters()]


def assert_same(one, other):
    assert len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other))


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize(
    "size, lengths",
    [
        (1, [1] * 10),
        (3, [3, 3, 3, 1]),
        (5, [5, 5]),
        (9, [9, 1]),
        (10, [10]),
        (11, [10]),
        (np.int64(4), [4, 4, 2]),
    ],
)
def test_batches_show_every_example_once_with_its_label(size, lengths):
    X = np.arange(20).reshape(10, 2)
    y = 10 * X[:, 0]
    found = list(batches(X, y, size, np.random.default_rng(0)))
    assert [len(X_batch) for X_batch, _ in found] == [len(y_batch) for _, y_batch in found] == lengths
    assert all(X_batch.shape[1:] == (2,) and (y_batch == 10 * X_batch[:, 0]).all() for X_batch, y_batch in found)
    assert sorted(np.concatenate([y_batch for _, y_batch in found])) == y.tolist()


def test_batches_are_shuffled_anew_each_time_and_reproducible_from_the_rng():
    X, y = np.arange(100).reshape(100, 1), np.arange(100)

    def orders(seed):
        rng = np.random.default_rng(seed)
        return [np.concatenate([y_batch for _, y_batch in batches(X, y, 7, rng)]).tolist() for _ in range(3)]

    first = orders(0)
    assert orders(0) == first and orders(1) != first
    assert len(set(map(tuple, [*first, range(100)]))) == 4


def test_batches_shuffle_examples_and_not_only_where_they_start():
    y = np.concatenate(
        [y_batch for _, y_batch in batches(np.zeros((100, 1)), np.arange(100), 10, np.random.default_rng(0))]
    )
    assert np.count_nonzero(np.diff(y) == 1) < 10


def test_batches_take_lists_images_and_columns_and_leave_them_alone():
    rng = np.random.default_rng(0)
    for X, y in (([[1], [2], [3]], [1, 2, 3]), (np.ones((3, 4, 4), np.uint8), np.ones((3, 2), np.float32))):
        before = copy.deepcopy((X, y))
        for X_batch, y_batch in batches(X, y, 2, rng):
            assert X_batch.shape[1:] == np.shape(X)[1:] and X_batch.dtype == np.asarray(X).dtype
            assert y_batch.shape[1:] == np.shape(y)[1:] and y_batch.dtype == np.asarray(y).dtype
            X_batch += 1
        assert np.array_equal(X, before[0]) and np.array_equal(y, before[1])


def test_batches_say_at_once_what_is_wrong():
    with pytest.raises(ValueError):
        batches(np.zeros((2, 1)), np.zeros(2), 0, np.random.default_rng(0))  # before the first batch is asked for


# ---------------------------------------------------------------- fit does what a loop does


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_full_batch_is_the_loop_written_by_hand_to_the_bit(dtype):
    network, X, y = problem(dtype=dtype)
    mine = copy.deepcopy(network)
    history = train(network, X, y, epochs=5)
    losses = []
    for _ in range(5):
        value, d_outputs = SoftmaxCrossEntropy()(mine.forward(X), y)
        losses.append(value)
        mine.backward(d_outputs)
        for _, value, grad in mine.parameters():
            value -= 0.1 * grad
    assert_same(weights(network), weights(mine))
    assert history["loss"] == losses and history["lr"] == [0.1] * 5


@pytest.mark.parametrize("size", [1, 3, 5, 10, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mini_batches_are_the_loop_written_by_hand_to_the_bit(size, dtype):
    network, X, y = problem(dtype=dtype)
    mine = copy.deepcopy(network)
    history = train(network, X, y, epochs=3, batch_size=size, rng=np.random.default_rng(7))
    rng = np.random.default_rng(7)
    for epoch in range(3):
        order, total = rng.permutation(10), 0
        for i in range(0, 10, size):
            rows = order[i : i + size]
            value, d_outputs = SoftmaxCrossEntropy()(mine.forward(X[rows]), y[rows])
            total += value * len(rows)
            mine.backward(d_outputs)
            for _, value, grad in mine.parameters():
                value -= 0.1 * grad
        assert history["loss"][epoch] == pytest.approx(
            total / 10, rel=1e-14
        )  # each example counts once, also in a short batch
    assert_same(weights(network), weights(mine))


def test_fit_continues_where_it_stopped():
    network, X, y = problem()
    other, optimizer = copy.deepcopy(network), SGD(0.1, momentum=0.9)
    whole = train(network, X, y, epochs=5, optimizer=SGD(0.1, momentum=0.9))
    parts = [train(other, X, y, epochs=k, optimizer=optimizer) for k in (2, 3)]
    assert_same(weights(network), weights(other))
    assert whole["loss"] == parts[0]["loss"] + parts[1]["loss"]


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}])
def test_fit_is_reproducible_and_leaves_the_global_seed_alone(options):
    np.random.seed(1)
    before = np.random.get_state()
    found = []
    for seed in (0, 0, 1):
        network, X, y = problem()
        train(
            network, X, y, validation=(X, y), metrics={"accuracy": accuracy}, **options, rng=np.random.default_rng(seed)
        )
        found.append(weights(network))
    assert_same(found[0], found[1])
    assert np.array_equal(found[0][0], found[2][0]) == (not options)
    after = np.random.get_state()
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]


def test_fit_changes_none_of_the_data():
    network, X, y = problem()  # read-only
    before = X.copy(), y.copy()
    train(network, X, y, validation=(X, y), batch_size=3, rng=np.random.default_rng(0))
    assert np.array_equal(X, before[0]) and np.array_equal(y, before[1])


def test_fit_trains_in_training_mode_and_validates_in_evaluation_mode():
    spy = Spy()
    network = Network([spy, Dense(5, 3, rng=np.random.default_rng(0))])
    _, X, y = problem()
    train(network, X, y, epochs=2, batch_size=4, rng=np.random.default_rng(0), validation=(X[:7], y[:7]))
    seen = [(shape[0], training) for kind, shape, _, training in spy.seen if kind == "forward"]
    epoch = [(4, True), (4, True), (2, True), (7, False)]
    assert seen[-8:] == 2 * epoch
    assert all(rows == 1 and not training for rows, training in seen[:-8])  # a look at the shapes
    assert {needs_input for kind, _, _, needs_input in spy.seen if kind == "backward"} == {False}


@pytest.mark.parametrize("data_type", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_fit_computes_in_the_type_of_the_network(data_type, dtype, batch_size):
    network, X, y = problem(dtype=dtype)
    spies = [Spy() for _ in network.layers]
    spied = Network([layer for pair in zip(network.layers, spies) for layer in pair])
    X = np.abs(9 * X).astype(data_type)
    train(
        spied,
        X,
        y,
        batch_size=batch_size,
        rng=np.random.default_rng(0),
        validation=(X, y),
        schedule=lambda epoch: np.float64(0.1),
        optimizer=SGD(0.1, momentum=0.9),
    )
    assert {seen for spy in spies for _, _, seen, _ in spy.seen} == {np.dtype(dtype)}
    assert {array.dtype for _, value, grad in spied.parameters() for array in (value, grad)} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "loss, classes, targets",
    [
        (BinaryCrossEntropy(), 1, [0, 1, 1, 0, 1]),
        (BinaryCrossEntropy(), 1, [[0], [1], [1], [0], [1]]),
        (SoftmaxCrossEntropy(), 3, np.array([0, 1, 2, 0, 1], np.uint8)),
        (SoftmaxCrossEntropy(), 2, np.array([0, 1, 1, 0, 1], bool)),
        (MeanSquaredError(), 2, np.arange(10).reshape(5, 2)),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 2])
def test_fit_takes_the_targets_that_the_loss_takes(loss, classes, targets, batch_size):
    network, X, _ = problem(5, classes=classes)
    history = train(
        network, X.tolist(), targets, loss, batch_size=batch_size, rng=np.random.default_rng(0), lr=0.01, epochs=20
    )
    assert history["loss"][-1] < history["loss"][0]


def test_fit_takes_one_example():
    network, X, y = problem(1)
    assert len(train(network, X, y, batch_size=4, rng=np.random.default_rng(0))["loss"]) == 3


def test_a_loss_of_ones_own_needs_nothing_but_to_be_called():
    network, X, _ = problem()
    targets = np.zeros((10, 3))

    def absolute_error(outputs, targets):
        return float(np.abs(outputs - targets).mean()), np.sign(outputs - targets) / outputs.size

    history = train(network, X, targets, absolute_error, validation=(X, targets), epochs=20)
    assert history["validation_loss"][-1] < history["loss"][0]


# ---------------------------------------------------------------- history


def test_history_holds_a_list_for_each_quantity():
    network, X, y = problem()
    history = train(network, X, y)
    assert type(history) is History and list(history) == ["loss", "lr", "seconds"]
    network, X, y = problem()
    history = train(
        network, X, y, validation=(X, y), metrics={"accuracy": accuracy, "largest": lambda outputs, _: outputs.max()}
    )
    assert list(history) == [
        "loss",
        "lr",
        "accuracy",
        "largest",
        "validation_loss",
        "validation_accuracy",
        "validation_largest",
        "seconds",
    ]
    assert all(type(values) is list and len(values) == 3 for values in history.values())
    assert all(0 < seconds < 60 for seconds in history["seconds"])


def test_validation_is_measured_after_the_epoch_and_training_before_its_step():
    network, X, y = problem()
    X_other, y_other = problem(7, seed=1)[1:]
    start = copy.deepcopy(network)
    history = train(network, X, y, epochs=1, validation=(X_other, y_other), metrics={"accuracy": accuracy})
    loss = SoftmaxCrossEntropy()
    assert history["loss"] == [loss(start.forward(X), y)[0]]
    assert history["accuracy"] == [accuracy(start.forward(X), y)]
    assert history["validation_loss"] == [loss(network.forward(X_other), y_other)[0]]
    assert history["validation_accuracy"] == [accuracy(network.forward(X_other), y_other)]


def test_validation_changes_nothing_in_the_training():
    network, X, y = problem()
    other = copy.deepcopy(network)
    train(network, X, y, batch_size=3, rng=np.random.default_rng(0))
    train(
        other,
        X,
        y,
        batch_size=3,
        rng=np.random.default_rng(0),
        validation=[X[:2], y[:2]],
        metrics={"accuracy": accuracy},
    )
    assert_same(weights(network), weights(other))


def test_metrics_are_called_with_outputs_and_targets_and_averaged_over_the_examples():
    network, X, y = problem()
    calls = []

    def metric(outputs, targets):
        calls.append((outputs.shape, targets.copy()))
        return float(targets[0])

    history = train(
        network,
        X,
        y,
        epochs=1,
        batch_size=4,
        rng=np.random.default_rng(0),
        metrics={"first": metric},
        validation=(X, y),
    )
    assert [shape for shape, _ in calls] == [(4, 3), (4, 3), (2, 3), (10, 3)]
    assert sorted(np.concatenate([targets for _, targets in calls[:3]])) == sorted(y)
    assert history["first"] == [pytest.approx(sum(targets[0] * len(targets) for _, targets in calls[:3]) / 10)]
    assert history["validation_first"] == [y[0]]


def test_accuracy_over_mini_batches_is_that_of_all_examples():
    network, X, y = problem(1003)
    expected = accuracy(network.forward(X), y)
    history = train(
        network, X, y, lr=1e-300, epochs=1, batch_size=10, rng=np.random.default_rng(0), metrics={"accuracy": accuracy}
    )
    assert history["accuracy"][0] == pytest.approx(expected, rel=1e-12)
    assert history["loss"][0] == pytest.approx(SoftmaxCrossEntropy()(network.forward(X), y)[0], rel=1e-12)


def test_validation_of_many_examples_goes_in_chunks():
    spy = Spy()
    network = Network([spy, Dense(5, 3, rng=np.random.default_rng(0))])
    _, X, y = problem(2500)
    train(network, X[:5], y[:5], epochs=1, validation=(X, y))
    assert [shape[0] for kind, shape, _, _ in spy.seen if kind == "forward"][-3:] == [1000, 1000, 500]


def test_table_is_the_history_as_text_without_the_seconds():
    history = History(
        loss=[2.302585, 1.5, 0.123456, 1e-7, 0.00012345],
        lr=[0.5, 0.25, 0.125, 0.1, 0.1],
        validation_accuracy=[0.1, 0.98765, 1, 1.0, 0.5],
        seconds=[0.1] * 5,
    )
    header = "epoch        loss          lr  validation_accuracy\n"
    rows = [
        "    1       2.303         0.5                  0.1",
        "    2         1.5        0.25               0.9877",
        "    3      0.1235       0.125                    1",
        "    4       1e-07         0.1                    1",
        "    5   0.0001234         0.1                  0.5",
    ]
    assert history.table() == header + "\n".join(rows)
    assert history.table(every=2) == header + "\n".join([rows[1], rows[3], rows[4]])
    assert history.table(every=5) == history.table(every=9) == header + rows[4]


# ---------------------------------------------------------------- schedule and callback


def test_schedule_sets_the_rate_of_each_epoch():
    network, X, y = problem()
    mine = copy.deepcopy(network)
    epochs, optimizer = [], SGD(123)

    def schedule(epoch):
        epochs.append(epoch)
        return np.float32(0.5) / 2**epoch if epoch < 3 else 0

    history = train(network, X, y, epochs=4, optimizer=optimizer, schedule=schedule)
    assert epochs == [0, 1, 2, 3]
    assert history["lr"] == [0.5, 0.25, 0.125, 0] and {type(lr) for lr in history["lr"]} == {float}
    assert optimizer.lr == 0
    for lr in history["lr"]:
        mine.backward(SoftmaxCrossEntropy()(mine.forward(X), y)[1])
        for _, value, grad in mine.parameters():
            value -= lr * grad
    assert_same(weights(network), weights(mine))


@pytest.mark.parametrize("lr", [-0.1, np.nan, np.inf, "0.1", None])
def test_schedule_must_give_a_rate(lr):
    network, X, y = problem()
    with pytest.raises(ValueError) as error:
        train(network, X, y, schedule=lambda epoch: 0.1 if epoch == 0 else lr)
    assert str(error.value) == f"schedule(1) is {lr!r}; it must be a finite number at least 0"


def test_callback_runs_after_each_epoch_with_its_record():
    network, X, y = problem()
    calls = []

    def callback(*arguments):
        epoch, its_network, history = arguments
        calls.append(
            (epoch, its_network, history, {name: len(values) for name, values in history.items()}, weights(network))
        )

    returned = train(network, X, y, callback=callback, validation=(X, y))
    assert [epoch for epoch, *_ in calls] == [0, 1, 2]
    assert all(its_network is network and history is returned for _, its_network, history, _, _ in calls)
    assert [lengths for *_, lengths, _ in calls] == [
        dict.fromkeys(["loss", "lr", "validation_loss", "seconds"], k) for k in (1, 2, 3)
    ]
    assert not np.array_equal(calls[0][-1][0], calls[1][-1][0])
    assert_same(calls[-1][-1], weights(network))


def test_an_error_in_the_callback_comes_through():
    network, X, y = problem()

    def callback(epoch, network, history):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, X, y, callback=callback)


# ---------------------------------------------------------------- l2


@pytest.mark.parametrize("batch_size", [None, 4])
def test_l2_is_the_loop_written_by_hand_and_is_not_in_the_recorded_losses(batch_size):
    network, X, y = problem()
    mine = copy.deepcopy(network)
    history = train(network, X, y, l2=0.3, batch_size=batch_size, rng=np.random.default_rng(7), validation=(X, y))
    rng = np.random.default_rng(7)
    for epoch in range(3):
        order, total = np.arange(10) if batch_size is None else rng.permutation(10), 0
        for i in range(0, 10, batch_size or 10):
            rows = order[i : i + (batch_size or 10)]
            value, d_outputs = SoftmaxCrossEntropy()(mine.forward(X[rows]), y[rows])
            total += value * len(rows) / 10
            mine.backward(d_outputs)
            for name, value, grad in mine.parameters():
                value -= 0.1 * (grad + 0.3 * value if name.endswith("W") else grad)
        assert history["loss"][epoch] == pytest.approx(total, rel=1e-14)
        assert history["validation_loss"][epoch] == pytest.approx(
            SoftmaxCrossEntropy()(mine.forward(X), y)[0], rel=1e-14
        )
    for one, other in zip(weights(network), weights(mine)):
        assert np.allclose(one, other, rtol=1e-13, atol=1e-15)


def test_l2_makes_weights_smaller():
    sizes = []
    for strength in (0, 0.01, 1):
        network, X, y = problem()
        train(network, X, y, l2=strength, epochs=200)
        sizes.append(sum((layer.params["W"] ** 2).sum() for layer in network.layers if layer.params))
    assert sizes[0] > 1.1 * sizes[1] and sizes[1] > 5 * sizes[2]


# ---------------------------------------------------------------- early stopping


class Scripted:
    """A loss whose validation values are written down; on the training data it pulls the outputs towards zero."""

    def __init__(self, values):
        self.values = iter(values)

    def __call__(self, outputs, targets):
        if len(outputs) == 7:  # the validation data
            return next(self.values), None
        return float(np.mean(outputs**2)), 2 * outputs / outputs.size


def train_scripted(values, early_stopping, network=None, **options):
    """The history of a training with these validation losses, and the arrays as they were after each epoch."""
    if network is None:
        rng = np.random.default_rng(0)
        network = Network([Dense(5, 4, rng=rng), BatchNorm(4), Dropout(0.2, rng), Dense(4, 3, rng=rng)])
    rng = np.random.default_rng(1)
    after = []
    history = train(
        network,
        rng.normal(size=(10, 5)),
        np.zeros((10, 3)),
        Scripted(values),
        epochs=len(values),
        validation=(rng.normal(size=(7, 5)), np.zeros((7, 3))),
        early_stopping=early_stopping,
        callback=lambda *_: after.append(all_arrays(network)),
        **{"optimizer": SGD(0.1, momentum=0.5), **options},
    )
    return network, history, after


def all_arrays(network):
    return [array.copy() for _, array, _ in network._arrays()]


STOPPED = {  # the validation losses, patience and min_delta; then the epochs that were trained, and the best (from 0)
    "never better": ([3, 4, 5, 6, 7], 1, 0, 2, 0),
    "never better, patience 2": ([3, 4, 5, 6, 7], 2, 0, 3, 0),
    "never better, patience 3": ([3, 4, 5, 6, 7], 3, 0, 4, 0),
    "patience as long as the training": ([3, 4, 5, 6, 7], 5, 0, 5, 0),
    "always better": ([5, 4, 3, 2, 1], 1, 0, 5, 4),
    "better in the last epoch of patience": ([5, 6, 6, 4, 6, 6, 6, 1], 3, 0, 7, 3),
    "better one epoch too late": ([5, 6, 6, 6, 4, 3, 2, 1], 3, 0, 4, 0),
    "best in the middle, stopped by the number of epochs": ([5, 3, 4, 4], 3, 0, 4, 1),
    "the same is not better": ([5, 5, 5, 5], 2, 0, 3, 0),
    "better than the last, and not than the best": ([5, 3, 9, 4, 3.5, 3.2], 3, 0, 5, 1),
    "a little better": ([5, 4.999, 4.998, 4.997], 2, 0, 4, 3),
    "not better by min_delta": ([5, 4.9, 4.8, 4.7], 2, 0.5, 3, 0),
    "exactly min_delta": ([5, 4.5, 4, 3.5], 2, 0.5, 4, 2),  # 4 is 1 below 5
    "slowly, but by min_delta in all": ([5, 4.8, 4.4, 4.2, 3.8], 2, 0.5, 5, 4),
    "negative losses": ([-1, -2, -1, -1], 2, 0, 4, 1),
}


@pytest.mark.parametrize("values, patience, min_delta, epochs, best", STOPPED.values(), ids=STOPPED)
def test_early_stopping_stops_after_patience_and_puts_the_best_epoch_back(values, patience, min_delta, epochs, best):
    stopping = EarlyStopping(patience, min_delta)
    network, history, after = train_scripted(values, stopping)
    assert history["validation_loss"] == values[:epochs] and len(history["loss"]) == len(after) == epochs
    assert (stopping.best_epoch, stopping.best_loss) == (best, values[best])
    assert_same(all_arrays(network), after[best])
    assert len(after) == 1 or not np.array_equal(after[0][0], after[1][0])  # there is something to put back


def test_early_stopping_keeps_the_arrays_so_that_training_can_go_on_with_the_same_optimizer():
    optimizer, stopping = Adam(0.1), EarlyStopping(2)
    network, _, _ = train_scripted([3], EarlyStopping(1), optimizer=optimizer)
    before = [value for _, value, _ in network.parameters()]
    train_scripted([3, 2, 4, 5, 6], stopping, network, optimizer=optimizer)
    assert stopping.best_epoch == 1
    assert all(value is old for (_, value, _), old in zip(network.parameters(), before))
    _, history, _ = train_scripted([9, 8], None, network, optimizer=optimizer)
    assert len(history["loss"]) == 2


def test_the_weights_put_back_are_a_copy():
    stopping = EarlyStopping(1)
    network, _, after = train_scripted([3, 4], stopping)
    for array in network._arrays():
        array[1][...] = 7
    stopping.restore(network)
    assert_same(all_arrays(network), after[0])


def test_before_any_training_there_is_no_best_epoch():
    stopping = EarlyStopping(3)
    assert (stopping.patience, stopping.min_delta) == (3, 0)
    assert (stopping.best_epoch, stopping.best_loss) == (None, np.inf)
    network, _, _ = problem()
    before = weights(network)
    stopping.restore(network)
    assert_same(weights(network), before)


def test_a_second_fit_with_the_same_early_stopping_starts_afresh():
    stopping = EarlyStopping(2)
    train_scripted([1, 2, 3, 4], stopping)
    network, history, after = train_scripted([30, 20, 40, 50, 60], stopping)
    assert len(history["loss"]) == 4 and (stopping.best_epoch, stopping.best_loss) == (1, 20)
    assert_same(all_arrays(network), after[1])


@pytest.mark.parametrize("trouble", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_puts_the_best_weights_back_too(trouble):
    stopping = EarlyStopping(5)
    with pytest.warns(RuntimeWarning, match="not finite in epoch 4"):
        network, history, after = train_scripted([3, 2, 4, trouble, 1], stopping)
    assert history["validation_loss"] == [3, 2, 4] and stopping.best_epoch == 1
    assert_same(all_arrays(network), after[1])


def test_divergence_in_the_first_epoch_has_nothing_to_put_back():
    stopping = EarlyStopping(5)
    train_scripted([3], stopping)
    with pytest.warns(RuntimeWarning, match="not finite in epoch 1"):
        network, history, _ = train_scripted([np.nan, 1], stopping)
    assert history["loss"] == [] and (stopping.best_epoch, stopping.best_loss) == (None, np.inf)
    assert all(np.isfinite(array).all() for array in all_arrays(network))


def test_after_an_interruption_restore_puts_the_best_weights_back():
    stopping, seen = EarlyStopping(5), []
    network, X, y = problem()

    def callback(epoch, network, history):
        seen.append(weights(network))
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, X, y, lr=20.0, epochs=9, validation=(X, y), early_stopping=stopping, callback=callback)
    assert 0 <= stopping.best_epoch < 3
    stopping.restore(network)
    assert_same(weights(network), seen[stopping.best_epoch])


def test_early_stopping_finds_the_minimum_of_a_real_training():
    rng = np.random.default_rng(0)
    X, y = nnlib.moons(40, rng=rng, noise=0.4)
    X_val, y_val = nnlib.moons(200, rng=rng, noise=0.4)
    network, stopping = mlp([2, 50, 2], rng=rng), EarlyStopping(30)
    history = train(
        network, X, y, optimizer=Adam(0.02), epochs=1000, validation=(X_val, y_val), early_stopping=stopping
    )
    values = history["validation_loss"]
    assert len(values) == stopping.best_epoch + 31 < 1000
    assert stopping.best_loss == values[stopping.best_epoch] == min(values)
    assert SoftmaxCrossEntropy()(network.forward(X_val), y_val)[0] == pytest.approx(min(values), rel=1e-12)


# ---------------------------------------------------------------- progress


def test_progress_false_shows_nothing(capfd):
    network, X, y = problem()
    train(network, X, y, validation=(X, y))
    assert capfd.readouterr() == ("", "")


def test_progress_of_k_prints_a_line_every_k_epochs(capsys):
    network, X, y = problem()
    history = train(network, X, y, epochs=7, progress=3, metrics={"accuracy": accuracy}, validation=(X, y))
    names = ["loss", "accuracy", "validation_loss", "validation_accuracy"]
    lines = [f"epoch     {k}  " + "  ".join(f"{name} {history[name][k - 1]:.4g}" for name in names) for k in (3, 6)]
    assert capsys.readouterr().out == "\n".join(lines) + "\n"


def test_a_line_appears_when_its_epoch_ends(capsys):
    network, X, y = problem()
    seen = []
    train(network, X, y, progress=1, callback=lambda *_: seen.append(capsys.readouterr().out.split()[:2]))
    assert seen == [["epoch", "1"], ["epoch", "2"], ["epoch", "3"]]


class FakeBar:
    made = []

    def __init__(self, **options):
        self.options, self.texts, self.updates, self.closed = options, [], 0, False
        FakeBar.made.append(self)

    def set_postfix_str(self, text, refresh=True):
        self.texts.append(text)

    def update(self):
        self.updates += 1

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch):
    """The bars that `fit` makes, instead of tqdm's."""
    monkeypatch.setattr("tqdm.tqdm", FakeBar)
    FakeBar.made.clear()
    return FakeBar.made


@pytest.mark.parametrize("options", [{"progress": None}, {"progress": True}])
@pytest.mark.filterwarnings("error")
def test_progress_is_a_bar_with_the_loss_unless_told(bars, options):
    network, X, y = problem()
    history = train(network, X, y, **options)
    (bar,) = bars
    assert bar.options["total"] == 3 and bar.options["unit"] == "epoch" and bar.updates == 3 and bar.closed
    assert bar.texts == [f"loss {value:.4g}" for value in history["loss"]]


@pytest.mark.parametrize("in_notebook", [False, True])
def test_the_bar_vanishes_and_is_no_error_message_in_a_notebook(bars, monkeypatch, in_notebook):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if in_notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", None)
    train(*problem(), progress=None)
    assert bars[0].options["leave"] is False
    assert bars[0].options["file"] is (sys.stdout if in_notebook else sys.stderr)


@pytest.mark.parametrize("trouble", ["divergence", "callback"])
def test_the_bar_is_closed_whatever_happens(bars, trouble):
    network, X, y = problem()
    if trouble == "callback":
        with pytest.raises(ZeroDivisionError):
            train(network, X, y, progress=None, callback=lambda *_: 1 / 0)
    else:
        with pytest.warns(RuntimeWarning):
            train(network, X, np.ones((10, 3)), MeanSquaredError(), lr=1e200, progress=None)
    assert bars[0].closed


def test_there_is_no_bar_where_lines_or_nothing_is_printed(bars):
    network, X, y = problem()
    train(network, X, y, progress=2)
    train(network, X, y, progress=False)
    assert bars == []


@pytest.mark.parametrize("disabled", [False, True])
def test_the_bar_is_shown_unless_tqdm_is_disabled(disabled):
    code = """if True:
        import numpy as np
        from nnlib import SGD, MeanSquaredError, fit, mlp
        network = mlp([1, 1], rng=np.random.default_rng(0))
        fit(network, MeanSquaredError(), [[1.0]], [[1.0]], optimizer=SGD(0.1), epochs=3)
    """
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    if disabled:
        environment["TQDM_DISABLE"] = "1"
    folder = Path(nnlib.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "Warning" not in done.stderr
    assert ("0/3" in done.stderr) == (not disabled)


# ---------------------------------------------------------------- a loss that stops being finite


def points_at_the_call(warning):
    """Whether a warning names the line that called `fit`, which stands in `train`, above."""
    lines, first = inspect.getsourcelines(train)
    return Path(warning.filename).name == Path(__file__).name and first <= warning.lineno < first + len(lines)


def diverge(network, X, y, loss, **options):
    """The history and the warnings, NumPy's among them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = train(network, X, y, loss, epochs=100, **options)
    return history, caught


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 3}, {"validation": True}], ids=["full", "batches", "validation"]
)
def test_divergence_ends_with_one_warning_and_the_history_up_to_there(dtype, options):
    network, X, _ = problem(dtype=dtype)
    network = mlp([5, 3], rng=np.random.default_rng(0), dtype=dtype)
    targets, epochs = np.ones((10, 3)), []
    if "batch_size" in options:
        options = {**options, "rng": np.random.default_rng(0)}
    if "validation" in options:
        options = {"validation": (X, targets)}
    history, caught = diverge(
        network, X, targets, MeanSquaredError(), lr=1e6, callback=lambda epoch, *_: epochs.append(epoch), **options
    )
    length = len(history["loss"])
    assert 0 < length < 100 and epochs == list(range(length))
    assert all(len(values) == length and np.isfinite(values).all() for values in history.values())
    assert [(w.category, points_at_the_call(w)) for w in caught] == [(RuntimeWarning, True)]
    assert str(caught[0].message) == (
        f"the loss is not finite in epoch {length + 1}, so training ends here; "
        "the usual cause is a learning rate that is too large (it is 1e+06)"
    )
    assert len(history.table().splitlines()) == length + 1


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "leaky_relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("loss, classes", [(SoftmaxCrossEntropy(), 3), (BinaryCrossEntropy(), 1)])
def test_no_numpy_warning_escapes_however_large_the_rate(activation, loss, classes):
    network = mlp([5, 7, classes], activation, rng=np.random.default_rng(0))
    _, X, y = problem()
    _, caught = diverge(network, X, y % 2, loss, lr=1e300, validation=(X, y % 2), metrics={"accuracy": accuracy})
    assert len(caught) <= 1 and all("the loss is not finite in epoch" in str(w.message) for w in caught)


def test_divergence_in_the_first_epoch_leaves_an_empty_history():
    network, X, y = problem()
    history, caught = diverge(
        network, 1e300 * X, np.ones((10, 3)), MeanSquaredError(), metrics={"size": lambda outputs, _: outputs.max()}
    )
    assert (
        len(caught) == 0 and len(history["loss"]) == 100
    )  # tanh holds it; without a hidden layer the outputs overflow
    network = mlp([5, 3], rng=np.random.default_rng(0))
    history, caught = diverge(
        network, 1e300 * X, np.ones((10, 3)), MeanSquaredError(), metrics={"size": lambda outputs, _: outputs.max()}
    )
    assert history == {"loss": [], "lr": [], "size": [], "seconds": []}
    assert [str(w.message)[:38] for w in caught] == ["the loss is not finite in epoch 1, so "]
    assert history.table() == "epoch        loss          lr        size"


def test_a_first_look_at_outputs_that_overflow_warns_of_nothing_but_the_loss():
    network = Network([Dense(5, 3, rng=np.random.default_rng(0), init=nnlib.constant(9))])
    history, caught = diverge(network, np.full((10, 5), 1e308), np.ones((10, 3)), MeanSquaredError())
    assert history["loss"] == [] and ["the loss is not finite" in str(w.message) for w in caught] == [True]


def test_a_loss_that_is_not_finite_is_followed_by_no_step():
    network, X, _ = problem()
    values = iter([1.0, 1.0, 1.0, 1.0, np.nan, 1.0])

    def loss(outputs, targets):
        return next(values), np.ones_like(outputs)

    before = []
    network.layers.append(spy := Spy())
    with pytest.warns(RuntimeWarning, match="not finite in epoch 3"):
        train(
            network,
            X,
            np.zeros(10),
            loss,
            batch_size=5,
            rng=np.random.default_rng(0),
            callback=lambda *_: before.append(weights(network)),
        )
    assert len(before) == 2 and [kind for kind, *_ in spy.seen].count("backward") == 4
    assert_same(weights(network), before[-1])


def test_a_validation_loss_that_is_not_finite_ends_the_training_too():
    network, X, _ = problem()
    network = mlp([5, 3], rng=np.random.default_rng(0))
    targets = np.ones((10, 3))
    history, caught = diverge(network, X, targets, MeanSquaredError(), validation=(1e200 * X, targets), lr=1e-3)
    assert history["loss"] == history["validation_loss"] == []
    assert [(w.category, points_at_the_call(w)) for w in caught] == [(RuntimeWarning, True)]
    assert "in epoch 1," in str(caught[0].message)


def test_the_warning_settings_are_as_before():
    network, X, y = problem()
    with np.errstate(all="raise"):
        train(network, X, y, lr=1e300)
        with pytest.raises(FloatingPointError):
            np.ones(1) / 0


# ---------------------------------------------------------------- layers that know of training


def test_fit_moves_the_running_statistics_once_a_batch_and_never_in_validation():
    rng = np.random.default_rng(0)
    X, y = rng.normal(3, 2, (10, 5)), rng.integers(0, 3, 10)
    norm = BatchNorm(5)
    network = Network([norm, Dense(5, 3, rng=rng)])
    train(network, X, y, epochs=2, batch_size=4, rng=np.random.default_rng(7), validation=(X[:7], y[:7]))
    expected, order = BatchNorm(5), np.random.default_rng(7)
    for _ in range(2):
        for X_batch, _ in batches(X, y, 4, order):
            expected.forward(X_batch, training=True)
    assert all(np.array_equal(norm.state[name], expected.state[name]) for name in norm.state)


def test_fit_drops_out_in_training_and_not_in_validation():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 5)), rng.integers(0, 3, 10)
    network = Network([Dropout(0.5, rng), Dense(5, 3, rng=rng)])
    history = train(network, X, y, lr=1e-300, validation=(X, y))
    assert len(set(history["loss"])) == 3 and len(set(history["validation_loss"])) == 1
    assert history["validation_loss"][0] == SoftmaxCrossEntropy()(network.forward(X), y)[0]


# ---------------------------------------------------------------- it learns


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_unit_learns_two_blobs(dtype):
    rng = np.random.default_rng(0)
    X, y = nnlib.linear(200, rng=rng)
    X_test, y_test = nnlib.linear(1000, rng=rng)
    network = mlp([2, 1], rng=rng, dtype=dtype)
    history = train(
        network, X, y, BinaryCrossEntropy(), lr=0.5, epochs=100, batch_size=32, rng=rng, metrics={"accuracy": accuracy}
    )
    assert history["accuracy"][-1] >= 0.99
    assert np.mean(network.predict(X_test) == y_test) >= 0.99


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("loss, classes", [(BinaryCrossEntropy(), 1), (SoftmaxCrossEntropy(), 2)])
def test_a_hidden_layer_learns_xor_and_without_one_it_cannot_be_learnt(activation, loss, classes):
    rng = np.random.default_rng(0)
    X, y = nnlib.xor(200, rng=rng, noise=0.2)
    X_test, y_test = nnlib.xor(1000, rng=rng, noise=0.2)
    network, line = mlp([2, 8, classes], activation, rng=rng), mlp([2, classes], rng=rng)
    for net in (network, line):
        train(net, X, y, loss, optimizer=SGD(0.2, momentum=0.9), epochs=150)
    assert np.mean(network.predict(X_test) == y_test) >= 0.99
    assert np.mean(line.predict(X_test) == y_test) < 0.8


def test_a_line_is_fitted_to_numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    targets = X @ [[1.0, 2], [3, 4], [5, 6]] + [7, 8]
    network = mlp([3, 2], rng=rng)
    history = train(network, X, targets, MeanSquaredError(), lr=0.3, epochs=300)
    assert history["loss"][-1] < 1e-12
    assert np.allclose(network.layers[0].params["W"], [[1, 2], [3, 4], [5, 6]], atol=1e-5)
    assert np.allclose(network.layers[0].params["b"], [7, 8], atol=1e-5)


def test_a_large_enough_network_learns_twenty_random_labels_by_heart():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    network = mlp([5, 64, 3], rng=rng)
    train(network, X, y, optimizer=SGD(0.1, momentum=0.9), epochs=200)
    assert np.array_equal(network.predict(X), y)


def test_a_convolutional_network_learns_where_a_bar_lies():
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 0.3, (60, 1, 6, 6)), rng.integers(0, 2, 60)
    for image, label in zip(X[:, 0], y):  # a bar that lies or stands, anywhere
        image[(rng.integers(6), slice(None)) if label else (slice(None), rng.integers(6))] += 1
    layers = [nnlib.Conv2D(1, 4, 3, rng=rng, padding=1), nnlib.ReLU(), nnlib.MaxPool2D(2), nnlib.Flatten()]
    network = Network(
        [*layers, Dense(36, 8, rng=rng), BatchNorm(8), nnlib.ReLU(), Dropout(0.2, rng), Dense(8, 2, rng=rng)]
    )
    history = train(network, X, y, optimizer=Adam(0.01), epochs=30, batch_size=16, rng=rng)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert np.mean(network.predict(X) == y) >= 0.95
