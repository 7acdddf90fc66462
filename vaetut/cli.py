"""The command line: `vaetut train · evaluate · doctor · figures · sample · export · list · grade`.

It is thin over the package.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import vaetut  # loads its parts at their first use, so that --help does not wait for PyTorch

from .files import check_distinct, claimed, disk_errors, write_file
from .interrupt import raise_again

if TYPE_CHECKING:
    from torch import Tensor

# A thread that waits for work goes to sleep almost at once. By default it spins for milliseconds,
# which slows a busy machine down; never to spin slows a quiet one by a fifth.
SPINS = "1000"
MOST_SAMPLES = 100_000  # in one picture
IN_THE_WAY = (FileExistsError, IsADirectoryError, NotADirectoryError, BlockingIOError)
RecipeName = StrEnum("RecipeName", ["article", "fast"])
Device = StrEnum("Device", ["auto", "cpu", "cuda", "mps"])
Dataset = StrEnum(
    "Dataset",
    ["mnist", "fashion-mnist", "kmnist", "emnist-letters", "emnist-digits", "emnist-balanced"],
)


class _Commands(TyperGroup):
    """Turn what goes wrong inside a command into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as error:
            raise _leave("interrupted", 130) from error
        except (ValueError, TypeError, FileNotFoundError, *IN_THE_WAY) as error:
            raise _leave(error, 2) from error
        except (RuntimeError, FloatingPointError, MemoryError, OSError) as error:
            raise _leave(error, 1) from error


class _Command(TyperCommand):
    """Load what takes long while Ctrl-C ends the process at once; only then begin."""

    def invoke(self, ctx: Any) -> Any:
        _ = vaetut.evaluate, vaetut.train
        raise_again()
        return super().invoke(ctx)


app = typer.Typer(cls=_Commands, rich_markup_mode="markdown", no_args_is_help=True)
command = partial(app.command, cls=_Command)


def _option(text: str, *flags: str, default: str | bool = True, **settings: Any) -> Any:
    return typer.Option(*flags, help=text, show_default=default, **settings)


_change = partial(_option, default="the recipe's", rich_help_panel="Changes to the recipe")
_machine = partial(_option, rich_help_panel="Machine")
ModelArgument = Annotated[str, typer.Argument(metavar="NAME_OR_FILE")]
DatasetOption = Annotated[Dataset, _option("MNIST is bundled; others are downloaded once.")]
SeedOption = Annotated[int, _option("The same seed gives the same result.", min=0, max=2**32 - 1)]
DeviceOption = Annotated[Device, _machine("auto: CUDA if there is one, else Apple's, else CPU.")]
ThreadsOption = Annotated[
    int | None, _machine("CPU threads.", default="PyTorch's choice", min=1, max=1024)
]
ForceOption = Annotated[bool, _option("Replace files that exist.", "--force")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vaetut {vaetut.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, _option("Show it.", "--version", callback=_show_version)] = False,
) -> None:
    """Train variational autoencoders, measure them, and draw what they have learned.

    Every cost is in nats per image (1 nat = 1.44 bits); lower is better. Results go to stdout,
    progress and messages to stderr. Start with `vaetut train --recipe fast`.

    Exit codes: **0** all is well; **1** the work failed (cost not finite, a download, a disk);
    **2** the command was wrong (an unknown name, a bad value, a file that is missing, damaged, in
    the way or in use); **130** interrupted.
    """
    if "OMP_WAIT_POLICY" not in os.environ:  # read when PyTorch is loaded, which is later
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


