"""The table of planted faults fits the files as they stand; `make mutants` tries it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.mutants import machine, workshop
from tests.mutants.__main__ import batches, choose
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.mutants.undecorate import undecorated
from tests.mutants.workshop import Outcome

ROOT = Path(__file__).parents[1]
CHECKS = {"structure", "style", "source"}  # of a notebook, without a kernel


@cache
def names_in(file: str) -> set[str]:
    """Return the names of a module's tests, those in classes as Class::test."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    inner = {f"{c.name}::{f.name}" for c in classes for f in c.body if hasattr(f, "name")}
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} | inner


def test_there_are_many_and_each_has_its_name():
    assert len(FAULTS) >= 60
    assert max(Counter(fault.name for fault in FAULTS).values()) == 1
    assert max(Counter((fault.file, fault.old, fault.new) for fault in FAULTS).values()) == 1
    areas = Counter(fault.area for fault in FAULTS)
    assert areas["chapters"] >= 8 and areas["pages"] >= 6 and areas["cards"] >= 3


def test_every_fault_can_be_planted():
    for fault in FAULTS:  # in one test, since there are many
        changed = fault.planted(fault.read(ROOT), fault.file)
        assert fault.new != fault.old, fault.name
        if fault.file.endswith(".py"):
            compile(changed, f"{fault.file}, where {fault.name}", "exec")


def test_the_tests_that_must_notice_are_there():
    for fault in FAULTS:
        assert fault.tests, fault.name
        for test in fault.tests:
            file, _, name = test.partition("[")[0].partition("::")
            assert (ROOT / file).is_file(), test
            known = CHECKS | {""} if file.endswith(".ipynb") else names_in(file)
            assert name in known, test
            assert fault.area == "pages" or not file.startswith("tests/site/"), test


@pytest.mark.parametrize("text", ["y = 2", "x = 1; x = 1"])
def test_an_old_text_that_is_not_there_once_is_an_error(text):
    with pytest.raises(
        ValueError, match=r"'a sign': .* stands [02] times in a\.py, not once: x = 1"
    ):
        Fault("a sign", "a.py", "x = 1", "x = -1", ()).planted(text, "a.py")


def failed(*errors, when="call", message=""):
    verdict = {"test": "t", "when": when, "outcome": "failed", "errors": errors}
    return Outcome([verdict | {"message": message}], code=1)


def test_what_counts_as_caught():
    assert failed("AssertionError", "Exception").caught_by() == "t"
    assert failed("Failed", "Exception").caught_by() == "t"
    assert failed("NbCellError", message="Cell outputs differ").caught_by() == "t"


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (failed("NameError", message="x"), "t broke in its call, by NameError: x"),
        (failed("AssertionError", when="setup"), "t broke in its setup, by AssertionError: "),
        (
            failed("NbCellError", message="Cell execution caused an exception"),
            "t broke in its call, by NbCellError: Cell execution caused an exception",
        ),
        (Outcome(), f"the tests took more than {workshop.PATIENCE} s"),
        (Outcome(code=2), "no test failed, and pytest ended with 2 after 0 test(s)"),
        (Outcome(code=0), "no test failed, and pytest ended with 0 after 0 test(s)"),
        (
            Outcome([{"test": "t", "when": "call", "outcome": "passed", "errors": []}], code=0),
            "all 1 test(s) passed",
        ),
    ],
)
def test_what_does_not_count_as_caught(outcome, why):
    assert outcome.caught_by() is None
    assert outcome.why_not() == why


def test_faults_are_chosen_by_words():
    assert choose([]) == FAULTS
    assert {one.area for one in choose(["pages"])} == {"pages"}
    assert [one.name for one in choose(["vae.py", "ZERO_GRAD"])] == ["vae.py forgets zero_grad"]
    assert choose(["nothing like that"]) == []


def test_each_test_runs_once_without_a_fault():
    tests = [test for batch in batches(FAULTS) for test in batch]
    assert sorted(tests) == sorted({test for one in FAULTS for test in one.tests})


def test_a_script_of_a_page_is_planted_in_the_built_book_too():
    script = Fault("a", "book/_static/live/kl.js", "a", "b", ("tests/site/test_live.py",))
    assert script.files() == [script.file, "book/_build/html/_static/live/kl.js"]
    assert replace(script, tests=("tests/scripts/test_live.py",)).files() == [script.file]
    part = replace(script, file="book/_ext/live_figures/kl.html", built="book/06.html")
    assert part.files() == [part.file, "book/_build/html/book/06.html"]


