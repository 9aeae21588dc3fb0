"""Figures compared as pictures: what nbval leaves out.

conftest.py calls `complaints` for each cell that nbval runs; publish.py, to keep a stored figure that looks the same.
"""

import base64
import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

# A mean over the picture would miss one curve of many, so pixels are counted. Measured on eight panels at 100 and 200
# dots an inch: the same figure drawn again has no pixel that differs at all, and noise of 1 in 10,000 in the data none
# that differs strongly. One curve 2 % off has at least 95 such pixels, one letter in a title 42.
STRONGLY = 64  # of 255
STRONG_LIMIT = 16  # pixels
# An area, such as a heat map, may change everywhere by little.
WEAKLY = 8
WEAK_LIMIT = 0.01  # of all pixels


def complaints(stored, fresh, save_as):
    """How the figures among a cell's fresh outputs differ from those among its stored ones: a list of lines.

    Pictures that differ are saved in a temporary folder, under the name ``save_as``, for whoever looks into it; with None they
    are not.
    """
    old, new = pngs(stored), pngs(fresh)
    if len(old) != len(new):
        return [f"figures differ in number: {len(old)} stored, {len(new)} drawn now"]
    found = []
    for number, (before, after) in enumerate(zip(old, new), 1):
        difference = compare(before, after)
        if difference and save_as is None:
            found.append(f"figure differs: {difference}")
        elif difference:
            folder = save(before, after, f"{save_as}-figure-{number}")
            found.append(f"figure differs: {difference}; the stored, the fresh and the difference are in {folder}")
    return found


def pngs(outputs):
    data = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [base64.b64decode(text) for text in data]


def compare(before, after):
    """What differs between two PNG files, in words, or None."""
    if before == after:
        return None
    try:
        old, new = pixels(before), pixels(after)
    except UnidentifiedImageError:
        return "one of them is no picture"
    if old.shape != new.shape:
        return "{1} x {0} pixels stored, {3} x {2} drawn now".format(*old.shape[:2], *new.shape[:2])
    difference = np.abs(old - new).max(axis=-1)
    strong, weak = np.sum(difference > STRONGLY), np.sum(difference > WEAKLY)
    if strong > STRONG_LIMIT or weak > WEAK_LIMIT * difference.size:
        return f"{strong} pixels by more than {STRONGLY} of 255, {weak} of {difference.size} by more than {WEAKLY}"
    return None


def pixels(png):
    """Red, green, blue and opacity; colours fade with opacity, since that of a clear pixel can't be seen."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=float)
    return picture * np.where([True, True, True, False], picture[..., 3:] / 255, 1)


def save(before, after, name):
    folder = Path(tempfile.mkdtemp(prefix="figures-"))
    (folder / f"{name}-stored.png").write_bytes(before)
    (folder / f"{name}-fresh.png").write_bytes(after)
    try:
        old, new = pixels(before), pixels(after)
    except UnidentifiedImageError:
        return folder
    if old.shape == new.shape:
        difference = 255 - np.abs(old - new).max(axis=-1)  # dark where they differ
        Image.fromarray(difference.astype(np.uint8)).save(folder / f"{name}-difference.png")
    return folder
