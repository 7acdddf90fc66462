"""What users pass by mistake, and what they are told: a table of calls, errors and messages.

The rows are those that people who come from PyTorch and scikit-learn have met or would meet. More
of them stand beside what they test, in the other modules.
"""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader
from typer.testing import CliRunner

import vaetut
from vaetut import cli, exercises, plotting, web
from vaetut.estimator import VariationalAutoencoder

D, N = 16, 40
X = torch.rand(N, D, generator=torch.Generator().manual_seed(0))
ARRAY, FRAME = X.numpy(), pd.DataFrame(X.numpy())
META = X.to("meta")  # a device that every machine has, and that holds no numbers
LABELS = torch.arange(N) % 10
RECIPE = vaetut.Recipe(hidden_dims=(8,), validation=5, epochs=1, batch_size=16)
HUGE, SEEDS = 10**21, np.random.default_rng(0)
NOWHERE = Path("nowhere.safetensors")


def model(**options):
    return vaetut.VAE(**{"input_dim": D, "latent_dim": 2, "hidden_dims": (8,)} | options)


def est(**params):
    return VariationalAutoencoder(**{"latent_dim": 2, "hidden_dims": (8,), "epochs": 1} | params)


def train(vae=None, images=X, recipe=RECIPE, **options):
    return vaetut.train(vae or model(), images, recipe, progress=False, **options)


def recipe(**changes):
    return replace(RECIPE, **changes)


gaussian = vaetut.gaussian_log_likelihood


def elbo(x):
    return vaetut.elbo(model(), x)


def odd(vae, change):
    """Return a model after a change that the package does not know of."""
    change(vae)
    return vae


def thin_out(vae):
    prune.l1_unstructured(vae.decoder.out, "weight", 3)


def spoil(vae):
    nn.init.constant_(vae.decoder.out.bias, torch.nan)


FITTED = est(random_state=0).fit(ARRAY)