@command()
def train(
    output: Annotated[Path, typer.Argument(dir_okay=False)] = Path("vae.safetensors"),
    recipe: Annotated[RecipeName, _option("fast: as good, and much sooner.")] = RecipeName.article,
    latent_dim: Annotated[
        int | None, _option("Dimensions of z; 2 can be drawn.", default="20")
    ] = None,
    start: Annotated[
        str | None,
        _option("Go on with this model, its network as it is.", "--from", metavar="NAME_OR_FILE"),
    ] = None,
    dataset: DatasetOption = Dataset.mnist,
    seed: SeedOption = 0,
    epochs: Annotated[int | None, _change("Passes over the training images.")] = None,
    batch_size: Annotated[int | None, _change("Images per step.")] = None,
    learning_rate: Annotated[float | None, _change("Adam's, or its schedule's peak.")] = None,
    beta: Annotated[float | None, _change("Weight of the KL term; 1 is the ELBO.")] = None,
    binarize: Annotated[str | None, _change("Draw pixels anew.", metavar="dynamic")] = None,
    precision: Annotated[str | None, _change("Speed.", metavar="float32|bf16|auto")] = None,
    checkpoint: Annotated[Path | None, _option("To go on from.", default="beside OUTPUT")] = None,
    keep_checkpoint: Annotated[bool, _option("For more epochs.", "--keep-checkpoint")] = False,
    force: ForceOption = False,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
) -> None:
    """Train a model by a recipe; write it to OUTPUT and its learning curves beside it.

    All costs are in nats per image. After Ctrl-C the same command goes on from the checkpoint of
    the last finished epoch, which is removed once OUTPUT is written. If it is kept, a run with a
    constant learning rate, as the article's, can go on for more --epochs later. Examples:

        vaetut train --recipe fast
        vaetut train plane.safetensors --latent-dim 2 --seed 1
        vaetut train more.safetensors --from article-20d --epochs 10 --learning-rate 1e-4
        torchrun --nproc-per-node 2 -m vaetut train --recipe fast
    """
    curves = _beside(output, ".history.json")
    checkpoint = checkpoint or _find_checkpoint(output)
    changes: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "beta": beta}
    changes |= {"learning_rate": learning_rate, "binarize": binarize, "precision": precision}
    changes = {field: value for field, value in changes.items() if value is not None}
    plan = replace(getattr(vaetut, recipe.upper()), **changes)
    with _claimed(output, curves, going_on=checkpoint, force=force):
        target = _start(threads, device)
        model, digest = _open_start(start, latent_dim) if start is not None else (None, None)
        images, _ = _load_images(dataset, "train")
        if model:
            plan = replace(plan, center_output=False)  # its output is where it should be
        else:
            size = 20 if latent_dim is None else latent_dim
            model = plan.build_model(images.shape[1], size, seed=seed)
        model.to(target, images.dtype)
        with _process_group(target), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "stopped in epoch")  # said below
            history = vaetut.train(model, images, plan, seed, checkpoint, start=digest)
        if history.interrupted:
            done = f"interrupted; the first {len(history.epoch)} of {plan.epochs} epochs are kept. "
            raise _leave(f"{done}To go on, run the same command again", 130)
        if not _is_first():
            return
        vaetut.save_model(model, output)
        history.save(curves)
        if not keep_checkpoint:
            checkpoint.unlink()
    costs = f"training {history.cost[-1]:.2f}, held out {history.validation_cost[-1]:.2f}"
    typer.echo(f"-ELBO in nats per image: {costs}\nwrote {output} and {curves}")
    if keep_checkpoint:
        typer.echo(f"kept {checkpoint}")


@command()
def evaluate(
    model: ModelArgument,
    samples: Annotated[int, _option("K, draws of z per image.")] = 100,
    images: Annotated[int | None, _option("The first N only.", default="all", min=2)] = None,
    seed: SeedOption = 0,
    binarize: Annotated[
        bool | None,
        _option("The pixels.", "--binarize/--grey", default="as its card says; grey for a file"),
    ] = None,
    refine: Annotated[int, _option("Steps by which each image's q is improved.", min=0)] = 0,
    as_json: Annotated[bool, _option("Print the report as JSON.", "--json")] = False,
    dataset: DatasetOption = Dataset.mnist,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
) -> None:
    """Measure a model on the official test images: -ELBO, its two terms, NLL, active units.

    All in nats per image, with standard errors and the protocol. The NLL is estimated from above
    by importance sampling: the more samples, the tighter. It is tighter still with draws from a
    q(z|x) that was improved for each image; the other numbers are then those of that q. Examples:

        vaetut evaluate article-20d
        vaetut evaluate vae.safetensors --binarize --samples 5000 --json
        vaetut evaluate vae-k1 --samples 5000 --refine 100
    """
    import torch

    target = _start(threads, device)
    network, card = _open_model(model)
    x, _ = _load_images(dataset, "test")
    if binarize is None:
        binarize = card.get("recipe", {}).get("binarize") is not None
    if binarize:  # before the cut, so that an image's draw depends on the seed alone
        x = vaetut.binarize(x, torch.Generator().manual_seed(seed))
    network = network.to(target)
    report = vaetut.evaluate(network, x[:images], samples, seed, progress=True, refine_steps=refine)
    if as_json:
        source = {"model": model, "dataset": dataset, "binarize_seed": seed if binarize else None}
        facts = {key: None if value != value else value for key, value in asdict(report).items()}
        typer.echo(json.dumps(source | facts, indent=2))  # JSON has no NaN: null
    else:
        drawn = f"binarized once, with seed {seed}" if binarize else "grey"
        typer.echo(f"{model} on {dataset}'s test images, {drawn}\n{report}")


