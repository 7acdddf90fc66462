"""Small VAEs in plain PyTorch, as people write them: with one fault each, and without.

Every function returns what `vaetut.diagnose` is given. `FAULTY` says which fault each one has.
"""

from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

DIGITS = torch.tensor(load_digits().data[:60] / 16, dtype=torch.float32)  # (60, 64), in [0, 1]
STANDARD = (DIGITS - DIGITS.mean()) / DIGITS.std()


class VAE(nn.Module):
    """After PyTorch's example."""

    def __init__(self, latent_dim=4):
        super().__init__()
        torch.manual_seed(0)
        self.latent_dim = latent_dim
        self.fc1 = nn.Linear(64, 32)
        self.fc21 = nn.Linear(32, latent_dim)
        self.fc22 = nn.Linear(32, latent_dim)
        self.fc3 = nn.Linear(latent_dim, 32)
        self.fc4 = nn.Linear(32, 64)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def kl_sum(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def bce_loss(recon, x, mu, logvar):
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl_sum(mu, logvar)


def mse_loss(recon, x, mu, logvar):
    return F.mse_loss(recon, x, reduction="sum") + kl_sum(mu, logvar)


def logits_loss(recon, x, mu, logvar):
    return F.binary_cross_entropy_with_logits(recon, x, reduction="sum") + kl_sum(mu, logvar)


class LogitVAE(VAE):
    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))


def case(model, loss, x=DIGITS, **more):
    return {"x": x, "model": model, "loss": loss, **more}


# Noise


class NoNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu


class FrozenBuffer(VAE):
    def __init__(self):
        super().__init__()
        self.register_buffer("eps", torch.randn(60, self.latent_dim))

    def reparameterize(self, mu, logvar):
        return mu + self.eps[: len(mu)] * torch.exp(0.5 * logvar)


class FrozenSeed(VAE):
    def reparameterize(self, mu, logvar):
        g = torch.Generator().manual_seed(0)
        return mu + torch.randn(mu.shape, generator=g) * torch.exp(0.5 * logvar)


class SharedNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn(self.latent_dim) * torch.exp(0.5 * logvar)


class NoisyOnlyInEvaluation(VAE):
    def reparameterize(self, mu, logvar):
        return mu if self.training else super().reparameterize(mu, logvar)


class NoiseForAllCoordinates(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn(len(mu), 1) * torch.exp(0.5 * logvar)


# Sigma


class UniformNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.rand_like(mu) * torch.exp(0.5 * logvar)


class NarrowNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu + 0.1 * torch.randn_like(mu) * torch.exp(0.5 * logvar)


class ExpForSigma(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(logvar)


class HeadForSigma(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * logvar


class UnitNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu)


class SquaredWidth(VAE):
    def reparameterize(self, mu, logvar):
        return torch.distributions.Normal(mu, torch.exp(2 * logvar)).rsample()


class SoftplusSigma(VAE):
    def reparameterize(self, mu, rho):
        return mu + torch.randn_like(mu) * F.softplus(rho)


# The KL


def kl_of_log_sigma(recon, x, mu, h):
    kl = -0.5 * torch.sum(1 + 2 * h - mu.pow(2) - (2 * h).exp())
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


def minus_kl(recon, x, mu, logvar):
    return F.binary_cross_entropy(recon, x, reduction="sum") - kl_sum(mu, logvar)


def lost_minus(recon, x, mu, logvar):
    kl = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return F.mse_loss(recon, x, reduction="sum") + kl


def kl_of_mean(recon, x, mu, logvar):
    mu, logvar = mu.mean(0), logvar.mean(0)
    return F.binary_cross_entropy(recon, x, reduction="sum") / len(x) + kl_sum(mu, logvar)


def plus_for_minus(recon, x, mu, logvar):
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) + logvar.exp())
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


def no_exp_in_kl(recon, x, mu, sigma_sq):
    kl = 0.5 * torch.sum(mu.pow(2) + sigma_sq.exp().pow(2) - 1 - sigma_sq)
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


