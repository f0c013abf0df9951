"""Names of options on the command line, and the objects that are built from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from geosearch.data.unlabelled import Labelling
    from geosearch.embeddings.base import Embedding
    from geosearch.runtime.registry import Choice
    from geosearch.transport.label_distances.base import LabelDistance

Channels = Literal["1", "3"]
Rule = Literal["order", "bins"]
Task = Literal["detect", "reweight", "extend"]


@dataclass(frozen=True)
class OptionNames:
    """The registered options that a command takes, looked up when it runs or is completed, since that imports them.

    Attributes:
        load: gives the choice.
        suits: whether the command accepts the option of a name.
    """

    load: Callable[[], Choice[Any]]
    suits: Callable[[Choice[Any], str], bool] = lambda choice, name: True

    def names(self) -> tuple[str, ...]:
        """Names that the command accepts."""
        choice = self.load()
        return tuple(name for name in choice.names() if self.suits(choice, name))

    def complete(self, incomplete: str) -> list[str]:
        """Names that begin with `incomplete`, for shell completion."""
        return [name for name in self.names() if name.startswith(incomplete)]

    def check(self, name: str) -> str:
        """Check a name.

        Raises:
            typer.BadParameter: the command does not accept it.
        """
        if name not in (names := self.names()):
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}.")
        return name

    def option(self, flag: str, *, help: str, key: str = "", listed: str = "") -> Any:
        """The option of the command.

        Args:
            flag: e.g. "--embedding".
            help: one sentence.
            key: of study files, under which `geosearch options` lists the names.
            listed: the names, of a choice that study files do not have.
        """
        text = f"{help} Names: {listed}." if listed else f"{help} Names: '{key}' in 'geosearch options'."
        return typer.Option(flag, metavar="NAME", help=text, callback=self.check, autocompletion=self.complete)


def _label_distances() -> Choice[Any]:
    from geosearch.transport.label_distances.base import LABEL_DISTANCES

    return LABEL_DISTANCES


def _embeddings() -> Choice[Any]:
    from geosearch.embeddings.base import EMBEDDINGS

    return EMBEDDINGS


def _labellers() -> Choice[Any]:
    from geosearch.pseudo_labels.base import PSEUDO_LABELLERS

    return PSEUDO_LABELLERS


def _acquisitions() -> Choice[Any]:
    from geosearch.acquisition.base import ACQUISITIONS

    return ACQUISITIONS


def _without_labels(choice: Choice[Any], name: str) -> bool:
    return not getattr(choice.entry(name).option, "uses_labels", False)


def _without_settings(choice: Choice[Any], name: str) -> bool:
    """Whether the option can be built from its defaults."""
    from geosearch.errors import InvalidOptionError

    try:
        choice.build(name, {})
    except InvalidOptionError:
        return False
    return True


LABEL_DISTANCES = OptionNames(_label_distances)
LABELLERS = OptionNames(_labellers)
DISTANCE_EMBEDDINGS = OptionNames(_embeddings, lambda *of: _without_labels(*of) and _without_settings(*of))
LABELLER_EMBEDDINGS = OptionNames(_embeddings, _without_settings)
CURATION_EMBEDDINGS = OptionNames(_embeddings, _without_labels)
ACQUISITION_STRATEGIES = OptionNames(_acquisitions)


def label_distance(name: str) -> LabelDistance:
    """The label distance of a name."""
    found: LabelDistance = _label_distances().build(name, {})
    return found


def embedding_named(name: str, **settings: Any) -> Embedding:
    """The embedding of a name.

    Raises:
        InvalidOptionError: a backbone without weights.
    """
    found: Embedding = _embeddings().build(name, settings)
    return found


def labelling(by: str, *, labels: int, rule: Rule, embedding: str) -> Labelling:
    """The method that labels a data set without labels."""
    from geosearch.pseudo_labels.g2l_rules import RULES

    found: Labelling = _labellers().build(
        by, {"label_count": labels}, rule=RULES[rule], embedding=embedding_named(embedding)
    )
    return found
