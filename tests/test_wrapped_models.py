"""A model that PyTorch has wrapped is the model inside, in every public function."""

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import vaetut
from vaetut import web
from vaetut.estimator import VariationalAutoencoder
from vaetut.model import unwrap

RECIPE = vaetut.Recipe(hidden_dims=(8,), validation=10, epochs=2, batch_size=16)


def compiled(model):
    return torch.compile(model, backend="eager")  # which needs no compiler


WRAPPERS = {
    "compiled": compiled,
    "parallel": nn.DataParallel,
    "distributed": DistributedDataParallel,
    "compiled, parallel": lambda model: compiled(nn.DataParallel(model)),
    "distributed, compiled": lambda model: DistributedDataParallel(compiled(model)),
}


@pytest.fixture(scope="module", autouse=True)
def group():
    """A group of one process, without which nothing is distributed."""
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.fixture(params=WRAPPERS.values(), ids=WRAPPERS)
def wrap(request):
    return request.param


@pytest.fixture
def plane(make_model):
    return make_model(input_dim=16, latent_dim=2)


@pytest.fixture
def squares(seeded):
    """Sixty images of 4 x 4 pixels."""
    return torch.rand(60, 16, generator=seeded(1))


def test_the_model_inside_is_found(plane, wrap):
    assert unwrap(wrap(plane)) is plane
    assert unwrap(plane) is plane


def test_what_is_measured_is_the_same(plane, wrap, squares, seeded):
    wrapped = wrap(plane)
    for bound in (vaetut.elbo, vaetut.importance_weighted_bound):
        got, expected = (bound(m, squares, 3, seeded()) for m in (wrapped, plane))
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
    assert vaetut.evaluate(wrapped, squares, 3) == vaetut.evaluate(plane, squares, 3)
    labels = torch.arange(60) % 10
    assert web.export_json(wrapped, squares, labels) == web.export_json(plane, squares, labels)


def test_training_the_one_trains_the_other(make_model, wrap, squares):
    options = {"input_dim": 16, "latent_dim": 2}
    model, twin = make_model(**options), make_model(**options)
    wrapped = wrap(model)
    history = vaetut.train(wrapped, squares, RECIPE, progress=False)
    assert history.cost == vaetut.train(twin, squares, RECIPE, progress=False).cost
    for weight, expected in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(weight, expected)


def test_what_is_saved_can_be_loaded(plane, wrap, tmp_path):
    path = tmp_path / "model.safetensors"
    vaetut.save_model(wrap(plane), path)
    again = vaetut.load_model(path).state_dict()
    assert again.keys() == plane.state_dict().keys()
    assert all(torch.equal(again[name], weight) for name, weight in plane.state_dict().items())


def test_an_estimator_may_hold_one(wrap, squares, tmp_path):
    est = VariationalAutoencoder(2, hidden_dims=(8,), epochs=1, random_state=0).fit(squares)
    Z, score = est.transform(squares), est.score(squares)
    est.model_ = wrap(est.model_)
    assert (est.transform(squares) == Z).all()
    assert est.score(squares) == score
    assert est.generate(Z).shape == (60, 16)
    est.save(tmp_path / "est.safetensors")
    assert VariationalAutoencoder.load(tmp_path / "est.safetensors").score(squares) == score
    assert est.partial_fit(squares).n_iter_ == 2


def test_a_checkpoint_of_a_wrapped_model_is_the_models(make_model, wrap, squares, tmp_path):
    model, path = make_model(input_dim=16), tmp_path / "run.pt"
    vaetut.train(wrap(model), squares, RECIPE, checkpoint=path, progress=False)
    other = make_model(input_dim=16, seed=5)
    vaetut.train(other, squares, RECIPE, checkpoint=path, progress=False)
    assert torch.equal(other.decoder.out.weight, model.decoder.out.weight)
