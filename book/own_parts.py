"""A likelihood, a prior and a decoder of one's own: in a model, in training, in a file."""

import math

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.nn import functional as F

import vaetut


class Laplace(vaetut.Likelihood):
    """A density with heavier tails than the Gaussian's; every column has a width, learned."""

    density = True

    def __init__(self, columns):
        super().__init__()
        self.log_width = nn.Parameter(torch.zeros(columns))

    def log_prob_each(self, x, params):  # params: what the decoder says, (..., B, D)
        return -(x - params).abs() / self.log_width.exp() - self.log_width - math.log(2)

    def mean(self, params):
        return params

    def sample(self, params, generator=None):
        noise = torch.empty(2, *params.shape).exponential_(generator=generator).to(params)
        return params + self.log_width.exp() * (noise[0] - noise[1])


class Logistic(vaetut.Prior):
    """A logistic density in every coordinate of z."""

    def log_prob(self, z):
        return (F.logsigmoid(z) + F.logsigmoid(-z)).sum(-1)

    def sample(self, number, generator=None):
        noise = torch.rand(number, self.latent_dim, generator=generator)
        return noise.to(self.like).logit(eps=1e-6)


class Residual(nn.Module):
    """A decoder that adds a curved part to a linear one."""

    def __init__(self, latent_dim, columns):
        super().__init__()
        self.line = nn.Linear(latent_dim, columns)
        self.curve = nn.Sequential(nn.Linear(latent_dim, 64), nn.SiLU(), nn.Linear(64, columns))

    def forward(self, z):  # (..., L) -> (..., D)
        return self.line(z) + self.curve(z)


def fresh_model():
    torch.manual_seed(0)  # PyTorch's own layers draw from the global generator
    return vaetut.VAE(
        30,
        hidden_dims=(64,),
        likelihood=Laplace(30),
        prior=Logistic(latent_dim=5),
        decoder=Residual(5, 30),
    )


table = torch.from_numpy(load_breast_cancer().data).float()  # 569 rows of 30 columns
table = table[torch.randperm(569, generator=torch.Generator().manual_seed(0))]
table = (table - table[69:].mean(0)) / table[69:].std(0)  # by the rows that are trained on

model = fresh_model()
recipe = vaetut.Recipe(validation=69, epochs=20, batch_size=50)  # the first 69 are held out
vaetut.train(model, table, recipe, progress=False)
print(vaetut.evaluate(model, table[:69], num_samples=500))

vaetut.save_model(model, "own.safetensors")
try:
    vaetut.load_model("own.safetensors")
except TypeError as error:
    print(error)

twin = vaetut.load_model("own.safetensors", into=fresh_model())
same = torch.equal(twin.encode(table).mu, model.encode(table).mu)
print(f"the model that was filled answers as the one that was saved: {same}")
