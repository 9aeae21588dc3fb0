"""What ``fit`` records, and how it shows where it is."""

import contextlib
import sys

from .arguments import check_whole


class History(dict):
    """What ``fit`` recorded: a dict from each quantity to a list with one number an epoch.

    It holds ``"loss"``, ``"lr"`` and ``"seconds"``; with validation data ``"validation_loss"``; and each metric under its name,
    for the validation data with ``"validation_"`` before it.
    """

    def table(self, every=1):
        """The history as text: a line for every ``every``-th epoch (counted from 1) and the last, without the seconds.

        Raises ValueError if ``every`` is not a positive whole number.
        """
        check_whole(every=every)
        names = [name for name in self if name != "seconds"]
        lines = ["epoch  " + "  ".join(f"{name:>10}" for name in names)]
        for i in range(len(self["loss"])):
            if (i + 1) % every == 0 or i + 1 == len(self["loss"]):
                lines.append(f"{i + 1:5d}  " + "  ".join(f"{self[name][i]:>{max(10, len(name))}.4g}" for name in names))
        return "\n".join(lines)


class Progress(contextlib.AbstractContextManager):
    """How ``fit`` shows where it is: a bar, a line every few epochs, or nothing. ValueError for anything else."""

    def __init__(self, progress, epochs):
        self.bar, self.every = None, None
        if progress is None or progress is True:
            with contextlib.suppress(ImportError):  # a bar of text; tqdm's widget is an error in a saved notebook
                from tqdm import tqdm

                # In a notebook, what goes to stderr looks like a warning.
                file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
                self.bar = tqdm(total=epochs, unit="epoch", leave=False, file=file)
        elif progress is not False:
            check_whole(progress=progress)
            self.every = progress

    def epoch(self, epoch, history):
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {history['loss'][-1]:.4g}", refresh=False)
            self.bar.update()
        elif self.every is not None and (epoch + 1) % self.every == 0:
            values = [f"{name} {history[name][-1]:.4g}" for name in history if name not in ("lr", "seconds")]
            print(f"epoch {epoch + 1:5d}  " + "  ".join(values))

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()
