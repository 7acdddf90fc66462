"""torch.compile: the bounds and the loss are one graph each, and give the same numbers."""

import dataclasses

import pytest
import torch

import vaetut
from tests.test_graphs import KINDS, LIKELIHOODS, RECIPE, table
from vaetut.functional import compiled

torch_compile = torch.compile


@pytest.fixture
def whole_graphs(monkeypatch):
    """Let everything that is compiled be one graph, or fail; run by PyTorch, without a compiler."""
    torch._dynamo.reset()

    def compile(function, **options):
        return torch_compile(function, backend="eager", fullgraph=True, **options)

    monkeypatch.setattr(torch, "compile", compile)
    compiled.cache_clear()
    yield
    compiled.cache_clear()


@pytest.mark.parametrize("settings", KINDS[:6], ids=str)
def test_a_compiled_run_is_the_same_run(make_model, images, whole_graphs, settings):
    recipe = dataclasses.replace(RECIPE, epochs=1, **settings)
    runs = [make_model(), make_model()]
    for run, fused in zip(runs, (False, True), strict=True):
        vaetut.train(run, images, recipe, progress=False, compile=fused)
    for value, expected in zip(*(run.parameters() for run in runs), strict=True):
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_the_loss_with_another_prior_is_one_graph(make_model, images, whole_graphs, prior):
    made = vaetut.Mixture(3, 4) if prior == "mixture" else vaetut.VampPrior(3, images[:4])
    recipe = dataclasses.replace(RECIPE, epochs=1)
    vaetut.train(make_model(prior=made), images, recipe, progress=False, compile=True)


@pytest.mark.filterwarnings("ignore:the last epoch's cost")  # one epoch is no training
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_the_loss_of_every_likelihood_is_one_graph(whole_graphs, kind):
    recipe = dataclasses.replace(RECIPE, epochs=1, learning_rate=1e-4, center_output=True)
    model = vaetut.VAE(12, 3, (8,), likelihood=LIKELIHOODS[kind]())
    vaetut.train(model, table(kind), recipe, progress=False, compile=True)


@pytest.mark.parametrize("bound", [vaetut.elbo, vaetut.importance_weighted_bound])
def test_a_bound_without_a_generator_is_one_graph(model, images, whole_graphs, bound, assert_mean):
    rows = images[:1].expand(500, -1).contiguous()  # one image, with other noise in every row
    values, expected = torch.compile(bound)(model, rows, 5), bound(model, rows, 5)
    if bound is vaetut.elbo:
        values, expected = values.elbo, expected.elbo
    assert values.requires_grad
    assert_mean((values - expected).detach(), 0.0)


def test_other_noise_comes_from_the_global_generator_only_when_compiled(
    model, images, whole_graphs
):
    state = torch.get_rng_state()
    vaetut.elbo(model, images)
    assert torch.equal(torch.get_rng_state(), state)
    torch.compile(vaetut.elbo)(model, images)
    assert not torch.equal(torch.get_rng_state(), state)


def test_a_compiled_evaluation_measures_the_same(model, images, whole_graphs):
    plain, fused = (vaetut.evaluate(model, images, 30, compile=fuse) for fuse in (False, True))
    assert fused.nll == pytest.approx(plain.nll, rel=1e-6)
    assert fused.neg_elbo == pytest.approx(plain.neg_elbo, rel=1e-6)


@pytest.mark.parametrize("call", [vaetut.train, vaetut.evaluate])
def test_compile_is_true_or_false(model, images, call):
    recipe = {"recipe": RECIPE} if call is vaetut.train else {}
    with pytest.raises(TypeError, match="compile must be True or False, got 'yes'"):
        call(model, images, **recipe, compile="yes")


def test_a_second_run_need_not_wait_for_the_compiler(make_model, images, whole_graphs):
    recipe = dataclasses.replace(RECIPE, epochs=1)
    for seed in (0, 1):
        vaetut.train(make_model(seed), images, recipe, seed, progress=False, compile=True)
        if seed == 0:
            counted = dict(torch._dynamo.utils.counters["frames"])
    assert dict(torch._dynamo.utils.counters["frames"]) == counted