def test_undecorated_functions_do_what_the_decorated_do():
    source = """
import functools

def twice(times):
    def wrap(function):
        return lambda *a: [function(*a)] * times
    return wrap

@twice(2)
@functools.cache
def f(x):
    return x + 1

class A:
    @property
    def size(self):
        return 3

    @staticmethod
    def g():
        return 4

    @classmethod
    def h(cls):
        return cls.__name__
"""
    changed = undecorated(source)
    assert changed.count("@") == 2  # mutmut itself knows static methods and those of classes
    for text in (source, changed):
        names: dict = {}
        exec(text, names)
        found = names["f"](1), names["A"]().size, names["A"].g(), names["A"].h()
        assert found == ([2, 2], 3, 4, "A"), text


def test_a_machine_made_change_is_named_and_counted():
    assert machine.function("vaetut.objective.x__widest__mutmut_4") == "vaetut.objective._widest"
    assert machine.function("vaetut.functional.xǁTanhǁforward__mutmut_1") == (
        "vaetut.functional.Tanh.forward"
    )
    fates = {"a": "killed", "b": "timeout", "c": "survived", "d": "no tests"}
    assert machine.table(machine.counts({"vaetut/m.py": fates})).splitlines()[2:] == [
        "| `vaetut/m.py` | 4 | 2 | 1 | 1 |",
        "| all | 4 | 2 | 1 | 1 |",
    ]


def test_a_surviving_change_needs_its_own_reason(monkeypatch):
    monkeypatch.setattr(machine, "change", lambda name: f"- a\n+ b{name[-1]}")
    names = ["vaetut.m.x_f__mutmut_1", "vaetut.m.x_f__mutmut_2"]
    single = {"function": "vaetut.m.f", "change": "- a\n+ b1\n", "reason": "the same"}
    kind = {"function": r"vaetut\.m\..", "change": r"- (.)\n\+ b[1-2]", "reason": "the same"}
    apart = kind | {"function": r"vaetut\.m"}
    left = {"equivalent": [single], "kind": [apart]}
    assert machine.unexplained(names, left) == ["vaetut.m.f\n- a\n+ b2"]
    assert machine.unexplained(names, left | {"kind": [apart, kind]}) == []


