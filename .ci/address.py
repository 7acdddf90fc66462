"""Write the repository's address from pyproject.toml to the files that hold it as literal text.

`python .ci/address.py` (or `make address`) rewrites them; `--check` only says which differ.
The address that they hold now is read from _config.yml.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TEXT = {".bib", ".cff", ".css", ".html", ".ipynb", ".md", ".py", ".toml", ".yaml", ".yml"}


def slug(url: str) -> str:
    """Return `owner/name` of a repository on GitHub."""
    prefix = "https://github.com/"
    if not url.startswith(prefix) or url.removeprefix(prefix).count("/") != 1:
        raise SystemExit(f"expected an address like {prefix}owner/name, got {url!r}")
    return url.removeprefix(prefix)


def pages(url: str) -> str:
    """Return the address of the book that GitHub Pages serves for a repository."""
    owner, name = slug(url).split("/")
    return f"https://{owner.lower()}.github.io/{name}"


def replacements(old: str, new: str) -> dict[str, str]:
    """Return every form in which the address occurs, old and new."""
    forms = ("https://github.com/{}", "colab.research.google.com/github/{}", "v2/gh/{}")
    return {pages(old): pages(new)} | {
        form.format(slug(old)): form.format(slug(new)) for form in forms
    }


def main(arguments: list[str]) -> int:
    """Rewrite, or check; return the exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    new = project["urls"]["Repository"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    old = config["repository"]["url"]
    if old == new:
        print(f"The address is {new} already.")
        return 0
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    changed = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.suffix not in TEXT and "/" in name and not name.startswith(".github"):
            continue
        try:
            text = before = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for was, becomes in replacements(old, new).items():
            text = text.replace(was, becomes)
        if text != before:
            changed.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    print("\n".join(changed))
    return 1 if "--check" in arguments and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
