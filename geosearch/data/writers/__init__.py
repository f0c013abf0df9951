"""Writers: a mixture or labelled set written to disk as a data set; one file per format."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
