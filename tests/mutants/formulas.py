"""Faults in formulas: KL, bounds, densities, likelihoods, priors."""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

PRIORS, NORMAL = "vaetut/priors.py", "vaetut/distributions.py"
BOUNDS, FAST = "vaetut/objective.py", "vaetut/functional.py"
BERNOULLI, GAUSSIAN = "vaetut/likelihoods/bernoulli.py", "vaetut/likelihoods/gaussian.py"
DISCRETE, TABLES = "vaetut/likelihoods/discrete.py", "vaetut/likelihoods/tables.py"
KL = "0.5 * (mu.square() + log_var.exp() - 1 - log_var)"
KL_TEST = "tests/test_objective.py::test_the_kl_agrees_with_torch_distributions"
ELBO_TEST = "tests/test_objective.py::test_the_elbo_is_the_mean_log_likelihood_less_the_kl"
BOUND_TEST = "tests/test_objective.py::test_the_bound_is_the_log_of_the_mean_weight"
LIBRARY_TEST = "tests/test_likelihoods.py::test_log_probabilities_are_those_of_a_library"

FAULTS: list[Fault] = [
    # The KL
    fault("the KL lacks its ½", PRIORS, KL, KL.removeprefix("0.5 * "), KL_TEST),
    fault(
        "the KL has a wrong sign before the log-variance",
        PRIORS,
        KL,
        "0.5 * (mu.square() + log_var.exp() - 1 + log_var)",
        KL_TEST,
    ),
    fault(
        "the KL has σ for σ²",
        PRIORS,
        KL,
        "0.5 * (mu.square() + (0.5 * log_var).exp() - 1 - log_var)",
        KL_TEST,
    ),
    fault(
        "the KL is a mean over the coordinates",
        BOUNDS,
        "kl_per_dimension(mu, log_var).sum(-1)",
        "kl_per_dimension(mu, log_var).mean(-1)",
        KL_TEST,
    ),
    fault(
        "the log-ratio of the normals has a wrong sign",
        PRIORS,
        "0.5 * (z.square() - (z - q.mu)",
        "0.5 * (z.square() + (z - q.mu)",
        "tests/test_objective.py::test_the_kl_agrees_with_monte_carlo",
    ),
    # The draw
    fault(
        "z = μ + σ²ε",
        NORMAL,
        "(0.5 * self.log_var).exp() * eps",
        "self.log_var.exp() * eps",
        "tests/test_model.py::test_a_sample_is_mu_plus_sigma_times_epsilon",
    ),
    fault(
        "no gradient reaches σ through the draw",
        NORMAL,
        "(0.5 * self.log_var).exp() * eps",
        "(0.5 * self.log_var.detach()).exp() * eps",
        "tests/test_model.py::test_sampling_passes_gradcheck",
    ),
    fault(
        "no gradient reaches μ through the draw",
        NORMAL,
        "return self.mu + (0.5",
        "return self.mu.detach() + (0.5",
        "tests/test_model.py::test_sampling_passes_gradcheck",
    ),
    fault(
        "all images of a batch share their noise",
        BOUNDS,
        "return standard_normal((num_samples, len(x), model.latent_dim), x, generator)",
        "return standard_normal((num_samples, 1, model.latent_dim), x, generator)"
        ".expand(-1, len(x), -1)",
        "tests/test_evaluation.py::test_every_image_has_noise_of_its_own",
    ),
    fault(
        "noise without a generator is the same at every call",
        "vaetut/noise.py",
        "    if generator is None:\n        return make_generator(seed, stream)",
        "    if generator is None:\n        return make_generator(seed or 0, stream)",
        "tests/test_model.py::test_without_a_generator_every_call_draws_anew",
    ),
    fault(
        "weights and training share their random numbers",
        "vaetut/noise.py",
        "WEIGHTS, TRAINING, VALIDATION, EVALUATION, SAMPLING = range(5)",
        "WEIGHTS, TRAINING, VALIDATION, EVALUATION, SAMPLING = 0, 0, 2, 3, 4",
        "tests/test_noise.py::test_the_named_streams_differ",
    ),
    # The bounds
    fault(
        "the ELBO adds the KL",
        BOUNDS,
        "return Elbo(log_likelihood - kl, log_likelihood, kl)",
        "return Elbo(log_likelihood + kl, log_likelihood, kl)",
        ELBO_TEST,
    ),
    fault(
        "the ELBO is a sum over the draws",
        BOUNDS,
        "model.log_likelihood(x, z).mean(0)  # (K, B) -> (B,)",
        "model.log_likelihood(x, z).sum(0)",
        ELBO_TEST,
    ),
    fault(
        "the importance-weighted bound is a mean of logs",
        BOUNDS,
        "return log_weights.logsumexp(0) - math.log(len(log_weights))",
        "return log_weights.mean(0)",
        BOUND_TEST,
    ),
    fault(
        "an importance weight has q in the numerator",
        BOUNDS,
        "log_likelihood - model.prior.log_ratio(q, z).sum(-1)",
        "log_likelihood + model.prior.log_ratio(q, z).sum(-1)",
        BOUND_TEST,
    ),
    fault(
        "the bound that streams lacks its log K",
        BOUNDS,
        "return total - math.log(num_samples)",
        "return total",
        "tests/test_objective.py::test_gradients_on_or_off_the_value_is_the_same",
    ),
    fault(
        "DReG weights a gradient once",
        BOUNDS,
        "lambda gradient: gradient * weights[..., None]",
        "lambda gradient: gradient",
        "tests/test_objective.py::"
        "test_the_doubly_reparameterized_gradient_is_the_bounds_with_less_noise",
    ),
    fault(
        "DReG lets a gradient through log q",
        BOUNDS,
        "log_importance_weights(model, x, z, q.detach())",
        "log_importance_weights(model, x, z, q)",
        "tests/test_objective.py::test_where_q_is_exact_the_encoder_has_nothing_to_learn",
    ),
    fault(
        "a distribution is detached by half",
        NORMAL,
        "Normal(self.mu.detach(), self.log_var.detach())",
        "Normal(self.mu.detach(), self.log_var)",
        "tests/test_training.py::test_where_q_is_exact_the_landing_is_without_noise",
    ),
    # Likelihoods
    fault(
        "the Gaussian lacks log σ²",
        NORMAL,
        "-0.5 * (squared + log_var + LOG_2PI)",
        "-0.5 * (squared + LOG_2PI)",
        "tests/test_model.py::test_gaussian_agrees_with_torch_distributions",
    ),
    fault(
        "the Gaussian's constant is log π",
        NORMAL,
        "LOG_2PI = math.log(2 * math.pi)",
        "LOG_2PI = math.log(math.pi)",
        "tests/test_model.py::test_gaussian_agrees_with_torch_distributions",
    ),
    fault(
        "the Gaussian divides by σ for σ²",
        NORMAL,
        "squared = (x - mean).square() * (-log_var).exp()",
        "squared = (x - mean).square() * (-0.5 * log_var).exp()",
        "tests/test_model.py::test_gaussian_agrees_with_torch_distributions",
    ),
    fault(
        "a fixed variance is taken for a standard deviation",
        GAUSSIAN,
        "self.fixed = float(np.float32(math.log(variance)))",
        "self.fixed = float(np.float32(2 * math.log(variance)))",
        "tests/test_model.py::test_a_fixed_variance_is_what_was_asked_for_and_is_no_parameter",
    ),
    fault(
        "a learned variance has no lower bound",
        GAUSSIAN,
        "return mean, log_var.clamp(min=MIN_LOG_VAR_X)",
        "return mean, log_var",
        "tests/test_model.py::test_a_learned_variance_acts_no_lower_than_its_bound",
    ),
    fault(
        "a learned variance does not learn",
        GAUSSIAN,
        "self.log_var = nn.Parameter(torch.zeros(()))",
        "self.log_var = nn.Parameter(torch.zeros(()), requires_grad=False)",
        "tests/test_training.py::test_every_weight_has_a_gradient_and_moves",
    ),
    fault(
        "the Bernoulli's gradient has a wrong sign",
        FAST,
        "(grad * (a.sigmoid() - x)).sum_to_size(a.shape)",
        "(grad * (x - a.sigmoid())).sum_to_size(a.shape)",
        "tests/test_functional.py::test_the_cross_entropys_gradients_are_exact",
    ),
    fault(
        "the cross-entropy is of 1 - x",
        FAST,
        "linear = ((0.5 - x) * a)",
        "linear = ((x - 0.5) * a)",
        "tests/test_model.py::test_grey_pixels_have_the_cross_entropy",
    ),
    fault(
        "the softplus has the slope of its mirror image",
        FAST,
        "return grad * a.sigmoid()",
        "return grad * (-a).sigmoid()",
        "tests/test_functional.py::test_gradients_are_exact_and_can_be_differentiated_again",
    ),
    fault(
        "the mean of a Bernoulli is its logit",
        BERNOULLI,
        "        return params.sigmoid()\n",
        "        return params\n",
        "tests/test_model.py::"
        "test_the_mean_picture_is_the_sigmoid_of_the_logits_or_the_gaussian_mean",
    ),
    fault(
        "a draw of a Bernoulli is its mean, rounded",
        BERNOULLI,
        "(uniform(tuple(params.shape), params, generator) < params.sigmoid()).to(params)",
        "params.sigmoid().round()",
        "tests/test_likelihoods.py::test_the_mean_of_draws_is_the_mean",
    ),
    fault(
        "a level of the discretized logistic is twice as wide",
        DISCRETE,
        "above = (x - mean + self.step / 2)",
        "above = (x - mean + self.step)",
        "tests/test_likelihoods.py::test_probabilities_add_up_to_one",
        LIBRARY_TEST,
    ),
    fault(
        "classes are shifted by one",
        DISCRETE,
        "classes = x.long().expand(params.shape[:-1])",
        "classes = (x.long() - 1).clamp(min=0).expand(params.shape[:-1])",
        LIBRARY_TEST,
    ),
    fault(
        "a Poisson lacks log x!",
        DISCRETE,
        "(x * log_mean - log_mean.exp() - torch.lgamma(x + 1))",
        "(x * log_mean - log_mean.exp())",
        LIBRARY_TEST,
    ),
    fault(
        "a gap costs what a 0 costs",
        TABLES,
        "self.base.log_prob_each(x.masked_fill(gaps, 0), params).masked_fill(gaps, 0)",
        "self.base.log_prob_each(x.masked_fill(gaps, 0), params)",
        "tests/test_likelihoods.py::test_a_gap_costs_nothing",
    ),
    fault(
        "the encoder sees no mask",
        TABLES,
        "x.masked_fill(gaps, 0)), gaps.to(x)], -1)",
        "x.masked_fill(gaps, 0)), torch.zeros_like(x)], -1)",
        "tests/test_likelihoods.py::test_a_gap_costs_nothing",
    ),
    fault(
        "columns come back group by group",
        TABLES,
        'return whole.index_select(-1, self.get_buffer(f"index_{len(self.parts)}"))',
        "return whole",
        "tests/test_likelihoods.py::test_groups_keep_their_columns_in_means_and_draws_and_starts",
    ),
    # Priors
    fault(
        "the weights of a mixture are not normalised",
        PRIORS,
        "self.logits.log_softmax(0)",
        "self.logits",
        "tests/test_priors.py::test_the_density_integrates_to_one",
    ),
    fault(
        "a VampPrior is a sum, not a mean",
        PRIORS,
        "q.mu.new_full((len(q.mu),), -math.log(len(q.mu)))",
        "q.mu.new_zeros(len(q.mu))",
        "tests/test_priors.py::test_the_density_integrates_to_one",
    ),
    fault(
        "a fitted mixture has σ for σ²",
        PRIORS,
        "np.log(fitted.covariances_)",
        "0.5 * np.log(fitted.covariances_)",
        "tests/test_priors.py::test_a_fitted_mixture_is_the_one_of_the_library",
    ),
    fault(
        "pictures are drawn from N(0, I), whatever the prior",
        "vaetut/model.py",
        "z = self.prior.sample(number, generator)",
        "z = StandardNormal(self.latent_dim).sample(number, generator)",
        "tests/test_priors.py::test_the_mean_of_the_model_is_drawn_from_its_prior",
    ),
]
