"""Images in: bundled MNIST, other sets by torchvision, and binarization.

MNIST (LeCun, Cortes & Burges) ships inside the package, because its mirrors have failed for years;
reading it never touches the network.
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from importlib.resources import files
from pathlib import Path

import torch

from .checks import check_choice, check_images
from .noise import uniform

_PREFIX = {"train": "train", "test": "t10k"}
_TORCHVISION = {
    "fashion-mnist": ("FashionMNIST", {}),
    "kmnist": ("KMNIST", {}),
    "emnist-letters": ("EMNIST", {"split": "letters"}),
    "emnist-digits": ("EMNIST", {"split": "digits"}),
    "emnist-balanced": ("EMNIST", {"split": "balanced"}),
}


def load_mnist(split: str = "train") -> tuple[torch.Tensor, torch.Tensor]:
    """Load one half of the official MNIST split, 60,000 or 10,000 images. No network, ever.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : Tensor, shape (N, 784), float32
        Grey values in [0, 1], row by row.
    labels : Tensor, shape (N,), int64
        The digits, 0 to 9.

    Raises
    ------
    ValueError
        If `split` is unknown.
    RuntimeError
        If a bundled file is missing or damaged; the message names it.
    """
    check_choice(split, "split", _PREFIX)
    pixels = _read_idx(f"{_PREFIX[split]}-images-idx3-ubyte")
    labels = _read_idx(f"{_PREFIX[split]}-labels-idx1-ubyte")
    return _to_unit_interval(pixels), labels.long()


def load_dataset(
    name: str, split: str = "train", root: str | Path | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Load a relative of MNIST through `torchvision.datasets`; downloaded at the first call.

    Parameters
    ----------
    name : {"fashion-mnist", "kmnist", "emnist-letters", "emnist-digits", "emnist-balanced"}
    split : {"train", "test"}
    root : path, optional
        Where the files are kept; by default the user's cache directory.

    Returns
    -------
    images, labels : Tensor, Tensor
        As `load_mnist` returns them. EMNIST's images are turned upright.

    Raises
    ------
    ValueError
        If `name` or `split` is unknown.
    RuntimeError
        If torchvision can neither find nor download the files.
    """
    check_choice(name, "name", _TORCHVISION)
    check_choice(split, "split", _PREFIX)
    from platformdirs import user_cache_dir
    from torchvision import datasets  # here, so that `import vaetut` doesn't pay for it

    class_name, options = _TORCHVISION[name]
    root = Path(root or user_cache_dir("vaetut"))
    try:
        dataset = getattr(datasets, class_name)(
            root, train=split == "train", download=True, **options
        )
    except (OSError, RuntimeError) as error:
        raise RuntimeError(
            f"{name} could not be found or downloaded into {root}: {error}. "
            "Check the connection, or put torchvision's files there by hand"
        ) from error
    pixels = dataset.data.mT if class_name == "EMNIST" else dataset.data
    return _to_unit_interval(pixels), dataset.targets.long()


def binarize(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Draw each pixel from a Bernoulli whose mean is its grey value.

    Drawn anew for each batch this is "dynamic" binarization (Burda et al. 2015, §5.1).

    Parameters
    ----------
    images : Tensor, shape (B, D)
        Grey values in [0, 1].
    generator : torch.Generator, optional
        Source of the draws; fresh entropy without one. The global generator is not touched.

    Returns
    -------
    Tensor, shape (B, D)
        Zeros and ones, of the dtype and device of `images`.

    Raises
    ------
    TypeError, ValueError
        If `images` is not a float tensor (B, D) with values in [0, 1].
    """
    return draw_bits(check_images(images, name="images"), generator)


def draw_bits(images: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Do what `binarize` does, with images that were checked before."""
    return (uniform(tuple(images.shape), images, generator) < images).to(images.dtype)


def _to_unit_interval(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.flatten(1).float() / 255  # (N, 28, 28) -> (N, 784)


def _read_idx(name: str) -> torch.Tensor:
    """Read one bundled IDX file: a big-endian header with the shape, then bytes."""
    folder = files("vaetut") / "assets" / "mnist"
    path = folder / f"{name}.xz"
    try:
        raw = lzma.decompress(path.read_bytes())
        sums = (folder / "MD5SUMS").read_text().splitlines()
        expected = dict(line.split()[::-1] for line in sums)
        if hashlib.md5(raw, usedforsecurity=False).hexdigest() != expected[name]:
            raise ValueError("its MD5 is not the published one")
    except (OSError, EOFError, ValueError, KeyError, lzma.LZMAError) as error:
        raise RuntimeError(
            f"the bundled MNIST file {path} is missing or damaged ({error}); "
            "reinstall vaetut, e.g. pip install --force-reinstall --no-deps vaetut"
        ) from error
    rank = raw[3]
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8, offset=4 + 4 * rank).reshape(shape)
