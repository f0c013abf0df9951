from .automatic import Automatic as Automatic
from .base import ACQUISITIONS as ACQUISITIONS
from .base import Acquisition as Acquisition
from .base import LabelState as LabelState
from .random_choice import RandomChoice as RandomChoice
from .typical import Typical as Typical
from .uncertain import Uncertain as Uncertain
