"""Chapter 10: a solution of every exercise, and the likely mistakes with the hint for each."""

import copy
import math

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

import vaetut


def linear_curve(eigenvalues, beta, variance, used=True, half=0.5, scale=1.0):
    level = beta * variance
    logs = half * (eigenvalues / level).log()
    rate = scale * (logs.clamp(min=0) if used else logs).sum()
    return rate, distortion(eigenvalues, level, variance)


def distortion(eigenvalues, level, variance, constant=True):
    error = eigenvalues.clamp(max=level).sum() / (2 * variance)
    return error + constant * len(eigenvalues) / 2 * math.log(2 * math.pi * variance)


def with_distortion(change):
    """Make a solution of 10.1 whose distortion is `change(eigenvalues, level, variance)`."""

    def answer(eigenvalues, beta, variance):
        rate, _ = linear_curve(eigenvalues, beta, variance)
        return rate, change(eigenvalues, beta * variance, variance)

    return answer


def with_rate(change):
    """Make a solution of 10.1 whose rate is `change(eigenvalues, level)`."""

    def answer(eigenvalues, beta, variance):
        _, cost = linear_curve(eigenvalues, beta, variance)
        return change(eigenvalues, beta * variance), cost

    return answer


def constant(eigenvalues, variance):
    return len(eigenvalues) / 2 * math.log(2 * math.pi * variance)


def without_means(eigenvalues, beta, variance):
    rate, cost = linear_curve(eigenvalues, beta, variance)
    shrunk = (beta * variance / eigenvalues).clamp(max=1)
    return rate + 0.5 * (shrunk - 1).sum(), cost


def curve_by_loop(eigenvalues, beta, variance):
    level, rate, cost = beta * variance, 0.0, 0.0
    for eigenvalue in eigenvalues:
        if eigenvalue > level:
            rate, error = rate + (eigenvalue / level).log() / 2, level
        else:
            error = eigenvalue
        cost = cost + error / 2 / variance + math.log(2 * math.pi * variance) / 2
    return rate, cost


def curve_by_divergence(eigenvalues, beta, variance):
    level = beta * variance
    used = eigenvalues[eigenvalues > level]
    width, shift = (level / used).sqrt(), (1 - level / used).sqrt()
    rate = kl_divergence(Normal(shift, width), Normal(0.0, 1.0)).sum()  # at the mean square of mu
    error = level * len(used) + eigenvalues[eigenvalues <= level].sum()
    off = Normal(0.0, variance**0.5).log_prob(torch.zeros(len(eigenvalues))).sum()
    return rate, error / (2 * variance) - off


def curve_by_where(eigenvalues, beta, variance):
    level = torch.as_tensor(beta) * variance
    logs = torch.log(eigenvalues) - torch.log(level)
    rate = torch.where(logs > 0, logs, 0).sum() / 2
    squares = torch.where(logs > 0, level, eigenvalues)
    terms = squares / variance + math.log(variance) + math.log(2 * math.pi)
    return [rate, terms.sum() / 2]


def curve_by_sorting(eigenvalues, beta, variance):
    ordered, level = eigenvalues.sort(descending=True).values, beta * variance
    k = int((ordered > level).sum())
    rate = 0.5 * (ordered[:k].log().sum() - k * level.log())
    cost = 0.5 * (k * beta + ordered[k:].sum() / variance)
    return torch.stack([rate, cost + constant(eigenvalues, variance)])


def curve_in_place(eigenvalues, beta, variance):
    level = beta * variance
    eigenvalues /= level
    rate = eigenvalues.clamp(min=1).log().mul(0.5).sum()
    error = (eigenvalues.clamp(max=1) * level).sum() / (2 * variance)
    return rate, error + constant(eigenvalues, variance)


def free_bits_price(mu, log_var, free):
    return kl(mu, log_var).mean(0).clamp(min=free).sum()


def kl(mu, log_var):
    return vaetut.kl_per_dimension(mu, log_var)


def with_sigma(mu, log_var, free):
    each = 0.5 * (mu.square() + (0.5 * log_var).exp() - 1 - log_var)
    return each.mean(0).clamp(min=free).sum()


def free_bits_by_loop(mu, log_var, free):
    total = 0.0
    for j in range(mu.shape[1]):
        q = Normal(mu[:, j], (0.5 * log_var[:, j]).exp())
        total = total + max(kl_divergence(q, Normal(0.0, 1.0)).mean(), free)
    return total


def free_bits_in_place(mu, log_var, free):
    each = mu.square()
    each += log_var.exp()
    each -= log_var
    each -= 1
    return torch.maximum(each.mean(0).mul_(0.5), torch.tensor(free)).sum()


def straight_through(mu, log_var, free):
    plain = kl(mu, log_var).mean(0)
    return (plain + (free - plain).clamp(min=0).detach()).sum()


def log_q(z, mu, log_var, width=1.0, half=0.5, squares=1.0):
    centred = (z[:, None] - mu).square() / (squares * log_var).exp()
    return (-half * centred - 0.5 * width * log_var).sum(-1)


def best_picture(z, mu, log_var, images, **options):
    return log_q(z, mu, log_var, **options).softmax(1) @ images


def density(z, mu, log_var):
    return (log_q(z, mu, log_var) - z.shape[1] / 2 * math.log(2 * math.pi)).exp()


def underflow(z, mu, log_var, images):
    weight = density(z, mu, log_var)
    return weight @ images / weight.sum(1, keepdim=True)


def nearly_safe(z, mu, log_var, images):
    weight = density(z, mu, log_var) + 1e-30
    return weight @ images / weight.sum(1, keepdim=True)


