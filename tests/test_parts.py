"""Parts of one's own go into a model, a file and a checkpoint, and never come back as others."""

import json
import resource
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import vaetut
from vaetut.parts import ForeignPart, describe, rebuild
from vaetut.pretrained import KEY

D, L = 6, 2
RECIPE = vaetut.Recipe(validation=10, epochs=2, batch_size=10)


class Counted(vaetut.Poisson):
    """A likelihood of a reader's own."""


class Wide(nn.Module):
    """A decoder of a reader's own."""

    def __init__(self, width=16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(L, width), nn.ReLU(), nn.Linear(width, D))

    def forward(self, z):
        return self.layers(z)


class Narrow(vaetut.Prior):
    """A prior of a reader's own: N(0, 1/4)."""

    def log_prob(self, z):
        return torch.distributions.Normal(0.0, 0.5).log_prob(z).sum(-1)

    def sample(self, number, generator=None):
        return 0.5 * torch.randn(number, self.latent_dim, generator=generator)


class Shifted(vaetut.VAE):
    """A model of a reader's own."""

    def log_likelihood(self, x, z):
        return super().log_likelihood(x, z) - 1


def counts(rows=60):
    rates = torch.full((rows, D), 2.0)
    return torch.poisson(rates, torch.Generator().manual_seed(0))


MODELS = {
    "likelihood": lambda: vaetut.VAE(D, L, (8,), likelihood=Counted()),
    "decoder": lambda: vaetut.VAE(D, L, (8,), decoder=Wide(), likelihood=vaetut.Poisson()),
    "prior": lambda: vaetut.VAE(D, prior=Narrow(L), hidden_dims=(8,), likelihood=vaetut.Poisson()),
    "model": lambda: Shifted(D, L, (8,), likelihood=vaetut.Poisson()),
}
own = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@own
def test_a_part_of_ones_own_is_trained_and_measured(make):
    model, x = make(), counts()
    history = vaetut.train(model, x, RECIPE, progress=False)
    assert history.cost[1] < history.cost[0]
    assert vaetut.evaluate(model, x, 10).data == "discrete"
    assert model.generate(3).shape == (3, D)


@pytest.mark.parametrize("part", MODELS)
def test_a_part_of_ones_own_comes_back_into_its_owners_model_only(part, tmp_path):
    model, path, x = MODELS[part](), tmp_path / "m.safetensors", counts()
    vaetut.train(model, x, RECIPE, progress=False)
    vaetut.save_model(model, path)
    with pytest.raises(TypeError, match=rf"(its|the) {part} is a .*into"):
        vaetut.load_model(path)
    twin = MODELS[part]()
    assert vaetut.load_model(path, into=twin) is twin
    seed = torch.Generator().manual_seed
    assert torch.equal(
        vaetut.elbo(twin, x, generator=seed(0)).elbo, vaetut.elbo(model, x, generator=seed(0)).elbo
    )
    plain = vaetut.VAE(D, L, (8,), likelihood=vaetut.Poisson())
    before = {name: weight.clone() for name, weight in plain.state_dict().items()}
    with pytest.raises(ValueError, match=rf"another model than `into`: {part}"):
        vaetut.load_model(path, into=plain)
    assert all(torch.equal(weight, before[name]) for name, weight in plain.state_dict().items())


@own
def test_a_plain_runs_checkpoint_is_not_that_of_a_part_of_ones_own(make, tmp_path):
    path, x = tmp_path / "run.pt", counts()
    plain = vaetut.VAE(D, L, (8,), likelihood=vaetut.Poisson())
    vaetut.train(plain, x, RECIPE, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="belongs to another run: model differ"):
        vaetut.train(make(), x, RECIPE, checkpoint=path, progress=False)


def test_a_model_of_this_package_may_be_filled_too(tmp_path):
    path = tmp_path / "m.safetensors"
    vaetut.save_model(vaetut.VAE(D, L, (8,)).double(), path)
    twin = vaetut.load_model(path, into=vaetut.VAE(D, L, (8,)))
    assert {weight.dtype for weight in twin.parameters()} == {torch.float64}
    with pytest.raises(
        ValueError, match=r"than `into`: encoder.config.hidden_dims is \[8\] there, and \[9\] here"
    ):
        vaetut.load_model(path, into=vaetut.VAE(D, L, (9,)))
    with pytest.raises(TypeError, match="model must be a VAE"):
        vaetut.load_model(path, into=nn.Linear(2, 2))


