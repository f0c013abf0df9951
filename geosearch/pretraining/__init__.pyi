from .meta_reweighting import MetaReweighting as MetaReweighting
from .meta_reweighting import ReweightedTraining as ReweightedTraining
