"""Wrong versions of nnlib: plausible mistakes in backward passes, losses and optimizers, each a small change to one place.

``WRONG_VERSIONS`` is the list. Each entry has a name; the mistake in words, as a teacher would write it beside a student's
code; the kind of test that shows it; and the change: in which function, the right line (or a part of it), the wrong one.
``test_wrong_versions`` proves that nnlib's own tests fail for each of them.

``with applied(version):`` puts the mistake into the running nnlib, for all who use the function, and takes it out again.
``python tests/wrong_versions.py`` prints the list.
"""

import contextlib
import inspect
import textwrap
from dataclasses import dataclass

from nnlib import activations, losses, optimizers, training
from nnlib.activations import GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nnlib.convolution import Conv2D, MaxPool2D
from nnlib.layers import BatchNorm, Dense, Dropout
from nnlib.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from nnlib.optimizers import SGD, Adam, AdamW, RMSProp

# The kinds of tests, and where they are. What only the later ones show is mostly what a gradient check can't see: there,
# forward and backward are wrong alike, or both are right for ordinary numbers.
KINDS = {
    "gradient check": ["test_gradients.py"],  # against central differences
    "values": ["test_layers.py", "test_losses.py", "test_convolution.py"],  # against the formula, number by number
    "steps": ["test_optimizers.py"],  # against steps computed by hand
    "training": ["test_training.py"],  # what `fit` does
}


@dataclass(frozen=True)
class WrongVersion:
    name: str
    mistake: str
    shown_by: str  # a key of KINDS
    changes: tuple  # of (function, right, wrong)


def wrong(name, mistake, shown_by, *changes):
    return WrongVersion(name, mistake, shown_by, changes)


