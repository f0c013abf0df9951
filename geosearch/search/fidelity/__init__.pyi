from .proxy import Proxy as Proxy
from .rank_agreement import RankAgreement as RankAgreement
from .statistics import Fidelity as Fidelity
from .statistics import FidelityStatistics as FidelityStatistics
from .statistics import fidelity_statistics as fidelity_statistics
