"""The fixtures of trainings."""

from generators.training import mixture, recipe, shots, test_part

__all__ = ["mixture", "recipe", "shots", "test_part"]
