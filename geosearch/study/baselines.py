"""Baselines of a study: which mixtures are tried before the search proposes any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from geosearch.config.study_config import StudyFile
from geosearch.mixture.baselines import (
    SINGLE,
    WITHIN_LIMITS,
    baseline_weights,
    choose_baselines,
    constrain,
    count_baselines,
)
from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.study_store import StudyStore
from geosearch.study.prepare import Prepared


def build_baselines(prepared: Prepared) -> dict[str, Weights]:
    """Role -> weights of every baseline there is; a study trains the first of them (`find_baselines`)."""
    sources = prepared.anchors.sources
    return baseline_weights([source.name for source in sources], [source.size for source in sources], prepared.hull)


def find_baselines(file: StudyFile, prepared: Prepared, store: StudyStore, proxy: Proxy) -> dict[str, Weights]:
    """Role -> weights of the baselines of this study, as allowed by its limits.

    They are chosen when the study begins and kept, so that a budget that is raised later does not change them.
    """
    roles = store.record.baselines if store.is_searched else None
    if roles is None:
        names = [source.name for source in prepared.anchors.sources]
        count = count_baselines(file.search.evaluations, len(names))
        design: ProxyDesign = store.get_or_compute("debiased_design", lambda: ProxyDesign.of(store.space, proxy.otdd))
        roles = choose_baselines(names, design.values[: len(names)], count)
        store.update(baselines=roles)
    known = build_baselines(prepared)
    return constrain(store.space.nearest, {role: known[role] for role in roles})


def find_single_sources(roles: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """Role -> source, for the baselines that are single sources."""
    known = {SINGLE + name + end: name for name in names for end in ("", WITHIN_LIMITS)}
    return {role: known[role] for role in roles if role in known}
