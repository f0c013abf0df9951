"""The fixtures of searches."""

from generators.search_fixtures import hull, search_in

__all__ = ["hull", "search_in"]
