"""Optimizers: from gradients to steps. Nothing else in nnlib writes to a parameter."""

import numpy as np

from .arguments import check_number, require


class Optimizer:
    """What all optimizers share: ``step(parameters)`` changes each parameter in place, in the direction that lowers the loss.

    ``parameters`` yields ``(name, value, grad)``, as ``Network.parameters()`` does. What an optimizer remembers from step to
    step belongs to one parameter of one network: to use it with another network is a ValueError, not a silent reuse.
    """

    def __init__(self, lr):
        (self.lr,) = check_number(lr=lr, above=0)
        self._values, self._memory = {}, {}

    def step(self, parameters):
        for name, value, grad in parameters:
            if self._values.setdefault(name, value) is not value:
                why = f"this optimizer has taken steps for another {name!r}; make a new one"
                raise ValueError(f"parameters is another network's: {why}")
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
        (self.momentum,) = check_number(momentum=momentum, least=0, below=1)
        needed = "Nesterov's step needs a momentum above 0, such as 0.9"
        require(momentum or not nesterov, f"nesterov is True and momentum is 0; {needed}")
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


class RMSProp(Optimizer):
    """Divide each step by a running size of its gradients: ``v = alpha*v + (1 - alpha)*grad**2`` (from v = 0) and
    ``value -= lr * grad / (sqrt(v) + eps)``.

    Settings and form are PyTorch's; others put ``eps`` inside the root. Raises ValueError for rates out of their range.
    Source: Tieleman and Hinton, lecture 6.5 of their course of 2012.
    """

    def __init__(self, lr=0.01, alpha=0.99, eps=1e-8):
        super().__init__(lr)
        (self.alpha,) = check_number(alpha=alpha, least=0, below=1)
        (self.eps,) = check_number(eps=eps, above=0)

    def update(self, value, grad, memory):
        if not memory:
            memory["v"] = np.zeros_like(value)
        v = memory["v"]
        v *= self.alpha
        v += (1 - self.alpha) * grad * grad
        value -= self.lr * grad / (np.sqrt(v) + self.eps)


class Adam(Optimizer):
    """Momentum and RMSProp together, with the bias of their first steps corrected.

    ``m = beta1*m + (1 - beta1)*grad`` and ``v = beta2*v + (1 - beta2)*grad**2``, both from 0, so that in step t (from 1) they
    are too small by the factors ``1 - beta1**t`` and ``1 - beta2**t``. With these divided out,
    ``value -= lr * m_hat / (sqrt(v_hat) + eps)``. The first step is lr·sign(grad), whatever the size of the gradient. Each parameter
    counts its own steps.

    Settings are PyTorch's. Raises ValueError for rates out of their range. Source: Kingma and Ba, 2015.
    """

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(lr)
        self.beta1, self.beta2 = check_number(beta1=beta1, beta2=beta2, least=0, below=1)
        (self.eps,) = check_number(eps=eps, above=0)

    def update(self, value, grad, memory):
        if not memory:
            memory.update(t=0, m=np.zeros_like(value), v=np.zeros_like(value))
        memory["t"] += 1
        t, m, v = memory["t"], memory["m"], memory["v"]
        m *= self.beta1
        m += (1 - self.beta1) * grad
        v *= self.beta2
        v += (1 - self.beta2) * grad * grad
        # lr * m_hat / (sqrt(v_hat) + eps), with the corrections drawn out of the arrays: fewer passes over them
        size = np.sqrt(v)
        size /= np.sqrt(1 - self.beta2**t).item()
        size += self.eps
        value -= (self.lr / (1 - self.beta1**t)) * m / size


class AdamW(Adam):
    """Adam with weight decay that does not pass through Adam's scaling: ``value -= lr * weight_decay * value``, then Adam's step.

    Only weights decay, that is parameters of two axes or more; biases, gamma and beta are left alone. (PyTorch decays all that
    it is given; there one leaves them out by parameter groups.) Raises ValueError for rates out of their range.
    Source: Loshchilov and Hutter, 2019.
    """

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(lr, beta1, beta2, eps)
        (self.weight_decay,) = check_number(weight_decay=weight_decay, least=0)

    def update(self, value, grad, memory):
        if value.ndim > 1:
            value *= 1 - self.lr * self.weight_decay
        super().update(value, grad, memory)