@command()
def doctor(
    model: ModelArgument,
    images: Annotated[int, _option("How many test images it looks at.", min=8)] = 500,
    dataset: DatasetOption = Dataset.mnist,
) -> None:
    """Look for faults and symptoms of a model, by official test images, and say what to change.

    A dead coordinate, codes far from the prior, holes in it. For a model that is not of this
    package, call `vaetut.diagnose` from Python. Example:

        vaetut doctor vae.safetensors
    """
    network, _ = _open_model(model)
    x, _ = _load_images(dataset, "test")
    typer.echo(vaetut.diagnose(x[:images], model=network))


@command()
def figures(
    model: ModelArgument,
    output_dir: Annotated[Path, _option("Where they go.", file_okay=False)] = Path(),
    dataset: DatasetOption = Dataset.mnist,
    seed: SeedOption = 0,
    force: ForceOption = False,
) -> None:
    """Draw the article's three experiments as PNG files, and print the files' names.

    Reconstructions of test images; 5,000 of them on the latent plane and its decoded manifold, in
    the prior's standard deviations; where there is no plane, or another prior than N(0, I), decoded
    prior samples. Example:

        vaetut figures article-2d --output-dir figures
    """
    import torch

    network, _ = _open_model(model)
    kinds = ("latent", "manifold-linear", "manifold-quantile")
    plane = network.latent_dim == 2 and isinstance(network.prior, vaetut.StandardNormal)
    names = ("reconstructions", *(kinds if plane else ["samples"]))
    stem = Path(model).name.removesuffix(".safetensors")
    paths = [output_dir / f"{stem}-{name}.png" for name in names]
    with _claimed(*paths, force=force, source=model):
        plotting = _plotting()
        x, labels = _load_images(dataset, "test")
        mu, _ = network.encode(x[:5000])
        axes = [plotting.reconstructions(x[:10], network.decode_mean(mu[:10]), labels[:10])]
        if plane:
            axes.append(plotting.latent_scatter(mu, labels[:5000], prior=True))
            for kind in ("linear", "quantile"):
                z = torch.from_numpy(plotting.manifold_grid(20, kind))
                axes.append(plotting.manifold(network.decode_mean(z), 20, kind))
        else:
            axes.append(_draw_samples(network, 100, seed))
        for path, ax in zip(paths, axes, strict=True):
            _write_png(ax, path)
            typer.echo(path)


@command()
def sample(
    model: ModelArgument,
    output: Annotated[Path, _option("A PNG file.", dir_okay=False)] = Path("samples.png"),
    count: Annotated[int, _option("How many.", min=1, max=MOST_SAMPLES)] = 100,
    seed: SeedOption = 0,
    force: ForceOption = False,
) -> None:
    """Draw codes from the prior, and write their decoded images side by side to one PNG file.

    They are the means of p(x|z), without the noise of single pixels. Example:

        vaetut sample article-20d --count 25 --output digits.png
    """
    if output.suffix != ".png":
        raise ValueError(f"--output must end in .png, got {output}")
    network, _ = _open_model(model)
    with _claimed(output, force=force, source=model):
        _write_png(_draw_samples(network, count, seed), output)
    typer.echo(f"wrote {output}")