def kl_without_mu(recon, x, mu, logvar):
    kl = 0.5 * torch.sum(mu.abs() * 0 + logvar.exp() - 1 - logvar)
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


def other_way_round(recon, x, mu, logvar):
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), q).sum()
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


class WideSamples(VAE):
    def sample(self, n):
        return self.decode(3 * torch.randn(n, self.latent_dim))


def kl_to_wide(recon, x, mu, logvar):
    kl = 0.5 * ((mu.pow(2) + logvar.exp()) / 4 - 1 - logvar + torch.tensor(4.0).log()).sum()
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


class Samples(VAE):
    def sample(self, n):
        return self.decode(torch.randn(n, self.latent_dim))


def minus_bce(recon, x, mu, logvar):
    log_likelihood = -F.binary_cross_entropy(recon, x, reduction="sum")
    return log_likelihood + kl_sum(mu, logvar)


# Ranges


def manual_logs(recon, x, mu, logvar):
    bce = -(x * recon.log() + (1 - x) * (1 - recon).log()).sum()
    return bce + kl_sum(mu, logvar)


def article_logs(recon, x, mu, logvar):
    bce = -(x * (1e-10 + recon).log() + (1 - x) * (1e-10 + 1 - recon).log()).sum()
    return bce + kl_sum(mu, logvar)


def clamped_bce(recon, x, mu, logvar):
    p = recon.clamp(1e-6, 1 - 1e-6)
    return -(x * p.log() + (1 - x) * (1 - p).log()).sum() + kl_sum(mu, logvar)


def bernoulli_of_outputs(recon, x, mu, logvar):
    return -torch.distributions.Bernoulli(recon).log_prob(x).sum() + kl_sum(mu, logvar)


class TwoSigmoids(VAE):
    def decode(self, z):
        return torch.sigmoid(super().decode(z))


class ReluSigma(VAE):
    def encode(self, x):
        mu, h = super().encode(x)
        return mu, F.relu(h)

    def reparameterize(self, mu, sigma):
        return mu + torch.randn_like(mu) * sigma


def kl_of_relu(recon, x, mu, sigma):
    kl = 0.5 * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum()
    return F.mse_loss(recon, x, reduction="sum") + kl


# Gradients


class OneHead(VAE):
    """mu and log_var from one layer."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 8))
        del self.fc1, self.fc21, self.fc22

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)


class DetachedOneHead(OneHead):
    def reparameterize(self, mu, logvar):
        return torch.distributions.Normal(mu, (0.5 * logvar).exp()).sample()


class SquareRootOfZero(VAE):
    def forward(self, x):
        recon, mu, logvar = super().forward(x)
        return recon, mu, logvar + 0 * (mu - mu).norm(dim=1, keepdim=True).sqrt()


class DetachedCode(VAE):
    def reparameterize(self, mu, logvar):
        return super().reparameterize(mu, logvar).detach()


class SampleForRsample(VAE):
    def reparameterize(self, mu, logvar):
        return torch.distributions.Normal(mu, (0.5 * logvar).exp()).sample()


class DetachedStd(VAE):
    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp().data


class SpareHead(VAE):
    def __init__(self):
        super().__init__()
        self.decoder_log_var = nn.Linear(32, 64)


class FrozenByNoGrad(VAE):
    def decode(self, z):
        with torch.no_grad():
            h = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h))


class DeadUnits(VAE):
    """A path for the gradient is there, and nothing comes through it."""

    def __init__(self):
        super().__init__()
        self.fc1.bias.data.fill_(-100.0)


# Rows and codes


class CenteredBatch(VAE):
    def encode(self, x):
        return super().encode(x - x.mean(0))


class BatchNormForever(VAE):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(32, track_running_stats=False)

    def encode(self, x):
        h = F.relu(self.norm(self.fc1(x)))
        return self.fc21(h), self.fc22(h)


class SoftmaxOverBatch(VAE):
    def encode(self, x):
        h = torch.softmax(self.fc1(x), dim=0)
        return self.fc21(h), self.fc22(h)


class RowsInOrder(VAE):
    """A recurrent layer that takes the batch for a sequence."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(64, 32)

    def encode(self, x):
        h = F.relu(self.fc1(x)) + self.gru(x)[0]
        return self.fc21(h), self.fc22(h)