def largest_of_all(z, mu, log_var, images):
    weight = (log_q(z, mu, log_var) - log_q(z, mu, log_var).max()).exp()
    return weight @ images / weight.sum(1, keepdim=True)


def least_first(z, mu, log_var, images):
    logs = log_q(z, mu, log_var)
    weight = (logs - logs.amin(1, keepdim=True)).exp()
    return weight @ images / weight.sum(1, keepdim=True)


def picture_by_distributions(z, mu, log_var, images):
    q = Independent(Normal(mu, (0.5 * log_var).exp()), 1)
    logs = q.log_prob(z[:, None])  # (M, N)
    return (logs - logs.logsumexp(1, keepdim=True)).exp() @ images


def picture_by_loops(z, mu, log_var, images):
    pictures = []
    for code in z:
        logs = torch.stack(
            [
                Normal(m, v.exp().sqrt()).log_prob(code).sum()
                for m, v in zip(mu, log_var, strict=True)
            ]
        )
        pictures.append((logs.softmax(0)[:, None] * images).sum(0))
    return pictures


def picture_in_numpy(z, mu, log_var, images):
    z, mu, log_var, images = (a.double().numpy() for a in (z, mu, log_var, images))
    logs = -0.5 * (((z[:, None] - mu) ** 2) / 2.718281828459045**log_var + log_var).sum(-1)
    logs -= logs.max(1, keepdims=True)
    weights = 2.718281828459045**logs
    return (weights / weights.sum(1, keepdims=True)) @ images


def picture_by_products(z, mu, log_var, images):
    precision = (-log_var.double()).exp()  # the square, multiplied out
    z, mu = z.double(), mu.double()
    squares = z**2 @ precision.T - 2 * z @ (mu * precision).T + (mu**2 * precision).sum(1)
    weights = (-0.5 * (squares + log_var.sum(1))).softmax(-1)
    return torch.einsum("mn,nd->md", weights, images.double())


def picture_in_place(z, mu, log_var, images):
    out = torch.empty(len(z), images.shape[1])
    log_var.neg_()
    for m, code in enumerate(z):
        off = (code - mu).square_().mul_(log_var.exp()).sub_(log_var).sum(1).mul_(-0.5)
        out[m] = images.T @ (off - off.max()).softmax(0)
    return out


class Patient(nn.Module):
    """The patients of 10.6, healthy, or with one fault."""

    def __init__(self, width=0.5, shared=False, squash=False):
        super().__init__()
        self.width, self.shared, self.squash = width, shared, squash
        self.hidden = nn.Sequential(nn.Linear(784, 100), nn.SiLU())
        self.mu, self.log_var = nn.Linear(100, 10), nn.Linear(100, 10)
        self.decoder = nn.Sequential(nn.Linear(10, 100), nn.SiLU(), nn.Linear(100, 784))

    def draw(self, mu, log_var):
        noise = torch.randn(mu.shape[1]) if self.shared else torch.randn_like(mu)
        return mu + (self.width * log_var).exp() * noise

    def decode(self, z):
        return self.decoder(z).sigmoid() if self.squash else self.decoder(z)

    def forward(self, x):
        h = self.hidden(x)
        mu, log_var = self.mu(h), self.log_var(h)
        return self.decode(self.draw(mu, log_var)), mu, log_var


def patients(first=None, second=None, third=None):
    healthy = Patient()
    return [Patient(**fault) if fault else healthy for fault in (first, second, third)]


def drawing(draw):
    """Make a patient that draws by a function of one's own."""
    patient = Patient()
    patient.draw = draw
    return patient


class Ended(Patient):
    def __init__(self, end):
        super().__init__()
        self.end = end

    def decode(self, z):
        return self.end(super().decode(z))


def by_rsample(mu, log_var):
    return Normal(mu, (0.5 * log_var).exp()).rsample()


def by_filling(mu, log_var):
    return torch.addcmul(mu, log_var.exp().sqrt(), torch.empty(mu.shape).normal_())


def with_own_generator():
    generator = torch.Generator().manual_seed(5)

    def draw(mu, log_var):
        return mu + (0.5 * log_var).exp() * torch.randn(mu.shape, generator=generator)

    return draw


def by_rows(mu, log_var):
    rows = zip(mu, log_var, strict=True)
    return torch.stack([m + torch.exp(v / 2) * torch.randn(len(m)) for m, v in rows])


def ramp(step, warm_up):
    return min(1.0, step / warm_up)


def warm_up(model, images, steps, warm_up, optimizer, generator, weight=ramp, price=None):
    weights, losses = [], []
    for step in range(steps):
        beta = weight(step, warm_up)
        terms = vaetut.elbo(model, images, generator=generator)
        loss = (beta * terms.kl - terms.log_likelihood).mean()
        optimizer.zero_grad()
        (loss if price is None else price(terms, beta)).backward()
        optimizer.step()
        weights.append(beta)
        losses.append(loss.item())
    return weights, losses


def with_weight(weight):
    """Make a solution of 10.7 whose weight is `weight(step, warm_up)`."""
    return lambda *a: warm_up(*a, weight=weight)


def with_price(price):
    """Make a solution of 10.7 that reports J and minimises `price(terms, beta)`."""
    return lambda *a: warm_up(*a, price=price)


