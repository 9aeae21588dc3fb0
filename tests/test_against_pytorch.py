"""nnlib against PyTorch, an independent implementation: networks drawn at random by hypothesis, optimizers over fifty steps.

All in float64, where the two should differ by rounding alone. Without PyTorch or hypothesis these tests are skipped.
"""

import copy
import inspect
import itertools

import numpy as np
import pytest

import nnlib

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
hypothesis = pytest.importorskip(
    "hypothesis", reason="hypothesis is not installed: pip install -r requirements-dev.txt"
)

from hypothesis import strategies as st  # noqa: E402

torch.set_num_threads(1)
TOLERANCE = 1e-10

# The same examples in each run and on each machine: a failure here is a failure there, and can be looked at.
drawn = hypothesis.settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=300,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
seeds = st.integers(0, 2**32 - 1)


def assert_close(mine, theirs, what):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    np.testing.assert_allclose(mine, theirs, rtol=TOLERANCE, atol=TOLERANCE, err_msg=what)


# ---------------------------------------------------------------- nnlib's layers and losses in PyTorch


class Mask(torch.nn.Module):
    """Dropout with the mask that nnlib's layer has just drawn: two libraries never draw the same."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        (mask,) = self.layer._kept
        return x if mask is None else x * torch.tensor(mask)


def module_with(module, **arrays):
    """A module of PyTorch with these arrays as its parameters and buffers."""
    module = module.double()
    with torch.no_grad():
        for name, array in arrays.items():
            getattr(module, name).copy_(torch.tensor(array))
    return module


def to_torch(layer):
    params, state = layer.params, layer.state
    nn = torch.nn
    if isinstance(layer, nnlib.Dense):
        return module_with(nn.Linear(*params["W"].shape), weight=params["W"].T, bias=params["b"])  # (n_out, n_in) there
    if isinstance(layer, nnlib.Conv2D):
        c_out, c_in, k, _ = params["W"].shape
        module = nn.Conv2d(c_in, c_out, k, stride=layer.stride, padding=layer.padding)
        return module_with(module, weight=params["W"], bias=params["b"])
    if isinstance(layer, nnlib.BatchNorm):
        module = nn.BatchNorm1d(layer.n, eps=layer.eps, momentum=layer.momentum)
        return module_with(module, weight=params["gamma"], bias=params["beta"], **state)
    if isinstance(layer, nnlib.Dropout):
        return Mask(layer)
    return {
        nnlib.Sigmoid: lambda: nn.Sigmoid(),
        nnlib.Tanh: lambda: nn.Tanh(),
        nnlib.ReLU: lambda: nn.ReLU(),
        nnlib.LeakyReLU: lambda: nn.LeakyReLU(layer.slope),
        nnlib.GELU: lambda: nn.GELU(approximate="tanh"),
        nnlib.SiLU: lambda: nn.SiLU(),
        nnlib.Flatten: lambda: nn.Flatten(),
        nnlib.MaxPool2D: lambda: nn.MaxPool2d(layer.kernel_size),
    }[type(layer)]()


def named_in_torch(model):
    """PyTorch's parameters under nnlib's names, and in nnlib's layout."""
    for i, module in enumerate(model):
        names = (
            {"weight": "gamma", "bias": "beta"}
            if isinstance(module, torch.nn.BatchNorm1d)
            else {"weight": "W", "bias": "b"}
        )
        for name, value in module.named_parameters():
            transposed = isinstance(module, torch.nn.Linear) and name == "weight"
            yield f"{i}.{names[name]}", value, (lambda array: array.T) if transposed else (lambda array: array)


def loss_and_targets(kind, rng, n, c):
    """nnlib's loss, PyTorch's, and targets for outputs (n, c)."""
    if kind == "binary":
        y = rng.integers(0, 2, n)
        return (
            nnlib.BinaryCrossEntropy(),
            torch.nn.BCEWithLogitsLoss(),
            y,
            torch.tensor(y[:, None], dtype=torch.float64),
        )
    if kind == "softmax":
        y = rng.integers(0, c, n)
        return nnlib.SoftmaxCrossEntropy(), torch.nn.CrossEntropyLoss(), y, torch.tensor(y)
    y = rng.normal(size=(n, c))
    return nnlib.MeanSquaredError(), torch.nn.MSELoss(), y, torch.tensor(y)


