"""MNIST is whole, needs no network and no writable folder; binarization is a fair draw."""

import hashlib
import lzma
import math
import shutil
import socket
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st

import vaetut

# As http://yann.lecun.com/exdb/mnist had them, by way of torchvision, Keras and others, which
# publish the sums of the compressed files, and of the projects that publish these.
PUBLISHED_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SIZES = {"train": 60_000, "test": 10_000}
COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
FIRST_LABELS = {"train": [5, 0, 4, 1, 9], "test": [7, 2, 1, 0, 4]}


@pytest.fixture(scope="module")
def mnist():
    return {split: vaetut.load_mnist(split) for split in SIZES}


@pytest.fixture
def copied_assets(tmp_path, monkeypatch):
    """The test split's files in a folder of their own, where they may be damaged."""
    folder = tmp_path / "assets" / "mnist"
    folder.mkdir(parents=True)
    for path in Path(str(files("vaetut") / "assets" / "mnist")).iterdir():
        if "train" not in path.name:
            shutil.copy(path, folder)
    monkeypatch.setattr("vaetut.data.files", lambda package: tmp_path)
    return folder


# MNIST


@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_the_bundled_files_have_the_published_md5(name):
    path = files("vaetut") / "assets" / "mnist" / f"{name}.xz"
    raw = lzma.decompress(path.read_bytes())
    assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == PUBLISHED_MD5[name]


def test_the_list_of_sums_is_the_published_one():
    lines = (files("vaetut") / "assets" / "mnist" / "MD5SUMS").read_text().splitlines()
    assert {name: md5 for md5, name in map(str.split, lines)} == PUBLISHED_MD5


@pytest.mark.parametrize("split", SIZES)
def test_mnist_has_its_shape_type_and_range(mnist, split):
    images, labels = mnist[split]
    assert images.shape == (SIZES[split], 784)
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    assert (images.min(), images.max()) == (0, 1)
    assert labels.shape == (SIZES[split],)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("split", SIZES)
def test_mnist_has_its_labels(mnist, split):
    labels = mnist[split][1]
    assert labels.bincount().tolist() == COUNTS[split]
    assert labels[:5].tolist() == FIRST_LABELS[split]


def test_the_grey_values_are_256ths_with_the_known_mean_and_spread(mnist):
    images = mnist["train"][0]
    assert torch.equal((images[:1000] * 255).round() / 255, images[:1000])
    mean, mean_square = images.mean().item(), images.square().mean().item()
    assert mean == pytest.approx(0.1307, abs=5e-5)
    assert math.sqrt(mean_square - mean**2) == pytest.approx(0.3081, abs=5e-5)


def test_the_digits_stand_upright(mnist):
    images, labels = mnist["test"]
    ones = images[labels == 1].mean(0).reshape(28, 28)
    assert ones.amax(1).gt(0.3).sum() > 2 * ones.amax(0).gt(0.3).sum()  # taller than wide
    sevens = images[labels == 7].mean(0).reshape(28, 28)
    assert sevens[:14, 14:].sum() > 1.5 * sevens[14:, :14].sum()  # a corner, and none opposite


def test_without_a_name_the_training_half_comes():
    assert vaetut.load_mnist()[1][:5].tolist() == FIRST_LABELS["train"]


def test_mnist_needs_no_network(monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    assert len(vaetut.load_mnist("test")[0]) == 10_000


def test_each_call_returns_arrays_of_its_own():
    first, _ = vaetut.load_mnist("test")
    first.zero_()
    assert vaetut.load_mnist("test")[0].sum() > 0


def test_a_read_only_folder_is_enough_and_stays_as_it_is(copied_assets):
    def state():
        return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in copied_assets.rglob("*")}

    before = state()
    for path in copied_assets.iterdir():
        path.chmod(0o444)
    copied_assets.chmod(0o555)
    try:
        assert len(vaetut.load_mnist("test")[0]) == 10_000
        assert state() == before
    finally:
        copied_assets.chmod(0o755)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def corrupt(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def replace_by_other_data(path):
    path.write_bytes(lzma.compress(b"\x00\x00\x08\x01\x00\x00\x00\x01\x07"))


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [Path.unlink, empty, truncate, corrupt, replace_by_other_data])
@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte.xz", "t10k-labels-idx1-ubyte.xz"])
def test_a_damaged_file_is_named_with_what_to_do(copied_assets, name, damage):
    damage(copied_assets / name)
    with pytest.raises(RuntimeError, match=rf"{name} is missing or damaged.*reinstall vaetut"):
        vaetut.load_mnist("test")


@pytest.mark.parametrize("content", [None, "", "no sums at all here\n", "0 other-file\n"])
def test_without_the_list_of_sums_nothing_is_trusted(copied_assets, content):
    sums = copied_assets / "MD5SUMS"
    sums.unlink() if content is None else sums.write_text(content)
    with pytest.raises(RuntimeError, match="missing or damaged"):
        vaetut.load_mnist("test")


@pytest.mark.parametrize("split", ["valid", "Train", None, ["train"]])
def test_an_unknown_split_is_named(split):
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'; got"):
        vaetut.load_mnist(split)


# Its relatives, by way of torchvision

RELATIVES = {
    "fashion-mnist": ("FashionMNIST", {}),
    "kmnist": ("KMNIST", {}),
    "emnist-letters": ("EMNIST", {"split": "letters"}),
    "emnist-digits": ("EMNIST", {"split": "digits"}),
    "emnist-balanced": ("EMNIST", {"split": "balanced"}),
}


