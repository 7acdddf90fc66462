"""The package as a whole: its layers, its names, and that it changes nothing around it."""

import ast
import dataclasses
import inspect
import json
import random
import re
import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

import vaetut
from tests.processes import python

PACKAGE = Path(str(files("vaetut")))
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted({path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in SOURCES})
MODULES.remove("__init__")
NAMES = list(vaetut.__all__)

# A module imports only from lower floors.
FLOORS = {
    "checks": 0,
    "colors": 0,
    "deprecated": 0,
    "files": 0,
    "frames": 1,
    "functional": 0,
    "interrupt": 0,
    "memory": 0,
    "noise": 0,
    "data": 1,
    "checkpoint": 1,
    "distributions": 1,
    "history": 1,
    "plotting": 1,
    "likelihoods": 2,
    "networks": 2,
    "priors": 2,
    "diagnosis": 3,
    "model": 3,
    "objective": 4,
    "parts": 4,
    "doctor": 4,
    "recipe": 4,
    "refinement": 4,
    "columns": 5,
    "evaluation": 5,
    "imputation": 5,
    "exercises": 5,
    "pretrained": 5,
    "web": 5,
    "training": 5,
    "estimator": 6,
    "grading": 6,
    "cli": 7,
    "__main__": 8,
}
FACES = ("estimator", "cli")


def imports_of(module):
    """Return the modules of ours that a module, or a folder of them, imports anywhere in it."""
    found = set()
    for path in SOURCES:
        inside = path.relative_to(PACKAGE).with_suffix("").parts
        if inside[0] != module:
            continue
        package = ("vaetut", *inside[:-1])
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                origin = package[: len(package) + 1 - node.level] if node.level else ()
                origin = ".".join([*origin, *(node.module or "").split(".")]).strip(".")
                names = [f"{origin}.{alias.name}" for alias in node.names]
            else:
                continue
            parts = [name.split(".") for name in names if name.split(".")[0] == "vaetut"]
            found |= {part[1] if len(part) > 1 else "vaetut" for part in parts}
    return found - {module}


# Layers


def test_every_module_has_a_floor():
    assert set(MODULES) <= set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_below(module):
    imported = imports_of(module)
    if module in FACES:
        imported.discard("vaetut")  # the names that the package offers to everybody
    not_below = {name for name in imported if FLOORS.get(name, 99) >= FLOORS[module]}
    assert not not_below, f"{module} imports {', '.join(not_below)}"


@pytest.mark.parametrize(
    ("path", "line", "found"),
    [
        ("model.py", "from .noise import standard_normal", {"noise"}),
        ("model.py", "from . import noise, checks", {"noise", "checks"}),
        ("model.py", "from vaetut.data import binarize", {"data"}),
        ("model.py", "from vaetut import plotting", {"plotting"}),
        ("model.py", "import vaetut.objective as o, torch", {"objective"}),
        ("model.py", "import vaetut", {"vaetut"}),
        ("model.py", "def f():\n    from .training import train", {"training"}),
        ("model.py", "from torch import nn", set()),
        ("model/part.py", "from ..noise import make_generator", {"noise"}),
        ("model/part.py", "from .. import noise", {"noise"}),
        ("model/part.py", "from .other import thing\nfrom . import more", set()),
    ],
)
def test_the_check_sees_imports_of_every_form(monkeypatch, path, line, found):
    monkeypatch.setattr(Path, "read_text", lambda self: line)
    monkeypatch.setitem(globals(), "SOURCES", [PACKAGE / path])
    assert imports_of("model") == found


ANY = {"LIKELIHOODS", "Likelihood", "Prior", "make_likelihood"}  # of parts, whichever they are
FORMULAS = {"StandardNormal", "gaussian_log_likelihood", "kl_per_dimension"}


CHOOSE = ("columns", "web")  # one chooses likelihoods for a table, one can run one kind only


