"""The whole house on one page: from a study file to trials, confirmation, mixture and report."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import geosearch
from geosearch import seeds
from geosearch.cache import Cache
from geosearch.config import StudyFile, parse_study, read_study
from geosearch.domain.dataset import LabelledSet
from geosearch.domain.embed import Encoder
from geosearch.domain.fewshot import Target, cut_target
from geosearch.domain.shelf import load_shelf
from geosearch.errors import InvalidOption, StorageError
from geosearch.evaluate.few_shot import tuned
from geosearch.evaluate.ledger import Ledger
from geosearch.geodesic.anchors import Anchors, build_anchors
from geosearch.geodesic.hull import Hull
from geosearch.geodesic.mixture import Mixture
from geosearch.geodesic.simplex import Weights
from geosearch.options import adaptations_of, embedding_of, ground_of, recipe_of
from geosearch.progress import Progress, Silent
from geosearch.report.facts import StudyFacts, collect
from geosearch.search.baselines import baselines
from geosearch.search.confirm import Confirmer
from geosearch.search.objective import Objective, one_thread
from geosearch.search.proxy import HeldOut
from geosearch.search.run import Search, SearchOptions, best_of, proxy_trust
from geosearch.search.space import Space
from geosearch.search.store import StudyStore, TrialFacts, explained, masked, sqlite_path, stored_settings
from geosearch.search.verdict import Confirmation
from geosearch.synthesize.card import CardFacts, CardSource, card
from geosearch.synthesize.export import ImageFolderWriter, Writer, write_mixture

PACKAGES = ("geosearch", "torch", "torchvision", "optuna", "pot", "numpy", "scipy", "joblib")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that comes before the first trial: the target cut, the sources mapped, the hull in closed form."""

    target: Target
    anchors: Anchors
    hull: Hull


