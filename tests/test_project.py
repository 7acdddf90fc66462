"""The project's files agree with each other: packages, versions, address, links, sizes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT["urls"]["Repository"]
SLUG = ADDRESS.removeprefix("https://github.com/")
OWNER, NAME = SLUG.split("/")
PAGES = f"https://{OWNER.lower()}.github.io/{NAME}"

# What conda-forge calls a package that PyPI calls otherwise.
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
MEGABYTE = 1_000_000


def read_yaml(name: str) -> dict:
    """Read a YAML file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    """List the files under version control, or those that are there when git is not."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        hidden = {".venv", ".git", "_build", "build", "dist", "__pycache__"}
        paths = [p for p in ROOT.rglob("*") if not hidden & set(p.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


def constraints() -> list[Requirement]:
    """Read the pinned set."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def requirements() -> list[Requirement]:
    """Read what the package and all its extras ask for."""
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for group in (PROJECT["dependencies"], *extras) for line in group]


def test_conda_environment_equals_pyproject() -> None:
    lines = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"]
    expected = {"python": SpecifierSet(PROJECT["requires-python"])}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        expected[CONDA_NAMES.get(name, name)] = requirement.specifier
    environment = read_yaml("environment.yml")
    conda = [Requirement(line) for line in environment["dependencies"] if isinstance(line, str)]
    assert {r.name: r.specifier for r in conda if r.name != "pip"} == expected
    assert "conda-forge" in environment["channels"]
    assert {"pip": ["-e ."]} in environment["dependencies"]


def test_constraints_are_exact_and_within_ranges() -> None:
    for pin in constraints():
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), f"{pin} is not one exact version"
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        pins = [p for p in constraints() if canonicalize_name(p.name) == name]
        assert pins, f"{requirement} is not pinned"
        for pin in pins:
            version = str(pin.specifier).removeprefix("==")
            assert requirement.specifier.contains(version), f"{pin} is outside {requirement}"


@pytest.mark.parametrize(
    ("system", "machine"),
    [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")],
)
def test_constraints_pin_each_package_once_per_platform(system: str, machine: str) -> None:
    here = default_environment() | {"sys_platform": system, "platform_machine": machine}
    names = [
        canonicalize_name(pin.name)
        for pin in constraints()
        if pin.marker is None or pin.marker.evaluate(here)
    ]
    assert len(names) == len(set(names))
    assert {"torch", "torchvision"} <= set(names)
    companions = [n for n in names if n.startswith(("nvidia-", "cuda-")) or n == "triton"]
    assert companions == []


def locked() -> dict[str, str]:
    """Return the versions of the lock file with hashes, by normal name."""
    lines = (ROOT / "locks" / "linux-x86_64.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", lines.strip())
    assert all(block.count("--hash=sha256:") >= 1 for block in blocks)
    found = (block.split()[0].split("==") for block in blocks)
    return {canonicalize_name(name): version for name, version in found}


def test_the_lock_with_hashes_is_the_pinned_set() -> None:
    """`make lock` writes it; PyTorch alone pins its companions."""
    pins = {}
    for pin in constraints():
        where = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
        if pin.marker is None or pin.marker.evaluate(where | {"python_version": "3.11"}):
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    for name, version in locked().items():
        if not name.startswith(("nvidia-", "cuda-", "triton")):
            assert pins.get(name, version) == version, name
    extras = PROJECT["optional-dependencies"]
    for group in (PROJECT["dependencies"], extras["book"], extras["test"], extras["dev"]):
        assert {canonicalize_name(Requirement(each).name) for each in group} <= set(locked())


def test_every_locked_package_has_its_licence_in_the_list() -> None:
    lines = (ROOT / "locks" / "licences.md").read_text(encoding="utf-8").splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines]
    assert {canonicalize_name(name) for name, *_ in rows} == set(locked())