def by_hand(
    model,
    images,
    steps,
    warm_up,
    optimizer,
    generator,
    loss=lambda d, r, beta: (d + beta * r).mean(),
    draw=lambda mu, log_var, g: mu + (0.5 * log_var).exp() * torch.randn(mu.shape, generator=g),
    zero=True,
    train=True,
    report=None,
):
    """Train as 10.7 wants it, with options that spoil it."""
    weights, losses = torch.arange(steps).div(warm_up).clamp(max=1), torch.zeros(steps)
    for step, beta in enumerate(weights):
        mu, log_var = model.encode(images)
        logits = model.decode(draw(mu, log_var, generator))
        distortion = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(1)
        rate = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1)
        value = loss(distortion, rate, beta)
        if zero:
            optimizer.zero_grad()
        value.backward()
        if train:
            optimizer.step()
        losses[step] = (report or loss)(distortion, rate, beta).detach()
    return weights, losses


def with_loss(loss, report=None):
    """Make a solution of 10.7 by hand, whose loss is `loss(distortion, rate, beta)`."""
    return lambda *a: by_hand(*a, loss=loss, report=report)


def with_draw(draw):
    """Make a solution of 10.7 by hand, whose code is `draw(mu, log_var, generator)`."""
    return lambda *a: by_hand(*a, draw=draw)


def right_price(d, r, beta):
    return (d + beta * r).mean()


def fixed_noise(model, images, steps, warm_up, optimizer, generator):
    noise = torch.randn(len(images), model.latent_dim, generator=generator)
    return by_hand(
        *(model, images, steps, warm_up, optimizer, generator),
        draw=lambda mu, log_var, g: mu + (0.5 * log_var).exp() * noise,
    )


def drawn_ahead(model, images, steps, warm_up, optimizer, generator):
    noise = iter(torch.randn(steps, len(images), model.latent_dim, generator=generator))
    return by_hand(
        *(model, images, steps, warm_up, optimizer, generator),
        draw=lambda mu, log_var, g: mu + (0.5 * log_var).exp() * next(noise),
    )


def squashed(model, images, steps, warm_up, optimizer, generator):
    class Squashed:
        encode, decode = model.encode, model.decode_mean

    return by_hand(Squashed, images, steps, warm_up, optimizer, generator)


def zero_too_late(model, images, steps, warm_up, optimizer, generator):
    weights, losses = [], []
    for step in range(steps):
        terms = vaetut.elbo(model, images, generator=generator)
        loss = (ramp(step, warm_up) * terms.kl - terms.log_likelihood).mean()
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        weights.append(ramp(step, warm_up))
        losses.append(loss)
    return weights, losses


def seeded(model, images, steps, warm_up, optimizer, generator):
    g = torch.Generator().manual_seed(0)
    return by_hand(model, images, steps, warm_up, optimizer, g)


def global_noise(model, images, steps, warm_up, optimizer, generator):
    return by_hand(model, images, steps, warm_up, optimizer, None)


def on_a_copy(model, images, steps, warm_up, optimizer, generator):
    other = copy.deepcopy(model)
    sgd = torch.optim.SGD(other.parameters(), **optimizer.defaults)
    return by_hand(other, images, steps, warm_up, sgd, generator)


def with_adam(model, images, steps, warm_up, optimizer, generator):
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    return by_hand(model, images, steps, warm_up, adam, generator)


def without_last_step(model, images, steps, warm_up, optimizer, generator):
    weights, losses = by_hand(model, images, steps - 1, warm_up, optimizer, generator)
    terms = vaetut.elbo(model, images, generator=generator)
    beta = torch.tensor([ramp(steps - 1, warm_up)])
    loss = (beta * terms.kl - terms.log_likelihood).mean()
    return torch.cat([weights, beta]), torch.cat([losses, loss[None]])


def no_gradient(model, images, steps, warm_up, optimizer, generator):
    with torch.no_grad():
        return by_hand(model, images, steps, warm_up, optimizer, generator)


def after_the_step(model, images, steps, warm_up, optimizer, generator):
    weights, losses = [], []
    for step in range(steps):
        weights.append(ramp(step, warm_up))
        state = generator.get_state()
        for again in (False, True):
            generator.set_state(state)
            terms = vaetut.elbo(model, images, generator=generator)
            loss = (weights[-1] * terms.kl - terms.log_likelihood).mean()
            if not again:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        losses.append(loss)
    return torch.tensor(weights), torch.stack(losses)


def warm_up_by_distributions(model, images, steps, warm_up, optimizer, generator):
    weights = torch.cat([torch.linspace(0, 1, warm_up + 1), torch.ones(steps)])[:steps]
    losses = []
    for beta in weights:
        optimizer.zero_grad(set_to_none=False)
        q = Normal(*(part for part in change_log_var(*model.encode(images))))
        z = q.loc + q.scale * torch.empty(q.loc.shape).normal_(generator=generator)
        p = Bernoulli(logits=model.decode(z), validate_args=False)
        costs = beta * kl_divergence(q, Normal(0.0, 1.0)).sum(1) - p.log_prob(images).sum(1)
        losses.append(costs.mean())
        losses[-1].backward()
        optimizer.step()
    return weights, torch.stack(losses)


def change_log_var(mu, log_var):
    return mu, log_var.mul(0.5).exp()


def warm_up_by_grad(model, images, steps, warm_up, optimizer, generator):
    losses, beta, t = [], 0.0, 0
    parameters = list(model.parameters())
    while t < steps:
        mu, log_var = model.encode(images)
        z = vaetut.reparameterize(mu, log_var, generator=generator)
        d = -vaetut.bernoulli_log_likelihood(images, model.decode(z)).mean()
        total = d + beta * vaetut.kl_standard_normal(mu, log_var).mean()
        for p, slope in zip(parameters, torch.autograd.grad(total, parameters), strict=True):
            p.grad = slope
        optimizer.step()
        losses.append(total.item())
        t += 1
        beta = t / warm_up if t < warm_up else 1.0
    return [min(t / warm_up, 1) for t in range(steps)], losses


