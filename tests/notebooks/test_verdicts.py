"""A check that prints False in a chapter is one that the text speaks of."""

import nbformat

from book.build import BOOK

# What the text beside it explains. Anything else that turns False is a fault of the chapter.
EXPLAINED = {
    ("03", "log p(x) never fell: False"),
    ("05", "sample:  requires_grad is False"),
    ("C", "input_data can be imported: False"),
    ("C", "article, epoch 1 each of 55,000 once: True, shuffled: False"),
    ("C", "biases are zero: vaetut.VAE True bare nn.Linear False"),
    ("C", "generate()           feeds (20,)      accepted: False"),
    ("C", "generate(one code)   feeds (1, 20)    accepted: False"),
    ("G", "every bit is the same: False"),
}


def test_no_check_of_a_chapter_fails_unexplained():
    found = set()
    for path in BOOK.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                for line in output.get("text", "").splitlines():
                    if line.endswith(" False"):
                        found.add((path.stem.partition("_")[0], line.strip()))
    assert found == EXPLAINED