class TimesZero(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(0 * self.reparameterize(mu, logvar)), mu, logvar


class CodeUnread(VAE):
    def decode(self, z):
        return super().decode(torch.zeros_like(z))


class DecodesNoise(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        z = torch.randn_like(z)
        return self.decode(z), mu, logvar


class Explodes(VAE):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return mu, logvar * 1e4


FAULTY = {
    "no noise": ("noise-missing", lambda: case(NoNoise(), bce_loss)),
    "noise in evaluation only": ("noise-missing", lambda: case(NoisyOnlyInEvaluation(), bce_loss)),
    "noise in a buffer": ("noise-frozen", lambda: case(FrozenBuffer(), bce_loss)),
    "noise of a fixed seed": ("noise-frozen", lambda: case(FrozenSeed(), bce_loss)),
    "noise for the batch": ("noise-shared", lambda: case(SharedNoise(), bce_loss)),
    "one number for all coordinates": (
        "noise-shared",
        lambda: case(NoiseForAllCoordinates(), bce_loss),
    ),
    "uniform noise": ("noise-other", lambda: case(UniformNoise(), bce_loss)),
    "a tenth of the noise": ("sigma-confused", lambda: case(NarrowNoise(), bce_loss)),
    "exp(log_var) for σ": ("sigma-confused", lambda: case(ExpForSigma(), bce_loss)),
    "log_var for σ": ("sigma-confused", lambda: case(HeadForSigma(), bce_loss)),
    "noise of width 1": ("sigma-confused", lambda: case(UnitNoise(), mse_loss)),
    "exp(2 log_var) for σ": ("sigma-confused", lambda: case(SquaredWidth(), bce_loss)),
    "softplus for σ": ("sigma-confused", lambda: case(SoftplusSigma(), bce_loss)),
    "KL of log σ": ("sigma-confused", lambda: case(VAE(), kl_of_log_sigma)),
    "minus KL": ("kl-sign", lambda: case(VAE(), minus_kl)),
    "a lost minus": ("kl-sign", lambda: case(VAE(), lost_minus)),
    "KL of the mean": ("kl-batch-mean", lambda: case(VAE(), kl_of_mean)),
    "plus for minus": ("kl-formula", lambda: case(VAE(), plus_for_minus)),
    "σ⁴ for σ²": ("sigma-confused", lambda: case(VAE(), no_exp_in_kl)),
    "KL without μ": ("kl-formula", lambda: case(VAE(), kl_without_mu)),
    "KL the other way round": ("kl-formula", lambda: case(VAE(), other_way_round)),
    "wide samples": ("kl-other-prior", lambda: case(WideSamples(), bce_loss)),
    "wide prior": ("kl-other-prior", lambda: case(Samples(), kl_to_wide)),
    "plus log-likelihood": ("distortion-sign", lambda: case(VAE(), minus_bce)),
    "sigmoid twice": ("sigmoid-twice", lambda: case(VAE(), logits_loss)),
    "no sigmoid": ("sigmoid-missing", lambda: case(LogitVAE(), bce_loss)),
    "no sigmoid, own logarithms": ("sigmoid-missing", lambda: case(LogitVAE(), manual_logs)),
    "no sigmoid, but a clamp": ("sigmoid-missing", lambda: case(LogitVAE(), clamped_bce)),
    "no sigmoid, distributions": (
        "sigmoid-missing",
        lambda: case(LogitVAE(), bernoulli_of_outputs),
    ),
    "two sigmoids in the decoder": ("sigmoid-twice", lambda: case(TwoSigmoids(), bce_loss)),
    "own logarithms": ("log-overflow", lambda: case(VAE(), manual_logs)),
    "the article's logarithms": ("log-overflow", lambda: case(VAE(), article_logs)),
    "0 to 255": ("input-range", lambda: case(LogitVAE(), logits_loss, x=255 * DIGITS)),
    "standardised": ("input-range", lambda: case(VAE(), bce_loss, x=STANDARD)),
    "standardised, squared error": ("input-range", lambda: case(VAE(), mse_loss, x=STANDARD)),
    "code detached": ("path-detached", lambda: case(DetachedCode(), bce_loss)),
    "sample for rsample": ("path-detached", lambda: case(SampleForRsample(), bce_loss)),
    "sample for rsample, one head": ("path-detached", lambda: case(DetachedOneHead(), bce_loss)),
    "σ detached": ("path-detached", lambda: case(DetachedStd(), bce_loss)),
    "a spare head": ("no-gradient", lambda: case(SpareHead(), bce_loss)),
    "dead units": ("zero-gradient", lambda: case(DeadUnits(), bce_loss)),
    "no_grad in the decoder": ("path-detached", lambda: case(FrozenByNoGrad(), bce_loss)),
    "centred batch": ("rows-depend", lambda: case(CenteredBatch(), bce_loss)),
    "batch norm without running mean": ("rows-depend", lambda: case(BatchNormForever(), bce_loss)),
    "softmax over the batch": ("rows-depend", lambda: case(SoftmaxOverBatch(), bce_loss)),
    "rows in order": ("rows-depend", lambda: case(RowsInOrder(), bce_loss)),
    "zero times the code": ("code-unread", lambda: case(TimesZero(), bce_loss)),
    "zeros for the code": ("code-unread", lambda: case(CodeUnread(), bce_loss)),
    "noise for the code": ("path-detached", lambda: case(DecodesNoise(), bce_loss)),
    "no noise, by functions": ("noise-missing", lambda: by_functions(NoNoise())),
    "noise for the batch, by functions": ("noise-shared", lambda: by_functions(SharedNoise())),
    "exp(log_var) for σ, by functions": ("sigma-confused", lambda: by_functions(ExpForSigma())),
    "code detached, by functions": ("path-detached", lambda: by_functions(DetachedCode())),
    "logarithm of a ReLU": ("not-finite", lambda: case(ReluSigma(), kl_of_relu, x=STANDARD)),
    "root of 0": ("not-finite", lambda: case(SquareRootOfZero(), bce_loss)),
    "log_var explodes": ("not-finite", lambda: case(Explodes(), bce_loss)),
}


# Healthy ones


class ConvVAE(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(),
            nn.Flatten(),
        )
        self.fc_mu, self.fc_var = nn.Linear(64, 5), nn.Linear(64, 5)
        self.decoder_input = nn.Linear(5, 64)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 3, 2, 1, 1),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(),
            nn.ConvTranspose2d(8, 1, 3, 2, 1, 1),
            nn.Sigmoid(),
        )

    def encode(self, input):
        h = self.encoder(input)
        return [self.fc_mu(h), self.fc_var(h)]

    def decode(self, z):
        return self.decoder(self.decoder_input(z).view(-1, 16, 2, 2))

    def forward(self, input):
        mu, log_var = self.encode(input)
        z = torch.randn_like(mu) * torch.exp(0.5 * log_var) + mu
        return [self.decode(z), input, mu, log_var]

    def loss_function(self, *args, **kwargs):
        recons, input, mu, log_var = args
        kld_weight = kwargs["M_N"]
        recons_loss = F.mse_loss(recons, input)
        kld = torch.mean(-0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=1), dim=0)
        return {"loss": recons_loss + kld_weight * kld, "KLD": -kld.detach()}

    def sample(self, num_samples, current_device):
        return self.decode(torch.randn(num_samples, 5).to(current_device))


