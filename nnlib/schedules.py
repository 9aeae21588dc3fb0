"""Learning-rate schedules: each is made once, and is then a function ``f(epoch) -> lr``, with epochs from 0.

``fit`` sets the optimizer's rate from it before each epoch. An argument out of its range is a ValueError: rates and factors
are above 0 (``lr_min`` at least 0), numbers of epochs are whole and at least 1.
"""

import math

from .arguments import check_number, check_whole, require


def constant_rate(lr):
    """The same rate, ``lr``, in every epoch."""
    check_number(lr=lr, above=0)
    return lambda epoch: lr


def step_decay(lr, factor=0.5, every=10):
    """``lr * factor ** (epoch // every)``: cut by ``factor`` every ``every`` epochs (a factor above 1 makes it grow)."""
    check_number(lr=lr, factor=factor, above=0)
    check_whole(every=every)
    return lambda epoch: lr * factor ** (epoch // every)


def exponential_decay(lr, factor=0.95):
    """``lr * factor ** epoch``: a little less in each epoch."""
    check_number(lr=lr, factor=factor, above=0)
    return lambda epoch: lr * factor**epoch


def cosine_decay(lr, epochs, lr_min=0.0):
    """``lr_min + (lr - lr_min)/2 * (1 + cos(pi * epoch / epochs))``: half a cosine from ``lr`` down to ``lr_min`` (or up, if that is larger).

    After ``epochs`` it stays at ``lr_min``. Source: Loshchilov and Hutter, 2017 (without their restarts).
    """
    check_number(lr=lr, above=0)
    check_whole(epochs=epochs)
    check_number(lr_min=lr_min, least=0)
    return lambda epoch: lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * min(epoch / epochs, 1)))


def warmup(epochs, then):
    """``then(0) * (epoch + 1) / epochs`` in the first ``epochs`` epochs, a line up to the full rate; after them ``then``, from its beginning.

    ``then`` is a schedule, such as ``cosine_decay(0.1, 100)``.
    """
    check_whole(epochs=epochs)
    require(callable(then), f"then is {then!r}; it must be a schedule, such as constant_rate(0.1)")
    return lambda epoch: then(0) * (epoch + 1) / epochs if epoch < epochs else then(epoch - epochs)
