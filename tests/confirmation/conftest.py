"""The fixtures of searches."""

from generators.search_fixtures import hull, search_in
from generators.training import recipe

__all__ = ["hull", "recipe", "search_in"]