class DropoutVAE(VAE):
    def encode(self, x):
        h = F.dropout(F.relu(self.fc1(x)), 0.3, self.training)
        return self.fc21(h), self.fc22(h)


class DropoutLayer(VAE):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.3)

    def encode(self, x):
        h = self.drop(F.relu(self.fc1(x)))
        return self.fc21(h), self.fc22(h)


class LogSigmaVAE(VAE):
    def reparameterize(self, mu, log_sigma):
        return mu + torch.randn_like(mu) * log_sigma.exp()


class SigmaVAE(VAE):
    def encode(self, x):
        mu, h = super().encode(x)
        return mu, F.softplus(h) + 1e-3

    def reparameterize(self, mu, sigma):
        return torch.distributions.Normal(mu, sigma).rsample()


def kl_of_sigma(recon, x, mu, sigma):
    q = torch.distributions.Normal(mu, sigma)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


def beta_loss(recon, x, mu, logvar, beta=4):
    bce = F.binary_cross_entropy(recon, x, reduction="none").sum(1)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
    return (bce + beta * kl).mean()


def mean_loss(recon, x, mu, logvar):
    return F.mse_loss(recon, x) + torch.mean(mu**2 + logvar.exp() - 1 - logvar) / 2


class LearnedVariance(LogitVAE):
    def __init__(self):
        super().__init__()
        self.log_sigma = nn.Parameter(torch.zeros(()))


