"""Autoencoder: the latent space of a small autoencoder, trained on the images of the sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.mixture.spaces.base import SPACES
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.recipe import Recipe
from geosearch.nn.schedule import OneCycle
from geosearch.nn.streams import as_tensor
from geosearch.nn.train import reconstruct
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import one_thread

VERSION = 1  # raise when networks or loss change, so that cached weights of the old ones are not found
PATCH = 4  # side in pixels of the patch that one position of the code represents
_CHUNK = 512  # images encoded or decoded at a time


@SPACES.register("autoencoder", "in the latent space of a small autoencoder")
@dataclass(frozen=True)
class Autoencoder:
    """The codes of a small convolutional autoencoder: a short vector for each patch of 4 x 4 pixels.

    A code has c = `channels` x ch numbers at each position of a grid, each of unit variance over the sets. Noise on
    the codes in training makes the decoder smooth between codes, and the cross-entropy of pixel values favors black
    or white where a mean of images would be gray.

    Measured on five gray sets of 28 px: a code of 7 x 7 positions (196 numbers) decodes as fast as a flat vector of
    128 numbers, with about half the squared error, and equal mixtures have sharper edges. Mixtures of color
    photographs still look like double exposures, and are blurrier than those of pixels.

    Attributes:
        channels: numbers per patch and image channel; with 4, a code is a quarter of the size of the image.
        width: channels of the hidden layers; decoding time grows with its square.
        steps: training steps of 64 images.
        noise: standard deviation of the noise on codes, in units of the standard deviation of the codes.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> space = geosearch.Autoencoder(width=4, steps=2).fit([digits], seed=0, cache=Cache.default())
        >>> space.decode(space.encode(digits.images)).shape
        (100, 8, 8, 1)
    """

    channels: int = 4
    width: int = 48
    steps: int = 1500
    noise: float = 0.1

    def __post_init__(self) -> None:
        for name in ("channels", "width", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidOptionError(
                    f"Autoencoder needs {name} as a whole number from 1 up, got {value!r}; "
                    f"leave {name} out for {getattr(Autoencoder, name)}"
                )
        if not 0 <= self.noise < math.inf:
            raise InvalidOptionError(
                f"Autoencoder needs noise >= 0 in units of the codes' standard deviation, got {self.noise!r}; "
                f"leave noise out for {Autoencoder.noise}, or set it to 0 for none"
            )

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LatentSpace:
        """Train on the images of the sets, or read the weights of an equal training from the cache.

        Every set is drawn equally often, whatever its size; labels are not used. Training runs on one thread, so
        that weights do not depend on the number of threads.

        Raises:
            DomainMismatchError: there is no set, or the sets differ in image shape; harmonize them first.
            TrainingFailedError: the loss became NaN or infinite.
        """
        shapes = {each.shape for each in sets}
        if len(shapes) != 1:
            raise DomainMismatchError(
                f"Autoencoder needs images of one shape, got {sorted(shapes)}; harmonize them first"
            )
        shape = shapes.pop()
        recipe = Recipe(
            steps=self.steps,
            learning_rate=2e-2,
            weight_decay=1e-4,
            augmentation=NO_AUGMENTATION,
            schedule=OneCycle(warmup=0.1),
        )
        key = content_key(
            "autoencoder",
            version=VERSION,
            channels=self.channels,
            width=self.width,
            noise=self.noise,
            recipe=recipe.key,
            sets=[each.fingerprint for each in sets],
            seed=seed,
        )
        network = _Network(shape, self.channels * shape[2], self.width, seed)
        stored = cache.arrays("autoencoder", key, lambda: _train(network, sets, recipe, self.noise, seed))
        network.load_state_dict({name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()})
        return LatentSpace(key, network.eval())


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """A trained encoder and decoder: codes (n, k), k = c * ceil(h / 4) * ceil(w / 4).

    Attributes:
        key: content key of everything the codes and the decoded images depend on.
        network: encoder and decoder.
    """

    key: str
    network: _Network

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> codes float32 (n, k).

        Raises:
            DomainMismatchError: images of another shape than those it was trained on.
        """
        if images.shape[1:] != self.network.shape:
            raise DomainMismatchError(
                f"this latent space was trained on images {self.network.shape}, got {images.shape[1:]}; "
                "harmonize them first"
            )
        return _in_chunks(lambda rows: self.network.codes(as_tensor(rows)).flatten(1), images)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes or means of codes, floating (n, k) -> images float32 (n, h, w, ch) in [0, 1]."""

        def images(rows: np.ndarray) -> torch.Tensor:
            z = torch.from_numpy(np.ascontiguousarray(rows, np.float32)).unflatten(1, self.network.grid)
            return self.network.scores(z).sigmoid().permute(0, 2, 3, 1)

        return _in_chunks(images, codes)


class _Network(nn.Module):
    """Images (b, ch, h, w) in [0, 1] -> codes (b, c, ceil(h / 4), ceil(w / 4)) -> logits of pixel values.

    Sizes that are not multiples of 4 are padded by repeating the last row and column; the decoder crops them.
    """

    def __init__(self, shape: tuple[int, int, int], depth: int, width: int, seed: int) -> None:
        super().__init__()
        height, breadth, channels = shape
        half = max(1, width // 2)
        self.shape = shape
        self.grid = (depth, -(-height // PATCH), -(-breadth // PATCH))
        self.encoder = nn.Sequential(
            *_convolution(channels, half, stride=2),
            *_convolution(half, width, stride=2),
            *_convolution(width, width),
            nn.utils.skip_init(nn.Conv2d, width, depth, 1, bias=False),
            nn.BatchNorm2d(depth, affine=False),  # unit variance, the unit of the noise
        )
        # all convolutions on the coarse grid, at a sixteenth of the cost
        self.decoder = nn.Sequential(
            *_convolution(depth, width),
            *_convolution(width, width),
            nn.utils.skip_init(nn.Conv2d, width, channels * PATCH**2, 3, padding=1),
            nn.PixelShuffle(PATCH),
        )
        generator = seeds.torch_stream(seed, "autoencoder", "network")
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                _initialise(module, generator)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def codes(self, images: torch.Tensor) -> torch.Tensor:
        """(b, ch, h, w) -> (b, c, gh, gw)"""
        fill = (0, -images.shape[3] % PATCH, 0, -images.shape[2] % PATCH)
        return self.encoder(F.pad(images, fill, mode="replicate") * 2 - 1)

    def scores(self, codes: torch.Tensor) -> torch.Tensor:
        """(b, c, gh, gw) -> logits (b, ch, h, w)."""
        height, breadth, _ = self.shape
        return self.decoder(codes)[..., :height, :breadth]


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> list[nn.Module]:
    return [
        nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _initialise(module: nn.Conv2d, generator: torch.Generator) -> None:
    """He initialization from a given generator; the global one is not touched."""
    with torch.no_grad():
        fan_in = module.weight[0].numel()
        module.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
        if module.bias is not None:
            module.bias.zero_()


@one_thread()  # equal keys give equal weights, whatever the number of threads of the caller
def _train(
    network: _Network, sets: Sequence[LabelledSet], recipe: Recipe, noise: float, seed: int
) -> dict[str, np.ndarray]:
    """Weights of the network, trained in place to reconstruct the images of the sets from noisy codes."""
    generator = seeds.torch_stream(seed, "autoencoder", "noise")

    def loss(images: torch.Tensor) -> torch.Tensor:
        codes = network.codes(images)
        noisy = codes + noise * torch.randn(codes.shape, generator=generator)
        return F.binary_cross_entropy_with_logits(network.scores(noisy), images)

    reconstruct(network, _batches(sets, recipe.batch, seeds.stream(seed, "autoencoder", "batches")), loss, recipe)
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def _batches(sets: Sequence[LabelledSet], size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches float32 (size, ch, h, w) in [0, 1]; every set is drawn equally often."""
    counts = np.array([len(each) for each in sets])
    while True:
        which = rng.integers(len(sets), size=size)
        rows = rng.integers(counts[which])
        images = np.stack([sets[i].images[row] for i, row in zip(which, rows, strict=True)])
        yield as_tensor(images).numpy()


def _in_chunks(function: Callable[[np.ndarray], torch.Tensor], rows: np.ndarray) -> np.ndarray:
    """Apply a function to chunks of rows, into one contiguous array."""
    with torch.inference_mode():
        parts = [function(rows[i : i + _CHUNK]).numpy() for i in range(0, max(len(rows), 1), _CHUNK)]
    return np.ascontiguousarray(np.concatenate(parts))