@pytest.fixture
def fake_torchvision(monkeypatch):
    """Stand in for torchvision's classes; returns the list of the calls that they see."""
    from torchvision import datasets

    calls = []

    def make(class_name):
        class Fake:
            def __init__(self, root, **options):
                calls.append((class_name, Path(root), options))
                self.data = torch.arange(2 * 784).reshape(2, 28, 28).remainder(251).byte()
                self.targets = torch.tensor([3, 8], dtype=torch.int32)

        return Fake

    for class_name in {class_name for class_name, _ in RELATIVES.values()}:
        monkeypatch.setattr(datasets, class_name, make(class_name))
    return calls


@pytest.mark.parametrize("split", SIZES)
@pytest.mark.parametrize("name", RELATIVES)
def test_a_relative_of_mnist_comes_in_the_same_form(fake_torchvision, tmp_path, name, split):
    images, labels = vaetut.load_dataset(name, split, root=tmp_path)
    pixels = torch.arange(2 * 784).reshape(2, 28, 28).remainder(251)
    upright = pixels.mT if "emnist" in name else pixels  # EMNIST's files lie on their side
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert torch.equal((images * 255).round().long(), upright.reshape(2, 784))
    assert labels.tolist() == [3, 8]

    class_name, options = RELATIVES[name]
    wanted = {"train": split == "train", "download": True, **options}
    assert fake_torchvision == [(class_name, tmp_path, wanted)]


def test_files_are_kept_in_the_users_cache(fake_torchvision, monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    vaetut.load_dataset("kmnist")
    assert fake_torchvision[0][1] == tmp_path / "vaetut"


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("not found")])
def test_a_failed_download_says_where_the_files_belong(monkeypatch, tmp_path, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("torchvision.datasets.KMNIST", fail)
    with pytest.raises(RuntimeError, match=rf"kmnist could not be .*{tmp_path.name}.*{error}"):
        vaetut.load_dataset("kmnist", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("mnist", "train", "name must be one of 'fashion-mnist', .*; got 'mnist'"),
        (None, "train", "name must be one of .*; got None"),
        (["kmnist"], "train", r"name must be one of .*; got \['kmnist'\]"),
        ("kmnist", "valid", "split must be one of 'train', 'test'; got 'valid'"),
    ],
)
def test_an_unknown_set_is_named(name, split, message):
    with pytest.raises(ValueError, match=message):
        vaetut.load_dataset(name, split)


# Binarization


def test_each_pixel_is_one_as_often_as_it_is_bright(seeded, assert_mean):
    grey = torch.tensor([0.02, 0.25, 0.5, 0.9, 0.99], dtype=torch.float64)
    assert_mean(vaetut.binarize(grey.expand(40_000, 5), seeded()), grey)


def test_pixels_are_drawn_independently(seeded):
    drawn = vaetut.binarize(torch.full((40_000, 4), 0.5), seeded())
    correlation = torch.corrcoef(drawn.T) - torch.eye(4)
    assert correlation.abs().max() < 4 / math.sqrt(40_000)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20),
    st.integers(0, 2**31),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_a_binarized_image_holds_zeros_and_ones_and_keeps_those_it_had(grey, seed, dtype):
    images = torch.tensor([grey], dtype=dtype)
    drawn = vaetut.binarize(images, torch.Generator().manual_seed(seed))
    assert drawn.dtype == dtype
    assert drawn.shape == images.shape
    assert ((drawn == 0) | (drawn == 1)).all()
    settled = (images == 0) | (images == 1)
    assert torch.equal(drawn[settled], images[settled])


def test_even_a_draw_of_zero_leaves_black_black(monkeypatch):
    monkeypatch.setattr("vaetut.data.uniform", lambda size, like, generator: torch.zeros(size))
    assert vaetut.binarize(torch.tensor([[0.0, 0.1]])).tolist() == [[0, 1]]


def test_binarization_is_reproducible_and_leaves_its_input(images, seeded):
    before = images.clone()
    assert torch.equal(vaetut.binarize(images, seeded(5)), vaetut.binarize(images, seeded(5)))
    assert not torch.equal(vaetut.binarize(images, seeded(5)), vaetut.binarize(images, seeded(6)))
    assert not torch.equal(vaetut.binarize(images), vaetut.binarize(images))
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([[0.5]], TypeError, "images must be a torch.Tensor, got list"),
        (torch.ones(2, 3).numpy(), TypeError, "images must be a torch.Tensor, got ndarray"),
        (torch.ones(2, 3).byte(), TypeError, "torch.uint8; divide 8-bit images by 255"),
        (torch.ones(2, 3).long(), TypeError, "floating-point numbers, got torch.int64"),
        (torch.ones(3), ValueError, r"\(batch, features\), got \(3,\); add the batch axis"),
        (torch.ones(2, 28, 28), ValueError, r"\(batch, features\), got \(2, 28, 28\)"),
        (torch.ones(0, 3), ValueError, r"empty: shape \(0, 3\)"),
        (torch.full((2, 3), 1.5), ValueError, r"in \[0, 1\].*reaches from 1.5 to 1.5"),
        (torch.full((2, 3), -0.1), ValueError, r"in \[0, 1\].*reaches from -0.1"),
        (torch.full((2, 3), math.nan), ValueError, "must be finite"),
        (torch.full((2, 3), math.inf), ValueError, "must be finite"),
    ],
)
def test_bad_images_are_not_binarized(bad, error, message):
    with pytest.raises(error, match=message):
        vaetut.binarize(bad)


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match="generator must be a torch.Generator or None, got 0"):
        vaetut.binarize(torch.ones(2, 3), generator=0)
