"""The time that a chapter states is the time that it takes.

We reckon 180 words a minute, a quarter of a minute for a displayed formula, and five seconds for a
line of open code. What is folded (code and answers), and the exercises, are not counted. A section
under a heading "Deeper: …" is not part of the main line; it states its own minutes.
"""

import re
from pathlib import Path

import pytest

CHAPTERS = sorted((Path(__file__).parents[1] / "book" / "src").glob("[01]*.md"))
CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.M | re.S)
FORMULA = re.compile(r"^\$\$.*?^\$\$|^\$\$.*?\$\$$", re.M | re.S)
STATED = re.compile(
    r"<summary><b>Time:</b> (\d+) minutes to read(?:, and (\d+) for what is marked Deeper)?"
)
NOT_READ = re.compile(r"\A---\n.*?\n---\n|<details>.*?</details>", re.S)


def minutes(text: str) -> float:
    """How long a piece of a chapter takes to read."""
    cells = [cell for cell in CELL.findall(text) if not re.search("hide-|remove-", cell)]
    code = [line for cell in cells for line in cell.splitlines() if line.strip() and line[0] != ":"]
    prose = CELL.sub("", NOT_READ.sub("", text))
    formulas = FORMULA.findall(prose)
    prose = re.sub(r"\]\([^)]*\)", "]", FORMULA.sub("", prose))
    prose = re.sub(r"\$[^$]+\$", "x", prose)  # a formula in the text is read as a word
    return len(re.findall(r"\w[\w'’.-]*", prose)) / 180 + len(formulas) / 4 + len(code) / 12


def parts(text: str) -> tuple[str, list[str]]:
    """The main line of a chapter, and its sections marked Deeper; the exercises are neither."""
    main, deeper, inside = [], [], None  # inside: depth of the heading of an aside, and its pieces
    for piece in re.split(r"^(?=##+ )", text, flags=re.M):
        heading = piece.partition("\n")[0]
        depth = len(heading) - len(heading.lstrip("#"))
        if inside and depth > inside[0]:
            inside[1].append(piece)
            continue
        inside = (depth, [piece]) if re.match(r"##+ (Deeper: |Exercises)", heading) else None
        if inside is None:
            main.append(piece)
        elif "Deeper" in heading:
            deeper.append(inside[1])
    return "".join(main), ["".join(pieces) for pieces in deeper]


def near(stated: float, measured: float) -> bool:
    """Whether a statement is true to a tenth, or to two minutes."""
    return abs(stated - measured) <= max(2, measured / 10)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem.split("_")[0])
def test_a_chapter_takes_the_time_that_it_states(path):
    main, deeper = parts(path.read_text("utf-8"))
    stated = STATED.search(main)
    assert stated, "write: <b>Time:</b> 25 minutes to read, and 10 for what is marked Deeper; …"
    assert near(int(stated[1]), minutes(main)), f"the main line takes {minutes(main):.0f} minutes"
    both = sum(map(minutes, deeper))
    assert bool(stated[2]) == bool(deeper)
    assert near(int(stated[2] or 0), both), f"what is marked Deeper takes {both:.0f} minutes"
    for section in deeper:
        own = re.match(r".*\n+\*(\d+) minutes?[.;]", section)
        assert own, "a section marked Deeper begins: *6 minutes. …*"
        takes = minutes(section)
        assert near(int(own[1]), takes), f"{section[:60]} takes {takes:.0f} minutes"


def test_the_reckoning_of_minutes():
    text = "word " * 180 + "\n$$\nx\n$$\n\n```{code-cell} ipython3\n:tags: [a]\n\nx = 1\n```\n"
    assert minutes(text) == pytest.approx(1 + 1 / 4 + 1 / 12)
    assert minutes(text.replace("[a]", "[hide-input]")) == pytest.approx(1 + 1 / 4)


def test_what_is_marked_deeper_is_not_on_the_main_line():
    text = "# A\na\n## B\nb\n## Deeper: C\nc\n### D\nd\n## E\ne\n## Exercises\nf\n"
    main, deeper = parts(text)
    assert main == "# A\na\n## B\nb\n## E\ne\n"
    assert deeper == ["## Deeper: C\nc\n### D\nd\n"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem.split("_")[0])
def test_the_first_page_states_the_same_time(path):
    index = (path.parents[1] / "index.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| \[.*\({path.stem}\.ipynb\).*$", index, re.M)
    stated = STATED.search(path.read_text("utf-8"))[1]
    assert row.endswith(f"| {stated}&nbsp;min |")