def warm_up_by_sum(model, images, steps, warm_up, optimizer, generator):
    history = torch.zeros(2, steps, dtype=torch.float64)
    for step in range(steps):
        history[0, step] = step / warm_up if step <= warm_up else 1
        mu, log_var = model.encode(images)
        z = mu + (0.5 * log_var).exp() * torch.randn(1, *mu.shape, generator=generator)  # (1, B, L)
        total = -model.log_likelihood(images, z).sum() / len(images)
        total = total + history[0, step].float() * kl(mu, log_var).sum() / len(images)
        total.backward()
        optimizer.step()
        optimizer.zero_grad()
        history[1, step] = total.detach()
    return history


def warm_up_with_closure(model, images, steps, warm_up, optimizer, generator):
    weights, losses = [], []

    def closure():
        optimizer.zero_grad()
        terms = vaetut.elbo(model, images, 1, generator)
        loss = -(terms.elbo + (1 - weights[-1]) * terms.kl).mean()
        loss.backward()
        return loss

    for step in range(steps):
        weights.append(1 - max(0, warm_up - step) / warm_up)
        losses.append(optimizer.step(closure).detach())
    return tuple(weights), losses


def active_units(mu):
    return mu.var(0) > 0.01


def active_by_loop(mu):
    found = []
    for column in mu.T:
        middle = sum(column) / len(column)
        found.append(sum((value - middle) ** 2 for value in column) / len(column) > 0.01)
    return [bool(each) for each in found]


def active_by_pairs(mu):
    apart = (mu[:, None] - mu).square().mean((0, 1))  # twice the variance
    return apart / 2 > 0.01


def active_in_place(mu):
    mu -= mu.mean(0)
    mu *= mu
    return (mu.mean(0) > 0.01).long()


def conditional_inputs(images, z, labels, classes):
    hot = F.one_hot(labels, classes)
    return torch.cat([images, hot], 1), torch.cat([z, hot], 1)


def with_hot(change):
    """Make a solution of 10.9 whose columns for the label are `change(labels, classes)`."""

    def answer(images, z, labels, classes):
        hot = change(labels, classes)
        return torch.cat([images, hot], 1), torch.cat([z, hot], 1)

    return answer


def hot_by_loop(labels, classes):
    hot = torch.zeros(len(labels), classes)
    for row, label in enumerate(labels.tolist()):
        hot[row, label] = 1.0
    return hot


def inputs_in_place(images, z, labels, classes):
    rows = torch.arange(len(labels))
    results = []
    for each in (images, z):
        result = torch.zeros(len(each), each.shape[1] + classes)
        result[:, : each.shape[1]] = each
        result[rows, each.shape[1] + labels] = 1
        results.append(result)
    return results


def only_the_decoder(images, z, labels, classes):
    return images, conditional_inputs(images, z, labels, classes)[1]


SOLUTIONS = {
    "10.1": linear_curve,
    "10.2": free_bits_price,
    "10.3": best_picture,
    "10.6": patients,
    "10.7": warm_up,
    "10.8": active_units,
    "10.9": conditional_inputs,
}

RIGHT = [
    ("10.1", curve_by_loop),
    ("10.1", curve_by_divergence),
    ("10.1", curve_by_where),
    ("10.1", curve_by_sorting),
    ("10.1", curve_in_place),
    ("10.2", free_bits_by_loop),
    ("10.2", free_bits_in_place),
    ("10.2", lambda mu, lv, free: (F.relu(kl(mu, lv).mean(0) - free) + free).sum()),
    ("10.2", lambda mu, lv, free: F.threshold(kl(mu, lv).mean(0), free, free).sum()),
    (
        "10.2",
        lambda mu, lv, free: sum(
            torch.where(k > free, k, free) for k in kl(mu, lv).mean(0, keepdim=True).unbind(1)
        ).squeeze(),
    ),
    (
        "10.2",
        lambda mu, lv, free: (
            torch.stack([kl(mu, lv).mean(0), torch.full_like(mu[0], free)]).amax(0).sum()
        ),
    ),
    ("10.3", picture_by_distributions),
    ("10.3", picture_by_loops),
    ("10.3", picture_in_numpy),
    ("10.3", picture_by_products),
    ("10.3", picture_in_place),
    ("10.6", lambda: tuple(map(drawing, (by_rsample, by_filling, by_rows)))),
    ("10.6", lambda: 3 * [drawing(vaetut.reparameterize)]),
    ("10.6", lambda: [Patient().eval(), Patient(), Patient().eval()]),
    ("10.6", lambda: [patients()[0], drawing(with_own_generator()), patients()[2]]),
    ("10.6", lambda: (drawing(lambda m, v: vaetut.reparameterize(m, v, 1)[0]), *patients()[1:])),
    ("10.7", by_hand),
    ("10.7", warm_up_by_distributions),
    ("10.7", warm_up_by_grad),
    ("10.7", warm_up_by_sum),
    ("10.7", warm_up_with_closure),
    ("10.7", lambda *a: [torch.tensor(each) for each in warm_up(*a)]),
    ("10.8", active_by_loop),
    ("10.8", active_by_pairs),
    ("10.8", active_in_place),
    ("10.8", lambda mu: mu.double().numpy().std(axis=0) > 0.1),
    ("10.8", lambda mu: torch.cov(mu.T).diagonal() > 0.01),
    ("10.8", lambda mu: (mu.square().mean(0) - mu.mean(0).square() > 0.01).tolist()),
    ("10.9", with_hot(hot_by_loop)),
    ("10.9", with_hot(lambda y, c: torch.eye(c)[y])),
    ("10.9", with_hot(lambda y, c: (y[:, None] == torch.arange(c)).float())),
    (
        "10.9",
        with_hot(lambda y, c: torch.zeros(len(y), c).scatter_(1, y[:, None], 1.0)),
    ),
    ("10.9", inputs_in_place),
    (
        "10.9",
        lambda x, z, y, c: [
            F.pad(each, (0, c)) + F.pad(F.one_hot(y, c), (each.shape[1], 0)) for each in (x, z)
        ],
    ),
]

