"""nnlib: what the lessons build, in its finished form. Each file holds one concept; read them in this order."""

from .layer import Layer
from .activations import (
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softmax,
    tanh,
)
from .initializers import constant, glorot, he, lecun, normal, zeros
from .layers import Dense
from .losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy, accuracy
from .network import Network, mlp
from .optimizers import SGD
from .training import History, batches, fit
from .checks import gradient_check
from .toys import blobs, circles, linear, moons, quadrants, spirals, xor
from .data import digits, mnist
from . import plot
