"""SemiSupervised: the base of adaptations that learn from unlabelled images of the target too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geosearch.adaptation.base import facts_with_images
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError


@dataclass(frozen=True, eq=False)
class SemiSupervised(FineTuning):
    """Fine-tuning on the shots and on unlabelled images.

    Attributes:
        unlabelled: images of the target; needed to fit.
    """

    unlabelled: UnlabelledSet | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent; the images by their fingerprint."""
        return facts_with_images(self, self.unlabelled)

    def images_like(self, shots: LabelledSet) -> UnlabelledSet:
        """The unlabelled images.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            DomainMismatchError: they have another shape than the shots.
        """
        if self.unlabelled is None:
            raise InvalidOptionError(f"{type(self).__name__} needs images of the target; pass unlabelled=")
        if self.unlabelled.shape != shots.shape:
            raise DomainMismatchError(
                f"expected unlabelled images of the target, {shots.shape}; got {self.unlabelled.shape}"
            )
        return self.unlabelled