# Function, line and changed line: those that a kind takes, and faults like them that none may take.
LEVELS = "likelihoods.discrete.DiscretizedLogistic.log_prob_each"
CHECK = 'def check(self, x, name: str = "x", remedy: str = "{}"):'
EVALUATION, SEEDED = "evaluation", "generator = make_generator(seed, EVALUATION, "
STEPS, RUN = "training.steps.Steps", "training.run._Run"
NOISE = "generator = make_generator(self.seed, VALIDATION, "
SUMS, KEPT = "kl, estimate = kl.sum({}), estimate.sum({})", "0, keepdim=True"
CLEARED = "self.model.zero_grad(set_to_none="
ESTIMATOR = "estimator.VariationalAutoencoder"
BAR = "bar = tqdm(total=len(images), disable=hidden"
OF_A_KIND = [
    ("m.f", 'check_finite(z, name="z")', "check_finite(z, )"),
    ("m.f", 'check_finite(z, name="z")', 'check_finite(z, name="XXzXX")'),
    ("m.f", 'mean, shape, name="a mean"', "mean, shape, name=None"),
    ("m.f", 'name = "a sum"', 'name = "A SUM"'),
    ("m.f", 'check_count(n, "n")', "check_count(n, None)"),
    ("m.f", "zip(a, b, strict=True)", "zip(a, b, strict=False)"),
    ("m.f", "zip(a, b, strict=True)", "zip(a, b, )"),
    ("m.f", "rand(n, device=x.device, dtype=d)", "rand(n, dtype=d)"),
    ("m.f", "rand(n, device=x.device)", "rand(n, )"),
    ("m.f", "a.to(x.device)", "a.to(None)"),
    ("m.f", "keep(a, persistent=False)", "keep(a, persistent=None)"),
    ("functional.cross_entropy", "return each.sum(-1)", "return each.sum(-2)"),
    ("refinement.refine_posterior", "kl.sum(-1)", "kl.sum(+1)"),
    ("likelihoods.base.Likelihood.start", "cat([a, b], -1)", "cat([a, b], +1)"),
    ("likelihoods.discrete.Poisson.check", CHECK.format(""), CHECK.format("XXXX")),
    ("m.f", 'check_flag(compile, "compile")', 'check_flag(compile, "XXcompileXX")'),
    (f"{EVALUATION}._evaluate_block", "rate = kl.sum(-1)", "rate = kl.sum(+1)"),
    (f"{EVALUATION}.evaluate", "device = next(p).device", "device = None"),
    (f"{EVALUATION}._evaluate_block", "where = a if b else c", "where = a if (b) or True else c"),
    (f"{EVALUATION}.evaluate", f"{SEEDED}device)", f"{SEEDED}None)"),
    (f"{EVALUATION}.evaluate", "x = x.to(device)", "x = x.to(None)"),
    (f"{EVALUATION}._evaluate_block", "a = zeros(3, device=where)", "a = zeros(3, device=None)"),
    (f"{EVALUATION}._evaluate_block", "a = zeros(3, device=where)", "a = zeros(3, )"),
    (f"{EVALUATION}.evaluate", "log_weights = compiled(log_weights)", "log_weights = None"),
    (f"{EVALUATION}.evaluate", f"{BAR}, unit='a')", f"{BAR}, unit='b')"),
    (f"{EVALUATION}.aggregate_posterior", "sums = f(dtype=torch.float64)", "sums = f()"),
    (LEVELS, "torch.where(x > 1 - self.step / 2, a)", "torch.where(x >= 1 - self.step / 2, a)"),
    (LEVELS, "torch.where(x < self.step / 2, a)", "torch.where(x < self.step / 3, a)"),
    ("likelihoods.discrete.Poisson.sample", "return draws.to(params)", "return draws.to(None)"),
    (f"{STEPS}.epoch", "rows = order.to(self.images.device)", "rows = order.to(None)"),
    (f"{STEPS}.epoch", "randperm(9, generator=g, device=device)", "randperm(9, generator=g, )"),
    (f"{RUN}._validate", f"{NOISE}self.drawn_on)", f"{NOISE})"),
    ("training.graphs._record", "graph = torch.cuda.CUDAGraph()", "graph = None"),
    ("training.graphs._undone", 'if device.type == "cuda":', 'if device.type == "CUDA":'),
    (f"{RUN}._epoch", "if self.processes > 1:", "if self.processes > 2:"),
    (f"{RUN}._epoch", "distributed.all_reduce(sums)", "distributed.all_reduce(None)"),
    (f"{RUN}.__init__", "self.drawn_on = a if b else c", "self.drawn_on = c"),
    (f"{RUN}.go", 'unit="step",', "unit=None,"),
    (f"{RUN}.go", 'bar.note("a", refresh=False)', 'bar.note("a", refresh=True)'),
    (f"{RUN}._validate", "total += e.sum(dtype=total.dtype)", "total += e.sum(dtype=None)"),
    (f"{STEPS}.state", 'return weights | {"count of steps": n}', 'return weights | {"n": n}'),
    (f"{STEPS}.__call__", f"{CLEARED}True)", f"{CLEARED}False)"),
    ("training.optimizers.learning_rates", "cycle_momentum=False,", "cycle_momentum=True,"),
    ("training.steps.loss_at", SUMS.format(*2 * [KEPT]), SUMS.format(KEPT, "None, keepdim=True")),
    ("columns.Columns.rebuild", 'rebuild_part(a, "column")', "rebuild_part(a, None)"),
    (f"{ESTIMATOR}.load", "rebuild_part(a, key)", "rebuild_part(a, None)"),
    (f"{ESTIMATOR}.save", 'check_is_fitted(self, "model_")', "check_is_fitted(self, )"),
    ("data._read_idx", "md5(raw, usedforsecurity=False)", "md5(raw, )"),
    ("columns.Column.decode", "x = x.astype(np.float64)", "x = x.astype(None)"),
]
OF_NO_KIND = [
    ("m.f", 'check_finite(z, name="z")', 'check_finite(name="z")'),
    ("m.f", 'Card(name="z")', "Card(name=None)"),
    ("m.f", 'check_choice(z, "z", ("a", "b"))', 'check_choice(z, "z", ("XXaXX", "b"))'),
    ("m.f", 'check_count(n, "n")', 'check_count(None, "n")'),
    ("m.f", "zip(a, b, strict=True)", "zip(a, a, strict=False)"),
    ("m.f", "rand(n, device=x.device)", "rand(device=x.device)"),
    ("m.f", "a.to(x.dtype)", "a.to(None)"),
    ("m.f", "keep(a, persistent=False)", "keep(a, persistent=True)"),
    ("functional.cross_entropy", "return total.sum(-1)", "return total.sum(-2)"),
    ("evaluation._evaluate_block", "rate = kl.sum(-1)", "rate = kl.sum(-2)"),
    ("evaluation.evaluate", "g = make_generator(seed, EVALUATION)", "g = make_generator(1)"),
    ("evaluation.evaluate", f"{BAR})", "bar = tqdm(total=None, disable=hidden)"),
    ("evaluation.aggregate_posterior", "sums += torch.stack(d)", "sums -= torch.stack(d)"),
    ("refinement.refine_posterior", "kl.sum(-1)", "kl.sum(-2)"),
    ("objective.elbo", "kl.sum(-1)", "kl.sum(+1)"),
    ("likelihoods.bernoulli.Bernoulli.check", CHECK.format(""), CHECK.format("XXXX")),
    (LEVELS, "torch.where(x > 1 - self.step / 2, a)", "torch.where(x > 2 - self.step / 2, a)"),
    ("likelihoods.bernoulli.Bernoulli.sample", "return x.to(params)", "return x.to(None)"),
    (f"{STEPS}.epoch", "rows = order.to(self.images.dtype)", "rows = order.to(None)"),
    (f"{RUN}._validate", f"{NOISE}self.drawn_on)", "generator = make_generator(VALIDATION)"),
    ("training.graphs._undone", "moved |= tensor is not before", "moved |= tensor is before"),
    ("training.graphs.recorded", "rows = rows.clone()", "rows = rows"),
    (f"{RUN}._epoch", "if not math.isfinite(cost):", "if math.isfinite(cost):"),
    (f"{RUN}.go", 'bar.note("a", refresh=False)', "bar.note(refresh=False)"),
    (f"{RUN}._validate", "total += e.sum(dtype=total.dtype)", "total = e.sum(dtype=total.dtype)"),
    (f"{STEPS}.state", "return weights | moments", "return weights"),
    (f"{STEPS}.__call__", f"{CLEARED}True)", "pass"),
    ("training.optimizers.learning_rates", "pct_start=recipe.rise,", "pct_start=None,"),
    ("training.steps.loss_at", SUMS.format(*2 * [KEPT]), "kl, estimate = kl.sum(), kl.sum()"),
    (f"{ESTIMATOR}.load", "rebuild_part(a, key)", "rebuild_part(None, key)"),
    (f"{ESTIMATOR}.save", 'check_is_fitted(self, "model_")', "check_is_fitted(None)"),
    ("data._read_idx", "md5(raw, usedforsecurity=False)", "md5(None, usedforsecurity=False)"),
    ("columns.Column.decode", "x = x.astype(np.float32)", "x = x.astype(None)"),
    ("frames._floats", "np.array(x, dtype=np.float64)", "np.array(x, dtype=None)"),
    (f"{STEPS}._share", "i in (self.rank, self.rank + 1)", "i in (self.rank, self.rank + 2)"),
]
KINDS = tomllib.loads(machine.REASONS.read_text("utf-8"))["kind"]


