"""Every check accepts right answers of any form, and meets each mistake with the hint that fits."""

import math
import threading
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.processes import python
from vaetut.exercises import check, draws, judge, registry
from vaetut.exercises.registry import CHECKS, close, scaled, shifted, sizes

FILES = sorted((Path(__file__).parent / "exercises").glob("chapter_*.py"))
CHAPTERS = [import_module(f"tests.exercises.{path.stem}") for path in FILES]
SOLUTIONS = {number: answer for c in CHAPTERS for number, answer in c.SOLUTIONS.items()}
RIGHT = [right for c in CHAPTERS for right in c.RIGHT]
MISTAKES = [mistake for c in CHAPTERS for mistake in c.MISTAKES]


def test_every_exercise_has_a_solution_other_right_ways_and_mistakes():
    ways, mistakes = (Counter(number for number, *_ in each) for each in (RIGHT, MISTAKES))
    assert set(SOLUTIONS) == set(CHECKS) == set(ways) == set(mistakes)
    assert not {number: count for number, count in ways.items() if count < 5}
    assert not {number: count for number, count in mistakes.items() if count < 8}


@pytest.mark.parametrize("number", SOLUTIONS)
def test_the_solution_is_correct_whatever_is_drawn(number, capsys):
    check(number, SOLUTIONS[number])
    assert capsys.readouterr().out == f"{number}: correct\n"
    for seed in range(5):
        assert judge(number, SOLUTIONS[number], seed=seed).state == "correct", seed


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_another_right_way_is_correct(number, answer):
    assert str(judge(number, answer, seed=0)) == f"{number}: correct"


@pytest.mark.parametrize(("number", "answer", "hint"), MISTAKES)
def test_a_mistake_gets_the_hint_that_fits(number, answer, hint):
    verdict = judge(number, answer, seed=0)
    assert verdict.state == "not right yet"
    assert hint in str(verdict)


@pytest.mark.parametrize("number", SOLUTIONS)
def test_an_empty_stub_is_not_done_yet_and_stops_nothing(number, capsys):
    def stub(*args): ...

    def explained(*args):
        """Return what the exercise wants."""

    for empty in (stub, explained, lambda *args: None, None):
        check(number, empty)
    assert capsys.readouterr().out == 4 * f"{number}: not done yet\n"


def test_a_constant_is_no_empty_stub():
    for constant in (lambda n: 7, lambda n: "seven", lambda n: (1, 2), lambda n: ...):
        assert judge("7.1", constant).state == "not right yet"


@pytest.mark.parametrize("number", SOLUTIONS)
def test_a_forgotten_return_is_not_an_empty_stub(number):
    def forgotten(*args):
        result = SOLUTIONS[number](*args)
        print(type(result), end="")

    assert "returns nothing" in judge(number, forgotten).hint


@pytest.mark.parametrize("constant", [lambda *args: 1, lambda *args: 2.5, lambda *args: "418"])
def test_a_constant_is_an_answer_and_no_stub(constant):
    assert judge("6.4", constant).state == "not right yet"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError("deep")])
def test_code_that_fails_is_reported_and_stops_nothing(error, capsys):
    def failing(n):
        raise error

    check("7.1", failing)
    assert f"Your code stopped with {type(error).__name__}: {error}" in capsys.readouterr().out


def test_code_that_fails_without_a_word_is_reported_in_a_whole_sentence():
    def failing(n):
        raise AssertionError

    assert str(judge("7.1", failing)).endswith("Your code stopped with AssertionError.")


