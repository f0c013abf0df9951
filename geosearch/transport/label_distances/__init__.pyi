from .base import LABEL_DISTANCES as LABEL_DISTANCES
from .base import LabelDistance as LabelDistance
from .exact import ExactLabels as ExactLabels
from .gaussian import BoundedTable as BoundedTable
from .gaussian import GaussianLabels as GaussianLabels
from .means import MeanLabels as MeanLabels
