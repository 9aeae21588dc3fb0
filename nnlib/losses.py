"""Losses, and what is measured beside them.

A loss is an object that is called with ``(outputs, targets)`` and returns ``(value, d_outputs)``: the mean over the
examples (the squared error's over all numbers), a Python float, and its gradient with respect to the outputs, of the outputs' shape and type. It takes logits, not
probabilities, because only then can it be exact when the network is very sure. It alone owns the 1/N.
"""

import numpy as np

from .activations import sigmoid
from .arguments import as_floats, check_finite, check_number, check_shape


class BinaryCrossEntropy:
    """``-log p`` where the label is 1 and ``-log (1 - p)`` where it is 0, with ``p = sigmoid(z)``; the mean over N.

    Shapes: outputs z (N, 1), targets y (N,) or (N, 1), whole numbers 0 or 1. From the logit, one example's loss is
    ``max(z, 0) - z*y + log(1 + exp(-abs(z)))``, which no z can overflow. The gradient is ``(p - y) / N``.

    Raises ValueError for other shapes and other labels.
    """

    def check(self, shape, targets):
        """The targets as an array, after a look at whether they fit outputs of this shape."""
        targets = _as_targets(shape, targets)
        check_shape("outputs", shape, shape[1:] == (1,), "the binary loss takes one logit an example, (N, 1)")
        if targets.shape not in ((shape[0],), (shape[0], 1)):
            raise ValueError(f"targets has shape {targets.shape}; for outputs {shape} it must be ({shape[0]},)")
        return _check_labels(targets, 2)

    def __call__(self, outputs, targets):
        z = as_floats(outputs)
        y = self.check(z.shape, targets).reshape(-1, 1).astype(z.dtype, copy=False)
        per_example = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
        return float(per_example.mean(dtype=np.float64)), (sigmoid(z) - y) / len(z)


class SoftmaxCrossEntropy:
    """``-log p_y``, with ``p = softmax(z)`` and y the label; the mean over N.

    Shapes: outputs z (N, C), targets y (N,), whole numbers from 0 to C - 1. From the logits, one example's loss is
    ``log(sum_k exp(z_k - m)) - (z_y - m)`` with m the largest logit, which no z can overflow. The gradient is
    ``(p - onehot(y)) / N``.

    Raises ValueError for other shapes and other labels.
    """

    def check(self, shape, targets):
        """The targets as an array, after a look at whether they fit outputs of this shape."""
        targets = _as_targets(shape, targets)
        needed = "the softmax loss takes a logit for each of two or more classes, (N, C)"
        check_shape("outputs", shape, len(shape) == 2 and shape[1] > 1, needed)
        needed = f"it must be ({shape[0]},): the labels as whole numbers, not one-hot"
        check_shape("targets", targets.shape, targets.shape == (shape[0],), needed)
        return _check_labels(targets, shape[1])

    def __call__(self, outputs, targets):
        z = as_floats(outputs)
        y = self.check(z.shape, targets).astype(np.int64, copy=False)  # bools would be a mask
        rows = np.arange(len(z))
        shifted = z - z.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        per_example = np.log(total[:, 0]) - shifted[rows, y]
        d_outputs = e / total
        d_outputs[rows, y] -= 1
        d_outputs /= len(z)
        return float(per_example.sum(dtype=np.float64)) / len(z), d_outputs


class MeanSquaredError:
    """``mean((outputs - targets)**2)`` over all N·C numbers; its gradient is ``2 (outputs - targets) / (N C)``.

    Shapes: outputs and targets (N, C), the same. Raises ValueError if they are not: (N, 1) minus (N,) would
    silently be (N, N).
    """

    def check(self, shape, targets):
        """The targets as an array, after a look at whether they fit outputs of this shape."""
        targets = _as_targets(shape, targets)
        if targets.shape != tuple(shape):
            needed = f"the squared error needs the outputs' own shape, {tuple(shape)}"
            raise ValueError(f"targets has shape {targets.shape}; {needed}")
        check_finite("targets", targets, kinds="iuf")
        return targets

    def __call__(self, outputs, targets):
        outputs = as_floats(outputs)
        difference = outputs - self.check(outputs.shape, targets).astype(outputs.dtype, copy=False)
        return float(np.mean(difference * difference, dtype=np.float64)), difference * (2 / difference.size)


def l2(network, strength):
    """Add the gradient of ``strength/2 * sum(W**2)`` to that of every weight, and return this penalty.

    After ``backward``: each weight's gradient grows by ``strength * W``. Biases, gamma and beta are left alone. Raises
    ValueError if ``strength`` is negative.
    """
    (strength,) = check_number(strength=strength, least=0)
    penalty = 0.0
    for layer in network.layers:
        if "W" in layer.params:
            W = layer.params["W"]
            layer.grads["W"] = layer.grads["W"] + strength * W
            penalty += strength / 2 * float(np.vdot(W, W))
    return penalty


def predicted_labels(outputs):
    """The label of each row, (N,): for one logit 1 where it is above 0, else the class with the largest output."""
    return (outputs[:, 0] > 0).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


def accuracy(outputs, targets):
    """The share of examples, from 0 to 1, whose predicted label is the target.

    Shapes: outputs (N, 1) or (N, C), logits or probabilities of C ≥ 2 classes; targets (N,) or, for one logit, (N, 1).
    Raises ValueError for other shapes and other labels.
    """
    outputs = np.asarray(outputs)
    needed = "accuracy takes one logit an example, (N, 1), or one a class, (N, C)"
    check_shape("outputs", outputs.shape, outputs.ndim == 2 and outputs.shape[1] > 0, needed)
    kind = BinaryCrossEntropy if outputs.shape[1] == 1 else SoftmaxCrossEntropy
    targets = kind().check(outputs.shape, targets)
    return float(np.mean(predicted_labels(outputs) == targets.reshape(-1)))


def _as_targets(shape, targets):
    """The targets as an array, after a look at whether there are examples at all."""
    check_shape("outputs", shape, 0 not in shape, "a mean needs at least one example")
    return np.asarray(targets)


def _check_labels(targets, classes):
    """The targets, after a look at whether they are labels from 0 to ``classes - 1``."""
    if targets.dtype.kind not in "iub":
        raise ValueError(f"targets holds {targets.dtype} values; labels are whole numbers from 0 to {classes - 1}")
    if targets.min() < 0 or targets.max() >= classes:
        wrong = targets[(targets < 0) | (targets >= classes)].flat[0]
        raise ValueError(f"targets holds the label {wrong}; with {classes} classes the labels are 0 to {classes - 1}")
    return targets