def test_ctrl_c_is_the_readers(monkeypatch):
    def interrupted(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge("7.1", interrupted)


def endless(n):
    while True:
        n += 1


def endless_and_deaf(n):
    while True:
        try:
            endless(n)
        except:  # noqa: E722  (as in a reader's code)
            if time.monotonic() > endless_and_deaf.until:
                raise


@pytest.mark.parametrize("answer", [endless, endless_and_deaf])
def test_a_loop_that_never_ends_is_ended(answer, monkeypatch):
    monkeypatch.setattr(registry, "TIME_LIMIT", 0.2)
    endless_and_deaf.until = time.monotonic() + 1
    assert "was stopped" in judge("7.1", answer).hint
    monkeypatch.undo()  # the next one needs its time on a busy machine
    assert judge("7.1", SOLUTIONS["7.1"]).state == "correct"
    assert threading.active_count() < 5


def test_a_check_ends_where_the_code_is_traced():
    """As by a debugger, or by whatever measures which lines run."""
    trace = "import sys; sys.settrace(lambda *event: None); from vaetut import exercises; "
    done = python("-c", trace + "exercises.check('7.1', lambda: 1); print('the end')")
    assert done.stdout.endswith("the end\n"), done.stderr


def in_float64(result):
    if isinstance(result, tuple):
        return tuple(map(in_float64, result))
    return result.double() if isinstance(result, torch.Tensor) else result


def as_array(result):
    """Return what a reader who thinks in NumPy would: arrays in float64, and lists of them."""
    if isinstance(result, tuple):
        return [as_array(each) for each in result]
    return result.detach().double().numpy() if isinstance(result, torch.Tensor) else result


def as_list(result):
    if isinstance(result, tuple):
        return [as_list(each) for each in result]
    return result.tolist() if isinstance(result, torch.Tensor | np.ndarray) else result


@pytest.mark.parametrize("number", SOLUTIONS)
def test_a_solution_may_come_in_double_precision(number):
    assert judge(number, lambda *args: in_float64(SOLUTIONS[number](*args))).state == "correct"


@pytest.mark.parametrize("form", [as_array, as_list])
@pytest.mark.parametrize("number", SOLUTIONS)
def test_a_solution_may_come_as_arrays_or_lists_where_no_gradient_is_wanted(number, form):
    verdict = judge(number, lambda *args: form(SOLUTIONS[number](*args)))
    assert verdict.state == "correct" or "has no gradient" in verdict.hint


@pytest.mark.parametrize("number", SOLUTIONS)
def test_the_readers_defaults_do_not_count(number):
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            assert judge(number, SOLUTIONS[number]).state == "correct"
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_solution_may_change_what_it_is_given():
    def standard_error(log_w):
        log_w -= log_w.amax(0)
        w = log_w.exp_()
        return ((w.square().mean(0) / w.mean(0).square() - 1) / len(w)).sqrt()

    assert judge("9.2", standard_error).state == "correct"


@pytest.mark.parametrize("answer", [{"mean": 1}, "418", 7, lambda x: x, math.nan, []])
@pytest.mark.parametrize("number", SOLUTIONS)
def test_an_answer_of_another_kind_is_not_called_a_fault_of_the_code(number, answer):
    verdict = judge(number, lambda *args: answer)
    assert verdict.state == "not right yet"
    assert "your code stopped" not in verdict.hint


@pytest.mark.parametrize("one", [torch.tensor(1.0), np.float64(1.0), np.array(1.0), 1.0])
def test_one_number_is_not_several(one):
    assert "two things" in judge("4.1", lambda *args: one).hint


def spoiled(result, value):
    """Return a result with its last number replaced, in each of several."""
    if isinstance(result, tuple | list):
        return tuple(spoiled(each, value) for each in result)
    if not isinstance(result, torch.Tensor):
        return value if isinstance(result, int | float | np.floating) else result
    result = result.clone().float()  # a bool or an int has no NaN
    result.view(-1)[-1] = value
    return result


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", sorted(set(SOLUTIONS) - {"1.2", "10.6"}))  # functions, models
def test_a_number_that_is_not_finite_never_passes(number, value):
    verdict = judge(number, lambda *args: spoiled(SOLUTIONS[number](*args), value))
    assert verdict.state == "not right yet"


def test_the_number_that_is_off_is_the_one_shown():
    """And not the first one, which may be right."""
    for wrong, shown in ((5.0, "5.0000"), (math.nan, "nan")):

        def only_the_last(*args, wrong=wrong):
            return spoiled(SOLUTIONS["1.1"](*args), wrong)

        assert f"one of your numbers is {shown}, it should be" in judge("1.1", only_the_last).hint


def test_sizes_that_are_drawn_together_differ():
    for seed in range(50):
        some = sizes(torch.Generator().manual_seed(seed), 3, 2, 5)
        assert len(set(some)) == 3
        assert set(some) <= {2, 3, 4, 5}


def test_one_number_that_was_added_or_multiplied_is_known():
    wanted = torch.tensor([1.0, -2.0, 4.0])
    assert close(wanted + 3, shifted(wanted + 3, wanted))
    assert close(wanted * -3, scaled(wanted * -3, wanted))
    for known in (shifted, scaled):
        for other in (
            wanted**2,
            0 * wanted,
            wanted * 1.01,
            wanted + 0.01,
            wanted * torch.nan,
            torch.full((3,), torch.inf),
        ):
            assert not close(other, known(other, wanted))


def test_a_gradient_that_is_lost_in_place_is_no_fault_of_the_kind():
    def log_prob(each, x):
        logs = each.exp()
        total = logs.log()
        logs *= 2
        return SOLUTIONS["15.2"](total, x)

    assert "no way back to its gradient" in judge("15.2", log_prob).hint


@pytest.mark.parametrize(
    ("hint", "shown"), [("", "7.1: s"), ("a", "7.1: s. A."), ("is it?", "7.1: s. Is it?")]
)
def test_a_hint_is_a_sentence(hint, shown):
    assert str(registry.Verdict("7.1", "s", hint)) == shown


def test_an_unknown_exercise_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"there are: .*7\.1"):
        check("0.0", None)


