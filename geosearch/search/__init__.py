"""Search: who proposes the next mixture, what is evaluated of it, and what a study database keeps."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
