from .autoencoder import Autoencoder as Autoencoder
from .autoencoder import LatentSpace as LatentSpace
from .base import SPACES as SPACES
from .base import Codec as Codec
from .base import FittedSpace as FittedSpace
from .base import MixingSpace as MixingSpace
from .custom import CustomSpace as CustomSpace
from .pixels import PixelSpace as PixelSpace