def test_pre_commit_uses_the_pinned_linters() -> None:
    pinned = {pin.name: str(pin.specifier).removeprefix("==") for pin in constraints()}
    repositories = read_yaml(".pre-commit-config.yaml")["repos"]
    revisions = {r["repo"].rpartition("/")[2]: r["rev"] for r in repositories}
    assert revisions == {
        "ruff-pre-commit": f"v{pinned['ruff']}",
        "mirrors-oxlint": f"v{pinned['oxlint']}",
    }


def test_version_is_the_same_everywhere() -> None:
    source = (ROOT / "vaetut" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', source, re.MULTILINE)
    assert found is not None
    assert found[1] == PROJECT["version"]
    assert str(read_yaml("CITATION.cff")["version"]) == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_address_is_the_same_everywhere() -> None:
    """When this fails after a change in pyproject.toml, run `make address`."""
    config = read_yaml("_config.yml")
    assert config["repository"]["url"] == ADDRESS
    assert config["html"]["baseurl"].rstrip("/") == PAGES
    citation = read_yaml("CITATION.cff")
    assert citation["repository-code"] == ADDRESS
    assert citation["url"] == PAGES

    # An address of a repository called as ours, in whatever form, is ours.
    name = re.escape(NAME)
    forms = re.compile(
        rf"github\.com/([\w.-]+/{name})\b|research\.google\.com/github/([\w.-]+/{name})\b"
        rf"|/v2/gh/([\w.-]+/{name})\b"
    )
    text = {".md", ".ipynb", ".py", ".toml", ".yml", ".yaml", ".cff", ".bib"}
    other = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path.suffix in text
        for match in forms.finditer(path.read_text(encoding="utf-8"))
        if SLUG not in match.groups()
    }
    assert other == set()


def test_address_script_finds_nothing_to_do() -> None:
    command = [sys.executable, str(ROOT / ".ci" / "address.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0


def toc_files(node: dict) -> list[str]:
    """List the pages of a table of contents."""
    own = [node[key] for key in ("root", "file") if key in node]
    children = (c for key in ("parts", "chapters", "sections") for c in node.get(key) or [])
    return own + [name for child in children for name in toc_files(child)]


def test_one_list_names_the_steps_of_the_build() -> None:
    """No module beside it registers a step by itself, and none is forgotten."""
    config, extensions = read_yaml("_config.yml"), ROOT / "book" / "_ext"
    assert config["sphinx"]["local_extensions"] == {"steps": "book/_ext"}
    texts = {p.stem: p.read_text(encoding="utf-8") for p in extensions.glob("*.py")}
    steps = texts.pop("steps")
    assert set(re.findall(r"^import (\w+)", steps, re.M)) == set(texts)
    for name, text in texts.items():
        assert f"{name}." in steps.split("STEPS = ")[1], f"{name} has no step"
        assert "app.connect(" not in text, name


def test_toc_entries_exist() -> None:
    names = toc_files(read_yaml("_toc.yml"))
    assert names[0] == "book/index"
    assert len(names) == len(set(names))
    for name in names:
        stem = ROOT / name
        found = [s for s in (".md", ".ipynb") if stem.with_name(stem.name + s).is_file()]
        assert len(found) == 1, f"{name} is {' and '.join(found) or 'not there'}"


def markdown_links(text: str) -> list[str]:
    """List the targets of links and images, outside of code."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    links = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
    return links + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)


def test_relative_links_lead_somewhere() -> None:
    broken = []
    for path in tracked():
        # The sources of chapters are built into book/, and their links are relative to it.
        folder = path.parent.parent if path.parent == ROOT / "book" / "src" else path.parent
        if path.suffix != ".md":
            continue
        for link in markdown_links(path.read_text(encoding="utf-8")):
            target = unquote(link.split("#")[0])
            if not target or re.match(r"[a-z][a-z+.-]*:", target):
                continue
            if not (folder / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert broken == []


def test_repository_is_small() -> None:
    total = sum(path.stat().st_size for path in tracked())
    assert total < 60 * MEGABYTE, f"{total / MEGABYTE:.0f} MB"


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert described == set(phony[1].split())
