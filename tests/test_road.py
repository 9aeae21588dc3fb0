"""The file behind the road from 97 % to 99 %: it is whole, and today's code goes the same road."""

import json

import matrix
import numpy as np
import pytest
import road

import nnlib

TEXT = (matrix.ROOT / road.RESULT).read_text(encoding="utf-8")
STORED = json.loads(TEXT)
STEPS = STORED["steps"]


def rows_of(found):
    return [int(row) for row in found.split()]


def test_the_file_has_every_step():
    assert road.dump(STORED) == TEXT
    assert list(STORED) == ["machine", "batch size", "steps", "test", "speed"]
    assert list(STEPS) == [*road.ROAD, *road.SIDE_ROADS]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_follows_the_rules(name):
    step = STEPS[name]
    before = STEPS[step["after"]] if step["after"] else None
    if name in road.ROAD:
        earlier = list(road.ROAD)[: list(road.ROAD).index(name)]
        assert step["after"] == ([one for one in earlier if STEPS[one]["better"]] or [None])[-1]
        new = road.ROAD[name]
    else:
        after, new = road.SIDE_ROADS[name]
        assert step["after"] == after
    quantity = next((key for key, value in new.items() if isinstance(value, tuple)), "rate")
    settings = new.get(quantity, road.RATES[step["recipe"]["optimizer"]])
    assert [float(setting) for setting in step["tried"]] == list(settings if len(settings) > 1 else ())
    assert len(settings) in (1, 4) and all(len(right) == len(road.TUNING_SEEDS) for right in step["tried"].values())
    best = float(max(step["tried"], key=lambda setting: sum(step["tried"][setting]))) if step["tried"] else settings[0]
    assert step["recipe"] == (before["recipe"] if before else road.START) | new | {quantity: best}
    assert step["better"] == (before is None or road.mean_right(step) > road.mean_right(before))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_has_five_networks(name):
    step = STEPS[name]
    for quantity in ("mistakes", "training", "shifted"):
        assert len(step[quantity]) == len(road.SEEDS)
    for found, shifted in zip(step["mistakes"], step["shifted"]):
        rows = rows_of(found)
        assert rows == sorted(set(rows)) and 0 <= rows[0] and rows[-1] < 10_000
        assert len(shifted) == len(road.DISTANCES)
        assert shifted[0] == road.share_right(found)  # not moved


def test_three_networks_met_the_test_images():
    assert list(STORED["test"]) == list(road.TESTED)
    assert all(len(found) == len(road.SEEDS) for found in STORED["test"].values())


@pytest.mark.mnist
@pytest.mark.parametrize("name", STEPS)
def test_a_thousand_images_give_the_stored_loss(name):
    """Every recipe, in an epoch of a few batches. A change that moves it calls for `tools/road.py --write`."""
    X, y, _, _ = nnlib.mnist()
    assert road.short(STEPS[name]["recipe"], X, y) == pytest.approx(STEPS[name]["short"], rel=1e-9)


@pytest.mark.mnist
def test_the_first_step_gives_the_stored_mistakes():
    X, y, _, _ = nnlib.mnist()
    recipe = STEPS["start"]["recipe"]
    network, _ = road.train(recipe, road.SEEDS[0], X[:50_000], y[:50_000])
    now = rows_of(road.mistakes(network, recipe, X[50_000:], y[50_000:]))
    stored = rows_of(STEPS["start"]["mistakes"][0])
    assert len(set(now) ^ set(stored)) <= 20  # another processor may decide close cases otherwise


def test_images_move_as_they_are_told():
    X = np.random.default_rng(0).random((4, 784))
    moved = road.shifted(X, np.array([0, 2, -1, 0]), np.array([0, 0, 3, -2])).reshape(4, 28, 28)
    squares = X.reshape(4, 28, 28)
    assert np.array_equal(moved[0], squares[0])
    assert np.array_equal(moved[1, 2:], squares[1, :-2]) and not moved[1, :2].any()
    assert (
        np.array_equal(moved[2, :-1, 3:], squares[2, 1:, :-3]) and not moved[2, -1].any() and not moved[2, :, :3].any()
    )
    assert np.array_equal(moved[3, :, :-2], squares[3, :, 2:]) and not moved[3, :, -2:].any()


class TestLogbook:
    recipe = road.START | {"network": "784-4-10", "rate": 0.1, "epochs": 1}

    @pytest.fixture
    def log(self, tmp_path, monkeypatch):
        """A logbook in a folder of its own; what it trains, it counts."""
        trained = []
        monkeypatch.setattr(road, "DONE", tmp_path / "build" / "road.jsonl")
        monkeypatch.setattr(road, "train", lambda *arguments: (trained.append(1), None))
        monkeypatch.setattr(road, "mistakes", lambda *arguments: "1 2")
        return trained

    def look(self, seed):
        return road.Logbook().result("tuning", self.recipe, seed, (None,) * 4)

    def test_nothing_is_trained_twice(self, log):
        first = self.look(0)
        assert self.look(0) == first and len(log) == 1

    def test_stopped_in_the_middle_of_a_line(self, log):
        self.look(0), self.look(1)
        text = road.DONE.read_text(encoding="utf-8")
        road.DONE.write_text(text[:-9], encoding="utf-8")
        self.look(0), self.look(1), self.look(1)
        assert len(log) == 3
        assert len(road.DONE.read_text(encoding="utf-8").splitlines()) == 2

    def test_other_code_trains_anew(self, log, monkeypatch):
        self.look(0)
        monkeypatch.setattr(road, "code_hash", lambda: "other")
        self.look(0)
        assert len(log) == 2


def test_a_network_has_dropout_only_where_the_recipe_says_so():
    recipe = road.START | {"network": "784-128-64-10"}
    for rate, wanted in ((0, 0), (0.2, 2)):
        network = road.make_network(recipe | {"dropout": rate}, np.random.default_rng(0))
        assert sum(isinstance(layer, nnlib.Dropout) for layer in network.layers) == wanted


def test_the_speed_is_that_of_the_functions_on_the_page():
    assert list(STORED["speed"]["seconds"]) == ["loops", "im2col", "nnlib"]
    assert all(seconds > 0 for seconds in STORED["speed"]["seconds"].values())
    assert [function.__name__ for function in road.chapter_functions()] == list(road.FUNCTIONS)
    road.measure_speed(n=1, repetitions=1)  # it asserts that all three give the same
