"""Faults in networks, data, evaluation, refinement, imputation, tables and figures."""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

NETWORKS, DATA, EVALUATION = "vaetut/networks.py", "vaetut/data.py", "vaetut/evaluation.py"
REFINEMENT, IMPUTATION = "vaetut/refinement.py", "vaetut/imputation.py"
COLUMNS = "vaetut/columns.py"
MOVES_TEST = "tests/test_training.py::test_every_weight_has_a_gradient_and_moves"
KNOWN_TEST = "tests/test_evaluation.py::test_the_nll_is_exact_on_a_linear_gaussian_model"
SPLIT_TEST = "tests/test_evaluation.py::test_the_split_is_that_of_a_mixture_of_normals"

FAULTS: list[Fault] = [
    # Networks
    fault(
        "the output bias does not train",
        NETWORKS,
        "        self.out = _linear((latent_dim, *hidden_dims)[-1], output_dim, generator)\n",
        "        self.out = _linear((latent_dim, *hidden_dims)[-1], output_dim, generator)\n"
        "        self.out.bias.requires_grad_(False)\n",
        MOVES_TEST,
    ),
    fault(
        "the output bias gets no gradient",
        NETWORKS,
        "params: torch.Tensor = self.out(self.hidden(z))",
        "params = self.hidden(z) @ self.out.weight.T + self.out.bias.detach()",
        MOVES_TEST,
    ),
    fault(
        "a centred output bias is frozen",
        NETWORKS,
        "            bias.copy_(values)\n",
        "            bias.copy_(values)\n        bias.requires_grad_(False)\n",
        MOVES_TEST,
    ),
    fault(
        "the encoder's two heads are exchanged",
        NETWORKS,
        "(B, D) -> (B, H)\n        return Normal(self.mu(h), self.log_var(h))",
        "(B, D) -> (B, H)\n        return Normal(self.log_var(h), self.mu(h))",
        "tests/test_model.py::test_the_network_is_what_its_equations_say",
    ),
    fault(
        "the encoder's two heads are one",
        NETWORKS,
        "(B, D) -> (B, H)\n        return Normal(self.mu(h), self.log_var(h))",
        "(B, D) -> (B, H)\n        return Normal(self.mu(h), self.mu(h))",
        MOVES_TEST,
        "tests/test_model.py::test_the_network_is_what_its_equations_say",
    ),
    fault(
        "the decoder has the encoder's widths, not reversed",
        "vaetut/model.py",
        "check_widths(hidden_dims)[::-1]",
        "check_widths(hidden_dims)",
        "tests/test_model.py::test_the_decoder_has_the_encoders_widths_reversed",
    ),
    fault(
        "weights are drawn from a normal",
        NETWORKS,
        "nn.init.xavier_uniform_(weight, generator=generator)",
        "nn.init.xavier_normal_(weight, generator=generator)",
        "tests/test_model.py::test_weights_are_xavier_uniform_and_biases_zero",
    ),
    fault(
        "the numbers of a pixel are apart",
        NETWORKS,
        "h.unflatten(1, (self.shape[0], self.width)).movedim(2, -1)",
        "h.unflatten(1, (self.width, self.shape[0])).movedim(1, -1)",
        "tests/test_networks.py::test_the_numbers_of_a_pixel_stay_together",
    ),
    # Data
    fault(
        "grey values are divided by 256",
        DATA,
        "pixels.flatten(1).float() / 255",
        "pixels.flatten(1).float() / 256",
        "tests/test_data.py::test_mnist_has_its_shape_type_and_range",
    ),
    fault(
        "rows and columns of the digits are exchanged",
        DATA,
        "pixels.flatten(1).float() / 255",
        "pixels.mT.flatten(1).float() / 255",
        "tests/test_data.py::test_the_digits_stand_upright",
    ),
    fault(
        "the labels are those of the next images",
        DATA,
        "return _to_unit_interval(pixels), labels.long()",
        "return _to_unit_interval(pixels), labels.long().roll(-1)",
        "tests/test_data.py::test_mnist_has_its_labels",
    ),
    fault(
        "EMNIST lies on its side",
        DATA,
        'dataset.data.mT if class_name == "EMNIST" else dataset.data',
        "dataset.data",
        "tests/test_data.py::test_a_relative_of_mnist_comes_in_the_same_form",
    ),
    fault(
        "binarization is a threshold at ½",
        DATA,
        "(uniform(tuple(images.shape), images, generator) < images).to(images.dtype)",
        "(images > 0.5).to(images.dtype)",
        "tests/test_data.py::test_each_pixel_is_one_as_often_as_it_is_bright",
    ),
    fault(
        "the test images are the training images",
        DATA,
        '_PREFIX = {"train": "train", "test": "t10k"}',
        '_PREFIX = {"train": "train", "test": "train"}',
        "tests/test_data.py::test_mnist_has_its_labels",
    ),
    # Evaluation
    fault(
        "the NLL lacks its log K",
        EVALUATION,
        '"nll": math.log(num_samples) - log_sums[0]',
        '"nll": -log_sums[0]',
        KNOWN_TEST,
    ),
    fault(
        "the standard error over images lacks its √N",
        EVALUATION,
        "(values.std() / math.sqrt(len(values))).item()",
        "values.std().item()",
        "tests/test_evaluation.py::test_the_error_over_images_is_their_spread_over_root_n",
    ),
    fault(
        "the Monte Carlo error lacks its 1/K",
        EVALUATION,
        "variance.clamp(min=0) * unbias / num_samples",
        "variance.clamp(min=0) * unbias",
        "tests/test_evaluation.py::test_the_monte_carlo_error_is_the_spread_between_seeds",
    ),
    fault(
        "a coordinate is active above 0.02",
        EVALUATION,
        "ACTIVE_VARIANCE = 0.01",
        "ACTIVE_VARIANCE = 0.02",
        "tests/test_evaluation.py::"
        "test_a_unit_is_active_if_its_mean_varies_by_more_than_a_hundredth",
    ),
    fault(
        "active units are counted by standard deviations",
        EVALUATION,
        "(mu.var(0) > ACTIVE_VARIANCE)",
        "(mu.std(0) > ACTIVE_VARIANCE)",
        "tests/test_evaluation.py::"
        "test_a_unit_is_active_if_its_mean_varies_by_more_than_a_hundredth",
    ),
    fault(
        "the other images of a split are counted as all",
        EVALUATION,
        "- math.log(len(mu) - 1)",
        "- math.log(len(mu))",
        SPLIT_TEST,
    ),
    fault(
        "the split measures q(z) against itself",
        EVALUATION,
        "aggregate - prior.log_prob(z)",
        "conditional - prior.log_prob(z)",
        SPLIT_TEST,
    ),
    fault(
        "dropout does not rest in an evaluation",
        EVALUATION,
        "with bar, evaluating(model), short_of_memory",
        "with bar, short_of_memory",
        "tests/test_parts.py::test_a_model_is_measured_with_its_dropout_at_rest",
    ),
    # Refinement
    fault(
        "refinement leaves the KL out",
        REFINEMENT,
        "model.log_likelihood(x, z).mean(0) - model.kl(q, z).sum(-1)",
        "model.log_likelihood(x, z).mean(0)",
        "tests/test_refinement.py::test_it_finds_the_posterior_where_the_family_holds_it",
    ),
    fault(
        "refinement leaves gradients in the model",
        REFINEMENT,
        "torch.autograd.backward((-elbo).sum(), inputs=parameters)",
        "(-elbo).sum().backward()",
        "tests/test_refinement.py::test_the_model_is_left_as_it_was",
    ),
    fault(
        "refinement forgets zero_grad",
        REFINEMENT,
        "            optimizer.zero_grad()\n",
        "",
        "tests/test_refinement.py::test_it_finds_the_posterior_where_the_family_holds_it",
    ),
    # Imputation and tables
    fault(
        "imputation takes all codes for equally good",
        IMPUTATION,
        "weights, params = log_weights.softmax(0), model.decode(z)",
        "weights, params = (0 * log_weights).softmax(0), model.decode(z)",
        "tests/test_imputation.py::"
        "test_numbers_agree_with_the_exact_conditional_mean_and_deviation",
    ),
    fault(
        "imputation writes over what is there",
        IMPUTATION,
        "torch.where(gaps, guess, x)",
        "guess",
        "tests/test_imputation.py::test_what_is_observed_stays_and_costs_no_error",
    ),
    fault(
        "imputation tells a variance as a deviation",
        IMPUTATION,
        "- guess).square()).sum(0).sqrt()",
        "- guess).square()).sum(0)",
        "tests/test_imputation.py::"
        "test_numbers_agree_with_the_exact_conditional_mean_and_deviation",
    ),
    fault(
        "a column comes back without its centre",
        COLUMNS,
        "values = numbers.astype(np.float64) * self.scale + self.center",
        "values = numbers.astype(np.float64) * self.scale",
        "tests/test_tables.py::test_numbers_come_back_from_the_scale_of_the_model",
    ),
    fault(
        "the unit of a density has a wrong sign",
        COLUMNS,
        "return log_prob - known @ self.log_scale",
        "return log_prob + known @ self.log_scale",
        "tests/test_tables.py::test_the_score_of_one_real_column_is_its_log_density",
    ),
    # Figures, files and the estimator
    fault(
        "the manifold is upside down",
        "vaetut/plotting.py",
        "np.meshgrid(axis, axis[::-1])",
        "np.meshgrid(axis, axis)",
        "tests/test_plotting.py::TestManifold::test_grid_reads_from_the_top_left",
    ),
    fault(
        "the points of the playground are the means",
        "vaetut/web.py",
        "z = q.sample(generator=make_generator(seed))  # (count, 2)",
        "z = q.mu",
        "tests/test_web.py::test_points_are_draws_from_the_posteriors",
    ),
    fault(
        "a damaged file of weights is taken",
        "vaetut/pretrained.py",
        'if "version" in card and card.pop("checksum") != _checksum(card, metadata, weights):',
        'if "version" in card and not card.pop("checksum"):',
        "tests/test_parts.py::test_settings_that_are_not_those_that_were_saved_are_refused",
    ),
]
