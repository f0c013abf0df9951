from .meta_reweighting import MetaReweighting as MetaReweighting
from .meta_reweighting import ReweightedTraining as ReweightedTraining
from .simclr import SimCLR as SimCLR
from .simclr import nt_xent as nt_xent