NUMBERS = [
    (lambda: recipe(learning_rate="1e-3"), TypeError, "learning_rate must be a number, got '1e-3'"),
    (lambda: recipe(learning_rate="x" * 58), TypeError, "got 'x{58}'$"),
    (lambda: recipe(learning_rate="x" * 59), TypeError, "got 'x{58}…$"),
    (lambda: recipe(learning_rate=Decimal("0.1")), TypeError, r"a number, got Decimal\('0.1'\)"),
    (lambda: recipe(learning_rate=torch.tensor(0.1)), TypeError, r"tensor\(0.1000\); .item"),
    (lambda: recipe(learning_rate=np.array([0.1])), TypeError, r"a number, got array\(\[0.1\]\)"),
    (lambda: recipe(learning_rate=10**400), ValueError, "positive and finite, got 10{58}…$"),
    (lambda: recipe(learning_rate=np.float32("inf")), ValueError, "positive and finite, got .*inf"),
    (lambda: recipe(beta=np.True_), TypeError, r"beta must be a number, got (np\.)?True_?"),
    (lambda: recipe(beta=1 + 2j), TypeError, r"beta must be a number, got \(1\+2j\)"),
    (lambda: recipe(epochs=np.True_), TypeError, r"epochs must be an int, got (np\.)?True_?"),
    (lambda: recipe(epochs=np.float64(3)), TypeError, r"epochs must be an int, got .*3.0"),
    (lambda: recipe(epochs=HUGE), ValueError, "epochs must be at most 1,000,000,000, got 1000"),
    (lambda: recipe(batch_size=99999999999999999999), ValueError, "batch_size must be at most"),
    (lambda: recipe(num_samples=torch.ones(3)), TypeError, r"an int, got tensor\(\[1., 1., 1.\]\)"),
    (lambda: recipe(betas=np.array([0.9, 0.99])), TypeError, r"a pair of numbers .*, got array"),
    (lambda: recipe(hidden_dims=np.array([8, 8])), TypeError, r"a tuple of ints, got array\(\[8"),
    (lambda: recipe(schedule=np.array(["a", "b"])), ValueError, "schedule must be one of .* array"),
    (lambda: recipe(activation=nn.ReLU), ValueError, "activation must be one of .*; got <class"),
    (
        lambda: recipe(center_output="no"),
        TypeError,
        "center_output must be True or False, got 'no'",
    ),
    (lambda: model(input_dim=(28, 28)), TypeError, r"input_dim must be an int, got \(28, 28\)$"),
    (lambda: model(latent_dim=torch.tensor(2)), TypeError, "; .item.. takes it out of a tensor"),
    (lambda: model(latent_dim=HUGE), ValueError, "latent_dim must be at most 1,000,000,000"),
    (lambda: model(hidden_dims=(HUGE,)), ValueError, "every width in hidden_dims must be at most"),
    (lambda: model(hidden_dims=[[8]]), TypeError, r"every width .* an int, got \[8\]"),
    (lambda: train(start=np.float32(3)), TypeError, r"start must be a str, got .*3\.0"),
    (
        lambda: train(recipe=recipe(schedule="one-cycle-linear", rise=0.5, batch_size=1000)),
        ValueError,
        "rise=0.5 leaves no step to rise in a run of 1; change it a little",
    ),
    (lambda: FITTED.reconstruct(ARRAY, sample="no"), TypeError, "sample must be True or False"),
    (lambda: FITTED.generate(sample=1), TypeError, "sample must be True or False, got 1"),
    (lambda: vaetut.Encoder(D, 2)(X.double()), TypeError, "x must be torch.float32 like the model"),
    (lambda: vaetut.Decoder(2, D)(X.double()[:, :2]), TypeError, "z must be torch.float32 like"),
    (
        lambda: vaetut.elbo(odd(model(), lambda vae: vae.decoder.double()), X),
        ValueError,
        "one dtype, got torch.float32, torch.float64; use model.float",
    ),
    (
        lambda: vaetut.elbo(odd(model(), lambda vae: vae.decoder.to("meta")), X),
        ValueError,
        "the model has no weights: they are on the meta device",
    ),
    (lambda: model(variance="big"), ValueError, "variance must be a positive number, 'learned'"),
    (lambda: model(variance=torch.tensor(0.5)), TypeError, "variance must be a number, got tensor"),
    (lambda: train(seed="0"), TypeError, "seed must be an int, got '0'"),
    (lambda: train(seed=True), TypeError, "seed must be an int, got True"),
    (lambda: train(seed=torch.tensor(3)), TypeError, r"an int, got tensor\(3\); .item"),
    (lambda: vaetut.evaluate(model(), X, HUGE), ValueError, "num_samples must be at most"),
    (
        lambda: vaetut.evaluate(model(likelihood="gaussian"), 1e20 * X),
        FloatingPointError,
        r"not finite; they reach from .*e\+1\d to .*e\+\d\d. Scale them as those of the training",
    ),
    (lambda: vaetut.elbo(model(), X, torch.Generator()), TypeError, "num_samples must be an int"),
    (lambda: vaetut.aggregate_posterior(X, X, HUGE), ValueError, "num_samples must be at most"),
    (lambda: vaetut.History().append(epoch=1), ValueError, "an epoch needs epoch, cost"),
    (
        lambda: vaetut.History().append(**dict.fromkeys(vaetut.History().curves(), "low")),
        TypeError,
        "epoch must be a number, got 'low'",
    ),
]