class Scaled(Narrow):
    """A prior with a setting."""

    def __init__(self, scale):
        super().__init__(L)
        self.scale = scale


def test_settings_of_a_part_of_ones_own_tell_it_from_others(tmp_path):
    path, x = tmp_path / "m.safetensors", counts()

    def make(scale):
        return vaetut.VAE(D, prior=Scaled(scale), likelihood=vaetut.Poisson())

    vaetut.save_model(make(0.5), path)
    with pytest.raises(ValueError, match=r"prior\.config\.scale is 0\.5 there, and 5\.0 here"):
        vaetut.load_model(path, into=make(5.0))
    vaetut.train(make(0.5), x, RECIPE, checkpoint=tmp_path / "run.pt", progress=False)
    with pytest.raises(ValueError, match="another run: model"):
        vaetut.train(make(5.0), x, RECIPE, checkpoint=tmp_path / "run.pt", progress=False)


def test_layers_of_two_foreign_networks_tell_them_apart(tmp_path):
    path = tmp_path / "m.safetensors"
    vaetut.save_model(vaetut.VAE(D, L, decoder=Wide()), path)
    with pytest.raises(ValueError, match="than `into`: decoder"):
        vaetut.load_model(path, into=vaetut.VAE(D, L, decoder=Wide(17)))


def test_a_setting_more_tells_a_part_from_others_too(tmp_path):
    path = tmp_path / "m.safetensors"
    one, other = (vaetut.VAE(D, prior=Scaled(0.5), likelihood=vaetut.Poisson()) for _ in range(2))
    one.prior.shift = 1.0
    vaetut.save_model(one, path)
    with pytest.raises(ValueError, match=r"into`: only one of them has prior\.config\.shift$"):
        vaetut.load_model(path, into=other)


def test_a_description_makes_the_model_again():
    likelihood = vaetut.Observed(
        vaetut.Mixed([(vaetut.Gaussian("columns", 2), [0, 2]), (vaetut.Categorical(3), [1])])
    )
    model = vaetut.VAE(3, prior=vaetut.Mixture(4, 5), likelihood=likelihood)
    description = json.loads(json.dumps(describe(model)))
    assert describe(rebuild(description)) == describe(model)
    assert rebuild(description).state_dict().keys() == model.state_dict().keys()
    with pytest.raises(ForeignPart, match="likelihood is a Counted, which is not of this package"):
        rebuild(describe(vaetut.VAE(D, likelihood=vaetut.Observed(Counted()))))


def test_of_a_part_of_ones_own_its_plain_settings_and_its_layers_are_told():
    prior = Scaled(0.5)
    prior.rule, prior._memo = len, 3
    told = describe(vaetut.VAE(D, prior=prior, likelihood=vaetut.Poisson()))["prior"]
    settings = {"latent_dim": L, "config": {"latent_dim": L}, "scale": 0.5, "layers": repr(prior)}
    assert told == {"type": "Scaled, which is not of this package", "config": settings}


# The file


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "m.safetensors"
    vaetut.save_model(vaetut.VAE(D, L, (8,), likelihood="gaussian", variance=0.3), path)
    return path


def test_no_flipped_bit_loads(saved):
    """One in every hundred places, of settings and weights."""
    data = saved.read_bytes()
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        saved.write_bytes(bytes(changed))
        with pytest.raises(ValueError, match="is damaged"):
            vaetut.load_model(saved)


def rewrite(path, change):
    """Write the file again with other settings."""
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()[KEY])
    change(card)
    save_file(load_file(path), path, metadata={KEY: json.dumps(card)})


