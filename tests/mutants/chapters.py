"""Faults in chapters, in the file that chapter 7 shows, and in the checks of exercises.

A chapter's source is taken over into its notebook, whose stored outputs stay as they are.
"""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

TWO, TWO_RUN = "book/src/02_obstacles.md", "book/02_obstacles.ipynb"
FIVE = "book/src/05_the_reparameterization_trick.md"
FIVE_RUN = "book/05_the_reparameterization_trick.ipynb"
A, A_RUN = "book/src/A_notation_and_glossary.md", "book/A_notation_and_glossary.ipynb"
H, H_RUN = "book/src/H_benchmarks.md", "book/H_benchmarks.ipynb"
FILE, STEPS_TEST = "book/vae.py", "tests/test_vae_file.py::test_ten_steps_are_those_of_the_package"
HINT_TEST = "tests/test_exercises.py::test_a_mistake_gets_the_hint_that_fits"

FAULTS: list[Fault] = [
    # What a chapter computes and draws
    fault(
        "chapter 5's one line has σ² for σ",
        FIVE,
        "    return mu + (0.5 * log_var).exp() * eps\n",
        "    return mu + log_var.exp() * eps\n",
        FIVE_RUN,
    ),
    fault(
        "a figure of chapter 5 has another array",
        FIVE,
        'ax.plot(mus, same, color=COLORS["posterior"]',
        'ax.plot(mus, new, color=COLORS["posterior"]',
        FIVE_RUN,
    ),
    fault(
        "an axis of chapter 5 is mirrored",
        FIVE,
        'ax.set(xlabel=r"$\\mu$", ylabel="average cost (nats)")',
        'ax.set(xlabel=r"$\\mu$", ylabel="average cost (nats)", xlim=(3.3, -3.3))',
        FIVE_RUN,
    ),
    fault(
        "chapter 2 takes the KL the other way round",
        TWO,
        "exact = kl_divergence(data, model), kl_divergence(model, data)",
        "exact = kl_divergence(model, data), kl_divergence(data, model)",
        TWO_RUN,
    ),
    fault(
        "chapter 2 forgets to keep a point from being its own neighbour",
        TWO,
        "nu, rho = nearest(x, y), nearest(x, x, skip=1)",
        "nu, rho = nearest(x, y, skip=1), nearest(x, x, skip=1)",
        TWO_RUN,
    ),
    fault(
        "appendix A counts decimal digits for bits",
        A,
        "bits = nats / math.log(2) / x.shape[1]",
        "bits = nats / math.log(10) / x.shape[1]",
        A_RUN,
    ),
    fault(
        "a curve of appendix H is that of the other recipe",
        H,
        'seeds[f"{name}-20d"]]).mean(0)',
        'seeds["fast-20d"]]).mean(0)',
        H_RUN,
    ),
    fault(
        "a verdict of appendix H has a wrong sign",
        H,
        'return "met" if (low > float(limit)) == (sign == "≥") else "missed"',
        'return "met" if (low > float(limit)) == (sign == "≤") else "missed"',
        H_RUN,
    ),
    # What a chapter says of it
    fault(
        "chapter 5 compares a thing with itself",
        FIVE,
        'agree("our line, the package", reparameterize(mu, log_var, eps), package, to=1e-6)',
        'agree("our line, the package", package, package, to=1e-6)',
        f"{FIVE_RUN}::structure",
    ),
    fault(
        "chapter 5 stores that two routes do not agree",
        FIVE_RUN,
        "our line, the package agree to 1e-06: True",
        "our line, the package agree to 1e-06: False",
        f"{FIVE_RUN}::structure",
    ),
    fault(
        "a number of chapter 5 is typed into a sentence",
        FIVE,
        "Both estimators are [unbiased]",
        "The mean cost is 3.01 nats. Both estimators are [unbiased]",
        "tests/test_typed_numbers.py::test_a_number_of_nats_in_a_sentence_is_computed",
    ),
    fault(
        "a stored output of chapter 5 is stale",
        FIVE_RUN,
        "mean 1.000, standard deviation 0.500",
        "mean 1.000, standard deviation 0.510",
        FIVE_RUN,
    ),
    fault(
        "chapter 5 was not built from its source as it stands",
        FIVE_RUN,
        "mus = torch.linspace(-3, 3, 121)",
        "mus = torch.linspace(-3, 3, 141)",
        f"{FIVE_RUN}::source",
    ),
    fault(
        "a tolerance of chapter 5 is so wide that nothing is compared",
        FIVE,
        ":tags: [hide-input, rtol=1e-2]\n\nbeyond =",
        ":tags: [hide-input, rtol=0.5]\n\nbeyond =",
        f"{FIVE_RUN}::structure",
    ),
    fault(
        "chapter 5 states a time that it does not take",
        FIVE,
        " minutes to read, and 16 for what is marked Deeper",
        " minutes to read, and 61 for what is marked Deeper",
        "tests/test_reading_time.py::test_a_chapter_takes_the_time_that_it_states",
    ),
    fault(
        "a term of chapter 5 leads to another one's entry",
        FIVE,
        "[Pathwise](A_notation_and_glossary.ipynb#pathwise-gradient)",
        "[Pathwise](A_notation_and_glossary.ipynb#score-function)",
        "tests/test_glossary.py::test_the_first_use_of_a_term_links_to_the_glossary",
    ),
    # The file that chapter 7 shows
    fault("vae.py forgets zero_grad", FILE, "            optimizer.zero_grad()\n", "", STEPS_TEST),
    fault(
        "vae.py has an eps of 1e-3",
        FILE,
        "betas=(0.9, 0.99))",
        "betas=(0.9, 0.99), eps=1e-3)",
        STEPS_TEST,
    ),
    fault("vae.py has the usual betas", FILE, ", betas=(0.9, 0.99))", ")", STEPS_TEST),
    fault(
        "vae.py has the plain gradient of its estimate, too",
        FILE,
        "return distortion, rate.detach() + (log_ratio - log_ratio.detach())",
        "return distortion, rate + (log_ratio - log_ratio.detach())",
        STEPS_TEST,
    ),
    fault(
        "vae.py's rate is a mean over the coordinates",
        FILE,
        "(mu**2 + log_var.exp() - 1 - log_var).sum(-1)",
        "(mu**2 + log_var.exp() - 1 - log_var).mean(-1)",
        "tests/test_vae_file.py::test_its_cost_is_the_negative_elbo",
    ),
    fault(
        "vae.py calls the cost of training that of held-out images",
        FILE,
        "unseen = sum(cost(model, held_out, noise_for(held_out)))",
        "unseen = sum(cost(model, x, noise_for(x)))",
        "tests/test_vae_file.py::test_without_a_step_the_costs_are_those_of_the_two_parts",
    ),
    # Checks of exercises
    fault(
        "an exercise takes a sum of gaps for a difference",
        "vaetut/exercises/chapter_04.py",
        "    right_mean, wanted = mu.mean(0), inner + outer\n",
        "    right_mean, wanted = mu.mean(0), inner - outer\n",
        HINT_TEST,
    ),
    fault(
        "an exercise takes nats for bits",
        "vaetut/exercises/chapter_14.py",
        "    wanted = nats.mean() / (input_dim * math.log(2))\n",
        "    wanted = nats.mean() / input_dim\n",
        HINT_TEST,
    ),
    fault(
        "an exercise wants the unit of a density with a wrong sign",
        "vaetut/exercises/chapter_13.py",
        "    wanted = log_prob - scale.log()\n",
        "    wanted = log_prob + scale.log()\n",
        HINT_TEST,
    ),
]
