"""A neural network learns XOR: 2 inputs, 8 hidden tanh units, 1 logit. In NumPy."""

import numpy as np

rng = np.random.default_rng(0)
H, lr, steps = 8, 1.0, 2000  # hidden units, learning rate, steps


def draw(n):
    """n points around the corners (±1, ±1); class 1 where the signs differ."""
    corners = rng.choice([-1.0, 1.0], size=(n, 2))
    y = corners[:, :1] != corners[:, 1:]  # (n, 1)
    return corners + 0.3 * rng.standard_normal((n, 2)), y.astype(float)


def forward(X):
    a1 = np.tanh(X @ W1 + b1)  # (n, H)
    z2 = a1 @ W2 + b2  # (n, 1), the logits
    return a1, z2


def loss(z2, y):
    """Mean binary cross-entropy, from the logits."""
    return np.mean(np.maximum(z2, 0) - z2 * y + np.log1p(np.exp(-np.abs(z2))))


def backward(X, y, a1, z2):
    p = (1 + np.tanh(z2 / 2)) / 2  # the sigmoid of z2, without overflow
    d_z2 = (p - y) / len(y)  # (n, 1)
    d_z1 = (d_z2 @ W2.T) * (1 - a1**2)  # (n, H)
    return X.T @ d_z1, d_z1.sum(axis=0), a1.T @ d_z2, d_z2.sum(axis=0)


def share_right(X, y):
    return np.mean((forward(X)[1] > 0) == y)


X, y = draw(200)
X_new, y_new = draw(2000)  # held back: never trained on
W1, b1 = rng.standard_normal((2, H)) / np.sqrt(2), np.zeros(H)
W2, b2 = rng.standard_normal((H, 1)) / np.sqrt(H), np.zeros(1)

for step in range(steps):
    a1, z2 = forward(X)
    if step % 250 == 0:
        shares = f"{share_right(X, y):.3f}, held back {share_right(X_new, y_new):.4f}"
        print(f"step {step:4d}: loss {loss(z2, y):.4f}, right {shares}")
    gradients = backward(X, y, a1, z2)
    for parameter, gradient in zip((W1, b1, W2, b2), gradients):
        parameter -= lr * gradient  # in place

print(f"after {steps} steps: loss {loss(forward(X)[1], y):.4f}")
print(f"right on the {len(X)} points it learnt from: {share_right(X, y):.3f}")
print(f"right on {len(X_new)} points held back: {share_right(X_new, y_new):.4f}")