def compare(network, X, loss, rng, training, l2=0.0):
    """The outputs, the loss, all gradients, and the state afterwards."""
    for layer in network.layers:  # as after some training: nothing is 0 or 1
        for name, value in layer.params.items():
            if name != "W":
                value += rng.normal(0, 0.5, value.shape)
        for value in layer.state.values():
            value += rng.uniform(0, 1, value.shape)
    model = torch.nn.Sequential(*(to_torch(layer) for layer in network.layers)).train(training)

    outputs = network.forward(X, training=training)
    my_loss, their_loss, y, their_y = loss_and_targets(loss, rng, *outputs.shape)
    value, d_outputs = my_loss(outputs, y)
    d_X = network.backward(d_outputs, needs_input=True)
    value += nnlib.l2(network, l2)

    their_X = torch.tensor(X, requires_grad=True)
    their_outputs = model(their_X)
    their_outputs.retain_grad()
    their_value = their_loss(their_outputs, their_y)
    weights = [value for name, value, _ in named_in_torch(model) if name.endswith("W")]
    (their_value + l2 / 2 * sum((W**2).sum() for W in weights)).backward()

    assert_close(outputs, their_outputs, "outputs")
    assert_close(value, their_value.item() + l2 / 2 * sum((W**2).sum().item() for W in weights), "loss")
    assert_close(d_outputs, their_outputs.grad, "gradient of the outputs")
    assert_close(d_X, their_X.grad, "gradient of the input")
    theirs = {name: (value.grad, arrange) for name, value, arrange in named_in_torch(model)}
    assert theirs.keys() == {name for name, _, _ in network.parameters()}
    for name, _, grad in network.parameters():
        their_grad, arrange = theirs[name]
        assert_close(grad, arrange(their_grad.numpy()), f"gradient of {name}")
    for layer, module in zip(network.layers, model):
        for name, value in layer.state.items():
            assert_close(value, getattr(module, name), name)


# ---------------------------------------------------------------- networks


def activations():
    return st.sampled_from(
        [nnlib.Sigmoid, nnlib.Tanh, nnlib.ReLU, nnlib.LeakyReLU, lambda: nnlib.LeakyReLU(0.3), nnlib.GELU, nnlib.SiLU]
    ).map(lambda make: make())


@st.composite
def dense_stacks(draw, rng, n_in, depth=3):
    """Layers for rows of n_in numbers, and what loss takes their outputs."""
    loss = draw(st.sampled_from(["binary", "softmax", "squared"]))
    layers, n = [], n_in
    for _ in range(draw(st.integers(0, depth))):
        n_next = draw(st.integers(1, 9))
        layers.append(
            nnlib.Dense(n, n_next, rng=rng, init=draw(st.sampled_from([nnlib.he, nnlib.lecun, nnlib.glorot])))
        )
        n = n_next
        if draw(st.booleans()):
            layers.append(
                nnlib.BatchNorm(
                    n, momentum=draw(st.sampled_from([0.1, 0.7, 1])), eps=draw(st.sampled_from([1e-5, 0.1]))
                )
            )
        layers.append(draw(activations()))
        if draw(st.booleans()):
            layers.append(nnlib.Dropout(draw(st.sampled_from([0, 0.1, 0.5])), rng))
    classes = {"binary": 1, "softmax": draw(st.integers(2, 5)), "squared": draw(st.integers(1, 4))}[loss]
    return [*layers, nnlib.Dense(n, classes, rng=rng)], loss


@drawn
@hypothesis.given(st.data())
def test_dense_networks(data):
    draw = data.draw
    rng = np.random.default_rng(draw(seeds))
    training = draw(st.booleans())
    n, n_in = draw(st.integers(2, 12)), draw(st.integers(1, 8))
    layers, loss = draw(dense_stacks(rng, n_in))
    X = draw(st.sampled_from([0.1, 1, 3])) * rng.normal(size=(n, n_in))
    compare(nnlib.Network(layers), X, loss, rng, training, l2=draw(st.sampled_from([0.0, 0.01, 1.0])))


@drawn
@hypothesis.given(st.data())
def test_convolutional_networks(data):
    draw = data.draw
    rng = np.random.default_rng(draw(seeds))
    n, c, height, width = (draw(st.integers(*bounds)) for bounds in ((2, 5), (1, 3), (3, 9), (3, 9)))
    X = rng.normal(size=(n, c, height, width))
    layers = []
    for _ in range(draw(st.integers(1, 2))):
        c_out, k, stride, padding = (draw(st.integers(*bounds)) for bounds in ((1, 4), (1, 3), (1, 3), (0, 2)))
        if min(height, width) + 2 * padding < k:
            break
        layers += [nnlib.Conv2D(c, c_out, k, rng=rng, stride=stride, padding=padding), draw(activations())]
        c, height, width = c_out, *((size + 2 * padding - k) // stride + 1 for size in (height, width))
        pool = draw(st.integers(1, 3))
        if min(height, width) >= pool:
            layers.append(nnlib.MaxPool2D(pool))
            height, width = height // pool, width // pool
    rest, loss = draw(dense_stacks(rng, c * height * width, depth=1))
    network = nnlib.Network([*layers, nnlib.Flatten(), *rest])
    compare(network, X, loss, rng, draw(st.booleans()), l2=draw(st.sampled_from([0.0, 0.1])))


@drawn
@hypothesis.given(seeds, st.sampled_from(["binary", "softmax", "squared"]), st.integers(1, 20), st.integers(2, 9))
def test_losses_at_logits_of_any_size(seed, kind, n, classes):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 1 if kind == "binary" else classes)) * 10 ** rng.uniform(-2, 3, (n, 1))
    mine, theirs, y, their_y = loss_and_targets(kind, rng, *z.shape)
    value, d_z = mine(z, y)
    their_z = torch.tensor(z, requires_grad=True)
    their_value = theirs(their_z, their_y)
    their_value.backward()
    assert_close(value, their_value.item(), "loss")
    assert_close(d_z, their_z.grad, "gradient")


