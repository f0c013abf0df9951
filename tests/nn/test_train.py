"""Training learns, repeats exactly, leaves its inputs alone, and says when it failed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn import precision
from geosearch.nn.train import features, fine_tune, predict, pretrain


def state(network):
    return torch.cat([tensor.double().flatten() for tensor in network.state_dict().values()])


def top1_error(network, labelled):
    return float(np.mean(predict(network, labelled.images).argmax(1) != labelled.labels))


def test_pretraining_learns_the_classes_of_the_mixture(mixture, recipe):
    assert top1_error(pretrain(mixture, recipe.scaled(0), 0), mixture.set) > 0.5
    assert top1_error(pretrain(mixture, recipe.scaled(80), 0), mixture.set) < 0.05


def test_equal_seeds_give_equal_weights_whatever_the_global_generators_say(mixture, recipe):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the point of the test
    before = torch.get_rng_state()
    first = state(pretrain(mixture, recipe, 5))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert torch.equal(first, state(pretrain(mixture, recipe, 5)))
    assert not torch.equal(first, state(pretrain(mixture, recipe, 6)))


def test_fine_tuning_learns_the_target_and_leaves_the_network_as_it_was(mixture, recipe, shots, test_part):
    network = pretrain(mixture, recipe, 0)
    before = state(network)
    tuned = fine_tune(network, shots, recipe.scaled(60), 0)
    assert torch.equal(state(network), before)
    assert top1_error(tuned, test_part) < 0.1
    assert torch.equal(state(tuned), state(fine_tune(network, shots, recipe.scaled(60), 0)))


def test_probabilities_sum_to_one_and_rows_do_not_depend_on_their_neighbours(mixture, recipe):
    network, images = pretrain(mixture, recipe, 0), mixture.set.images
    probabilities = predict(network, images)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(predict(network, images[7:8]), probabilities[7:8], atol=1e-5)
    np.testing.assert_allclose(features(network, images, batch=13), features(network, images), atol=1e-5)
    assert features(network, images).dtype == np.float32


def test_no_images_give_no_rows(mixture, recipe):
    network = pretrain(mixture, recipe.scaled(0), 0)
    assert predict(network, mixture.set.images[:0]).shape == (0, 6)


def test_a_loss_that_is_no_number_is_a_clear_error(mixture, recipe):
    with pytest.raises(TrainingFailedError, match=r"lower recipe\.learning_rate"):
        pretrain(mixture, replace(recipe, learning_rate=1e30), 0)


def test_low_precision_learns_and_returns_weights_in_full_precision(mixture, recipe, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda place: True)
    network = pretrain(mixture, replace(recipe.scaled(80), precision="bfloat16"), 0)
    assert top1_error(network, mixture.set) < 0.05
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    assert not torch.equal(state(network), state(pretrain(mixture, recipe.scaled(80), 0)))


def test_a_compiled_recipe_compiles_the_network_that_it_trains(mixture, recipe, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    network = pretrain(mixture, replace(recipe, compiled=True), 0)
    assert compiled == [network]
    assert torch.equal(state(network), state(pretrain(mixture, recipe, 0)))


@pytest.mark.slow
def test_a_network_that_is_really_compiled_learns_the_same(mixture, recipe):
    plain, compiled = pretrain(mixture, recipe, 0), pretrain(mixture, replace(recipe, compiled=True), 0)
    np.testing.assert_allclose(predict(plain, mixture.set.images), predict(compiled, mixture.set.images), atol=0.05)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is at hand")
def test_a_missing_cuda_device_is_a_clear_error(mixture, recipe):
    with pytest.raises(InvalidOptionError, match="'auto' or 'cpu'"):
        pretrain(mixture, recipe, 0, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_run_comes_back_to_the_cpu_and_learns_as_well(mixture, recipe):
    network = pretrain(mixture, recipe.scaled(80), 0, device="cuda")
    assert network.head.weight.device.type == "cpu"
    assert top1_error(network, mixture.set) < 0.05