class Study:
    """A search for the best data set to pretrain on, in a database that it can be resumed from.

    >>> study = Study.open("studies/quickstart.toml")      # doctest: +SKIP
    >>> study.run()                                        # doctest: +SKIP
    >>> study.best.weights, study.confirmation.verdict()   # doctest: +SKIP
    """

    def __init__(self, file: StudyFile, store: StudyStore, cache: Cache, progress: Progress) -> None:
        self.file = file
        self.store = store
        self.cache = cache
        self.progress = progress

    @classmethod
    def open(
        cls,
        study: str | Path | StudyFile,
        *,
        storage: str | None = None,
        force_new: bool = False,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> Study:
        """Open a study, new or begun.

        Args:
            study: a study file, the name of a study that was begun (studies/<name>.db), a database
                file, or an address of one; or a `StudyFile` in memory.
            storage: database address; overrides the study file's.
            force_new: put an existing SQLite file of the same name aside and start anew.
            cache: where anchors, encoders and evaluations are kept; the default cache if None.
            progress: who is told what happens.

        Raises:
            InvalidOption: a study file that is wrong.
            StorageError, StudyMismatch: a database that cannot be used, or belongs to another study.
        """
        file, address = _resolve(study, storage)
        if force_new:
            _put_aside(address)
        store = StudyStore.open(address, file.study.name, file.fingerprint, Space(len(file.domain.sources)))
        if store.recall("settings") is None:
            store.remember("settings", file.model_dump(mode="json", exclude={"search": {"storage"}}))
        extended = store.recall("evaluations", 0)
        if extended > file.search.evaluations:
            file = file.model_copy(update={"search": file.search.model_copy(update={"evaluations": extended})})
        return cls(file, store, cache or Cache.default(), progress or Silent())

    @property
    def name(self) -> str:
        return self.file.study.name

    @property
    def trials(self) -> tuple[TrialFacts, ...]:
        """Every trial that ended, in the order of the proposals."""
        return self.store.trials()

    @property
    def best(self) -> TrialFacts:
        """The best trial so far."""
        return best_of(self.store.trials())

    @property
    def confirmation(self) -> Confirmation | None:
        """What the test part said of the best trial; None before the end of a run."""
        kept = self.store.recall("confirmation")
        return Confirmation.from_json(kept) if kept else None

    def run(self, *, evaluations: int | None = None) -> Confirmation:
        """Search until the budget is spent, then confirm; goes on where an earlier run stopped.

        Args:
            evaluations: a new total budget, if larger than the present one.
        """
        if evaluations is not None and evaluations > self.file.search.evaluations:
            self.store.remember("evaluations", evaluations)
            search = self.file.search.model_copy(update={"evaluations": evaluations})
            self.file = self.file.model_copy(update={"search": search})
        with self._alone():
            self._require_budget()
            self._search().run()
            return self._confirm()

    def synthesize(
        self,
        out: str | Path,
        *,
        size: int = 1000,
        trial: int | None = None,
        writer: Writer | None = None,
    ) -> Path:
        """Write a mixture as a data set with its card.

        Args:
            out: a folder that does not exist yet, or is empty.
            size: number of images.
            trial: number of the trial; the best if None.
            writer: the format; an image folder if None.
        """
        facts = self.best if trial is None else self._trial(trial)
        writer = writer or ImageFolderWriter()
        mixture = Mixture(self.prepared.anchors, facts.point)
        return write_mixture(
            mixture,
            size=size,
            out=Path(out),
            writer=writer,
            seed=seeds.integer(self.file.study.seed, "synthesize"),
            card=card(self._card(facts, mixture, size, writer)),
        )

    def export_best(self) -> Path:
        """Write the best mixture to studies/<name>/, once; returns the folder."""
        trial, size = self.best, self.file.confirm.export
        out = Path("studies") / self.name / f"trial-{trial.number}-{size}-images"
        if not out.exists():
            self.synthesize(out, size=size)
        return out

    def status(self) -> dict[str, Any]:
        """How far the study is and what it found, JSON-representable."""
        trials, confirmation = self.trials, self.confirmation
        states = Counter(trial.state for trial in trials)
        best = self.best if states["complete"] else None
        agreement = proxy_trust(trials)
        return {
            "study": self.name,
            "budget": self.file.search.evaluations,
            "complete": states["complete"],
            "pruned": states["pruned"],
            "failed": states["failed"],
            "best": best and {**asdict(best), "concentration": str(best.concentration)},
            "sources": list(self.source_names),
            "proxy": agreement.sentence(),
            "seconds": self.store.recall("stages", {}),
            "verdict": confirmation.verdict() if confirmation else None,
        }

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources' names in the order of the weights."""
        return tuple(self.store.recall("sources", self.file.domain.sources))

    def report(self, out: str | Path | None = None) -> Path:
        """Write the page and its figures; returns the page's path (reports/<study>/index.html)."""
        from geosearch.report.page import write_page

        return write_page(self.facts(), Path(out or Path("reports") / self.name))

    def facts(self) -> StudyFacts:
        """What a report is drawn from."""
        prepared = self.prepared
        settings = {**self.file.fingerprint, "search.evaluations": self.file.search.evaluations}
        return collect(
            name=self.name,
            store=self.store,
            target=prepared.target,
            anchors=prepared.anchors,
            hull=prepared.hull,
            confirmation=self.confirmation,
            settings=tuple((key, str(value)) for key, value in sorted(settings.items())),
            versions=versions(),
        )

    @cached_property
    def prepared(self) -> Prepared:
        """Load, harmonise, embed, cut and map; everything slow comes from the cache the second time."""
        with one_thread():
            return self._prepare()

    def _prepare(self) -> Prepared:
        domain, seed = self.file.domain, self.file.study.seed
        with self._stage("load"):
            shelf = load_shelf(**domain.model_dump(exclude={"shots", "reference", "held_out", "test"}), seed=seed)
        with self._stage("embedding"):
            encoder = embedding_of(self.file).fit(shelf.sources, seed=seed, cache=self.cache)
            target = cut_target(
                shelf.train,
                shelf.test,
                **shelf.parts(
                    shots=domain.shots, reference=domain.reference, held_out=domain.held_out, test=domain.test
                ),
                encoder=encoder,
                seed=seed,
            )
        with self._stage("transport"):
            anchors = self._anchors(target, shelf.sources, encoder)
        self.store.remember("sources", [source.name for source in shelf.sources])
        return Prepared(target, anchors, Hull.of(anchors))

    def _anchors(self, target: Target, sources: Sequence[LabelledSet], encoder: Encoder) -> Anchors:
        return build_anchors(
            target.reference,
            sources,
            encoder,
            ground=ground_of(self.file),
            cache=self.cache,
            seed=self.file.study.seed,
            jobs=self.file.search.jobs,
        )

    def _baselines(self) -> dict[str, Weights]:
        sources = self.prepared.anchors.sources
        return baselines([s.name for s in sources], [s.size for s in sources], self.prepared.hull)

    def _search(self) -> Search:
        file, prepared, seed = self.file, self.prepared, self.file.study.seed
        objective = Objective(
            anchors=prepared.anchors,
            shots=prepared.target.shots,
            recipe=recipe_of(file),
            adaptation=adaptations_of(file)[file.recipe.adaptation],
            ledger=Ledger(self.cache.folder / "ledger"),
            seed=seed,
            device=file.recipe.device,
        )
        options = SearchOptions(
            evaluations=file.search.evaluations,
            sampler=file.search.sampler,
            batch=file.search.batch,
            finalists=file.search.finalists,
            repeats=file.search.repeats,
            long_steps=file.recipe.long_steps,
            prune=file.search.prune,
            seed=seed,
            jobs=file.search.jobs,
        )
        held_out = HeldOut.of(prepared.anchors, prepared.target.held_out, samples=file.search.proxy_samples, seed=seed)
        return Search(self.store, objective, prepared.hull, held_out, self._baselines(), options, self.progress)

    def _confirm(self) -> Confirmation:
        file, best = self.file, self.best
        asked = {"trial": best.number, "seeds": file.confirm.seeds}
        known = self.confirmation
        if known is not None and self.store.recall("confirmed") == asked:
            return known
        self.progress.event("stage", name="confirmation on the test part")
        start = time.perf_counter()
        recipe, adaptations = recipe_of(file).scaled(file.recipe.long_steps), adaptations_of(file)
        with one_thread():
            scratch = tuned(self.prepared.target.shots, recipe, file.study.seed)
        confirmer = Confirmer(
            anchors=self.prepared.anchors,
            target=self.prepared.target,
            recipe=recipe,
            scratch=scratch,
            adaptations=adaptations,
            cache=self.cache,
            device=file.recipe.device,
        )
        confirmation = confirmer.run(
            best.point,
            self._baselines(),
            adaptation=file.recipe.adaptation,
            count=file.confirm.seeds,
            seed=file.study.seed,
            jobs=file.search.jobs,
            progress=self.progress,
        )
        self.store.remember("confirmation", confirmation.to_json())
        self.store.remember("confirmed", asked)
        self.store.add_seconds("confirmation", time.perf_counter() - start)
        return confirmation

    def _card(self, trial: TrialFacts, mixture: Mixture, size: int, writer: Writer) -> CardFacts:
        confirmed = self.store.recall("confirmed", {}).get("trial") == trial.number and self.confirmation
        return CardFacts(
            study=self.name,
            target=self.prepared.target.name,
            origin=f"trial {trial.number} ({trial.role})",
            sources=tuple(
                CardSource(s.name, s.size, len(s.classes), s.licence, weight, s.otdd_to_target)
                for s, weight in zip(self.prepared.anchors.sources, trial.weights, strict=True)
            ),
            concentration=trial.concentration,
            pairing=trial.pairing,
            size=size,
            image_shape=mixture.image_shape,
            class_count=mixture.class_count,
            closed_form=trial.closed_form,
            held_out_otdd=trial.held_out_otdd,
            top1_error=trial.top1_error,
            verdict=confirmed.verdict() if confirmed else None,
            mixture_key=mixture.key,
            seeds=(
                ("study", self.file.study.seed),
                ("draw", seeds.integer(self.file.study.seed, "synthesize")),
            ),
            versions=versions(),
            files=writer.layout,
            command=f"geosearch synthesize {self._address()} --trial {trial.number} --size {size} "
            f"--format {writer.name} --out DIR",
        )

    def _address(self) -> str:
        """What names this study on the command line; passwords are hidden."""
        usual = f"sqlite:///studies/{self.name}.db"
        return self.name if self.store.url == usual else masked(self.store.url)

    def _trial(self, number: int) -> TrialFacts:
        for trial in self.trials:
            if trial.number == number:
                return trial
        numbers = [trial.number for trial in self.trials]
        raise InvalidOption(f"the study has no trial {number}; it has {numbers[:1]} to {numbers[-1:]}")

    def _require_budget(self) -> None:
        needed = len(self.file.domain.sources) + 5
        if self.file.search.evaluations < needed:
            raise InvalidOption(
                f"search.evaluations is {self.file.search.evaluations}, but the baselines of "
                f"{len(self.file.domain.sources)} sources alone are {needed} trials; set it to {needed + 10} or more"
            )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress.event("stage", name=name)
        start = time.perf_counter()
        yield
        self.store.add_seconds(name, time.perf_counter() - start)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time may search a study that lies in a SQLite file."""
        path = sqlite_path(self.store.url)
        if path is None:
            yield
            return
        lock = FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StorageError(
                f"another process is searching {path} at this moment; wait for it, or stop it first"
            ) from None
        with lock:
            try:
                yield
            finally:
                lock.release()


def versions() -> tuple[tuple[str, str], ...]:
    """(package, version) of Python and of everything that numbers depend on."""

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return geosearch.__version__ if package == "geosearch" else "unknown"

    return (("python", platform.python_version()), *((package, of(package)) for package in PACKAGES))


def _resolve(study: str | Path | StudyFile, storage: str | None) -> tuple[StudyFile, str]:
    """The study's settings and its database address, from a file, a name, or a database."""
    if isinstance(study, StudyFile):
        return study, storage or study.storage
    text = str(study)
    if text.endswith(".toml"):
        file = read_study(Path(text))
        return file, storage or file.storage
    if storage:
        address = storage
    elif "://" in text:
        address = text
    elif text.endswith(".db"):
        address = f"sqlite:///{text}"
    else:
        address = f"sqlite:///studies/{text}.db"
    path = sqlite_path(address)
    if path is not None and not path.exists():
        raise InvalidOption(
            f"no study '{text}': there is no database {path}; "
            "give a study file (.toml), the name of a study in studies/, or a database address"
        )
    _, settings = stored_settings(address)
    return parse_study(settings, address), address


def _put_aside(address: str) -> None:
    path = sqlite_path(address)
    if path is None:
        raise InvalidOption("--force-new works on SQLite files only; give the study another name instead")
    if path.exists():
        number = 1
        while (aside := path.with_name(f"{path.stem}.old-{number}.db")).exists():
            number += 1
        with explained(address):
            path.rename(aside)
