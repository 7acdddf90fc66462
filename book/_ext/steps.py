"""What the book adds to Sphinx's build: every step, in the order in which the steps run.

This is the only extension that `_config.yml` names. The modules beside it say what their steps do.
"""

from __future__ import annotations

import breaks
import card
import ebook
import figures
import head
import lazy
import lines
import live
import manifold
import mathematics
import playground
import questions
import scripts
import styles
import tables
import trainer
from sphinx.application import Sphinx

STEPS = {
    "builder-inited": [ebook.begin],
    "write-started": [
        manifold.write_manifold,
        playground.write_playground,
        trainer.write_trainer,
    ],
    "doctree-resolved": [  # each page, before it is written
        mathematics.hold_points,
        mathematics.keep_tags,
        questions.arrange,
        ebook.drop_scripts,
        live.put_figures,
        tables.arrange,
        breaks.mark_tables,
    ],
    "html-page-context": [
        live.load_scripts,
        breaks.mark_joints,
        head.add_metadata,
        head.edit_the_source,
    ],
    "build-finished": [
        head.write_entry,
        card.write,
        mathematics.write_styles,
        scripts.write_scripts,
        figures.finish,  # of pages and pictures that are all there
        lazy.measure,  # of pages whose pictures have their sizes
        styles.join,  # of rules that the finished pages need
    ],
}
# Sphinx's own steps, and those of other extensions, have 500.
BEFORE_OTHERS, AFTER_OTHERS = 100, 900


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    lines.register()
    mathematics.register(app)
    playground.register(app)
    for event, steps in STEPS.items():
        # Sphinx checks an e-book's name as soon as there is a builder.
        priority = BEFORE_OTHERS if event == "builder-inited" else AFTER_OTHERS
        for step in steps:
            app.connect(event, step, priority)
    # One engine sees all formulas, so that one sheet has their rules.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