GREEDY = {
    "a wide layer": lambda card: card["encoder"]["config"].update(hidden_dims=[60_000, 60_000]),
    "many components": lambda card: card.update(
        prior={"type": "Mixture", "config": {"latent_dim": L, "components": 10**9}}
    ),
    "many pseudo-inputs": lambda card: card.update(
        prior={"type": "VampPrior", "config": {"latent_dim": L, "inputs": [10**9, D]}}
    ),
}
LOAD = "import sys, vaetut, resource; resource.setrlimit(resource.RLIMIT_DATA, (4 << 30,) * 2)\n"
LOAD += "try: vaetut.load_model(sys.argv[1])\nexcept ValueError as error: print(error)"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory in this way")
@pytest.mark.parametrize("change", GREEDY.values(), ids=GREEDY)
def test_shapes_are_compared_before_anything_is_allocated(saved, change):
    assert resource.RLIMIT_DATA
    rewrite(saved, change)
    command = [sys.executable, "-c", LOAD, str(saved)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "its weights are not those that its settings ask for" in answer.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(version=3), "its format is 3; this package reads 2"),
        (lambda card: card["likelihood"]["config"].update(variance=0.2), "its checksum is another"),
        (lambda card: card["encoder"]["config"].update(activation="relu"), "checksum is another"),
        (lambda card: card.pop("prior"), "prior"),
        (lambda card: card.update(checksum=None), "its checksum is another"),
        (lambda card: card.pop("checksum"), "is damaged"),
        (lambda card: card["prior"].update(type=[]), "is damaged"),
        (lambda card: card.update(model=3), "is damaged"),
        (lambda card: card.update(prior="N(0, 1)"), "is damaged"),
        (lambda card: card.update(likelihood={"type": "Poisson", "config": None}), "is damaged"),
    ],
)
def test_settings_that_are_not_those_that_were_saved_are_refused(saved, change, message):
    rewrite(saved, change)
    with pytest.raises(ValueError, match=message):
        vaetut.load_model(saved)


@pytest.mark.parametrize("variance", [0.3, "learned"])
def test_a_file_of_the_first_edition_is_read(variance, tmp_path):
    model = vaetut.VAE(D, L, (8,), likelihood="gaussian", variance=variance)
    state = model.state_dict().items()
    weights = {k.replace("likelihood.l", "l") + "_x" * ("likelihood" in k): v for k, v in state}
    card = {"input_dim": D, "latent_dim": L, "hidden_dims": [8], "activation": "softplus"}
    card |= {"likelihood": "gaussian", "variance": variance}
    save_file(weights, tmp_path / "old.safetensors", metadata={KEY: json.dumps(card)})
    loaded = vaetut.load_model(tmp_path / "old.safetensors")
    assert describe(loaded) == describe(model)
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)


def test_a_run_on_data_with_gaps_goes_on_from_its_checkpoint(tmp_path):
    x, path = counts(), tmp_path / "run.pt"
    x[::4, 2] = torch.nan

    def make():
        return vaetut.VAE(D, L, (8,), likelihood=vaetut.Observed(vaetut.Poisson()))

    first, second = make(), make()
    vaetut.train(first, x, RECIPE, checkpoint=path, progress=False)
    vaetut.train(second, x, RECIPE, checkpoint=path, progress=False)
    assert torch.equal(first.encode(x).mu, second.encode(x).mu)
    x[1, 2] = torch.nan
    with pytest.raises(ValueError, match="another run: images"):
        vaetut.train(make(), x, RECIPE, checkpoint=path, progress=False)


def test_a_model_is_measured_with_its_dropout_at_rest():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.line, self.rest = nn.Linear(D, 2 * L), nn.Dropout(0.5)
            self.norm = nn.BatchNorm1d(D)

        def forward(self, x):
            return self.rest(self.line(self.norm(x))).chunk(2, -1)

    model = vaetut.VAE(D, L, (8,), encoder=Dropping(), likelihood=vaetut.Poisson())
    reports = [vaetut.evaluate(model, counts(), 10) for _ in range(2)]
    assert reports[0] == reports[1]
    assert not model.encoder.norm.running_mean.any()
    assert model.training and model.encoder.rest.training
    vaetut.train(model, counts(), RECIPE, progress=False)


