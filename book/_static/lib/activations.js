/* Activations as PyTorch has them: for each its value and its slope. */

export const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
export const sigmoid = (a) => 1 / (1 + Math.exp(-a));

export const ACTIVATIONS = {
  elu: [(a) => (a > 0 ? a : Math.expm1(a)), (a) => (a > 0 ? 1 : Math.exp(a))],
  leaky_relu: [(a) => (a > 0 ? a : 0.01 * a), (a) => (a > 0 ? 1 : 0.01)],
  relu: [(a) => Math.max(a, 0), (a) => (a > 0 ? 1 : 0)],
  sigmoid: [sigmoid, (a) => sigmoid(a) * sigmoid(-a)],
  silu: [(a) => a * sigmoid(a), (a) => sigmoid(a) * (1 + a * sigmoid(-a))],
  softplus: [softplus, sigmoid],
  tanh: [Math.tanh, (a) => 1 - Math.tanh(a) ** 2],
};
