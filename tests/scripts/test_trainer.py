"""What the trainer computes is what PyTorch computes; its chance and its grid are fair."""

import pytest
import torch

import vaetut
from vaetut.plotting import manifold_grid

ADAM = """(() => {
  const update = makeAdam(weights, rate);
  for (const eps of epsilons) {
    update(gradients(weights, x, eps, beta, activation).gradients);
  }
  return weights;
})()"""


def as_lists(model: vaetut.VAE, kind: str = "data") -> dict:
    """Return the model's weights, or their gradients with kind="grad", in the page's form."""

    def layer(linear: torch.nn.Linear) -> dict:
        return {n: getattr(p, kind).flatten().tolist() for n, p in linear.named_parameters()}

    def hidden(network: torch.nn.Module) -> list[dict]:
        return [layer(part) for part in network.hidden if isinstance(part, torch.nn.Linear)]

    encoder, decoder = model.encoder, model.decoder
    return {
        "encoder": hidden(encoder),
        "mu": layer(encoder.mu),
        "logVar": layer(encoder.log_var),
        "decoder": hidden(decoder),
        "out": layer(decoder.out),
    }


def flat(weights: dict) -> list[torch.Tensor]:
    """Return the arrays of the page's form in one order."""
    layers = [*weights["encoder"], weights["mu"], weights["logVar"]]
    layers += [*weights["decoder"], weights["out"]]
    return [torch.tensor(layer[name]) for layer in layers for name in ("weight", "bias")]