MODELS = [
    (lambda: vaetut.evaluate("article-20d", X), TypeError, "a VAE, got str; load_pretrained and"),
    (lambda: vaetut.elbo(X, model()), TypeError, "a VAE, got Tensor; the model comes first"),
    (lambda: vaetut.train(X, model(), RECIPE), TypeError, "got Tensor; the model comes first"),
    (lambda: vaetut.elbo(vaetut.VAE, X), TypeError, "a VAE, got type; call the class to make one"),
    (lambda: vaetut.evaluate(FITTED, X), TypeError, "Autoencoder; an estimator has one in model_$"),
    (lambda: vaetut.evaluate(model().state_dict(), X), TypeError, "a VAE, got OrderedDict"),
    (lambda: vaetut.elbo(nn.Sequential(model()), X), TypeError, "a VAE, got Sequential"),
    (lambda: vaetut.elbo(nn.DataParallel(nn.Linear(D, D)), X), TypeError, "a VAE, got Linear"),
    (lambda: vaetut.elbo(None, X), TypeError, "model must be a VAE, got NoneType"),
    (lambda: vaetut.elbo(model().to("meta"), X), ValueError, "the model has no weights"),
    (
        lambda: vaetut.elbo(model(encoder=nn.Identity(), decoder=nn.Identity()), X),
        ValueError,
        "one dtype, got none that PyTorch can train; use",
    ),
    (lambda: model().encode(META), ValueError, "x must be on the model's device, cpu"),
    (lambda: model().decode(META[:, :2]), ValueError, r"got meta; use z.to\('cpu'\)"),
    (lambda: vaetut.bernoulli_log_likelihood(X, META), ValueError, "x and logits must be on one"),
    (lambda: model().encoder(X.T), ValueError, r"x must have shape \(batch, 16\), got \(16, 40\)"),
    (lambda: model().decoder(X), ValueError, r"z must have shape \(..., 2\), got \(40, 16\)"),
    (lambda: gaussian(X, X, X[0, :5]), ValueError, r"or fit the shape \(40, 16\), got \(5,\)"),
    (lambda: gaussian(X[0], X[0], X), ValueError, r"or fit the shape \(16,\), got \(40, 16\)"),
    (lambda: gaussian(X, X, X[:2]), ValueError, r"or fit the shape \(40, 16\), got \(2, 16\)"),
    (lambda: vaetut.kl_standard_normal(X, META), ValueError, "one device, got cpu and meta"),
    (lambda: vaetut.reparameterize(META, X), ValueError, "one device, got meta and cpu"),
    (lambda: vaetut.aggregate_posterior(model(), X), TypeError, "mu must be a .*, got VAE"),
    (lambda: train(model().requires_grad_(False)), ValueError, r"frozen; model.requires_grad_\(\)"),
    (torch.no_grad()(train), RuntimeError, r"needs gradients.*train outside of torch.no_grad\(\)"),
    (torch.inference_mode()(train), RuntimeError, r"outside of .* torch.inference_mode\(\)"),
    (lambda: train(torch.inference_mode()(model)()), ValueError, "made under torch.inference_mode"),
    (lambda: vaetut.save_model(NOWHERE, model()), TypeError, "got .*Path; the model comes first"),
    (lambda: vaetut.save_model(model(), NOWHERE, epochs=3), TypeError, "be strings, got epochs=3"),
    (lambda: vaetut.save_model(odd(model(), spoil), NOWHERE), ValueError, "weights that are not"),
    (
        lambda: vaetut.save_model(odd(model(), thin_out), NOWHERE),
        TypeError,
        "has other decoder.out.weig",
    ),
    (lambda: vaetut.load_pretrained("my.safetensors"), ValueError, "load_model reads other files"),
    (lambda: vaetut.load_card(model()), ValueError, r"no model VAE\( \(encoder.{,50}…; there are"),
    (lambda: web.export_json(X, model(), LABELS), TypeError, "got Tensor; the model comes first"),
    (lambda: web.export_json(model(), X, LABELS.numpy()), TypeError, "labels must be a torch.Ten"),
    (lambda: web.export_json(model(), X, LABELS + 1), ValueError, "got torch.int64 from 1 to 10"),
    (lambda: web.export_json(model(), X, LABELS, HUGE), ValueError, "num_points must be at most"),
    (lambda: web.export_layer(torch.nn.Linear(2, 2), 4), ValueError, "bits must be"),
    (lambda: web.load_json("model.js"), ValueError, r"no export.*; give the text that export_json"),
    (lambda: web.load_json(b"{}"), TypeError, "text must be a str, got bytes"),
    (lambda: web.load_json(Path("model.js")), TypeError, "text must be a str, got .*Path"),
]

