from .map import Neural as Neural
from .map import NeuralMap as NeuralMap
