"""The contract that every layer keeps."""


class Layer:
    """One step of a network: ``forward``, and ``backward`` beside it.

    Rows are examples: a layer maps ``x``, of shape (N, ...), to ``out``, of shape (N, ...).

    ``forward(x, training=False)`` returns ``out`` and keeps what ``backward`` will need.
    ``backward(d_out)`` takes the gradient of the loss with respect to ``out``, of the same shape as ``out``. It stores the
    gradients of the parameters in ``grads`` and returns the gradient with respect to ``x``. It needs a ``forward``
    before it, and may be called again: it gives the same.

    ``params`` and ``grads`` are two dicts with the same keys, such as ``"W"`` and ``"b"``. ``state`` is for arrays that
    are kept and saved but not learnt; ``config`` holds the arguments that make a layer like it. A layer hands ``params``
    and those arguments to ``Layer.__init__``, which makes ``grads`` of zeros. It never updates its own parameters (an
    optimizer does) and never changes an array that it is given.
    """

    def __init__(self, params=None, **config):
        self.params = params or {}
        self.grads = {name: 0 * value for name, value in self.params.items()}
        self.state, self.config, self._kept = {}, config, None

    def forward(self, x, training=False):
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, d_out, needs_input=True):
        """The gradient with respect to the input; with ``needs_input=False`` a layer may save that work and return None."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def _keep(self, *values):
        """Keep what ``backward`` will need; returns the first of the values."""
        self._kept = values
        return values[0]

    def _recall(self):
        """What the last ``forward`` kept. Raises RuntimeError if there was none."""
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward before it, and there was none")
        return self._kept
