"""DataFacts: what a report says of a study's data, kept in its database, so that a report needs no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geosearch.data.card import SourceFacts
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.hull import Hull
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.study_record import StudyRecord


@dataclass(frozen=True)
class DataFacts:
    """What the prepared data of a study show, but for the images.

    Attributes:
        target: the target's name.
        label_counts: (c,) labelled images of each of its classes.
        sources: (m,) what is known of each source.
        gram: (m, m) of the closed form: the distance of weights a is a @ gram @ a.
        projection: (m,) weights of the target's projection on the hull.
        target_notes: what a person should know of how the target's parts were made, a sentence each.
    """

    target: str
    label_counts: tuple[int, ...]
    sources: tuple[SourceFacts, ...]
    gram: tuple[tuple[float, ...], ...]
    projection: tuple[float, ...]
    target_notes: tuple[str, ...] = ()

    @classmethod
    def of_data(cls, target: Target, anchors: Anchors, hull: Hull, views: int = 0) -> DataFacts:
        """The facts of prepared data, with so many further views of every image of the sources."""
        return cls(
            target.name,
            tuple(target.counts.tolist()),
            tuple(source.facts.with_views(views) for source in anchors.sources),
            tuple(map(tuple, hull.gram.tolist())),
            tuple(map(float, hull.projection().values)),
            target.notes,
        )

    @classmethod
    def of(cls, study: StudyRecord) -> DataFacts | None:
        """The facts that a study keeps; None before its first report.

        Raises:
            ValueError: it holds something else.
        """
        return None if study.data_facts is None else from_json(cls, study.data_facts)

    def to_json(self) -> dict[str, Any]:
        """As `StudyRecord` keeps it."""
        found: dict[str, Any] = to_json(DataFacts, self)
        return found