IMAGES = [
    (lambda: elbo(FRAME), TypeError, r"DataFrame; torch.tensor\(frame.to_numpy"),
    (lambda: train(images=ARRAY), TypeError, "got ndarray; torch.from_numpy makes one"),
    (lambda: train(images=(X, LABELS)), TypeError, "got tuple; take the tensor that is meant"),
    (lambda: elbo(X.tolist()), TypeError, "x must be a torch.Tensor, got list"),
    (lambda: train(images=DataLoader(X)), TypeError, "DataLoader; batches are drawn inside: pass"),
    (lambda: elbo(X > 0.5), TypeError, r"floating-point numbers, got torch.bool; use x.float\(\)"),
    (lambda: elbo(torch.complex(X, X)), TypeError, "got torch.complex64; use x.real"),
    (lambda: elbo(X.half()), TypeError, "must be torch.float32 like the model, got torch.float16"),
    (lambda: elbo(X.to_sparse()), TypeError, r"dense, got torch.sparse_coo; use x.to_dense\(\)"),
    (lambda: elbo(META), ValueError, "x holds no values: it is on the meta device"),
    (
        lambda: vaetut.elbo(model(likelihood="gaussian"), META),
        ValueError,
        "x holds no values: it is on the meta device",
    ),
    (lambda: elbo(X.view(N, 4, 4)), ValueError, r"got \(40, 4, 4\); flatten images with x.flatten"),
    (lambda: elbo(X.T), ValueError, r"x must have shape \(batch, 16\), got \(16, 40\)"),
    (lambda: elbo(X / X.max() + 1e-4), ValueError, r"to 1.0001\d*. Scale the images, or use"),
    (lambda: elbo(X.round() * (1 + 1e-5)), ValueError, r"reaches from 0 to 1\.0000\d+\. Scale"),
    (lambda: elbo(X - X + 1.23456), ValueError, r"reaches from 1\.235 to 1\.235\. Scale"),
    (lambda: elbo(4 * X.round() - 3), ValueError, r"reaches from -3 to 1\. Scale"),
    (lambda: elbo(X.round() - 2e-5), ValueError, r"reaches from -2\.?\d*e-05 to"),
    (lambda: vaetut.binarize(META), ValueError, "images holds no values"),
    (lambda: train(recipe=X), TypeError, r"must be a Recipe, .* tensor\(.{,60}…$"),
    (lambda: train(recipe=vaetut.Recipe), TypeError, "must be a Recipe, .* got <class"),
    (lambda: vaetut.load_mnist(np.array(["train"])), ValueError, "must be one of .* got array"),
    (lambda: plotting.samples(X, image_shape=4), TypeError, r"must be \(height, width\), got 4"),
    (lambda: plotting.samples(X, image_shape=(4.0, 4)), TypeError, "of image_shape must be an int"),
    (lambda: plotting.samples(model()), TypeError, "images must hold real numbers, got object"),
    (lambda: plotting.latent_scatter(X[:, :2], LABELS + 0.5), ValueError, "0 to 9, got 0.5 among"),
    (lambda: plotting.manifold_grid(HUGE), ValueError, "side must be at most 1000, got 1000000"),
    (lambda: plotting.panels(HUGE), ValueError, "columns must be at most 100, got"),
    (lambda: plotting.panels(2, height="tall"), TypeError, "height must hold real numbers, got"),
    (lambda: plotting.panels(2, height=0.0), ValueError, "height must be positive, got 0.0"),
    (
        lambda: plotting.learning_curve([1, 2], [[5, 4], [5]]),
        ValueError,
        r"must have shape \(S, 2\)",
    ),
    (lambda: plotting.drawing(["joints"]), ValueError, r"there is no drawing \['joints'\]"),
]

ESTIMATOR = [
    (lambda: FITTED.generate(3), TypeError, r"codes, \(n, L\), got 3; use generate\(n_samples=3\)"),
    (lambda: FITTED.generate(n_samples=2.5), TypeError, "n_samples must be an int, got 2.5"),
    (lambda: FITTED.generate(n_samples=HUGE), ValueError, "n_samples must be at most"),
    (lambda: FITTED.generate(random_state=-1), ValueError, "must be at least 0, got -1"),
    (lambda: FITTED.reconstruct(X, random_state=-1), ValueError, "random_state must be at least 0"),
    (lambda: FITTED.generate(random_state=SEEDS), ValueError, "cannot be used to seed"),
    (lambda: FITTED.transform(X * 1.5), ValueError, r"Put MinMaxScaler\(clip=True\) before"),
    (lambda: FITTED.transform(sparse.csr_matrix(ARRAY)), TypeError, "Sparse data was passed for X"),
    (lambda: FITTED.transform(X.to_sparse()), TypeError, r"Use Tensor.to_dense\(\) first"),
    (lambda: FITTED.transform(None), ValueError, "Expected 2D array"),
    (lambda: FITTED.transform(ARRAY.astype(complex)), ValueError, "Complex data not supported"),
    (lambda: FITTED.inverse_transform(3.0), ValueError, "Expected 2D array, got scalar"),
    (lambda: est().fit((255 * ARRAY).astype("uint8")), ValueError, "from 0 to 25[45]. Put"),
    (lambda: est().fit(pd.DataFrame({"a": list("xyz")})), ValueError, "could not convert string"),
    (lambda: est().fit(FRAME.mask(FRAME > 0.5)), ValueError, "Input X contains NaN"),
    (lambda: est().fit(pd.Series([0.1, 0.2])), ValueError, "2-dimensional container but got"),
    (lambda: est(device="gpu").fit(X), ValueError, "no device 'gpu'; use 'cpu', or .* 'cuda', or"),
    (lambda: est(device="cuda:99").fit(X), ValueError, "this machine has no device 'cuda:99'"),
    (lambda: est(device="meta").partial_fit(X), ValueError, "this machine has no device 'meta'"),
    (lambda: est(device=0).fit(X), ValueError, "'device' parameter .* Got 0"),
    (lambda: est(latent_dim=HUGE).fit(X), ValueError, "latent_dim must be at most 1,000,000,000"),
    (lambda: est(epochs=HUGE).fit(X), ValueError, "epochs must be at most 1,000,000,000"),
    (lambda: est(learning_rate=np.nan).fit(X), ValueError, "'learning_rate' parameter .* Got nan"),
    (lambda: est(hidden_dims=(8.0,)).fit(X), TypeError, "every width in hidden_dims must"),
    (lambda: est(recipe=vaetut.FAST.epochs).fit(X), ValueError, "'recipe' parameter .* among"),
    (lambda: est(random_state=SEEDS).fit(X), ValueError, "'random_state' parameter"),
    (lambda: est(validation=N).fit(X), ValueError, "pass more, or set a smaller validation"),
    (torch.no_grad()(lambda: est().fit(X)), RuntimeError, "training needs gradients"),
    (lambda: type(FITTED).load(NOWHERE, "gpu"), ValueError, "this machine has no device 'gpu'"),
]