# ---------------------------------------------------------------- images, one by one


@pytest.mark.parametrize("k, stride, padding", [*itertools.product([1, 2, 3], [1, 2, 3], [0, 1, 2])])
@pytest.mark.parametrize("height, width", [(5, 7), (7, 3), (9, 9)])
def test_every_stride_and_padding(k, stride, padding, height, width):
    rng = np.random.default_rng(k + 10 * stride + 100 * padding)
    layers = [nnlib.Conv2D(2, 3, k, rng=rng, stride=stride, padding=padding), nnlib.Flatten()]
    compare(nnlib.Network(layers), rng.normal(size=(4, 2, height, width)), "squared", rng, True)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("height, width", [(4, 4), (5, 7), (7, 9)])
@pytest.mark.parametrize("values", ["distinct", "ties", "all the same"])
def test_pooling_with_rows_left_over_and_with_ties(k, height, width, values):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 2, height, width))
    X = {"distinct": X, "ties": np.sign(X) * (np.abs(X) > 0.7), "all the same": np.full_like(X, -1)}[values]
    compare(nnlib.Network([nnlib.MaxPool2D(k), nnlib.Flatten()]), X, "squared", rng, True)


# ---------------------------------------------------------------- BatchNorm's state


@pytest.mark.parametrize("options", [{}, {"momentum": 0.3, "eps": 0.01}, {"momentum": 1}])
def test_running_statistics_over_several_batches(options):
    rng = np.random.default_rng(0)
    mine, theirs = (
        nnlib.BatchNorm(4, **options),
        torch.nn.BatchNorm1d(4, **options).double(),
    )  # the same unless told, too
    for n in (2, 16, 5, 100, 3):
        x = rng.normal(rng.normal(0, 5, 4), 3, (n, 4))
        assert_close(mine.forward(x, training=True), theirs.train()(torch.tensor(x)), "training")
        assert_close(mine.state["running_mean"], theirs.running_mean, "mean")
        assert_close(mine.state["running_var"], theirs.running_var, "variance")
        assert_close(mine.forward(x), theirs.eval()(torch.tensor(x)), "evaluation")


# ---------------------------------------------------------------- optimizers


