from .base import LABEL_SPACES as LABEL_SPACES
from .base import FittedLabelSpace as FittedLabelSpace
from .base import LabelSpace as LabelSpace
from .disjoint import DisjointLabels as DisjointLabels
from .merged import MergedLabels as MergedLabels
from .merged import merge_classes as merge_classes