def terms(
    model: vaetut.VAE, x: torch.Tensor, eps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return distortion and rate, means over the batch, at the given noise."""
    mu, log_var = model.encode(x)
    z = mu + (0.5 * log_var).exp() * eps
    return -model.log_likelihood(x, z).mean(), vaetut.kl_standard_normal(mu, log_var).mean()


def random_model(sizes: tuple, activation: str) -> tuple[vaetut.VAE, torch.Generator]:
    """Return a model whose biases are not zero, and a generator."""
    g = torch.Generator().manual_seed(0)
    model = vaetut.VAE(*sizes, activation, generator=g)
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            p.data = 0.3 * torch.randn(p.shape, generator=g)
    return model, g


def assert_close(ours: dict, theirs: dict, part: float = 1e-4) -> None:
    """Hold that two sets of arrays differ by no more than that part of their largest number."""
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=part * b.abs().max().item())


@pytest.mark.parametrize("beta", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("activation", ["silu", "tanh", "relu", "softplus"])
@pytest.mark.parametrize(
    ("sizes", "count"), [((196, 2, (64, 64)), 64), ((9, 2, (7, 5)), 5)], ids=["page", "odd"]
)
def test_gradients_are_pytorchs(
    load, sizes: tuple, count: int, activation: str, beta: float
) -> None:
    model, g = random_model(sizes, activation)
    ink = torch.rand(count, sizes[0], generator=g) < 0.3
    x = torch.rand(count, sizes[0], generator=g) * ink
    eps = torch.randn(count, 2, generator=g)
    distortion, rate = terms(model, x, eps)
    (distortion + beta * rate).backward()

    case = {"weights": as_lists(model), "beta": beta, "activation": activation}
    case |= {"x": x.flatten().tolist(), "eps": eps.flatten().tolist()}
    found = load("trainer/vae.js")("gradients(weights, x, eps, beta, activation)", **case)
    assert found["distortion"] == pytest.approx(distortion.item(), rel=1e-5)
    assert found["rate"] == pytest.approx(rate.item(), rel=1e-5)
    assert_close(found["gradients"], as_lists(model, "grad"))


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_adam_is_pytorchs(load, activation: str) -> None:
    """After five steps the weights have moved alike."""
    model, g = random_model((196, 2, (64, 64)), activation)
    x = torch.rand(64, 196, generator=g)
    epsilons = torch.randn(5, 64, 2, generator=g)
    case = {"weights": as_lists(model), "beta": 2.0, "activation": activation, "rate": 3e-3}
    case |= {"x": x.flatten().tolist(), "epsilons": epsilons.flatten(1).tolist()}

    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for eps in epsilons:
        adam.zero_grad()
        distortion, rate = terms(model, x, eps)
        (distortion + 2.0 * rate).backward()
        adam.step()
    found = load("trainer/vae.js")(ADAM, **case)
    assert_close(found, as_lists(model))


def test_the_grid_is_the_packages(load):
    grid = torch.tensor(load("trainer/grid.js")("makeGrid(10)")).view(10, 10, 2)
    expected = torch.from_numpy(manifold_grid(10, "quantile")).view(10, 10, 2)
    torch.testing.assert_close(grid, expected.float(), rtol=0, atol=1e-4)


def test_first_weights_are_xaviers(load):
    """Uniform, with the variance 2 / (inputs + outputs), and no bias."""
    run = load("trainer/vae.js")
    uniform = "(() => { let n = 0; return () => (n = (n + 0.618034) % 1); })()"
    weights = run(f"makeWeights(196, [64, 32], 2, {uniform})")
    first = torch.tensor(weights["encoder"][0]["weight"])
    assert len(first) == 64 * 196
    assert first.std().item() == pytest.approx((2 / 260) ** 0.5, rel=0.02)
    assert first.abs().max().item() == pytest.approx((6 / 260) ** 0.5, rel=0.01)
    layers = [*weights["encoder"], *weights["decoder"], weights["out"], weights["mu"]]
    assert [len(layer["bias"]) for layer in layers] == [64, 32, 32, 64, 196, 2]
    assert not any(value for layer in layers for value in layer["bias"])


def test_the_axes_of_the_curves_contain_all_points(load):
    """From the first, before any training, to the last; also where a cost rises."""
    run = load("trainer/curves.js")
    costs = [(136.1, 0.1), (70.0, 4.0), (48.0, 2.0), (30.0, 90.0)]
    history = [
        {"images": 64 * k, "beta": 1, "heldOut": dict(zip(("distortion", "rate"), cost))}
        for k, cost in enumerate(costs)
    ]
    history[2]["training"] = {"distortion": 47.0, "rate": 110.0}
    for count in range(1, len(history) + 1):
        found = run("costRanges(history)", history=history[:count])
        for entry in history[:count]:
            for cost in filter(None, (entry["heldOut"], entry.get("training"))):
                total = cost["distortion"] + cost["rate"]
                assert found["upper"]["from"] < cost["distortion"] < total < found["upper"]["to"]
                assert 0 <= cost["rate"] < found["lower"]["to"]
    early, later = (run("costRanges(history)", history=history[:count]) for count in (1, 2))
    assert early["upper"]["to"] == later["upper"]["to"]  # an axis that stays as it is


# What the worker answers to messages, about images of four pixels.
WORKER = """(() => {
  let now = 0;
  globalThis.performance = { now: () => (now += 1) };
  globalThis.setTimeout = () => 0;
  globalThis.clearTimeout = () => {};
  const reports = [];
  globalThis.onmessage = null;
  globalThis.postMessage = (report) => reports.push(report);
  eval(text);
  const pixels = Float32Array.from({ length: 4 * 128 }, (_, i) => (i * 7 % 16) / 15);
  const [heldOut, grid] = [pixels.slice(0, 40), pixels.slice(0, 8)];
  const digits = { pixels: 4, train: pixels, heldOut, examples: [0, 1], grid };
  const say = (message) => onmessage({ data: message });
  for (const seed of seeds) {
    say({ do: "reset", run: 1, beta: 1, seed, activation: "silu", every: 1, digits });
    for (let step = 0; step < 3; step += 1) say({ do: "step" });
  }
  return reports.map(({ steps, heldOut }) => [steps, heldOut.distortion, heldOut.rate]);
})()"""


def test_the_same_seed_leads_to_the_same_weights(load, joined):
    """The worker's reports, after each of three steps."""
    run = load("lib/numbers.js")  # any; the worker exports nothing
    reports = run(WORKER, text=joined("trainer/worker.js"), seeds=[1, 1, 2])
    assert [steps for steps, *_ in reports] == [0, 1, 2, 3] * 3
    first, again, other = (reports[k : k + 4] for k in (0, 4, 8))
    assert first == again
    assert first[0] != first[3]
    assert [row[1] for row in first] != [row[1] for row in other]