WRONG_VERSIONS = [
    # ---------------------------------------------------------------- dense layers
    wrong(
        "the mean for the sum in the bias",
        "The gradient of a bias is the sum over the examples, not the mean: the loss owns 1/N and has divided already.",
        "gradient check",
        (Dense.backward, "d_out.sum(axis=0)", "d_out.mean(axis=0)"),
    ),
    wrong(
        "1/N in the layer as well",
        "The gradient of the weights is divided by N, which the loss has done already.",
        "gradient check",
        (Dense.backward, "x.T @ d_out", "x.T @ d_out / len(x)"),
    ),
    wrong(
        "W not transposed",
        "The gradient goes back through W and not through its transpose. Where a layer has as many inputs as outputs, "
        "the shapes fit and nothing crashes.",
        "gradient check",
        (Dense.backward, 'd_out @ self.params["W"].T', 'd_out @ self.params["W"]'),
    ),
    wrong(
        "the weights' gradient transposed",
        "d_out.T @ x for x.T @ d_out: the right numbers in the wrong places, or an array of another shape.",
        "gradient check",
        (Dense.backward, "x.T @ d_out", "d_out.T @ x"),
    ),
    wrong(
        "gradients that pile up",
        "Each backward adds to the gradients of the one before, as if nobody had set them to zero.",
        "values",
        (Dense.backward, 'self.grads["W"] = x.T @ d_out', 'self.grads["W"] = self.grads["W"] + x.T @ d_out'),
    ),
    # ---------------------------------------------------------------- activations
    wrong(
        "no mask",
        "ReLU passes every gradient back, also where its input was negative.",
        "gradient check",
        (ReLU.backward, "d_out * (a > 0)", "1 * d_out"),
    ),
    wrong(
        "the mask by >= on the output",
        "ReLU's output is never negative, so that a >= 0 is true everywhere.",
        "gradient check",
        (ReLU.backward, "a > 0", "a >= 0"),
    ),
    wrong(
        "nothing leaks back",
        "Leaky ReLU leaks forward, but its backward is that of plain ReLU.",
        "gradient check",
        (LeakyReLU.backward, "self.slope * d_out", "0 * d_out"),
    ),
    wrong(
        "the sigmoid for its slope",
        "The slope of the sigmoid is a (1 - a), not a.",
        "gradient check",
        (Sigmoid.backward, "a * (1 - a)", "a"),
    ),
    wrong(
        "the slope at the activation",
        "The derivative is taken at a, which is the sigmoid already, and not at z. With ReLU this can't be seen.",
        "gradient check",
        (Sigmoid.backward, "a * (1 - a)", "sigmoid(a) * (1 - sigmoid(a))"),
    ),
    wrong(
        "1 - a for tanh",
        "The slope of tanh is 1 - a², not 1 - a.",
        "gradient check",
        (Tanh.backward, "1 - a * a", "1 - a"),
    ),
    wrong(
        "no product rule",
        "GELU is z times a function of z: the second half of the product rule is missing.",
        "gradient check",
        (GELU.backward, " + 0.5 * z * (1 - t * t) * du_dz", ""),
    ),
    wrong(
        "exp without care",
        "1 / (1 + exp(-z)) as it stands overflows for z far below zero.",
        "values",
        (
            activations.sigmoid,
            "e = np.exp(-np.abs(z))\n    return np.where(z >= 0, 1, e) / (1 + e)",
            "return 1 / (1 + np.exp(-z))",
        ),
    ),
    # ---------------------------------------------------------------- losses
    wrong(
        "no 1/N",
        "The loss is a mean, and its gradient a sum. Adam hardly notices: it divides the size out.",
        "gradient check",
        (SoftmaxCrossEntropy.__call__, "d_outputs /= len(z)", "pass"),
    ),
    wrong(
        "1/N twice",
        "The gradient of the loss is divided by N once more.",
        "gradient check",
        (BinaryCrossEntropy.__call__, "(sigmoid(z) - y) / len(z)", "(sigmoid(z) - y) / len(z) / len(z)"),
    ),
    wrong(
        "the sign turned",
        "y - p for p - y: each step goes uphill.",
        "gradient check",
        (BinaryCrossEntropy.__call__, "sigmoid(z) - y", "y - sigmoid(z)"),
    ),
    wrong(
        "the slope of the sigmoid once more",
        "(p - y) is the gradient with respect to the logit already; multiplied by p (1 - p), it fades where the network is "
        "sure and wrong.",
        "gradient check",
        (BinaryCrossEntropy.__call__, "(sigmoid(z) - y)", "(sigmoid(z) - y) * sigmoid(z) * (1 - sigmoid(z))"),
    ),
    wrong(
        "the label not subtracted",
        "The gradient of softmax and cross-entropy is p - onehot(y), not p.",
        "gradient check",
        (SoftmaxCrossEntropy.__call__, "d_outputs[rows, y] -= 1", "pass"),
    ),
    wrong(
        "softmax over the batch",
        "The sum runs over the examples (axis 0) and not over the classes.",
        "gradient check",
        (SoftmaxCrossEntropy.__call__, "e.sum(axis=1, keepdims=True)", "e.sum(axis=0, keepdims=True)"),
        (SoftmaxCrossEntropy.__call__, "np.log(total[:, 0])", "np.log(total.mean())"),
    ),
    wrong(
        "the largest logit not subtracted",
        "exp(1000) is infinite: the loss of a network that is very sure is not a number.",
        "values",
        (SoftmaxCrossEntropy.__call__, "z - z.max(axis=1, keepdims=True)", "z"),
    ),
    wrong(
        "the largest logit of the whole batch",
        "One number for all rows keeps exp from overflowing, but a row far below it becomes 0 / 0.",
        "values",
        (SoftmaxCrossEntropy.__call__, "z.max(axis=1, keepdims=True)", "z.max()"),
    ),
    wrong(
        "the log of a rounded probability",
        "From p instead of the logit: where p is rounded to 0 or 1, the loss is infinite.",
        "values",
        (
            BinaryCrossEntropy.__call__,
            "np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))",
            "-np.log(np.where(y == 1, sigmoid(z), 1 - sigmoid(z)))",
        ),
    ),
    wrong(
        "the 2 forgotten",
        "The derivative of a square is twice the difference.",
        "gradient check",
        (MeanSquaredError.__call__, "2 / difference.size", "1 / difference.size"),
    ),
    wrong(
        "the mean over the examples alone",
        "The value is the mean over all N·C numbers, the gradient is divided by N only.",
        "gradient check",
        (MeanSquaredError.__call__, "2 / difference.size", "2 / len(difference)"),
    ),
    # ---------------------------------------------------------------- the penalty on weights
    wrong(
        "L2 in the loss only",
        "The penalty is reported, but adds nothing to the gradients: the weights do not shrink.",
        "gradient check",
        (losses.l2, 'layer.grads["W"] + strength * W', 'layer.grads["W"]'),
    ),
    wrong(
        "the penalty's half forgotten",
        "The gradient of strength/2 · W² is strength · W. Without the half in the value, it would be twice that.",
        "gradient check",
        (losses.l2, "strength / 2 *", "strength *"),
    ),
    wrong(
        "L2 on biases too",
        "Biases are pulled towards zero as well, which keeps the network from fitting an offset. Value and gradient agree, "
        "so a gradient check says nothing.",
        "values",
        (
            losses.l2,
            'layer.grads["W"] = layer.grads["W"] + strength * W',
            "layer.grads = {key: layer.grads[key] + strength * value for key, value in layer.params.items()}",
        ),
        (losses.l2, "float(np.vdot(W, W))", "sum(float(np.vdot(value, value)) for value in layer.params.values())"),
    ),
    # ---------------------------------------------------------------- dropout
    wrong(
        "dropout without its factor",
        "What is kept is not divided by 1 - rate: in evaluation, the next layer gets more than it has learnt to expect.",
        "values",
        (Dropout.forward, "x.dtype.type(1 / (1 - self.rate))", "x.dtype.type(1)"),
    ),
    wrong(
        "dropout's factor forgotten in backward",
        "Backward applies the mask, but does not divide by 1 - rate.",
        "gradient check",
        (Dropout.backward, "d_out * mask", "d_out * (mask > 0)"),
    ),
    wrong(
        "another mask in backward",
        "Backward draws its own mask: gradients flow through units that were off, and not through some that were on.",
        "gradient check",
        (
            Dropout.backward,
            "d_out * mask",
            "d_out * (self.rng.random(d_out.shape) >= self.rate) / (1 - self.rate)",
        ),
    ),
    wrong(
        "dropout in evaluation",
        "Predictions are drawn by lot, too.",
        "values",
        (Dropout.forward, "if training:", "if True:"),
    ),
    wrong(
        "the rate taken for what is kept",
        "A rate of 0.1 drops nine numbers of ten.",
        "values",
        (Dropout.forward, ">= self.rate", "< self.rate"),
    ),
    # ---------------------------------------------------------------- batch normalization
    wrong(
        "without the mean's path",
        "The mean depends on x as well: its part of the gradient is missing.",
        "gradient check",
        (BatchNorm.backward, "d - d.mean(axis=0) - ", "d - "),
    ),
    wrong(
        "without the variance's path",
        "The variance depends on x as well: its part of the gradient is missing.",
        "gradient check",
        (BatchNorm.backward, " - x_hat * (d * x_hat).mean(axis=0)", ""),
    ),
    wrong(
        "the statistics as constants in training",
        "Backward only divides by the standard deviation, as in evaluation.",
        "gradient check",
        (BatchNorm.backward, "if training:", "if False:"),
    ),
    wrong(
        "the batch's statistics in evaluation",
        "A prediction then depends on what else is in the batch.",
        "values",
        (BatchNorm.forward, "if training:", "if True:"),
    ),
    wrong(
        "the unbiased variance in the formula",
        "The batch is divided by the root of the sum over N - 1; only the running variance is to be unbiased.",
        "gradient check",
        (BatchNorm.forward, "x.var(axis=0)", "x.var(axis=0, ddof=min(1, len(x) - 1))"),
        (BatchNorm.forward, "var * (len(x) / (len(x) - 1))", "var"),
    ),
    wrong(
        "momentum the wrong way round",
        "New is momentum · old + (1 - momentum) · batch: the running statistics follow each batch.",
        "values",
        (
            BatchNorm.forward,
            "(1 - self.momentum) * self.state[name] + self.momentum * batch",
            "self.momentum * self.state[name] + (1 - self.momentum) * batch",
        ),
    ),
    # ---------------------------------------------------------------- images
    wrong(
        "the kernel flipped in backward",
        "The gradient goes back through the kernel upside down, as a textbook's convolution would have it.",
        "gradient check",
        (Conv2D.backward, 'self.params["W"].reshape(', 'self.params["W"][:, :, ::-1, ::-1].reshape('),
    ),
    wrong(
        "overlapping windows overwrite each other",
        "A pixel that lies in several windows keeps the gradient of the last one, not the sum.",
        "gradient check",
        (Conv2D.backward, "+= d_windows", "= d_windows"),
    ),
    wrong(
        "the largest and its equals",
        "Max pooling hands the whole gradient to each of the pixels that were the largest, not to one of them.",
        "values",
        (MaxPool2D.backward, "waiting &= ~largest", "pass"),
    ),
    wrong(
        "the gradient spread over the window",
        "Max pooling hands a share to every pixel, as the mean would.",
        "gradient check",
        (MaxPool2D.backward, "d_out * largest", "d_out / self.kernel_size**2"),
    ),
    # ---------------------------------------------------------------- optimizers
    wrong(
        "uphill",
        "The step is added: the loss grows.",
        "steps",
        (SGD.update, "value -= self.lr * grad", "value += self.lr * grad"),
    ),
    wrong(
        "a velocity that is forgotten",
        "The velocity begins at zero in each step: momentum has no effect.",
        "steps",
        (SGD.update, 'if "velocity" not in memory:', "if True:"),
    ),
    wrong(
        "no look-ahead",
        "Nesterov's step is that of plain momentum.",
        "steps",
        (SGD.update, "grad + self.momentum * velocity if self.nesterov else velocity", "velocity"),
    ),
    wrong(
        "one memory for parameters of the same shape",
        "The velocities are kept by shape and not by name: two layers of one size share theirs.",
        "steps",
        (optimizers.Optimizer.step, "self._memory.setdefault(name, {})", "self._memory.setdefault(value.shape, {})"),
    ),
    wrong(
        "epsilon inside the root",
        "sqrt(v + eps) for sqrt(v) + eps: with tiny gradients, steps are far too small.",
        "steps",
        (RMSProp.update, "np.sqrt(v) + self.eps", "np.sqrt(v + self.eps)"),
    ),
    wrong(
        "no root",
        "The step is divided by the mean square itself: small gradients make huge steps.",
        "steps",
        (RMSProp.update, "np.sqrt(v) + self.eps", "v + self.eps"),
    ),
    wrong(
        "no bias correction",
        "m and v begin at zero and are too small at first: the first steps are about three times too large.",
        "steps",
        (Adam.update, "size /= np.sqrt(1 - self.beta2**t).item()", "pass"),
        (Adam.update, "self.lr / (1 - self.beta1**t)", "self.lr"),
    ),
    wrong(
        "a step counter for all parameters together",
        "Counted once for each parameter and not once a step, t runs ahead, and the bias correction fades too early.",
        "steps",
        (Adam.update, 'memory["t"] += 1', 'self.t = memory["t"] = getattr(self, "t", 0) + 1'),
    ),
    wrong(
        "Adam's epsilon inside the root",
        "sqrt(v_hat + eps) for sqrt(v_hat) + eps.",
        "steps",
        (Adam.update, "size = np.sqrt(v)", "size = np.sqrt(v + self.eps * (1 - self.beta2**t))"),
        (Adam.update, "size += self.eps", "pass"),
    ),
    wrong(
        "m and v swapped",
        "The mean goes by beta2 and the mean square by beta1.",
        "steps",
        (Adam.update, "m *= self.beta1", "m *= self.beta2"),
        (Adam.update, "m += (1 - self.beta1) * grad", "m += (1 - self.beta2) * grad"),
        (Adam.update, "v *= self.beta2", "v *= self.beta1"),
        (Adam.update, "v += (1 - self.beta2) * grad * grad", "v += (1 - self.beta1) * grad * grad"),
    ),
    wrong(
        "weight decay through Adam's scaling",
        "Decay added to the gradient, as L2 does it, is divided out again by the size of the gradients: that is not AdamW.",
        "steps",
        (AdamW.update, "value *= 1 - self.lr * self.weight_decay", "grad = grad + self.weight_decay * value"),
    ),
    wrong(
        "biases decay too",
        "Weight decay on everything.",
        "steps",
        (AdamW.update, "value.ndim > 1", "True"),
    ),
    # ---------------------------------------------------------------- training
    wrong(
        "labels that are not shuffled along",
        "X is shuffled and y is not: the network learns labels by lot.",
        "training",
        (training.batches, "y[rows]", "y[: len(rows)]"),
    ),
    wrong(
        "the same order in each epoch",
        "The examples are shuffled with a seed that is set again for each epoch.",
        "training",
        (training.batches, "rng.permutation(len(X))", "np.random.default_rng(0).permutation(len(X))"),
    ),
    wrong(
        "the last batch dropped",
        "Where the batch size does not divide N, the examples that are left over are never seen.",
        "training",
        (training.batches, "range(0, len(X), batch_size)", "range(0, len(X) - batch_size + 1, batch_size)"),
    ),
    wrong(
        "always in evaluation mode",
        "Training does not say that it is training: dropout drops nothing, the running statistics stay at 0 and 1.",
        "training",
        (training._train_epoch, "network.forward(X, training=True)", "network.forward(X)"),
    ),
    wrong(
        "patience off by one",
        "Training goes on for an epoch more than the patience.",
        "training",
        (training.EarlyStopping.should_stop, ">= self.patience", "> self.patience"),
    ),
    wrong(
        "the best weights are not copied",
        "What is kept is the arrays themselves, which the optimizer goes on changing: the best weights are the last ones.",
        "training",
        (
            training.EarlyStopping.should_stop,
            "[array.copy() for _, array, _ in network._arrays()]",
            "[array for _, array, _ in network._arrays()]",
        ),
    ),
]