def learned_variance():
    model = LearnedVariance()

    def loss(x):
        recon, mu, logvar = model(x)
        nll = 0.5 * ((x - recon) ** 2 / (2 * model.log_sigma).exp()) + model.log_sigma
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
        return (nll.sum(1) + kl.sum(1)).mean()

    return case(model, loss)


def begun_at_zero():
    model = LogitVAE()
    for layer in (model.fc21, model.fc22, model.fc4):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return case(model, logits_loss)


def by_functions(model):
    """The same by three functions, of which the last is of x alone."""

    def loss(x):
        mu, logvar = model.encode(x)
        recon = model.decode(model.reparameterize(mu, logvar))
        return bce_loss(recon, x, mu, logvar)

    return {"x": DIGITS, "encode": model.encode, "decode": model.decode, "loss": loss}


def trained(make, steps=300):
    given = make()
    optimizer = torch.optim.Adam(given["model"].parameters(), lr=3e-3)
    for _ in range(steps):
        out = given["model"](given["x"])
        optimizer.zero_grad()
        given["loss"](out[0], given["x"], *out[1:]).backward()
        optimizer.step()
    return given


def ours(trained=False):
    import vaetut

    model = vaetut.VAE(64, 4, (32,), generator=torch.Generator().manual_seed(0))
    if trained:
        recipe = vaetut.Recipe(validation=0, epochs=30, batch_size=16, learning_rate=3e-3)
        vaetut.train(model, DIGITS, recipe, progress=False)
    return {"x": DIGITS, "model": model}


def on_model(model, x):
    recon, mu, logvar = model(x)
    return bce_loss(recon, x, mu, logvar)


HEALTHY = {
    "PyTorch's example": lambda: case(VAE(), bce_loss),
    "the same, trained": lambda: trained(lambda: case(VAE(), bce_loss)),
    "with logits": lambda: case(LogitVAE(), logits_loss),
    "squared error": lambda: case(LogitVAE(), mse_loss, x=STANDARD),
    "squared error and a sigmoid": lambda: case(VAE(), mse_loss),
    "β = 4, per example": lambda: case(VAE(), beta_loss),
    "means over everything": lambda: case(LogitVAE(), mean_loss),
    "convolutions and batch norm": lambda: case(
        ConvVAE(), None, x=DIGITS.view(60, 1, 8, 8), M_N=0.00025
    ),
    "dropout by function": lambda: case(DropoutVAE(), bce_loss),
    "dropout by layer": lambda: case(DropoutLayer(), bce_loss),
    "log σ": lambda: case(LogSigmaVAE(), kl_of_log_sigma),
    "σ by softplus": lambda: case(SigmaVAE(), kl_of_sigma),
    "one latent dimension": lambda: case(VAE(1), bce_loss),
    "64 latent dimensions": lambda: case(VAE(64), bce_loss),
    "samples and KL of N(0, I)": lambda: case(Samples(), bce_loss),
    "a learned variance": learned_variance,
    "zeros to begin with": begun_at_zero,
    "one head for both": lambda: case(OneHead(), bce_loss),
    "three functions": lambda: by_functions(VAE()),
    "loss of the model": lambda: case(m := VAE(), partial(on_model, m)),
    "ours": ours,
    "ours, trained": lambda: ours(trained=True),
}