# Parts that do not go together


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ({"encoder": "mlp"}, TypeError, "^encoder must be a Module, got 'mlp'$"),
        (
            {"decoder": Wide},
            TypeError,
            "^decoder must be a Module, got <class .*>; call the class to make one$",
        ),
        ({"prior": nn.Linear(2, 2)}, TypeError, "prior must be a Prior, got Linear"),
        ({"likelihood": nn.Linear(2, 2)}, TypeError, "likelihood must be a Likelihood, got Linear"),
        ({"likelihood": vaetut.Poisson}, TypeError, "got <class .*; call the class to make one"),
        ({"likelihood": "poisson"}, ValueError, r"pass one, e.g. vaetut.Poisson\(\)"),
        ({"likelihood": vaetut.Gaussian(), "variance": 2.0}, ValueError, r"give it to Gaussian"),
        ({"latent_dim": 3, "prior": vaetut.StandardNormal(2)}, ValueError, "the prior's is 2"),
        ({"encoder": vaetut.Encoder(5, 20)}, ValueError, "encoder's input_dim must be 6 .* got 5"),
        (
            {"encoder": vaetut.Encoder(6, 3), "latent_dim": 2},
            ValueError,
            "encoder's latent_dim must be 2 .* got 3",
        ),
        (
            {"decoder": vaetut.Decoder(3, 6), "latent_dim": 2},
            ValueError,
            "decoder's latent_dim must be 2 .* got 3",
        ),
        ({"decoder": vaetut.Decoder(20, 5)}, ValueError, "output_dim must be 6 .* got 5"),
        (
            {"decoder": vaetut.Decoder(20, 6), "likelihood": vaetut.NegativeBinomial()},
            ValueError,
            "output_dim must be 12 for 6 values in x under NegativeBinomial and 20 in z, got 6",
        ),
        (
            {"likelihood": vaetut.Mixed([(vaetut.Poisson(), range(5))])},
            ValueError,
            "was made for 5 columns, and there are 6",
        ),
        (
            {"likelihood": vaetut.Gaussian("columns", 5)},
            ValueError,
            "was made for 5 columns, and there are 6",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, error, message):
    with pytest.raises(error, match=message):
        vaetut.VAE(D, **parts)


class Answer(nn.Module):
    """A network that returns what it was told."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.weight = answer, nn.Parameter(torch.zeros(()))

    def forward(self, _):
        return self.answer


X, Z = torch.zeros(4, D), torch.zeros(4, L)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Z, TypeError, "encoder must return a pair, mu and log_var; got tensor"),
        ((Z, Z, Z), TypeError, "encoder must return a pair"),
        ((Z, Z[:, :1]), ValueError, "mu and log_var must have one shape"),
        ((X, X), ValueError, r"the encoder's mu must have shape \(4, 2\), got \(4, 6\)"),
        ((Z, 0.0), TypeError, "log_var must be a torch.Tensor"),
    ],
)
def test_an_encoders_wrong_answer_is_described(answer, error, message):
    with pytest.raises(error, match=message):
        vaetut.VAE(D, L, encoder=Answer(answer)).encode(X)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((X, X), TypeError, "what the decoder returns must be a torch.Tensor, got tuple"),
        (Z, ValueError, r"decoder returns must have shape \(4, 6\), got \(4, 2\)"),
    ],
)
def test_a_decoders_wrong_answer_is_described(answer, error, message):
    with pytest.raises(error, match=message):
        vaetut.VAE(D, L, decoder=Answer(answer)).decode(Z)


def test_sizes_come_from_an_encoder_that_says_them():
    model = vaetut.VAE(encoder=vaetut.Encoder(D, 3), decoder=vaetut.Decoder(3, D))
    assert (model.input_dim, model.latent_dim) == (D, 3)
    assert vaetut.VAE(D, encoder=Answer((Z, Z))).latent_dim == 20


class Odd(vaetut.Likelihood):
    """A likelihood of a reader's own with a fault in it."""

    def __init__(self, **methods):
        super().__init__()
        vars(self).update(methods)

    def log_prob_each(self, x, params):
        return -(x - params).abs()


