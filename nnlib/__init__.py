"""nnlib: what the lessons build, in its finished form. Each file holds one concept; read them in this order."""

from .layer import Layer
from .activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from .activations import gelu, leaky_relu, relu, sigmoid, silu, softmax, tanh
from .initializers import constant, glorot, he, lecun, normal, zeros
from .layers import BatchNorm, Dense, Dropout, Flatten
from .convolution import Conv2D, MaxPool2D
from .losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy, accuracy, l2
from .network import Network, mlp
from .optimizers import SGD, Adam, AdamW, RMSProp
from .schedules import constant_rate, cosine_decay, exponential_decay, step_decay, warmup
from .history import History
from .training import EarlyStopping, batches, fit
from .checks import gradient_check, gradient_report
from .toys import blobs, circles, linear, moons, quadrants, spirals, xor
from .data import digits, iris, mnist
from . import plot
