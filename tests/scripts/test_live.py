"""The functions that live figures draw."""

import base64

import pytest
import torch

import vaetut


def test_kl_is_the_packages(load):
    """Both parts and their sum, and the area under the integrand of (6.1)."""
    mu, sigma = (
        axis.flatten()
        for axis in torch.meshgrid(
            torch.linspace(-3, 3, 13), torch.linspace(0.2, 2.5, 24), indexing="ij"
        )
    )
    area = """([mu, sigma]) => {
      let sum = 0;
      for (let e = -9; e <= 9; e += 0.01) sum += integrand(mu + sigma * e, mu, sigma);
      return 0.01 * sigma * sum;
    }"""
    parts, areas = map(
        torch.tensor,
        load("live/kl.js")(
            f"[grid.map(([mu, sigma]) => parts(mu, sigma)), grid.map({area})]",
            grid=torch.stack([mu, sigma], dim=1).tolist(),
        ),
    )
    expected = vaetut.kl_standard_normal(mu[:, None], 2 * sigma.log()[:, None])
    nought = torch.zeros(len(mu), 1)
    of_the_mean = vaetut.kl_standard_normal(mu[:, None], nought)
    of_the_width = vaetut.kl_standard_normal(nought, 2 * sigma.log()[:, None])
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(parts, torch.stack([of_the_mean, of_the_width], 1), **close)
    torch.testing.assert_close(parts.sum(1), expected, **close)
    torch.testing.assert_close(areas, expected, **close)


@pytest.mark.parametrize(("mu", "sigma"), [(1.0, 1.0), (-2.5, 0.1), (2.35, 1.5)])
def test_averages_and_slopes_are_pytorchs(load, seeded, mu, sigma):
    """The cost of the same draws and its slope in mu, as autograd finds it; and the exact ones."""
    eps = torch.randn(20, generator=seeded(0))
    mean = torch.tensor(mu, requires_grad=True)
    cost = (0.5 * (mean + sigma * eps + 1) ** 2).mean()
    (slope,) = torch.autograd.grad(cost, mean)
    average, exact = load("live/noise.js")(
        "[average(mu, sigma, eps), exact(mu, sigma)]", mu=mu, sigma=sigma, eps=eps.tolist()
    )
    assert average["cost"] == pytest.approx(cost.item(), abs=1e-4)
    assert average["slope"] == pytest.approx(slope.item(), abs=1e-4)
    assert exact == pytest.approx({"cost": 0.5 * ((mu + 1) ** 2 + sigma**2), "slope": mu + 1})


def test_the_first_page_decodes_as_pytorch(load, seeded):
    """Layers of 16 and of 8 bits, and no ink where the export has no pixel."""
    g = seeded(0)
    layers = [torch.nn.Linear(rows, columns) for rows, columns in ((2, 5), (5, 6), (6, 3))]
    exports = []
    for layer, bits in zip(layers, (16, 16, 8), strict=True):
        layer.weight.data = 2 * torch.randn(layer.weight.shape, generator=g)
        layer.bias.data = torch.randn(layer.bias.shape, generator=g)
        exports.append(vaetut.web.export_layer(layer, bits))
        layer.weight.data, layer.bias.data = vaetut.web.read_layer(exports[-1])
    first, second, out = layers
    z = torch.randn(7, 2, generator=g)
    hidden = torch.nn.functional.softplus(second(torch.nn.functional.softplus(first(z))))
    expected = torch.zeros(len(z), 4)
    expected[:, [0, 2, 3]] = out(hidden).sigmoid().detach()

    texts = [export[key] for export in exports for key in ("weight", "scale", "bias")]
    found = load("live/manifold.js")(
        "(globalThis.atob = (text) => bytes[text], z.map(load({ layers, inked: '1011' })))",
        bytes={text: base64.b64decode(text).decode("latin-1") for text in texts},  # V8 has no atob
        layers=exports,
        z=z.tolist(),
    )
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-5, atol=1e-6)


def test_the_dials_run_straight_from_one_column_to_the_next(load):
    places = [0, 0.5, 1, 1.75, 2]
    found = load("live/manifold.js")(
        "Array.from(places, (at) => between(dial, at))", places=places, dial=[-2, 0, 4]
    )
    assert found == [-2, -1, 0, 3, 4]