def adamw(model, weight_decay=0.01, **options):
    """PyTorch decays all that it is given, nnlib weights only: so there are two groups there."""
    groups = [
        {"params": [value for value in model.parameters() if value.ndim > 1], "weight_decay": weight_decay},
        {"params": [value for value in model.parameters() if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, **options)


def betas(beta1, beta2):
    return {"beta1": beta1, "beta2": beta2}, {"betas": (beta1, beta2)}


def pair(mine, theirs, options, their_options=None):
    their_options = options if their_options is None else their_options
    return (
        lambda: mine(**options),
        lambda model: theirs(model if theirs is adamw else model.parameters(), **their_options),
    )


MY_BETAS, THEIR_BETAS = betas(0.7, 0.95)
OPTIMIZERS = {
    "SGD": pair(nnlib.SGD, torch.optim.SGD, {"lr": 0.1}),
    "SGD with momentum": pair(nnlib.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "SGD with Nesterov's": pair(nnlib.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "RMSProp as it is": pair(nnlib.RMSProp, torch.optim.RMSprop, {}),
    "RMSProp": pair(nnlib.RMSProp, torch.optim.RMSprop, {"lr": 0.03, "alpha": 0.8, "eps": 1e-3}),
    "Adam as it is": pair(nnlib.Adam, torch.optim.Adam, {}),
    "Adam": pair(
        nnlib.Adam,
        torch.optim.Adam,
        {"lr": 0.1, "eps": 1e-3, **MY_BETAS},
        {"lr": 0.1, "eps": 1e-3, **THEIR_BETAS},
    ),
    "AdamW as it is": pair(nnlib.AdamW, adamw, {}),
    "AdamW": pair(
        nnlib.AdamW,
        adamw,
        {"lr": 0.1, "weight_decay": 0.5, **MY_BETAS},
        {"lr": 0.1, "weight_decay": 0.5, **THEIR_BETAS},
    ),
}


def take_steps(network, model, optimizer, theirs, rng, steps, after):
    """Each library by itself: forward, backward and step, on the same batches. ``after(step)`` looks at the two."""
    their_loss, my_loss = torch.nn.CrossEntropyLoss(), nnlib.SoftmaxCrossEntropy()
    for step in range(steps):
        X, y = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
        network.backward(my_loss(network.forward(X, training=True), y)[1])
        optimizer.step(network.parameters())
        theirs.zero_grad()
        their_loss(model(torch.tensor(X)), torch.tensor(y)).backward()
        theirs.step()
        after(step)


@pytest.mark.parametrize("make_mine, make_theirs", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_follow_the_same_path_for_fifty_steps(make_mine, make_theirs):
    rng = np.random.default_rng(0)
    layers = [nnlib.Dense(4, 6, rng=rng), nnlib.Tanh(), nnlib.BatchNorm(6), nnlib.Dense(6, 3, rng=rng)]
    network = nnlib.Network(layers)
    start = copy.deepcopy(network)
    model = torch.nn.Sequential(*(to_torch(layer) for layer in layers)).train()

    def look(step):
        theirs = {name: arrange(value.detach().numpy()) for name, value, arrange in named_in_torch(model)}
        for name, value, _ in network.parameters():
            assert_close(value, theirs[name], f"{name} after step {step + 1}")

    take_steps(network, model, make_mine(), make_theirs(model), rng, 50, look)
    for (name, value, _), (_, old, _) in zip(network.parameters(), start.parameters()):
        assert np.abs(value - old).max() > 0.01, f"{name} has hardly moved"


@hypothesis.settings(drawn, max_examples=60)
@hypothesis.given(
    seeds,
    st.sampled_from(["momentum", "nesterov", "rmsprop", "adam", "adamw"]),
    st.floats(1e-4, 0.3),
    st.floats(0, 0.99),
    st.floats(0, 0.999),
    st.floats(0, 1),
)
def test_optimizers_of_any_settings(seed, kind, lr, beta1, beta2, decay):
    mine, theirs = betas(beta1, beta2)
    make_mine, make_theirs = {
        "momentum": lambda: pair(nnlib.SGD, torch.optim.SGD, {"lr": lr, "momentum": beta1}),
        "nesterov": lambda: pair(nnlib.SGD, torch.optim.SGD, {"lr": lr, "momentum": beta1 or 0.5, "nesterov": True}),
        "rmsprop": lambda: pair(nnlib.RMSProp, torch.optim.RMSprop, {"lr": lr, "alpha": beta2, "eps": 1e-4}),
        "adam": lambda: pair(
            nnlib.Adam, torch.optim.Adam, {"lr": lr, "eps": 1e-4, **mine}, {"lr": lr, "eps": 1e-4, **theirs}
        ),
        "adamw": lambda: pair(
            nnlib.AdamW,
            adamw,
            {"lr": lr, "eps": 1e-4, "weight_decay": decay, **mine},
            {"lr": lr, "eps": 1e-4, "weight_decay": decay, **theirs},
        ),
    }[kind]()
    rng = np.random.default_rng(seed)
    optimizer, value = make_mine(), rng.normal(size=(3, 4))
    model = torch.nn.Linear(4, 3, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor(value))
    other = make_theirs(model)
    for step in range(50):
        grad = rng.normal(size=(3, 4)) * 10 ** rng.uniform(-3, 1)
        optimizer.step([("W", value, grad)])
        model.weight.grad = torch.tensor(grad)
        other.step()
        assert_close(value, model.weight, f"after step {step + 1}")


def test_the_usual_settings_are_pytorch_s():
    def defaults(kind):
        return {name: p.default for name, p in inspect.signature(kind).parameters.items() if p.default is not p.empty}

    for mine, theirs in (
        (nnlib.SGD, torch.optim.SGD),  # but for the rate, which nnlib wants to be told
        (nnlib.RMSProp, torch.optim.RMSprop),
        (nnlib.Adam, torch.optim.Adam),
        (nnlib.AdamW, torch.optim.AdamW),
        (nnlib.BatchNorm, torch.nn.BatchNorm1d),
        (nnlib.LeakyReLU, torch.nn.LeakyReLU),
    ):
        expected = defaults(theirs)
        expected |= dict(zip(("beta1", "beta2"), expected.get("betas", ())))
        expected |= {"slope": expected.get("negative_slope")}
        assert {name: value for name, value in defaults(mine).items() if name != "dtype"} == {
            name: expected[name] for name in defaults(mine) if name != "dtype"
        }
