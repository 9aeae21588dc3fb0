"""Optimizers: from gradients to steps. Nothing else in nnlib writes to a parameter."""

import numpy as np

from .arguments import check_number


class Optimizer:
    """What all optimizers share: ``step(parameters)`` changes each parameter in place, in the direction that lowers the loss.

    ``parameters`` yields ``(name, value, grad)``, as ``Network.parameters()`` does. What an optimizer remembers from step to
    step belongs to one parameter of one network: to use it with another network is a ValueError, not a silent reuse.
    """

    def __init__(self, lr):
        check_number("lr", lr, above=0)
        self.lr = float(lr)  # a NumPy float64 would turn float32 into float64
        self._values = {}
        self._memory = {}

    def step(self, parameters):
        for name, value, grad in parameters:
            if self._values.setdefault(name, value) is not value:
                raise ValueError(
                    f"parameters is another network's: this optimizer has taken steps for another {name!r}; make a new one"
                )
            self.update(value, grad, self._memory.setdefault(name, {}))

    def update(self, value, grad, memory):
        """Change ``value`` in place by its gradient; ``memory`` is a dict that lasts from step to step."""
        raise NotImplementedError(f"{type(self).__name__} has no update")


class SGD(Optimizer):
    """Gradient descent: ``value -= lr * grad``.

    With ``momentum`` μ a velocity is kept for each parameter: ``v = μ*v + grad`` (from v = 0) and ``value -= lr * v``
    (Polyak, 1964); with ``nesterov=True`` the step is ``value -= lr * (grad + μ*v)`` (Nesterov, 1983, in the form of Sutskever
    and others, 2013). This is PyTorch's convention; others write ``v = μ*v - lr*grad``, which is the same while lr is constant.

    Raises ValueError if ``lr`` is not positive, ``momentum`` not in [0, 1), or ``nesterov`` is asked for without momentum.
    """

    def __init__(self, lr, momentum=0, nesterov=False):
        super().__init__(lr)
        check_number("momentum", momentum, least=0, below=1)
        if nesterov and momentum == 0:
            raise ValueError(
                "nesterov is True and momentum is 0; Nesterov's step needs a momentum above 0, such as 0.9"
            )
        self.momentum = float(momentum)
        self.nesterov = nesterov

    def update(self, value, grad, memory):
        if self.momentum:
            if "velocity" not in memory:
                memory["velocity"] = np.zeros_like(value)
            velocity = memory["velocity"]
            velocity *= self.momentum
            velocity += grad
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        value -= self.lr * grad
