"""Tuning: adaptations tuned on the shots, once for each kind of start, before anything is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import lengthen
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuned, Tuner, take_over
from geosearch.confirmation.candidates.base import Candidate, Setup, Start, StartKind
from geosearch.nn.networks import Network
from geosearch.runtime.cache import Cache, content_key


@dataclass(frozen=True)
class TunedAdaptations:
    """What a confirmation adapts its networks with.

    Attributes:
        by_kind: kind of start -> name -> adaptation.
        sentences: how each was tuned; empty if nothing was.
    """

    by_kind: Mapping[StartKind, Mapping[str, Adaptation]]
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class KindTuner:
    """Tunes adaptations once for each kind of start, so that no row is favored by more care than the others.

    Attributes:
        tuner: the same options for every kind.
        setup: shots and recipe.
        seed: seed of the starts and of the tuning.
        cache: keeps the results.
        jobs: number of processes; has no effect on the results.
    """

    tuner: Tuner
    setup: Setup
    seed: int
    cache: Cache
    jobs: int = 1

    def tune(
        self, adaptations: Mapping[str, Adaptation], examples: Sequence[Candidate], *, fresh_only: Sequence[str] = ()
    ) -> TunedAdaptations:
        """Tune on one example of each kind of start.

        Fine-tuning and the linear probe are tuned. Rehearsal and self-training take over what was found for
        fine-tuning. A ridge head selects its penalty itself. Where nothing can be tuned, networks that began untrained
        get the tuner's reference settings, whatever they were pretrained on.

        Args:
            adaptations: name -> adaptation with its default settings, "fine-tune" among them.
            examples: one candidate of each kind. That of pretrained networks should be none that the study is
                about: all rows of the kind share what is found.
            fresh_only: names of adaptations that other kinds have no row for, so that they keep their default settings.
        """
        by_kind: dict[StartKind, dict[str, Adaptation]] = {}
        found: dict[str, dict[StartKind, Tuned[GradientAdaptation]]] = {}
        for example in examples:
            kind, start = example.start_kind, _Start(example, self.setup, seeds.integer(self.seed, "tuning", "start"))
            own = by_kind[kind] = dict(adaptations)
            for name, how in adaptations.items():
                is_used = kind is StartKind.FRESH or name not in fresh_only
                if is_used and isinstance(how, GradientAdaptation) and not _follows(how):
                    tuned = self._tune_one(how, start)
                    own[name] = tuned.adaptation
                    found.setdefault(name, {})[kind] = tuned
            for name, how in adaptations.items():
                if isinstance(how, FineTuning) and _follows(how):
                    own[name] = self._follow(how, adaptations["fine-tune"], found["fine-tune"][kind], kind)
        return TunedAdaptations(by_kind, tuple(_sentence(name, tuned) for name, tuned in found.items()))

    def _tune_one(self, how: GradientAdaptation, start: _Start) -> Tuned[GradientAdaptation]:
        is_trained = start.candidate.start_kind is not StartKind.FRESH or self.setup.recipe.network.is_pretrained
        if isinstance(how, FineTuning) and not is_trained:
            how = lengthen(how, self.setup.recipe)
        tuned = self.tuner.tune(
            how,
            lambda: start.network_for(how),
            self.setup.shots,
            self.seed,
            key=start.key,
            cache=self.cache,
            jobs=self.jobs,
            is_trained=is_trained,
        )
        if tuned.trainings or self.setup.recipe.network.is_pretrained:  # then every start has the same default
            return tuned
        return replace(tuned, adaptation=self.tuner.reference(how, is_trained=is_trained))

    def _follow(
        self, how: FineTuning, default: Adaptation, tuned: Tuned[GradientAdaptation], kind: StartKind
    ) -> FineTuning:
        assert isinstance(default, FineTuning)
        if tuned.adaptation != default:
            how = take_over(tuned.adaptation, default, how, self.tuner.longest)
        is_untrained = kind is StartKind.FRESH and not self.setup.recipe.network.is_pretrained
        if isinstance(how, SelfTraining) and is_untrained:  # a probe of an untrained network knows nothing
            how = replace(how, teacher=tuned.adaptation)
        return how


@dataclass(frozen=True, eq=False)
class _Start:
    """The start that a candidate gives, made when it is first needed."""

    candidate: Candidate
    setup: Setup
    seed: int

    @property
    def key(self) -> str:
        facts = {"candidate": self.candidate.key, "recipe": self.setup.recipe.key}
        return content_key("start", shots=self.setup.shots.fingerprint, seed=self.seed, **facts)

    @cached_property
    def _made(self) -> Start:
        return self.candidate.start(self.setup, self.seed)

    def network_for(self, how: Adaptation) -> Network:
        return self._made.network_for(how)


def _follows(how: GradientAdaptation) -> bool:
    """Whether an adaptation takes over what was tuned for fine-tuning."""
    return isinstance(how, FineTuning) and type(how) is not FineTuning


def _sentence(name: str, tuned: Mapping[StartKind, Tuned[GradientAdaptation]]) -> str:
    trainings = max(one.trainings for one in tuned.values())
    how = f"tuned with {trainings} trainings for each kind of start" if trainings else "not tuned"
    return f"{name}, {how}: " + "; ".join(f"{kind} {_settings(one.adaptation)}" for kind, one in tuned.items())


def _settings(how: GradientAdaptation) -> str:
    """In words, e.g. "640 steps at 0.003, weight decay 0.1, rotations up to 10 degrees"."""
    parts = [f"{how.steps} steps at {how.learning_rate:.2g}", f"weight decay {how.weight_decay:.2g}"]
    if how.body_rate != 1:
        parts.append(f"body at {how.body_rate:.2g} of that rate")
    return ", ".join([*parts, how.augmentation.summary])
