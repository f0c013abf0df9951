"""ReplaySelection: the images of the mixture that are most like the shots, for `Rehearsal`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import facts_of
from geosearch.nn.streams import FixedSet, Stream, draw_images
from geosearch.nn.train import features
from geosearch.transport.solvers.unbalanced import row_masses


@dataclass(frozen=True)
class ReplaySelection:
    """Select the mixture images that an unbalanced transport plan matches to the shots.

    The cost is the squared distance of the pretrained network's features. An unbalanced plan transports little of the
    mass of images far from all shots, where a balanced plan would have to transport all of it. The images with the
    largest transported mass are selected.

    Source: Liu et al. 2022 (selecting pretraining data by unbalanced transport for use in fine-tuning). A plan between
    single images and shots, in place of one between classes, is our choice.

    Attributes:
        share: fraction in (0, 1] of the drawn images that is selected.
        size: images drawn from the mixture.
        reach: penalty of leaving mass behind, in units of the mean cost: mass is not moved at a cost far above it.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.streams import FixedSet
        >>> from geosearch.nn.networks import SmallConv
        >>> from geosearch.nn.streams import as_tensor
        >>> import numpy as np
        >>> digits = geosearch.load("digits")
        >>> mixture = FixedSet(as_tensor(digits.images).numpy(), np.eye(10, dtype=np.float32)[digits.labels])
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> len(ReplaySelection(share=0.25, size=200).select(mixture, network, digits.take(range(50)), seed=0))
        50
    """

    share: float = 0.25
    size: int = 1000
    reach: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.size < 1 or not self.reach > 0:
            raise InvalidOptionError(
                f"ReplaySelection needs share in (0, 1], size >= 1 and reach > 0, "
                f"got {self.share}, {self.size}, {self.reach}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent."""
        return facts_of(self)

    def select(self, mixture: Stream, network: Network, shots: LabelledSet, seed: int) -> FixedSet:
        """Draw `size` images from the mixture and select those that are most like the shots.

        Args:
            mixture: the stream that `network` was pretrained on.
            network: the pretrained network whose features give the cost.
            shots: labelled images, uint8 (p, h, w, ch).
            seed: seed of the draw.

        Returns:
            The selected images with their soft labels.
        """
        images, labels = draw_images(mixture, self.size, seeds.stream(seed, "keeping"))
        pixels = np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        cost = cdist(features(network, pixels), features(network, shots.images), "sqeuclidean")  # (n, p)
        mean = cost.mean()
        masses = row_masses(cost / mean if mean > 0 else cost, self.reach)  # (n,)
        selected = np.argsort(-masses, kind="stable")[: max(round(self.share * len(images)), 1)]
        return FixedSet(images[selected], labels[selected])