EXERCISES = [
    (lambda: exercises.check(7.1, len), TypeError, "number must be a str, such as '7.1', got 7.1"),
    (lambda: exercises.check(["7.1"], len), TypeError, r"must be a str, .* got \['7.1'\]"),
    (lambda: exercises.check("7", len), ValueError, "there is no exercise '7'; there are: 1.1"),
]

# What a part of one's own must have.
PARTS = [
    (lambda: vaetut.Prior(2).log_prob(X), NotImplementedError, "Prior has no log_prob"),
    (lambda: vaetut.Prior(2).sample(3), NotImplementedError, "Prior has no sample"),
    (lambda: vaetut.Likelihood().log_prob(X, X), NotImplementedError, "has no log_prob_each"),
    (
        lambda: vaetut.save_model(model(), NOWHERE, vaetut="mine"),
        ValueError,
        "the name 'vaetut' is taken: the model's parts stand there",
    ),
]

TABLE = [*NUMBERS, *MODELS, *IMAGES, *ESTIMATOR, *EXERCISES, *PARTS]

COMMANDS = [
    (["train", "--batch-size", "99999999999999999999"], "batch_size must be at most 1,000,000,000"),
    (["train", "--epochs", str(HUGE)], "epochs must be at most 1,000,000,000"),
    (["train", "--latent-dim", str(HUGE)], "latent_dim must be at most 1,000,000,000"),
    (["train", "--learning-rate", "1e999"], "learning_rate must be positive and finite, got inf"),
    (["train", "--seed", str(HUGE)], "'--seed'"),
    (["train", "--threads", str(HUGE)], "'--threads'"),
    (["train", "--batch-size", "2.5"], "'--batch-size'"),
    (["train", "--beta", "one"], "'--beta'"),
    (["evaluate", "m.safetensors", "--samples", str(HUGE)], "num_samples must be at most"),
    (["evaluate", "m.safetensors", "--samples", "0"], "num_samples must be at least 1, got 0"),
    (["evaluate", "m.safetensors", "--binarize", "--seed", str(HUGE)], "'--seed'"),
    (["evaluate", "m.safetensors", "--images", "1"], "'--images'"),
    (["train", "--from", ""], "no file ; the bundled models are"),
    (["sample", "article-2d", "--count", str(HUGE)], "'--count'"),
    (["evaluate", "."], "no file .; the bundled models are"),
    (["figures", "m.safetensors", "--seed", str(HUGE)], "'--seed'"),
    (["export", "m.safetensors", "--output", "."], "is a directory"),
]


def test_the_table_is_long_enough():
    assert len(TABLE) + len(COMMANDS) >= 80


def plain(words):
    """Make an id that stays as it is where pytest runs twice in a process, as under mutmut."""
    return words.replace("\\", "").encode("ascii", "ignore").decode()


@pytest.mark.parametrize(("call", "error", "message"), TABLE, ids=[plain(row[2]) for row in TABLE])
def test_a_mistake_is_answered_in_words(call, error, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()
    assert not list(tmp_path.iterdir()), "a call that failed has left a file"


@pytest.mark.parametrize(("arguments", "reason"), COMMANDS, ids=[" ".join(c[0]) for c in COMMANDS])
def test_a_wrong_command_ends_with_2_and_a_reason(arguments, reason, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: (X, LABELS))
    vaetut.save_model(model(), "m.safetensors")
    threads = torch.get_num_threads()
    try:
        result = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (418, "a function is wanted, and yours is of the type int; give the function itself"),
        (lambda: 418, "your code stopped with TypeError: .*takes 0 positional arguments"),
        (lambda size: {size: 418}, "your code runs, but what it returns is not of the kind"),
        (lambda size: "418", "your code runs, but what it returns is not of the kind"),
    ],
)
def test_an_answer_of_another_kind_gets_a_hint(answer, hint, capsys):
    exercises.check("7.1", answer)
    assert re.search(hint, capsys.readouterr().out, re.IGNORECASE)
