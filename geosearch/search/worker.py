"""Worker: one of many processes at a study. It claims what is pinned up, evaluates it, tells, until all is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from geosearch.mixture.weights import Weights
from geosearch.runtime.events import TrialsLost
from geosearch.runtime.parallel import one_thread
from geosearch.search.board import Board
from geosearch.search.crew import SEARCH, Crew
from geosearch.search.loop import Search
from geosearch.search.storage.sqlite import roll_back

SHORTEST, LONGEST = 0.05, 1.0  # seconds between two looks at a board with nothing on it


@dataclass(frozen=True, eq=False)
class Worker:
    """Spends a study's budget together with others; the first to have signed on also proposes.

    Attributes:
        search: what a lone process would run; `search.options.jobs` proposals are claimed at a time.
        crew: where it is signed on.
        rest: called before every pause; raises if there is no use in waiting on.
    """

    search: Search
    crew: Crew
    rest: Callable[[], None] = lambda: None

    def run(self, *, evaluate: bool = True) -> None:
        """Work until the budget is spent.

        Args:
            evaluate: False for a process that only leads, while others of its own evaluate.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        board = Board(self.search, self.crew)
        pause, seen = SHORTEST, None
        try:
            with one_thread():
                while True:
                    news = board.announced()
                    if news != seen or self.crew.due() or self.crew.leads():
                        if self.search.left() <= 0:
                            break
                        if self._step(board, evaluate):
                            pause, seen = SHORTEST, None
                            continue
                        seen = news
                    self.rest()
                    time.sleep(pause)
                    pause = min(1.5 * pause, LONGEST)
            board.close()
        except BaseException:
            roll_back(self.search.store.study._storage)
            raise
        finally:
            board.hand_back()

    def wait_for_turn(self) -> None:
        """Return as soon as no earlier process is there that searches: only one evaluates finalists and confirms."""
        while not self.crew.leads(SEARCH):
            time.sleep(LONGEST)

    def _step(self, board: Board, evaluate: bool) -> bool:
        """Look at the board once; whether there was anything to do."""
        if evaluate and (claimed := board.claim(self.search.options.jobs)):
            self._evaluate(claimed)
            return True
        if self.crew.due() and (lost := board.reap()):
            self.search.progress.event(TrialsLost(tuple(lost)))
        return bool(self.crew.leads() and board.publish())

    def _evaluate(self, claimed: list[tuple[optuna.Trial, Weights]]) -> None:
        """Evaluate and tell; what was given to somebody else in the meantime, because this worker was silent, is left.

        An evaluation that was done and could not be told is in the cache, and free the second time.
        """
        try:
            self.search.evaluate(claimed)
        except (UpdateFinishedTrialError, ValueError):
            mine = [one for one in claimed if not self._told(one[0])]
            if len(mine) == len(claimed):
                raise
            if mine:
                self._evaluate(mine)

    def _told(self, trial: optuna.Trial) -> bool:
        return self.search.store.study._storage.get_trial(trial._trial_id).state.is_finished()