def kinds_of(where, old, new):
    found = (machine.is_of_kind(kind, f"vaetut.{where}", f"- {old}\n+ {new}") for kind in KINDS)
    return [number for number, taken in enumerate(found) if taken]


def test_each_kind_takes_its_changes_alone():
    taken = [kinds_of(*each) for each in OF_A_KIND]
    assert all(len(kinds) == 1 for kinds in taken), taken
    assert {kind for (kind,) in taken} == set(range(len(KINDS)))
    assert all(len(kind["reason"].split()) > 3 for kind in KINDS)


@pytest.mark.parametrize(("where", "old", "new"), OF_NO_KIND)
def test_no_kind_takes_a_fault(where, old, new):
    assert kinds_of(where, old, new) == []


def test_the_record_is_of_the_modules_that_are_changed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    rows = re.findall(r"^\| `(.+?)` ", machine.RECORD.read_text("utf-8"), re.MULTILINE)
    assert rows == settings["only_mutate"]


def test_each_reason_is_about_code_that_is_there():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "vaetut").rglob("*.py")
    }
    for each in tomllib.loads(machine.REASONS.read_text("utf-8"))["equivalent"]:
        (path,) = [p for name, p in modules.items() if each["function"].startswith(f"{name}.")]
        lines = {line.strip() for line in path.read_text("utf-8").splitlines()}
        gone = [line[2:] for line in each["change"].splitlines() if line.startswith("- ")]
        assert set(gone) <= lines, each
        assert len(each["reason"].split()) > 3, each