@pytest.fixture
def seed():
    """A seed for what a check draws, as `judge` sets it."""
    token = registry._SEED.set(0)
    yield
    registry._SEED.reset(token)


def test_sizes_differ_and_lie_within(seed):
    g = registry.drawn()
    several = [registry.sizes(g, 3, 2, 5) for _ in range(100)]
    assert all(len(set(each)) == 3 for each in several)
    assert {one for each in several for one in each} == {2, 3, 4, 5}


@pytest.mark.parametrize(
    ("draw", "hint"),
    [
        (lambda g: torch.randn(5, generator=g), None),
        (lambda g: torch.randn(5), "global generator"),
        (lambda g: torch.randn(5, generator=g) + torch.rand(1), "global generator"),
        (lambda g: torch.from_numpy(np.random.default_rng().normal(size=5)), "same generator"),
        (lambda g: torch.arange(5), "another generator"),
        (lambda g: torch.randn(5, generator=torch.Generator().manual_seed(1)), "another generator"),
        (
            lambda g: torch.randn(5, generator=torch.Generator().manual_seed(g.initial_seed())),
            "a second call",
        ),
    ],
)
def test_misuse_of_a_generator_is_noticed(draw, hint, seed):
    state = torch.get_rng_state()
    found = draws.generator_problem(draw)
    assert found is None if hint is None else hint in found
    assert torch.equal(state, torch.get_rng_state())


def test_draws_are_plausible_under_their_own_distribution_only():
    g = torch.Generator().manual_seed(0)
    normal, flat = torch.randn(4000, 2, generator=g), torch.rand(8000, generator=g) - 0.5
    assert draws.plausible(normal, torch.special.ndtr)
    assert not draws.plausible(math.sqrt(12) * flat, torch.special.ndtr)  # the same moments
    assert not draws.plausible(normal + 0.1, torch.special.ndtr)
    assert not draws.plausible(torch.full((8000,), torch.nan), torch.special.ndtr)


@pytest.mark.parametrize(("sides", "right"), [(6, True), (7, False)])
def test_plausible_knows_distributions_with_steps(sides, right):
    dice = torch.randint(sides, (2000,), generator=torch.Generator().manual_seed(0)) + 1
    assert draws.plausible(dice, lambda x: (x.floor() / 6).clamp(0, 1)) == right
    assert draws.plausible(dice[:1], lambda x: (x.floor() / 6).clamp(0, 1))


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda eps: eps, None),
        (lambda eps: torch.cat([eps[:500], eps[:500]]), "the same"),
        (lambda eps: torch.cat([eps[:500], -eps[:500]]), "two by two"),
        (lambda eps: torch.stack([eps[:500], -eps[:500]], 1).flatten(0, 1), "two by two"),
        (lambda eps: eps + 0.2, "not normal"),
        (lambda eps: math.sqrt(12) * (torch.special.ndtr(eps) - 0.5), "not normal"),
        (lambda eps: 0.9 * eps, "not normal with mean 0 and variance 1"),
        (lambda eps: eps.clamp(-2.5, 2.5), "never goes beyond ±2.50"),
        (lambda eps: eps - eps.mean(0), "exactly"),
        (lambda eps: eps / eps.std(0), "exactly"),
        (lambda eps: (eps - eps.mean()) / eps.std(), "exactly"),
        (lambda eps: torch.cat([eps, -eps[:, :1]], 1), "told from"),
        (lambda eps: torch.cat([eps, (eps[:, :1] * eps[:, 1:2].sign())], 1), "told from"),
    ],
)
def test_noise_that_is_not_independent_and_normal_is_noticed(spoil, hint):
    eps = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    found = draws.noise_problem(spoil(eps))
    assert found is None if hint is None else hint in found


@pytest.mark.parametrize(("used", "noisy"), [(400, False), (10, True)])
def test_an_average_of_too_few_draws_is_noticed(used, noisy, seed):
    found = draws.too_noisy(
        lambda g: torch.randn(used, 3, generator=g).mean(0), torch.full((3,), 0.05)
    )
    assert (found is not None) == noisy
