"""A variational autoencoder in plain PyTorch: model, cost, training. Copy it, and change it.

From "Variational autoencoders, step by step", chapter 7, which explains it, and says what to change
for other data. It takes rows of numbers between 0 and 1, such as grey pixels, and needs PyTorch
alone; run as a program, it loads MNIST by torchvision, and trains for about a minute.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    """D numbers in [0, 1], two hidden layers on each side, L latent dimensions."""

    def __init__(self, input_dim=784, latent_dim=20, hidden_dim=500):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(input_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.SiLU(),
        )
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, input_dim),
        )
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)

    def encode(self, x):
        """Return mean and log-variance of q(z|x): (B, D) -> (B, L) each."""
        h = self.hidden(x)
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        """Return the logits of p(x|z): (..., L) -> (..., D). Their sigmoid is the picture."""
        return self.decoder(z)

    @torch.no_grad()
    def reconstruct(self, x):
        """Return the means of p(x|z) at the mean codes of x: (B, D)."""
        return self.decode(self.encode(x)[0]).sigmoid()

    @torch.no_grad()
    def generate(self, count, generator=None):
        """Draw codes from the prior, and return the means of p(x|z): (count, D)."""
        z = torch.randn(count, self.mu.out_features, generator=generator)
        return self.decode(z.to(self.mu.weight)).sigmoid()


def cost(model, x, eps):
    """Return distortion and rate of each example, in nats: (B,) each. Their sum estimates -ELBO.

    eps is noise from N(0, I), of the shape of the codes, (B, L).
    """
    mu, log_var = model.encode(x)
    z = mu + (0.5 * log_var).exp() * eps
    logits = model.decode(z)
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    rate = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)
    # Here one may return distortion and rate. What is returned has the same values, and for the
    # encoder another gradient: that of log q(z|x) - log p(z), through z alone. It has less noise
    # once q is close to the posterior.
    s = (0.5 * log_var.detach()).exp()
    u = eps + (z - z.detach()) / s  # (z - mu) / sigma: it is eps, and has a gradient through z
    log_ratio = 0.5 * (z**2 - u**2).sum(-1) - s.log().sum(-1)
    return distortion, rate.detach() + (log_ratio - log_ratio.detach())


def train(model, x, held_out, epochs=8, batch_size=250, learning_rate=6e-3, generator=None):
    """Minimise the mean cost of the examples x, (N, D); return it epoch by epoch.

    The first list is the mean cost while it trained, the second that of the examples held out. For
    more epochs, begin anew: the learning rate rises to its peak and falls to zero in one run.
    """
    bias = model.decoder[-1].bias
    x, held_out = (torch.as_tensor(part).to(bias) for part in (x, held_out))  # dtype and device
    for part in (x, held_out):
        if part.shape != (len(part), len(bias)) or not len(part):
            shape = tuple(part.shape)
            raise ValueError(f"expected one row of {len(bias)} numbers or more, got {shape}")
        if not ((part >= 0) & (part <= 1)).all():  # NaN is refused, too
            raise ValueError(
                "x must lie in [0, 1]: divide pixels by the largest value; for real numbers or "
                "others, change the likelihood"
            )
    if not bias.any():  # fresh: begin with the average picture
        bias.data.copy_(x.mean(0).clamp(1e-3, 1 - 1e-3).logit())
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, betas=(0.9, 0.99))
    steps = epochs * math.ceil(len(x) / batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, steps + 1, anneal_strategy="linear", cycle_momentum=False
    )

    def noise_for(x):
        shape = len(x), model.mu.out_features
        return torch.randn(shape, generator=generator, dtype=x.dtype).to(x.device)

    training, validation = [], []
    for epoch in range(1, epochs + 1):
        total = 0.0
        for rows in torch.randperm(len(x), generator=generator).split(batch_size):
            batch = x[rows]
            distortion, rate = cost(model, batch, noise_for(batch))
            loss = (distortion + rate).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        with torch.no_grad():
            unseen = sum(cost(model, held_out, noise_for(held_out))).mean().item()
        training.append(total / len(x))
        validation.append(unseen)
        print(f"epoch {epoch}: training {training[-1]:6.1f}, held out {unseen:6.1f} nats")
    return training, validation


if __name__ == "__main__":
    from torchvision.datasets import MNIST

    images = MNIST("data", download=True).data.flatten(1) / 255
    torch.manual_seed(0)
    vae = VAE()
    train(vae, images[5000:], images[:5000])
    torch.save(vae.state_dict(), "vae.pt")
