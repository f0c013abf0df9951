from .base import Solver as Solver
from .class_balance import allocate as allocate
from .class_balance import class_factors as class_factors
from .exact import Exact as Exact
from .minibatch import Minibatch as Minibatch
from .sinkhorn import Sinkhorn as Sinkhorn
from .tiled import Tiled as Tiled
from .unbalanced import row_masses as row_masses
