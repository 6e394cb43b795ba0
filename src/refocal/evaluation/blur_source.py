"""The blur that a method gets for each image of a data set: the true one, or an estimator's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refocal.datasets import Pair
from refocal.estimators import make_estimator
from refocal.estimators.views import stack_views
from refocal.inference.network_file import weights_sha256
from refocal.types import Blur, BlurEstimator, Image, InputError


@dataclass(frozen=True)
class BlurSource:
    """The source of the blur for all images of a set; an estimator is made once.

    Attributes:
        text: For the rows: ``none``, ``given``, ``estimated``, or ``estimated:NAME`` with the start of the hash of the
            estimator's weights.
        data: Name of the data set, for errors.
        name: Name of the estimator, for errors.
        estimator: The estimator; None where the method gets no blur or the true one.
    """

    text: str
    data: str
    name: str = ""
    estimator: BlurEstimator | None = None

    def of(self, pair: Pair) -> Blur | BlurEstimator | None:
        """The blur that a method gets for a pair.

        Raises:
            InputError: If the true blur isn't known, or the estimator takes two views and the pair has one.
        """
        if self.text == "given":
            if "blur" not in pair.extras:
                raise InputError(f"The true blur of {pair.name!r} in {self.data!r} isn't known, so it can't be given.")
            true: Blur = pair.extras["blur"]
            return true
        estimator = self.estimator
        if estimator is None or getattr(estimator, "views", 1) == 1:
            return estimator
        views = estimator_input(estimator, pair, self.name, self.data)
        return lambda _: estimator(views)


def blur_source(needs: str | None, blur: str | None, data: str) -> BlurSource:
    """The source of the blur for a method.

    Args:
        needs: What the method needs, as ``Deblurrer.needs``; None for a callable that doesn't say.
        blur: ``"given"`` for the true blur, the name or file of an estimator, or None: the default estimator for a
            method that needs a blur, and nothing for a callable that doesn't say.
        data: Name of the data set, for errors.

    Raises:
        InputError: If there is no such estimator.
    """
    if needs == "" or (needs is None and blur is None):
        return BlurSource("none", data)
    if blur == "given":
        return BlurSource("given", data)
    if blur is None:
        return BlurSource("estimated", data, "default", make_estimator("default"))
    estimator = make_estimator(blur)
    sha256 = weights_sha256(estimator)[:12]
    return BlurSource(f"estimated:{Path(blur).name}" + (f":{sha256}" if sha256 else ""), data, blur, estimator)


def estimator_input(estimator: BlurEstimator, pair: Pair, name: str, data: str) -> Image:
    """The image that an estimator gets for a pair: the blurred one, or both views stacked along the channels.

    Raises:
        InputError: If it takes two views, and the pair has one.
    """
    if getattr(estimator, "views", 1) == 1:
        return pair.blurred
    if not {"left", "right"} <= pair.extras.keys():
        raise InputError(f"{name} takes two views of a photo, and {data!r} has one: choose another estimator.")
    return stack_views(pair.extras["left"], pair.extras["right"])