@pytest.mark.parametrize("module", [m for m in MODULES if 3 < FLOORS[m] and m not in CHOOSE])
def test_nobody_above_the_model_asks_which_part_it_has(module):
    for path in [path for path in SOURCES if path.relative_to(PACKAGE).parts[0].startswith(module)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in ("likelihoods", "priors"):
                assert {alias.name for alias in node.names} <= ANY | FORMULAS


def test_plotting_knows_nothing_of_ours_but_colours():
    assert imports_of("plotting") == {"colors"}


# Importing

# One fresh process answers all questions, for a start of PyTorch takes seconds.
IMPORT = """
import json, os, random, sys, threading, warnings
import numpy, torch

def state():
    return {
        "torch random state": torch.get_rng_state().tolist(),
        "numpy random state": [str(part) for part in numpy.random.get_state()],
        "python random state": str(random.getstate()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "gradients": torch.is_grad_enabled(),
        "warnings": [str(entry) for entry in warnings.filters],
        "numpy errors": str(numpy.geterr()),
        "numpy printing": str(numpy.get_printoptions()),
        "environment": dict(os.environ),
        "path": sys.path[:],
        "folder": os.getcwd(),
        "running threads": threading.active_count(),
    }

def changed():
    return [name for name, value in state().items() if value != before[name]]

before = state()
import vaetut
report = {"at import": list(sys.modules)}
for name in vaetut.__all__:
    if name != "VariationalAutoencoder":
        getattr(vaetut, name)
report["with the core"] = list(sys.modules)
report["changed"] = changed()

torch.manual_seed(1), numpy.random.seed(1), random.seed(1)
torch.set_num_threads(before["threads"][0] + 1)
torch.set_default_dtype(torch.float64)
warnings.simplefilter("ignore")
report["planted"] = changed()
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def fresh_process():
    """What importing the package, and all of its core, did to a fresh process."""
    process = python("-c", IMPORT)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return json.loads(process.stdout)


def test_importing_changes_no_global_state(fresh_process):
    assert fresh_process["changed"] == []


def test_the_check_of_global_state_sees_a_change(fresh_process):
    assert set(fresh_process["planted"]) == {
        *("torch random state", "numpy random state", "python random state"),
        *("threads", "dtype", "warnings"),
    }


def test_importing_loads_the_core_when_it_is_asked_for(fresh_process):
    assert "vaetut.model" not in fresh_process["at import"]
    assert "vaetut.model" in fresh_process["with the core"]


def test_the_core_loads_no_heavy_module(fresh_process):
    """So that `import vaetut` takes no longer than what it stands on."""
    loaded = {name.split(".")[0] for name in fresh_process["with the core"]}
    heavy = {"sklearn", "matplotlib", "scipy", "pandas", "torchvision", "typer", "IPython"}
    assert not heavy & loaded


# Names


def test_all_is_sorted_and_free_of_doubles():
    assert sorted(set(NAMES)) == NAMES


def test_dir_lists_the_public_names():
    assert set(NAMES) <= set(dir(vaetut))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No vaetut attribute load_cifar"):
        vaetut.load_cifar  # noqa: B018


def sections(thing):
    """Return a docstring's summary and its NumPy sections by title."""
    lines = inspect.getdoc(thing).splitlines()
    titles = [i for i in range(len(lines) - 1) if lines[i] and re.fullmatch("-{3,}", lines[i + 1])]
    ends = [*titles[1:], len(lines)]
    return lines[0], {lines[i]: "\n".join(lines[i + 2 : e]) for i, e in zip(titles, ends)}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_the_documentation_it_needs(name):
    value = getattr(vaetut, name)
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        assert type(value).__name__ in NAMES  # a recipe: documented by its class
        return
    assert value.__doc__, "no docstring"
    assert not value.__doc__.startswith(f"{name}("), "the one that dataclasses make up"
    summary, found = sections(value)
    assert summary.endswith((".", ":"))
    if dataclasses.is_dataclass(value) or issubclass_of_tuple(value):
        return  # its fields stand in the source, each with its comment
    parameters = [p for p in inspect.signature(value).parameters if p != "self"]
    documented = found.get("Parameters", "")
    for parameter in parameters:
        assert re.search(rf"^(.*, )?\*?\*?{parameter}\b.*( :|,|$)", documented, re.MULTILINE), (
            f"{parameter} is not under Parameters"
        )
    if inspect.isfunction(value):
        annotation = inspect.signature(value).return_annotation
        assert annotation is not inspect.Signature.empty
        assert ("Returns" in found) == (annotation not in (None, "None"))
        raises = re.search(r"\braise |\bcheck_", inspect.getsource(value))
        assert not raises or "Raises" in found


def issubclass_of_tuple(value):
    return inspect.isclass(value) and issubclass(value, tuple)


# After any call

X = torch.rand(30, 12, generator=torch.Generator().manual_seed(0))
Z = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
RECIPE = vaetut.Recipe(hidden_dims=(8,), validation=10, epochs=2, batch_size=10)


def small():
    return vaetut.VAE(12, 3, (8,))


def train(path, **settings):
    recipe = dataclasses.replace(RECIPE, **settings)
    vaetut.train(small(), X, recipe, checkpoint=path / "run.pt", progress=False)


def save_and_load(path):
    vaetut.save_model(small(), path / "model.safetensors")
    vaetut.load_model(path / "model.safetensors")


def save_and_load_history(path):
    vaetut.History().save(path / "history.json")
    vaetut.History.load(path / "history.json")


def load_bundled(path):
    for name in vaetut.list_pretrained():
        vaetut.load_pretrained(name)
        vaetut.load_card(name)


def use_likelihood(likelihood):
    """Let a fresh model draw data, and be trained on them."""
    model = vaetut.VAE(12, 3, (8,), likelihood=likelihood)
    x = likelihood.sample(model.decode(Z)).detach()
    vaetut.train(model, x, dataclasses.replace(RECIPE, center_output=True), progress=False)


def use_prior(prior):
    model = vaetut.VAE(12, prior=prior, hidden_dims=(8,))
    model.generate(3)
    vaetut.evaluate(model, X, 3)


def use_pictures(path):
    networks = vaetut.ConvEncoder((1, 3, 4), 3), vaetut.ConvDecoder(3, (1, 3, 4))
    vaetut.VAE(encoder=networks[0], decoder=networks[1])(X)


CALLS = {
    "ARTICLE": lambda path: vaetut.ARTICLE.build_model(),
    "FAST": lambda path: vaetut.FAST.build_model(seed=3),
    "VAE": lambda path: small()(X),
    "VAE.decode_mean": lambda path: small().decode_mean(Z),
    "Encoder": lambda path: vaetut.Encoder(12, 3)(X),
    "Decoder": lambda path: vaetut.Decoder(3, 12)(Z),
    "ConvEncoder, ConvDecoder": use_pictures,
    "Bernoulli": lambda path: use_likelihood(vaetut.Bernoulli()),
    "Binomial": lambda path: use_likelihood(vaetut.Binomial(5)),
    "Categorical": lambda path: use_likelihood(vaetut.Categorical(3)),
    "DiscretizedLogistic": lambda path: use_likelihood(vaetut.DiscretizedLogistic(16)),
    "Gaussian, learned": lambda path: use_likelihood(vaetut.Gaussian("learned")),
    "Gaussian, decoder": lambda path: use_likelihood(vaetut.Gaussian("decoder")),
    "Mixed, Observed": lambda path: use_likelihood(
        vaetut.Observed(
            vaetut.Mixed([(vaetut.Poisson(), range(4)), (vaetut.Categorical(2), range(4, 12))])
        )
    ),
    "NegativeBinomial": lambda path: use_likelihood(vaetut.NegativeBinomial()),
    "Poisson": lambda path: use_likelihood(vaetut.Poisson()),
    "StandardNormal": lambda path: use_prior(vaetut.StandardNormal(3)),
    "Mixture": lambda path: use_prior(vaetut.Mixture(3, 4)),
    "Mixture, fitted": lambda path: use_prior(vaetut.Mixture.fit(Z, 2)),
    "VampPrior": lambda path: use_prior(vaetut.VampPrior(3, X[:5])),
    "Normal": lambda path: vaetut.Normal(Z, Z).sample(3),
    "reparameterize": lambda path: vaetut.reparameterize(Z, Z),
    "bernoulli_log_likelihood": lambda path: vaetut.bernoulli_log_likelihood(X, X),
    "gaussian_log_likelihood": lambda path: vaetut.gaussian_log_likelihood(X, X, X),
    "binarize": lambda path: vaetut.binarize(X),
    "load_mnist": lambda path: vaetut.load_mnist("test"),
    "elbo": lambda path: vaetut.elbo(small(), X),
    "importance_weighted_bound": lambda path: vaetut.importance_weighted_bound(small(), X, 3),
    "kl_per_dimension": lambda path: vaetut.kl_per_dimension(Z, Z),
    "kl_standard_normal": lambda path: vaetut.kl_standard_normal(Z, Z),
    "aggregate_posterior": lambda path: vaetut.aggregate_posterior(Z, Z),
    "evaluate": lambda path: str(vaetut.evaluate(small(), X, 3)),
    "refine_posterior": lambda path: vaetut.refine_posterior(small(), X, 2),
    "diagnose": lambda path: str(vaetut.diagnose(X, model=small())),
    "impute": lambda path: vaetut.impute(small(), X, 3, 2),
    "Recipe": lambda path: vaetut.Recipe(),
    "History": save_and_load_history,
    "train": train,
    "train, one-cycle": lambda path: train(path, schedule="one-cycle", center_output=True),
    "train, binary": lambda path: train(path, binarize="dynamic", precision="auto"),
    "train, iwae": lambda path: train(path, objective="iwae", num_samples=2),
    "save_model, load_model": save_and_load,
    "list_pretrained, load_pretrained, load_card": load_bundled,
}
ELSEWHERE = {"VariationalAutoencoder", "load_dataset"}  # test_estimator; torchvision's own
BASES = {"Likelihood", "Prior"}  # of what is called above
RESULTS = {
    "AggregatePosterior",
    "Diagnosis",
    "Elbo",
    "Imputation",
    "Report",
}  # what functions of like names return


def global_state():
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "warnings": list(warnings.filters),
        "numpy errors": np.geterr(),
    }


def test_the_table_has_every_public_name():
    called = {re.split(r"[.]", name)[0] for key in CALLS for name in key.split(", ")}
    assert set(NAMES) <= called | ELSEWHERE | BASES | RESULTS


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_the_global_state_as_it_was(name, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    CALLS[name](first)  # it may import something
    before = global_state()
    CALLS[name](second)
    after = global_state()
    assert [key for key in before if before[key] != after[key]] == []


def test_the_global_seed_has_no_influence():
    def draws():
        return small().decoder.out.weight, vaetut.elbo(small(), X).elbo

    torch.manual_seed(0)
    weights, first = draws()
    torch.manual_seed(0)
    same_weights, second = draws()
    assert torch.equal(weights, same_weights)
    assert not torch.equal(first, second)