MISTAKES = [
    ("10.1", lambda *a: linear_curve(*a)[0], "two things"),
    ("10.1", lambda e, b, v: (e, e), "one number"),
    ("10.1", lambda *a: linear_curve(*a, used=False), "not a negative one"),
    ("10.1", lambda *a: linear_curve(*a, half=1.0), "½ in front"),
    ("10.1", lambda e, b, v: linear_curve(e, 1.0, v), "βσ², not σ²"),
    ("10.1", lambda e, b, v: linear_curve(e, b, v**2), "no square"),
    ("10.1", lambda e, b, v: linear_curve(e, b, v**0.5), "no root"),
    ("10.1", lambda e, b, v: linear_curve(e, b, v, scale=b), "not weighted"),
    ("10.1", lambda *a: linear_curve(*a)[::-1], "distortion first"),
    ("10.1", without_means, "means vary"),
    ("10.1", with_rate(lambda e, v: 0.5 * (1 + e / v).log().sum()), "no 1 +"),
    ("10.1", with_rate(lambda e, v: 0.5 * (1 + e[e > v] / v).log().sum()), "no 1 +"),
    ("10.1", with_rate(lambda e, v: 0.5 * (e / v).log().clamp(min=0).mean()), "averaged"),
    ("10.1", with_rate(lambda e, v: 0.5 * (e[e > v] / v).log().mean()), "directions in use"),
    ("10.1", with_rate(lambda e, v: 0.5 * (e / v).log2().clamp(min=0).sum()), "bits"),
    ("10.1", with_rate(lambda e, v: 0.5 * (v / e).log().clamp(max=0).sum()), "never negative"),
    ("10.1", lambda *a: linear_curve(*a, scale=1.3), "one of your numbers is"),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, v, constant=False)),
        "constant of the Gaussian",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, level)),
        "at every weight",
    ),
    (
        "10.1",
        with_distortion(
            lambda e, level, v: e.clamp(max=level).sum() / (2 * level) + constant(e, v)
        ),
        "Divide the error by 2σ²",
    ),
    ("10.1", with_distortion(lambda e, level, v: distortion(e, v, v)), "you have σ²"),
    (
        "10.1",
        with_distortion(
            lambda e, level, v: (e > level).sum() * level / (2 * v) + constant(e, v),
        ),
        "whole variance",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e[e <= level].sum() / (2 * v) + constant(e, v)),
        "leaves an error, too",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e.sum() / (2 * v) + constant(e, v)),
        "and not its whole variance",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: len(e) * level / (2 * v) + constant(e, v)),
        "varies by less",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e.clamp(max=level).sum() + constant(e, v)),
        "divide it by twice",
    ),
    ("10.1", with_distortion(lambda e, level, v: e.clamp(max=level).sum()), "squared error alone"),
    (
        "10.1",
        with_distortion(lambda e, level, v: e.clamp(max=level).sum() / v + constant(e, v)),
        "is divided by twice",
    ),
    (
        "10.1",
        with_distortion(
            lambda e, level, v: distortion(e, level, v, False) + constant(e[e > level], v)
        ),
        "counts every direction",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, v) + constant(e, v)),
        "half of log",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, v, False) - constant(e, v)),
        "constant is added",
    ),
    ("10.1", with_distortion(lambda e, level, v: distortion(e, level, v) / len(e)), "averaged"),
    ("10.1", with_distortion(lambda *a: -distortion(*a)), "is its negative"),
    (
        "10.1",
        with_distortion(lambda e, level, v: level / v * distortion(e, level, v)),
        "has no weight",
    ),
    ("10.1", with_distortion(lambda e, level, v: e.sum()), "the distortion is"),
    ("10.1", lambda e, b, v: linear_curve(e, b.item(), v), "rate as a function of β"),
    ("10.1", with_distortion(lambda *a: distortion(*a).detach()), "distortion as a function of β"),
    (
        "10.1",
        with_distortion(lambda *a: distortion(*a) + torch.nan),
        "the distortion is nan",
    ),
    ("10.2", lambda mu, lv, free: kl(mu, lv).clamp(min=free).sum(1), "not one per image"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(min=free), "sum over the coordinates"),
    ("10.2", lambda mu, lv, free: kl(mu, lv), "your shape is"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).sum(), "plain rate"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).clamp(min=free).sum(1).mean(), "for each image"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(1).mean().clamp(min=free), "not for their sum"),
    (
        "10.2",
        lambda mu, lv, free: kl(mu, lv).sum(1).mean().clamp(min=free * mu.shape[1]),
        "L times λ",
    ),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(1).clamp(min=free).mean(), "each image's sum"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(max=free).sum(), "not the smaller"),
    (
        "10.2",
        lambda mu, lv, free: (kl(mu, lv).mean(0) - free).clamp(min=0).sum(),
        "goes beyond",
    ),
    (
        "10.2",
        lambda mu, lv, free: kl(mu, lv).mean(0)[kl(mu, lv).mean(0) > free].sum(),
        "not left out",
    ),
    ("10.2", lambda mu, lv, free: (kl(mu, lv).mean(0) + free).sum(), "not added"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(min=free).mean(), "averaged"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(0).clamp(min=free).sum(), "summed"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(1).clamp(min=free).sum(), "other way round"),
    ("10.2", lambda mu, lv, free: free_bits_price(mu, lv, free * math.log(2)), "no log 2"),
    ("10.2", lambda mu, lv, free: free_bits_price(mu, 2 * lv, free), "as log σ"),
    ("10.2", lambda mu, lv, free: free_bits_price(mu, lv.log(), free), "a logarithm already"),
    ("10.2", lambda mu, lv, free: free_bits_price(mu, 2 * lv.sqrt(), free), "a logarithm already"),
    ("10.2", lambda mu, lv, free: (2 * kl(mu, lv)).mean(0).clamp(min=free).sum(), "½ in front"),
    ("10.2", lambda mu, lv, free: (kl(mu, lv) + 0.5).mean(0).clamp(min=free).sum(), "-1 is"),
    ("10.2", lambda mu, lv, free: (kl(mu, lv) + lv).mean(0).clamp(min=free).sum(), "minus log σ²"),
    ("10.2", with_sigma, "you have σ"),
    ("10.2", lambda mu, lv, free: -free_bits_price(mu, lv, free), "sign is turned"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(min=0.5).sum(), "it should be"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(0).clamp(min=20 * free).sum() / 20, "should be"),
    ("10.2", lambda *a: free_bits_price(*a).detach(), "has no gradient"),
    ("10.2", lambda *a: free_bits_price(*a).item(), "has no gradient"),
    ("10.2", straight_through, "not its gradient"),
    ("10.2", lambda mu, lv, free: free_bits_price(mu, lv.detach(), free), "not its gradient"),
    ("10.3", lambda z, mu, lv, x: best_picture(z, mu, lv, x)[0], "(M, D)"),
    ("10.3", lambda z, mu, lv, x: log_q(z, mu, lv).softmax(1), "(M, D)"),
    ("10.3", lambda z, mu, lv, x: x.mean(0).expand(len(z), -1), "average of all images"),
    ("10.3", lambda z, mu, lv, x: density(z, mu, lv) @ x, "divide by their sum"),
    ("10.3", lambda z, mu, lv, x: density(z, mu, lv) @ x / len(x), "not by their number"),
    ("10.3", lambda z, mu, lv, x: log_q(z, mu, lv).softmax(0) @ x, "over the codes"),
    (
        "10.3",
        lambda z, mu, lv, x: density(z, mu, lv) @ x / density(z, mu, lv).sum(),
        "all codes together",
    ),
    ("10.3", lambda *a: best_picture(*a, width=0.0), "left out"),
    ("10.3", lambda *a: best_picture(*a, width=-1.0), "look at the sign"),
    ("10.3", lambda *a: best_picture(*a, half=1.0, width=2.0), "-½ in the exponent"),
    ("10.3", lambda *a: best_picture(*a, half=1.0), "before the square"),
    ("10.3", lambda *a: best_picture(*a, squares=0.5), "not by σ"),
    ("10.3", lambda z, mu, lv, x: best_picture(z, mu, 2 * lv, x), "log σ²"),
    ("10.3", lambda z, mu, lv, x: (-(torch.cdist(z, mu) ** 2) / 2).softmax(1) @ x, "its own σ"),
    (
        "10.3",
        lambda z, mu, lv, x: (log_q(z, mu, lv) / z.shape[1]).softmax(1) @ x,
        "sum over its coordinates",
    ),
    ("10.3", lambda z, mu, lv, x: x[log_q(z, mu, lv).argmax(1)], "largest weight"),
    ("10.3", lambda z, mu, lv, x: x[torch.cdist(z, mu).argmin(1)], "nearest one"),
    (
        "10.3",
        lambda z, mu, lv, x: log_q(z, mu, lv) / log_q(z, mu, lv).sum(1, True) @ x,
        "not its logarithm",
    ),
    ("10.3", lambda *a: best_picture(*a) + 1, "it should be"),
    ("10.3", underflow, "underflows"),
    ("10.3", nearly_safe, "underflows"),
    ("10.3", largest_of_all, "underflows"),
    ("10.3", least_first, "underflows"),
    ("10.3", lambda *a: underflow(*a).nan_to_num(0), "underflows"),
    ("10.6", lambda: patients()[:2], "three models"),
    ("10.6", lambda: patients()[0], "three models"),
    ("10.6", lambda: [Patient] * 3, "not First"),
    ("10.6", lambda: [nn.Linear(784, 10)] * 3, "first can't be examined"),
    ("10.6", lambda: patients(first={"width": 1.0}), "first has a fault still"),
    ("10.6", lambda: patients(second={"shared": True}), "second has a fault still"),
    ("10.6", lambda: patients(third={"squash": True}), "third has a fault still"),
    ("10.6", lambda: [drawing(lambda m, v: m), *patients()[1:]], "first has a fault still"),
    (
        "10.6",
        lambda: [drawing(lambda m, v: m + v * torch.randn_like(m)), *patients()[1:]],
        "first has a fault still",
    ),
    (
        "10.6",
        lambda: [drawing(lambda m, v: m + (v / 2).exp() * torch.rand_like(m)), *patients()[1:]],
        "first has a fault still",
    ),
    (
        "10.6",
        lambda: [
            patients()[0],
            drawing(lambda m, v: m + (v / 2).exp() * torch.randn(len(m), 1)),
            patients()[2],
        ],
        "second has a fault still",
    ),
    (
        "10.6",
        lambda: [drawing(lambda m, v: by_rsample(m, v).detach()), *patients()[1:]],
        "first has a fault still",
    ),
    ("10.6", lambda: [*patients()[:2], Ended(lambda a: a.clamp(min=0))], "have one sign"),
    ("10.6", lambda: [*patients()[:2], Ended(F.logsigmoid)], "have one sign"),
    ("10.6", lambda: [*patients()[:2], Ended(torch.tanh)], "are ±1: what bounds"),
    ("10.6", lambda: [*patients()[:2], Ended(lambda a: a.clamp(-10, 10))], "are ±10: what bounds"),
    (
        "10.6",
        lambda: [drawing(lambda m, v: by_rows(m, 2 * v)), *patients()[1:]],
        "the standard deviation 0",
    ),
    ("10.7", lambda *a: by_hand(*a)[1], "two things"),
    ("10.7", lambda *a: (by_hand(*a)[0], by_hand(*a)[1][-1]), "for each step"),
    ("10.7", lambda *a: by_hand(*a)[::-1], "losses first"),
    ("10.7", with_weight(lambda t, n: min(1, (t + 1) / n)), "next step"),
    ("10.7", with_weight(lambda t, n: min(1, t / (n - 1))), "too early"),
    ("10.7", with_weight(lambda t, n: min(1, t / (n + 1))), "too late"),
    ("10.7", with_weight(lambda t, n: t / n), "goes on"),
    (
        "10.7",
        lambda m, x, s, n, o, g: warm_up(m, x, s, n, o, g, lambda t, n: t / s),
        "whole training",
    ),
    (
        "10.7",
        lambda m, x, s, n, o, g: warm_up(m, x, s, n, o, g, lambda t, n: t / (s - 1)),
        "ends with the training",
    ),
    ("10.7", with_weight(lambda t, n: min(1, t // n)), "jump"),
    ("10.7", with_weight(lambda t, n: max(0, 1 - t / n)), "yours falls"),
    ("10.7", with_weight(lambda t, n: t % n / n), "begins again"),
    ("10.7", with_weight(lambda t, n: 1.0), "no warm-up"),
    ("10.7", with_weight(lambda t, n: min(1, t / n) ** 2), "squares"),
    ("10.7", with_weight(lambda t, n: 1 / (1 + math.exp(-t))), "one of your weights"),
    ("10.7", lambda *a: by_hand(*a, zero=False), "add up"),
    ("10.7", fixed_noise, "draw it anew"),
    ("10.7", drawn_ahead, "for all steps at once"),
    ("10.7", seeded, "changes nothing"),
    ("10.7", global_noise, "same generator"),
    (
        "10.7",
        with_draw(
            lambda m, v, g: m + (v / 2).exp() * torch.randn(m.shape[1], generator=g),
        ),
        "each needs its own",
    ),
    (
        "10.7",
        with_draw(lambda m, v, g: m + (v / 2).exp() * torch.rand(m.shape, generator=g)),
        "N(0, 1)",
    ),
    ("10.7", with_draw(lambda m, v, g: m + v.exp() * torch.randn(m.shape, generator=g)), "as σ"),
    ("10.7", with_draw(lambda m, v, g: m), "draw a code"),
    (
        "10.7",
        with_draw(lambda m, v, g: (m + (v / 2).exp() * torch.randn(m.shape, generator=g)).detach()),
        "comes back to the encoder",
    ),
    ("10.7", with_loss(lambda d, r, b: (b * d + r).mean()), "not to the distortion"),
    ("10.7", with_loss(lambda d, r, b: b * (d + r).mean()), "the distortion, too"),
    ("10.7", with_loss(lambda d, r, b: ((1 - b) * d + b * r).mean()), "keeps its full weight"),
    ("10.7", with_loss(lambda d, r, b: (d + b * b * r).mean()), "twice"),
    ("10.7", with_loss(lambda d, r, b: (d + r).mean()), "full price"),
    ("10.7", with_price(lambda terms, b: -terms.elbo.mean()), "trained without it"),
    (
        "10.7",
        with_loss(right_price, lambda d, r, b: (d + r).mean()),
        "wanted with it, too",
    ),
    ("10.7", with_loss(lambda d, r, b: (d + b * r.detach()).mean()), "is it detached"),
    ("10.7", with_loss(lambda d, r, b: d.mean()), "the rate is missing"),
    ("10.7", with_loss(right_price, lambda d, r, b: d.mean()), "distortion alone"),
    ("10.7", with_loss(lambda d, r, b: (d + 2 * b * r).mean()), "½ in front"),
    ("10.7", with_loss(lambda d, r, b: (d + b * r / 3).mean()), "latent dimensions"),
    ("10.7", squashed, "through a sigmoid twice"),
    ("10.7", zero_too_late, "does not change"),
    ("10.7", with_loss(lambda d, r, b: (d - b * r).mean()), "it is added"),
    ("10.7", with_loss(lambda *a: -right_price(*a), right_price), "worse on purpose"),
    ("10.7", with_loss(right_price, lambda *a: -right_price(*a)), "what falls"),
    ("10.7", lambda *a: by_hand(*a, train=False), "does not change"),
    ("10.7", after_the_step, "before the step"),
    ("10.7", with_loss(lambda d, r, b: (d + b * r).sum()), "you have summed"),
    (
        "10.7",
        with_loss(lambda d, r, b: (d + b * r).sum(), right_price),
        "minimise their sum",
    ),
    ("10.7", with_adam, "one of your losses"),
    ("10.7", no_gradient, "does not require grad"),
    ("10.7", on_a_copy, "was a copy trained"),
    ("10.7", without_last_step, "the last step missing"),
    ("10.8", lambda mu: active_units(mu).sum(), "not how many"),
    ("10.8", lambda mu: mu.var(1) > 0.01, "for each image"),
    ("10.8", lambda mu: active_units(mu).nonzero()[:, 0], "not the list"),
    ("10.8", lambda mu: mu.square() > 0.01, "for each coordinate"),
    ("10.8", lambda mu: mu.var(0), "say of each"),
    ("10.8", lambda mu: mu.std(0), "say of each"),
    ("10.8", lambda mu: active_units(mu) * 2, "True or a False"),
    ("10.8", lambda mu: mu.var(0) < 0.01, "other way round"),
    ("10.8", lambda mu: mu.std(0) > 0.01, "standard deviation"),
    ("10.8", lambda mu: mu.square().mean(0) > 0.01, "mean square"),
    ("10.8", lambda mu: mu.mean(0).abs() > 0.01, "how much it moves"),
    ("10.8", lambda mu: mu.mean(0) > 0.01, "how much it moves"),
    ("10.8", lambda mu: mu.abs().mean(0) > 0.01, "size of the mean"),
    ("10.8", lambda mu: kl(mu, torch.zeros_like(mu)).mean(0) > 0.01, "part of the KL"),
    ("10.8", lambda mu: 0.5 * mu.var(0) > 0.01, "without a half"),
    ("10.8", lambda mu: (mu - mu.mean(0)).square().sum(0) > 0.01, "you have summed"),
    ("10.8", lambda mu: (mu - mu.mean(0)).abs().amax(0) > 0.01, "largest distance"),
    ("10.8", lambda mu: mu.var(0) > 0.01 * mu.var(0).max(), "not a hundredth of"),
    ("10.8", lambda mu: mu.var(0) > 0.1, "too high"),
    ("10.8", lambda mu: mu.var(0) > 0.001, "too low"),
    ("10.8", lambda mu: mu.var(0) >= 0, "all in use"),
    ("10.8", lambda mu: mu.var(0) < 0, "all off"),
    ("10.8", lambda mu: mu.var() > torch.full((mu.shape[1],), 0.01), "all in use"),
    ("10.9", lambda *a: conditional_inputs(*a)[0], "two things"),
    ("10.9", lambda *a: conditional_inputs(*a)[::-1], "decoder's input first"),
    ("10.9", with_hot(lambda y, c: y[:, None].float()), "as a number"),
    ("10.9", with_hot(lambda y, c: y[:, None] / c), "as a number"),
    ("10.9", with_hot(lambda y, c: F.one_hot(y)), "where the last one is not in the batch"),
    ("10.9", only_the_decoder, "does not see the label"),
    (
        "10.9",
        lambda x, z, y, c: (conditional_inputs(x, z, y, c)[0], F.one_hot(y, c).float()),
        "the label alone",
    ),
    (
        "10.9",
        lambda x, z, y, c: [torch.cat([F.one_hot(y, c), each], 1) for each in (x, z)],
        "put it first",
    ),
    ("10.9", with_hot(lambda y, c: F.one_hot(y, 10)), "has the shape"),
    ("10.9", with_hot(lambda y, c: F.one_hot(y + 1, c)), "too far"),
    ("10.9", with_hot(lambda y, c: F.one_hot((y - 1) % c, c)), "too early"),
    ("10.9", with_hot(lambda y, c: F.one_hot(y, c).flip(1)), "reverse order"),
    ("10.9", with_hot(lambda y, c: 1 - F.one_hot(y, c)), "other way round"),
    ("10.9", with_hot(lambda y, c: F.one_hot(y, c) * y[:, None]), "label's number there"),
    ("10.9", with_hot(lambda y, c: y[:, None].expand(-1, c)), "a one at its class"),
    ("10.9", with_hot(lambda y, c: torch.arange(c) <= y[:, None]), "none before it"),
    ("10.9", with_hot(lambda y, c: F.one_hot(y.flip(0), c)), "come apart"),
    ("10.9", with_hot(lambda y, c: torch.zeros(len(y), c)), "left empty"),
    ("10.9", lambda *a: [each.int() for each in conditional_inputs(*a)], "cut to integers"),
    (
        "10.9",
        lambda x, z, y, c: conditional_inputs(x, z.detach(), y, c),
        "no gradient",
    ),
    ("10.9", with_hot(lambda y, c: 0.5 * F.one_hot(y, c)), "should be"),
]


def test_the_formula_is_the_models():
    """The curve of 10.1 against an ELBO of the best linear VAE, exact but for the draws of z."""
    eigenvalues, beta, variance = torch.tensor([8.0, 3.0, 1.0, 0.2, 0.1]), 2.0, 0.25
    level = beta * variance
    model = vaetut.VAE(5, 5, (), likelihood="gaussian", variance=variance)
    w = (eigenvalues - level).clamp(min=0).sqrt()
    with torch.no_grad():
        model.decoder.out.weight.copy_(w.diag())
        model.encoder.mu.weight.copy_((w / (w**2 + level)).diag())
        model.encoder.log_var.weight.zero_()
        model.encoder.log_var.bias.copy_((level / (w**2 + level)).log())
        g = torch.Generator().manual_seed(0)
        x = torch.randn(200_000, 5, generator=g) * eigenvalues.sqrt()
        terms = vaetut.elbo(model, x, generator=g)
    rate, cost = linear_curve(eigenvalues, beta, variance)
    assert torch.isclose(terms.kl.mean(), rate, rtol=1e-2)
    assert torch.isclose(-terms.log_likelihood.mean(), cost, rtol=1e-2)