def code_of(function, source, name):
    """The code of a function with another source."""
    # Inside a function with a variable __class__, where super() finds its class; and in a module of that name in tracebacks.
    body = f"def outer(__class__):\n{textwrap.indent(source, '    ')}\n    return {function.__name__}"
    found = {}
    exec(compile(body, f"<{name}>", "exec"), function.__globals__, found)
    return found["outer"](None).__code__


@contextlib.contextmanager
def applied(version):
    """nnlib with this mistake in it: functions get another code, so that all who have them already get the wrong one too."""
    sources = {}
    for function, right, wrong in version.changes:
        source = sources.get(function) or textwrap.dedent(inspect.getsource(function))
        if source.count(right) != 1:
            raise ValueError(f"{version.name}: {right!r} stands {source.count(right)} times in {function.__qualname__}")
        sources[function] = source.replace(right, wrong)
    before = {function: function.__code__ for function in sources}
    after = {function: code_of(function, source, version.name) for function, source in sources.items()}
    try:
        for function, code in after.items():
            function.__code__ = code
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code


if __name__ == "__main__":
    for version in WRONG_VERSIONS:
        print(f"\n{version.name.upper()}\n{version.mistake} (Shown by: {version.shown_by}.)")
        for function, right, wrong in version.changes:
            print(f"    {function.__qualname__}\n      right: {right}\n      wrong: {wrong}")
