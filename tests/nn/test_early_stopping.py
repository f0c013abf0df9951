"""A run stops on a plateau, and not before."""

from dataclasses import replace

import pytest
import torch

from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.schedule import Constant
from geosearch.nn.train import pretrain


def stopped_at(option, losses):
    """The step at which a run with these losses stops; None if it does not."""
    monitor = option.monitor()
    for step, loss in enumerate(losses, 1):
        if monitor.should_stop(torch.tensor(float(loss))):
            return step
    return None


def test_a_falling_loss_goes_on_and_a_level_one_stops_after_the_patience():
    option = EarlyStopping(share=0.01, patience=50, window=5)
    assert stopped_at(option, [0.99**i for i in range(1000)]) is None
    assert stopped_at(option, [1.0] * 1000) == 60
    assert stopped_at(option, [0.99 ** min(i, 300) for i in range(1000)]) in range(350, 400)
    assert stopped_at(option, [1.0 + i for i in range(1000)]) == 60


def test_improvement_below_the_share_does_not_count():
    slow = [0.9999**i for i in range(1000)]
    assert stopped_at(EarlyStopping(share=0.05, patience=50, window=5), slow) == 60
    assert stopped_at(EarlyStopping(share=0.0005, patience=50, window=5), slow) is None


def test_training_stops_where_the_watch_says(mixture, recipe):
    class Counted(type(mixture)):
        drawn = 0

        def batches(self, size, rng):
            for batch in super().batches(size, rng):
                self.drawn += 1
                yield batch

    level, counted = EarlyStopping(share=0.9, patience=10, window=5), Counted()
    network = pretrain(counted, replace(recipe.scaled(200), schedule=Constant(), early_stop=level), 0)
    assert counted.drawn < 100
    same = pretrain(mixture, replace(recipe.scaled(counted.drawn), schedule=Constant()), 0)
    assert torch.equal(network.head.weight, same.head.weight)


def test_a_loss_that_is_no_number_is_no_early_stop(mixture, recipe):
    with pytest.raises(TrainingFailedError):
        pretrain(mixture, replace(recipe, learning_rate=1e30, early_stop=EarlyStopping(patience=10)), 0)


@pytest.mark.parametrize("fields", [{"share": 0.0}, {"patience": 0}, {"window": 0}])
def test_impossible_stops_are_refused(fields):
    with pytest.raises(InvalidOptionError, match="EarlyStop needs"):
        EarlyStopping(**fields)