@command()
def export(
    model: ModelArgument,
    output: Annotated[Path, _option("A script, .js, or .json.", dir_okay=False)] = Path("model.js"),
    dataset: DatasetOption = Dataset.mnist,
    seed: SeedOption = 0,
    force: ForceOption = False,
) -> None:
    """Write a model with two latent dimensions as a file that the book's playground can run.

    It holds the weights, rounded to 8 or 16 bits, and what is shown around them: codes and
    examples of the official test images, and their mean costs in nats per image. Examples:

        vaetut export playground-2d --output model.json
        vaetut export plane.safetensors --output plane.js
    """
    import gzip

    if output.suffix not in (".js", ".json"):
        raise ValueError(f"--output must end in .js or .json, got {output}")
    with _claimed(output, force=force, source=model):
        network, _ = _open_model(model)
        text = vaetut.web.export_json(network, *_load_images(dataset, "test"), seed=seed)
        data = (vaetut.web.as_script(text) if output.suffix == ".js" else f"{text}\n").encode()
        write_file(output, data)
    whole, packed = len(data) / 1e3, len(gzip.compress(data)) / 1e3
    typer.echo(f"wrote {output}: {whole:.0f} kB, {packed:.0f} kB compressed")


@command()
def grade(
    submissions: Annotated[list[Path], typer.Argument(exists=True)],
    output_dir: Annotated[Path, _option("For the results.", file_okay=False)] = Path("grades"),
    points: Annotated[
        Path | None,
        _option('TOML, lines such as "5.1" = 2.', default="1 each", exists=True, dir_okay=False),
    ] = None,
    cell_seconds: Annotated[float, _option("For one cell, or one check.", min=1)] = 120,
    seconds: Annotated[float, _option("For one submission.", min=1)] = 1200,
    memory: Annotated[float, _option("GiB of resident memory for one submission.", min=0.5)] = 6,
    seed: Annotated[
        int | None,
        _option("Of the numbers that functions are tried on.", default="a secret one", min=0),
    ] = None,
) -> None:
    """Grade notebooks with exercises of the book, each in processes and a folder of its own.

    Their own checks are taken out, and functions are called by name. The table goes to stdout, and
    with it grades.csv and grades.json to the output folder; points.csv there has a row for each
    submission. After Ctrl-C the same command goes on.

    **This is no sandbox**: a submission runs with your rights. Its network is cut where the system
    can (Linux), and its time and memory are limited. Grade strangers' work in a container.

        vaetut grade submissions/*.ipynb --points points.toml
    """
    try:
        from .grading.grades import grade as grade_all, read_points, table
        from .grading.limits import Limits
    except ModuleNotFoundError as error:
        raise ValueError(f"no {error.name}: pip install 'vaetut[grade]'") from error
    grades = grade_all(
        submissions,
        output_dir,
        points=read_points(points) if points else None,
        limits=Limits(cell_seconds, seconds, memory),
        seed=seed,
        progress=partial(typer.echo, err=True),
    )
    typer.echo(table(grades))
    typer.echo(f"wrote points.csv, grades.csv and grades.json in {output_dir}", err=True)


@command("list")
def list_models() -> None:
    """List the bundled models: latent dimensions, recipe, test -ELBO in nats per image."""
    for name in vaetut.list_pretrained():
        card = vaetut.load_card(name)
        size, recipe = card["model"]["latent_dim"], card["recipe"]["name"]
        cost = card["test"][str(card["seed"])]["neg_elbo"]
        typer.echo(f"{name:<14}{size:>3}-D  {recipe:<15} test -ELBO {cost:7.2f} nats per image")


def _start(threads: int | None, device: Device) -> str:
    """Set this process's flags, which the package itself never does, and say so."""
    import torch

    tiny = "flushed" if torch.set_flush_denormal(True) else "kept"
    torch.set_num_threads(threads or torch.get_num_threads())
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    best = "cuda" if cuda else "mps" if mps and _is_alone() else "cpu"  # gloo cannot share an mps
    name = best if device == Device.auto else device.value
    if not {"cuda": cuda, "mps": mps, "cpu": True}[name]:
        raise ValueError(f"this machine has no {name} device; use --device cpu")
    card = int(os.environ.get("LOCAL_RANK", 0))
    if name == "cuda" and card >= (cards := torch.cuda.device_count()):
        raise ValueError(
            f"process {card + 1} of this machine finds no graphics card of its own, as there are "
            f"{cards}; start as many processes as cards, or use --device cpu"
        )
    processes = f"{os.environ.get('WORLD_SIZE', 1)} processes, " if not _is_alone() else ""
    message = f"vaetut: {name}, {processes}{torch.get_num_threads()} threads, denormals {tiny}"
    if _is_first():
        typer.echo(message, err=True)
    return f"cuda:{card}" if name == "cuda" else name


