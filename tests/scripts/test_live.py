"""The functions that live figures draw."""

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
