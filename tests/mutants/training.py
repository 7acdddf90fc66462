"""Faults in training: steps, optimisers, schedules, held-out images, resuming."""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

STEPS, RUN = "vaetut/training/steps.py", "vaetut/training/run.py"
OPTIMIZERS, RECIPE = "vaetut/training/optimizers.py", "vaetut/recipe.py"
ADAM = "adam = partial(torch.optim.Adam, betas=recipe.betas, eps=recipe.eps, fused=fused)"
LOSS_TEST = "tests/test_training.py::test_the_loss_is_distortion_plus_beta_times_rate"
SPLIT_TEST = (
    "tests/test_training.py::"
    "test_the_first_images_are_held_out_and_every_other_one_is_seen_each_epoch"
)
RESUME_TEST = "tests/test_training.py::test_a_resumed_run_equals_one_that_never_stopped"
LANDING_TEST = (
    "tests/test_training.py::"
    "test_the_elbo_sticks_the_landing_with_the_same_values_and_mean_gradient"
)
SETTINGS_TEST = "tests/test_training.py::test_adam_has_the_betas_and_eps_of_its_recipe"

FAULTS: list[Fault] = [
    # The loss
    fault(
        "the distortion is a mean over pixels",
        STEPS,
        "distortion = -model.log_likelihood(x, z).mean()  # over K and B",
        "distortion = -model.log_likelihood(x, z).mean() / x.shape[1]",
        LOSS_TEST,
    ),
    fault(
        "the rate is a mean over coordinates",
        STEPS,
        "rate = kl.sum()\n",
        "rate = kl.mean()\n",
        LOSS_TEST,
    ),
    fault(
        "β weights the distortion",
        STEPS,
        "loss = distortion + beta * (kl.clamp",
        "loss = beta * distortion + (kl.clamp",
        LOSS_TEST,
    ),
    fault(
        "β is ignored",
        STEPS,
        "loss = distortion + beta * (kl.clamp",
        "loss = distortion + (kl.clamp",
        LOSS_TEST,
    ),
    fault(
        "free bits are a ceiling",
        STEPS,
        "kl.clamp(min=recipe.free_bits).sum()",
        "kl.clamp(max=recipe.free_bits).sum()",
        "tests/test_training.py::"
        "test_free_bits_make_the_first_nats_of_every_coordinate_cost_the_same",
    ),
    fault(
        "free bits are ignored",
        STEPS,
        "(kl.clamp(min=recipe.free_bits).sum() if recipe.free_bits else rate)",
        "rate",
        "tests/test_training.py::"
        "test_free_bits_make_the_first_nats_of_every_coordinate_cost_the_same",
    ),
    fault(
        "the STL gradient is counted twice",
        STEPS,
        "kl = kl.detach() + estimate - estimate.detach()",
        "kl = kl + estimate - estimate.detach()",
        LANDING_TEST,
    ),
    fault(
        "the STL estimate has a gradient through q, too",
        STEPS,
        "model.prior.log_ratio(q.detach(), z)",
        "model.prior.log_ratio(q, z)",
        "tests/test_training.py::test_where_q_is_exact_the_landing_is_without_noise",
    ),
    fault(
        "the warm-up begins at its end",
        STEPS,
        "min(1.0, epochs / length)",
        "min(1.0, 1.0 - epochs / length)",
        "tests/test_training.py::test_beta_grows_from_zero_over_the_warm_up",
    ),
    fault(
        "the warm-up counts steps for epochs",
        STEPS,
        "steps // per_epoch + steps % per_epoch / per_epoch, recipe",
        "steps, recipe",
        "tests/test_training.py::test_beta_grows_from_zero_over_the_warm_up",
    ),
    # The step
    fault(
        "zero_grad is forgotten",
        STEPS,
        "        self.model.zero_grad(set_to_none=True)\n",
        "",
        "tests/test_training.py::test_a_step_follows_the_gradient_of_its_own_batch",
    ),
    fault(
        "every step has the same noise",
        STEPS,
        "self.recipe.num_samples, self.generator)  # for all processes",
        "self.recipe.num_samples, torch.Generator().manual_seed(0))",
        "tests/test_training.py::test_every_step_has_noise_of_its_own",
    ),
    fault(
        "all images of a training batch share their noise",
        STEPS,
        "loss, terms = self.loss(x[own], beta, eps[:, own])",
        "loss, terms = self.loss(x[own], beta, eps[:, :1].expand_as(eps)[:, own])",
        "tests/test_training.py::test_every_step_has_noise_of_its_own",
    ),
    fault(
        "an image is binarized alike in each epoch",
        STEPS,
        "x = draw_bits(x, self.generator)",
        "x = draw_bits(x, torch.Generator().manual_seed(0))",
        "tests/test_training.py::test_dynamic_binarization_draws_anew_every_epoch",
    ),
    fault(
        "binarize is ignored",
        STEPS,
        "        if self.recipe.binarize:\n",
        "        if False:\n",
        "tests/test_training.py::test_dynamic_binarization_draws_anew_every_epoch",
    ),
    fault(
        "the images are not shuffled",
        STEPS,
        "torch.randperm(len(self.images), generator=self.generator, device=device)",
        "torch.arange(len(self.images), device=device)",
        SPLIT_TEST,
    ),
    fault(
        "the last batch is dropped",
        STEPS,
        "for rows in torch.split(order.to(self.images.device), self.recipe.batch_size):",
        "for rows in torch.split(order.to(self.images.device), self.recipe.batch_size)[:-1]:",
        SPLIT_TEST,
    ),
    fault(
        "the cost of an epoch is a mean over batches",
        STEPS,
        "sizes = [len(rows[self._share(len(rows))]) for rows in batches]",
        "sizes = [len(self.images) / len(batches) for rows in batches]",
        "tests/test_training.py::test_the_cost_is_the_mean_over_images_not_over_batches",
    ),
    fault(
        "num_samples is ignored",
        STEPS,
        "x, self.recipe.num_samples, self.generator)  # for",
        "x, 1, self.generator)  # for",
        "tests/test_training.py::test_every_step_has_noise_of_its_own",
    ),
    # Optimisers
    fault(
        "Adam's eps is ignored",
        OPTIMIZERS,
        ADAM,
        ADAM.replace(" eps=recipe.eps,", ""),
        SETTINGS_TEST,
    ),
    fault(
        "Adam's betas are ignored",
        OPTIMIZERS,
        ADAM,
        ADAM.replace(" betas=recipe.betas,", ""),
        SETTINGS_TEST,
    ),
    fault(
        "Adam's betas are exchanged",
        OPTIMIZERS,
        ADAM,
        ADAM.replace("betas=recipe.betas", "betas=recipe.betas[::-1]"),
        SETTINGS_TEST,
    ),
    fault(
        "Adam's eps is 1e-3 by default",
        RECIPE,
        "eps: float = 1e-8",
        "eps: float = 1e-3",
        "tests/test_training.py::test_the_articles_recipe_is_metzens",
    ),
    fault(
        "the β₂ of FAST is the usual one",
        RECIPE,
        "    betas=(0.9, 0.99),\n",
        "",
        "tests/test_records.py::test_a_recipe_is_the_one_that_was_measured",
    ),
    fault(
        "Muon decays its weights",
        OPTIMIZERS,
        "weight_decay=0.0",
        "weight_decay=0.1",
        "tests/test_training.py::test_muon_has_no_weight_decay",
    ),
    fault(
        "the peak of a cycle is at a place of its own",
        OPTIMIZERS,
        "pct_start=recipe.rise",
        "pct_start=0.3",
        "tests/test_training.py::test_a_cycle_rises_and_falls_to_zero",
    ),
    fault(
        "a linear cycle is a cosine",
        OPTIMIZERS,
        '"linear" if recipe.schedule == "one-cycle-linear" else "cos"',
        '"cos"',
        "tests/test_training.py::test_a_cycle_rises_and_falls_to_zero",
    ),
    fault(
        "a run that goes on begins its schedule anew",
        STEPS,
        "self.rates = learning_rates(recipe, last)[first:]",
        "self.rates = learning_rates(recipe, last)",
        RESUME_TEST,
    ),
    # Held-out images
    fault(
        "the held-out images are trained on",
        RUN,
        "self.held_out, self.images = rows.tensor_split([recipe.validation])",
        "self.held_out, self.images = rows[: recipe.validation], rows",
        SPLIT_TEST,
    ),
    fault(
        "the last images are held out",
        RUN,
        "self.held_out, self.images = rows.tensor_split([recipe.validation])",
        "self.images, self.held_out = rows.tensor_split([len(rows) - recipe.validation])",
        SPLIT_TEST,
    ),
    fault(
        "the output is centred on held-out images, too",
        RUN,
        "model.likelihood.start(self.images)",
        "model.likelihood.start(images)",
        "tests/test_training.py::test_the_output_is_centred_on_the_training_images",
    ),
    fault(
        "validation has other noise in each epoch",
        RUN,
        "generator = make_generator(self.seed, VALIDATION, self.drawn_on)",
        "generator = self.generator",
        "tests/test_training.py::test_validation_uses_the_same_noise_after_every_epoch",
    ),
    fault(
        "the validation cost has a wrong sign",
        RUN,
        "return -(total / len(x)).item()",
        "return (total / len(x)).item()",
        "tests/test_training.py::test_the_validation_cost_is_the_negative_elbo_after_the_epoch",
    ),
    fault(
        "dropout does not rest in validation",
        RUN,
        "with torch.no_grad(), self.steps.autocast, evaluating(self.model):",
        "with torch.no_grad(), self.steps.autocast:",
        "tests/test_training.py::test_dropout_rests_in_validation_alone",
    ),
    # Going on
    fault(
        "the moments are lost when a run goes on",
        RUN,
        '            _load_moments(optimizer, saved["state"])',
        "            pass",
        RESUME_TEST,
    ),
    fault(
        "the noise begins anew when a run goes on",
        RUN,
        '        self.generator.set_state(state["generator"])\n',
        "",
        RESUME_TEST,
    ),
    fault(
        "the moments are lost between passes",
        RUN,
        "            _load_moments(optimizer, moments)",
        "            pass",
        "tests/test_estimator.py::test_partial_fit_passes_are_the_epochs_of_fit",
    ),
    fault(
        "a checkpoint of other images is taken",
        "vaetut/checkpoint.py",
        "return shape == other_shape and math.isclose(",
        "return shape == other_shape or math.isclose(",
        "tests/test_training.py::test_a_checkpoint_of_another_run_is_refused_whatever_differs",
    ),
]