# What torchrun tells each of the processes that it starts.


def _is_alone() -> bool:
    return "TORCHELASTIC_RUN_ID" not in os.environ


def _is_first() -> bool:
    return _is_alone() or os.environ["RANK"] == "0"


@contextmanager
def _process_group(device: str) -> Iterator[None]:
    """Join the processes that torchrun has started, if it has."""
    if _is_alone():
        yield
        return
    from torch import distributed

    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


# Files that are written.


@contextmanager
def _claimed(
    *outputs: Path, force: bool, going_on: Path | None = None, source: str | None = None
) -> Iterator[None]:
    """Hold the files that a command will write, or refuse before any work.

    What is there may be replaced with `force` alone, but not the checkpoint that a run is
    `going_on` from, and never the model that is the `source`.
    """
    if not _is_first():
        yield
        return
    written = (*outputs, going_on) if going_on else outputs
    check_distinct(*written, *([source] if source else []))
    with ExitStack() as stack:
        for path in written:
            with disk_errors(path, "written"), suppress(FileExistsError):
                path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(claimed(path))
            if path in outputs and path.exists() and not force:
                raise FileExistsError(f"{path} exists; choose another name, or use --force")
        yield


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(output.name.removesuffix(".safetensors") + ending)


def _find_checkpoint(output: Path) -> Path:
    """Return the checkpoint beside `output`, and tell of one with the name of earlier versions."""
    path, earlier = _beside(output, ".checkpoint.pt"), output.with_suffix(".checkpoint.pt")
    if earlier != path and earlier.exists() and not path.exists() and _is_first():
        advice = f"if it is of this run, go on from it with --checkpoint {earlier}"
        typer.echo(f"vaetut: {earlier} is left alone; {advice}", err=True)
    return path


def _write_png(ax: Any, path: Path) -> None:
    buffer = BytesIO()
    ax.figure.savefig(buffer, format="png")
    write_file(path, buffer.getbuffer())


def _plotting() -> ModuleType:
    from matplotlib import use

    use("Agg")  # files only: no display is needed
    return vaetut.plotting


def _draw_samples(network: vaetut.VAE, count: int, seed: int) -> Any:
    """Draw the decoded means of `count` codes from the prior, in about as many rows as columns."""
    import torch

    means = network.generate(count, torch.Generator().manual_seed(seed))
    return _plotting().samples(means, math.ceil(math.sqrt(count)))


# Images and models.


def _load_images(name: Dataset, split: str) -> tuple[Tensor, Tensor]:
    return vaetut.load_mnist(split) if name == "mnist" else vaetut.load_dataset(name.value, split)


def _open_model(name: str) -> tuple[vaetut.VAE, dict[str, Any]]:
    """Return a bundled model and its card, or the model of a file and an empty card.

    In float32, as the images are: an estimator may have been fitted, and saved, in float64.
    """
    if name in (bundled := vaetut.list_pretrained()):
        return vaetut.load_pretrained(name), vaetut.load_card(name)
    if Path(name).is_file():
        return vaetut.load_model(name).float().eval(), {}
    raise FileNotFoundError(f"no file {name}; the bundled models are: {', '.join(bundled)}")


def _open_start(name: str, latent_dim: int | None) -> tuple[vaetut.VAE, str]:
    """Return a model to train further, and a digest of its weights."""
    from safetensors.torch import save

    model, _ = _open_model(name)
    if latent_dim not in (None, model.latent_dim):
        raise ValueError(
            f"--from goes on with the network of {name}, which has {model.latent_dim} latent "
            f"dimensions; leave out --latent-dim {latent_dim}"
        )
    return model.train(), hashlib.sha256(save(model.state_dict())).hexdigest()


def _leave(message: object, code: int) -> typer.Exit:
    typer.echo(f"vaetut: {' '.join(str(message).split())}", err=True)  # one line
    return typer.Exit(code)