NO_SUM = {"log_prob_each": lambda x, params: -(x - params).abs().sum(-1)}
BOTH = {"mean": lambda params: params[..., :1], "sample": lambda params, generator: params}
FAULTS = [
    (NO_SUM, lambda m: m.log_likelihood(X, Z), ValueError, r"log_prob, a sum .* shape \(4,\), got"),
    ({}, lambda m: m.decode_mean(Z), NotImplementedError, "Odd has no mean"),
    (BOTH, lambda m: m.decode_mean(Z), ValueError, r"mean must have shape \(4, 6\), got \(4, 1\)"),
    ({}, lambda m: m.generate(2, sample=True), NotImplementedError, "Odd has no sample"),
    (
        {"as_input": lambda x: torch.cat([x, x], 1)},
        lambda m: m.encode(X),
        ValueError,
        r"what as_input returns, as `seen` says, must have shape \(4, 6\), got \(4, 12\)",
    ),
    (
        {"start": lambda x: x[:, :2]},
        lambda m: m.likelihood.cost_of_ignorance(X),
        ValueError,
        r"what start returns must have shape \(6,\), got \(4, 2\)",
    ),
    (
        {"check": lambda x, name: None},
        lambda m: vaetut.elbo(m, X),
        TypeError,
        "likelihood's check returns must be a torch.Tensor, got NoneType",
    ),
]


@pytest.mark.parametrize(("methods", "call", "error", "message"), FAULTS)
def test_a_fault_in_a_likelihood_is_named(methods, call, error, message):
    with pytest.raises(error, match=message):
        call(vaetut.VAE(D, L, (8,), likelihood=Odd(**methods)))


def test_a_fault_in_a_prior_is_named():
    narrow = Narrow(L)
    narrow.exact = True
    with pytest.raises(ValueError, match="KL of Narrow needs draws z; where `exact` is true"):
        vaetut.evaluate(vaetut.VAE(D, prior=narrow), X, 10)
    narrow.log_prob = lambda z: z
    with pytest.raises(ValueError, match=r"the prior's log_prob must have shape \(1, 4\), got"):
        vaetut.elbo(vaetut.VAE(D, prior=narrow), X)


# Old names


def test_old_names_warn_and_say_the_new_one():
    model = vaetut.VAE(D, L, likelihood="gaussian", variance="learned")
    with pytest.warns(DeprecationWarning, match=r"^model\.log_var_x is .*use model\.likelihood\.l"):
        assert model.log_var_x is model.likelihood.log_var
    with pytest.warns(
        DeprecationWarning, match=r"use isinstance\(model\.likelihood, vaetut\.Gaussian\)"
    ):
        assert model.likelihood == "gaussian"
    with pytest.warns(DeprecationWarning, match=r"^model\.likelihood == 'bernoulli' is deprecated"):
        assert model.likelihood != "bernoulli"
    assert model.likelihood == model.likelihood
    assert model.likelihood != vaetut.Gaussian("learned")
    assert not hasattr(vaetut.VAE(D), "log_var_x")
    for parts in (
        {"prior": vaetut.Mixture(2, 3)},
        {"likelihood": vaetut.Gaussian("decoder")},
        {"likelihood": vaetut.Gaussian("columns", D)},
        {"decoder": vaetut.Decoder(20, D, (3,))},
        {"encoder": vaetut.ConvEncoder((1, 2, 3), 20)},
    ):
        assert not hasattr(vaetut.VAE(D, **parts), "config")


def test_weights_of_version_0_1_are_loaded_whatever_kept_them():
    model = vaetut.VAE(D, L, likelihood="gaussian", variance="learned")
    old = {k.replace("likelihood.l", "l"): v + 1 for k, v in model.state_dict().items()}
    old["log_var_x"] = old.pop("log_var")
    model.load_state_dict(old)
    assert model.likelihood.log_var.item() == 1
    assert "log_var_x" in old


def test_weights_of_some_parts_are_loaded_where_that_is_asked_for():
    model = vaetut.VAE(D, L)
    some = {k: v for k, v in model.state_dict().items() if k.startswith("encoder")}
    for found in (model.load_state_dict(some, False), model.load_state_dict(some, strict=False)):
        assert found.missing_keys and not found.unexpected_keys
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(some)
