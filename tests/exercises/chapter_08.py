"""Chapter 8: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import numpy as np
import torch
from torch.distributions import Categorical, kl_divergence
from torch.nn import functional as F


def tables(data, encoder, prior, decoder):
    return data[:, None] * encoder, prior * decoder.T


def kl(a, b):
    return torch.where(a > 0, a * (a / b).log(), 0.0).sum()


def joint_kl(*args):
    return kl(*tables(*args))


def joint_kl_by_parts(data, encoder, prior, decoder):
    """Sum distortion and rate of each image, and take the entropy away."""
    distortion = -(encoder * decoder.T.log()).sum(1)
    rate = kl_divergence(Categorical(encoder), Categorical(prior.expand_as(encoder)))
    return data @ (distortion + rate) - torch.special.entr(data).sum()


def joint_kl_by_gaps(data, encoder, prior, decoder):
    joint = torch.einsum("z,zx->xz", prior, decoder)
    evidence = joint.sum(1)
    data_gap = F.kl_div(evidence.log(), data, reduction="sum")
    posterior = joint / evidence[:, None]
    return data_gap + torch.einsum("x,xz,xz->", data, encoder, (encoder / posterior).log())


def joint_kl_in_a_loop(data, encoder, prior, decoder):
    total = 0.0
    for x in range(len(data)):
        for z in range(len(prior)):
            q, p = data[x] * encoder[x, z], prior[z] * decoder[z, x]
            if q > 0:
                total = total + q * torch.log(q / p)
    return total


def joint_kl_where_data_are(data, encoder, prior, decoder):
    there = data > 0
    data, encoder, decoder = data[there], encoder[there], decoder[:, there]
    return data @ (encoder * (data[:, None] * encoder / (prior * decoder.T)).log()).sum(1)


def joint_kl_in_place(data, encoder, prior, decoder):
    decoder = decoder.T * prior
    encoder *= data[:, None]
    return (torch.xlogy(encoder, encoder) - encoder * decoder.log()).sum()


def joint_kl_by_categoricals(*args):
    q, p = (Categorical(table.flatten()) for table in tables(*args))
    return kl_divergence(q, p)


def entropy(data):
    return torch.special.entr(data).sum()


def per_image(data, encoder, prior, decoder):
    return (encoder * (data[:, None] * encoder / (prior * decoder.T)).log()).sum(1)


def distortion(data, encoder, prior, decoder):
    return -(data[:, None] * encoder * decoder.T.log()).sum()


def rate(data, encoder, prior, decoder):
    return (data[:, None] * encoder * (encoder / prior).log()).sum()


def not_a_number(*args):
    q, p = tables(*args)
    return (q * (q / p).log()).sum()


def data_gap(*args):
    return kl(args[0], tables(*args)[1].sum(1))


def split_by_code(*args):
    q, p = tables(*args)
    misfit = kl(q.sum(0), args[2])
    return misfit, kl(q, p) - misfit


def split_in_numpy(*args):
    data, encoder, prior, decoder = (each.double().numpy() for each in args)
    q = data[:, None] * encoder
    code = q.sum(0)
    backward = (q / code).T  # (Z, X)
    return np.sum(code * np.log(code / prior)), code @ np.sum(
        backward * np.log(backward / decoder), 1
    )


def split_by_categoricals(data, encoder, prior, decoder):
    code = data @ encoder
    backward = Categorical((data[:, None] * encoder).T)  # normalises
    gaps = kl_divergence(backward, Categorical(decoder))
    return [kl_divergence(Categorical(code), Categorical(prior)), (code * gaps).sum()]


def split_by_differences(*args):
    """Take rate less information, and what is left of distortion + rate - entropy."""
    data, encoder, *_ = args
    code = data @ encoder
    information = (data[:, None] * encoder * (encoder / code).log()).sum()
    misfit = rate(*args) - information
    return misfit, distortion(*args) + rate(*args) - entropy(data) - misfit


def split_in_a_loop(data, encoder, prior, decoder):
    misfit = gap = 0.0
    for z in range(len(prior)):
        code = sum(float(data[x] * encoder[x, z]) for x in range(len(data)))
        misfit += code * math.log(code / prior[z])
        for x in range(len(data)):
            backward = float(data[x] * encoder[x, z]) / code
            gap += code * backward * math.log(backward / decoder[z, x])
    return misfit, gap


def split_in_place(data, encoder, prior, decoder):
    encoder *= data[:, None]
    code = encoder.sum(0)
    encoder /= code
    encoder *= (encoder / decoder.T).log()
    return torch.stack([(code * (code.log() - prior.log())).sum(), encoder.sum(0) @ code])


def misfit(change):
    """Make an answer to 8.2 whose misfit is `change(data, encoder, prior, decoder)`."""
    return lambda *args: (change(*args), split_by_code(*args)[1])


def gap(change):
    """Make an answer to 8.2 whose decoder gap is `change(data, encoder, prior, decoder)`."""
    return lambda *args: (split_by_code(*args)[0], change(*args))


def per_code(*args):
    q, _ = tables(*args)
    backward = q / q.sum(0)
    return (backward * (backward / args[3].T).log()).sum(0)


def swapped_gap(*args):
    q, _ = tables(*args)
    code, decoder = q.sum(0), args[3].T
    return code @ (decoder * (decoder * code / q).log()).sum(0)


def best_encoder(prior, decoder, power=1.0, dim=1):
    joint = prior**power * decoder.T
    return joint / joint.sum(dim, keepdim=True)


def best_encoder_in_a_loop(prior, decoder):
    rows = []
    for x in range(decoder.shape[1]):
        weights = [float(prior[z] * decoder[z, x]) for z in range(len(prior))]
        rows.append([weight / sum(weights) for weight in weights])
    return rows


def best_encoder_in_place(prior, decoder):
    decoder *= prior[:, None]
    decoder /= decoder.sum(0)
    return decoder.T


def hardest(table):
    return F.one_hot(table.argmax(1), table.shape[1])


def model_joint(W, b, variance, cross=1.0, spread=1.0, noise=None, below=1.0):
    D, L = W.shape
    noise = variance * torch.eye(D) if noise is None else noise(variance, torch.eye(D))
    covariance = torch.eye(D + L)
    covariance[:D, :D] = spread * W @ W.T + noise
    covariance[:D, D:] = cross * W
    covariance[D:, :D] = below * cross * W.T
    return torch.cat([b, torch.zeros(L)]), covariance


def joint_by_a_linear_map(W, b, variance):
    """(x, z) is a matrix times independent unit noise, plus a constant."""
    D, L = W.shape
    A = torch.zeros(D + L, D + L)
    A[:D, :D], A[:D, D:], A[D:, D:] = variance**0.5 * torch.eye(D), W, torch.eye(L)
    return F.pad(b, (0, L)), A @ A.T


def joint_by_the_precision(W, b, variance):
    """The exponent of p(z) p(x|z), sorted, is the inverse of the covariance."""
    W = W.double()
    D, L = W.shape
    precision = torch.zeros(D + L, D + L, dtype=torch.float64)
    precision[:D, :D] = torch.eye(D) / variance
    precision[:D, D:] = -W / variance
    precision[D:, :D] = -W.T / variance
    precision[D:, D:] = torch.eye(L) + W.T @ W / variance
    return torch.hstack([b, b.new_zeros(L)]), precision.inverse()


def joint_in_numpy(W, b, variance):
    W, b = W.numpy().astype(float), b.numpy()
    D, L = W.shape
    return np.r_[b, np.zeros(L)], np.block([[W @ W.T + variance * np.eye(D), W], [W.T, np.eye(L)]])


def joint_entry_by_entry(W, b, variance):
    D, L = W.shape
    covariance = [[0.0] * (D + L) for _ in range(D + L)]
    for i in range(D):
        for j in range(D):
            covariance[i][j] = float((W[i] * W[j]).sum()) + variance * (i == j)
        for k in range(L):
            covariance[i][D + k] = covariance[D + k][i] = float(W[i, k])
    for k in range(L):
        covariance[D + k][D + k] = 1.0
    return b.tolist() + L * [0.0], covariance


def joint_with_gram(W, b, variance):
    stacked = torch.cat([W, torch.eye(W.shape[1])])
    noise = torch.cat([torch.full_like(b, variance), torch.zeros(W.shape[1])])
    covariance = torch.einsum("il,jl->ij", stacked, stacked)
    covariance.diagonal().add_(noise)
    return torch.cat([b, noise[len(b) :]]), covariance


def covariance(change):
    """Make an answer to 8.4 whose covariance is `change(covariance, D)`."""

    def answer(W, b, variance):
        mean, right = model_joint(W, b, variance)
        return mean, change(right, len(b))

    return answer


def with_block(rows, columns, value):
    def change(right, D):
        place = {"x": slice(D), "z": slice(D, None)}
        right[place[rows], place[columns]] = value
        return right

    return covariance(change)


def mean(change):
    """Make an answer to 8.4 whose mean is `change(W, b)`."""
    return lambda *args: (change(*args[:2]), model_joint(*args)[1])


def cost_of(data, encoder, prior, decoder):
    return rate(data, encoder, prior, decoder) + distortion(data, encoder, prior, decoder)


def alternate(data, prior, decoder, rounds, encoder_of=best_encoder, cost=cost_of, weigh=True):
    costs = []
    for _ in range(rounds):
        encoder, old = encoder_of(prior, decoder), decoder
        q = data[:, None] * encoder if weigh else encoder
        decoder = (q / q.sum(0)).T
        costs.append(cost(data, encoder, prior, decoder if cost is not cost_before else old))
    return decoder, torch.stack(costs)


def hard_encoder(prior, decoder):
    return hardest(prior * decoder.T)


def cost_before(*args):
    return cost_of(*args)


def alternate_on_joints(data, prior, decoder, rounds):
    costs = []
    for _ in range(rounds):
        p = decoder * prior[:, None]  # (Z, X)
        q = data * p / p.sum(0)
        decoder = q / q.sum(1, keepdim=True)
        costs.append(kl(q, decoder * prior[:, None]).item() + entropy(data).item())
    return decoder, costs


def alternate_in_numpy(*args):
    data, prior, decoder = (each.double().numpy() for each in args[:3])
    costs = np.zeros(args[3])
    for k in range(len(costs)):
        encoder = prior[:, None] * decoder
        encoder /= encoder.sum(0)
        decoder = encoder * data
        decoder /= decoder.sum(1, keepdims=True)
        costs[k] = np.sum(encoder * data * (np.log(encoder / decoder) - np.log(prior)[:, None]))
    return decoder, costs


def alternate_by_logarithms(data, prior, decoder, rounds):
    log_decoder, costs = decoder.log(), []
    for _ in range(rounds):
        log_encoder = (prior.log()[:, None] + log_decoder).log_softmax(0)  # (Z, X)
        log_decoder = (data.log() + log_encoder).log_softmax(1)
        each = (log_encoder.exp() * (log_encoder - prior.log()[:, None] - log_decoder)).sum(0)
        costs.append(data @ each)
    return log_decoder.exp(), costs


def alternate_by_recursion(data, prior, decoder, rounds):
    if rounds == 0:
        return decoder, torch.zeros(0)
    before, costs = alternate_by_recursion(data, prior, decoder, rounds - 1)
    encoder = best_encoder(prior, before)
    decoder = torch.einsum("x,xz->zx", data, encoder)
    decoder = decoder / decoder.sum(1)[:, None]
    cost = cost_of(data, encoder, prior, decoder)
    return decoder, torch.cat([costs, cost[None]])


def alternate_in_a_loop(data, prior, decoder, rounds):
    data, prior, decoder = data.tolist(), prior.tolist(), decoder.tolist()
    X, Z, costs = range(len(data)), range(len(prior)), []
    for _ in range(rounds):
        evidence = [sum(prior[z] * decoder[z][x] for z in Z) for x in X]
        encoder = [[prior[z] * decoder[z][x] / evidence[x] for z in Z] for x in X]
        code = [sum(data[x] * encoder[x][z] for x in X) for z in Z]
        decoder = [[data[x] * encoder[x][z] / code[z] for x in X] for z in Z]
        costs.append(
            sum(
                data[x] * encoder[x][z] * math.log(encoder[x][z] / prior[z] / decoder[z][x])
                for x in X
                for z in Z
            )
        )
    return decoder, costs


def alternate_in_place(data, prior, decoder, rounds):
    costs = torch.empty(rounds)
    for k in range(rounds):
        decoder *= prior[:, None]
        decoder /= decoder.sum(0)
        decoder *= data
        q = decoder.clone()  # (Z, X)
        decoder /= decoder.sum(1, keepdim=True)
        costs[k] = (q * (q / data / decoder / prior[:, None]).log()).sum()
    return decoder, costs


def learning_the_prior(data, prior, decoder, rounds):
    costs = []
    for _ in range(rounds):
        encoder = best_encoder(prior, decoder)
        q = data[:, None] * encoder
        prior = q.sum(0)
        decoder = (q / prior).T
        costs.append(cost_of(data, encoder, prior, decoder))
    return decoder, costs


def cost_of_the_next_encoder(data, _, prior, decoder):
    return cost_of(data, best_encoder(prior, decoder), prior, decoder)


def decoders(change):
    """Make an answer to 8.6 whose decoder is `change` of the arguments."""
    return lambda *args: (change(*args), alternate(*args)[1])


def costs(change):
    """Make an answer to 8.6 whose costs are `change(costs, data)`."""

    def answer(*args):
        decoder, right = alternate(*args)
        return decoder, change(right, args[0])

    return answer


def normalised_over_codes(data, prior, decoder, rounds):
    found = []
    for _ in range(rounds):
        encoder = best_encoder(prior, decoder)
        q = data[:, None] * encoder
        decoder = (q / q.sum(1, keepdim=True)).T
        found.append(cost_of(data, encoder, prior, decoder))
    return decoder, found


SOLUTIONS = {
    "8.1": joint_kl,
    "8.2": split_by_code,
    "8.3": best_encoder,
    "8.4": model_joint,
    "8.6": alternate,
}

RIGHT = [
    ("8.1", joint_kl_by_parts),
    ("8.1", joint_kl_by_gaps),
    ("8.1", joint_kl_in_a_loop),
    ("8.1", joint_kl_where_data_are),
    ("8.1", joint_kl_in_place),
    ("8.1", joint_kl_by_categoricals),
    ("8.2", split_in_numpy),
    ("8.2", split_by_categoricals),
    ("8.2", split_by_differences),
    ("8.2", split_in_a_loop),
    ("8.2", split_in_place),
    ("8.3", best_encoder_in_a_loop),
    ("8.3", best_encoder_in_place),
    ("8.3", lambda prior, decoder: (prior.log() + decoder.log().T).softmax(1)),
    ("8.3", lambda prior, decoder: Categorical(prior * decoder.T).probs),
    ("8.3", lambda prior, decoder: F.normalize(torch.diag(prior) @ decoder, p=1, dim=0).T),
    (
        "8.3",
        lambda prior, decoder: torch.einsum("z,zx,x->xz", prior, decoder, 1 / (prior @ decoder)),
    ),
    ("8.4", joint_by_a_linear_map),
    ("8.4", joint_by_the_precision),
    ("8.4", joint_in_numpy),
    ("8.4", joint_entry_by_entry),
    ("8.4", joint_with_gram),
    ("8.6", alternate_on_joints),
    ("8.6", alternate_in_numpy),
    ("8.6", alternate_by_logarithms),
    ("8.6", alternate_by_recursion),
    ("8.6", alternate_in_a_loop),
    ("8.6", alternate_in_place),
]

MISTAKES = [
    ("8.1", per_image, "one number per image"),
    ("8.1", lambda *a: (tables(*a)[0] * a[1].log()).sum(0), "one number per code"),
    ("8.1", lambda *a: tables(*a)[0], "ne number is wanted"),
    ("8.1", lambda *a: -joint_kl(*a), "never negative"),
    ("8.1", lambda *a: joint_kl(*a) + entropy(a[0]), "distortion + rate"),
    ("8.1", lambda *a: joint_kl(*a) + 2 * entropy(a[0]), "wrong sign"),
    ("8.1", lambda *a: kl(*tables(*a)[::-1]), "other way round"),
    ("8.1", distortion, "distortion alone"),
    ("8.1", rate, "rate alone"),
    ("8.1", data_gap, "data gap"),
    ("8.1", lambda *a: joint_kl(*a) - data_gap(*a), "posterior gap alone"),
    ("8.1", lambda *a: split_by_code(*a)[0], "misfit alone"),
    ("8.1", lambda *a: split_by_code(*a)[1], "decoder gap alone"),
    ("8.1", lambda *a: per_image(*a).mean(), "with its probability"),
    ("8.1", lambda *a: per_image(*a).sum(), "without their probabilities"),
    ("8.1", lambda *a: joint_kl(*a) / a[1].numel(), "average over the table"),
    ("8.1", lambda *a: joint_kl(*a) / math.log(2), "in bits"),
    ("8.1", lambda *a: -kl(*tables(*a)[::-1]), "weigh the logarithms"),
    ("8.1", lambda *a: joint_kl(*a) + 100, "it should be"),
    ("8.1", lambda *a: joint_kl(*a).detach(), "no gradient"),
    ("8.1", lambda *a: joint_kl(*a).item(), "no gradient"),
    ("8.1", lambda d, e, p, x: joint_kl(d, e, p, x.detach()), "not its gradient"),
    ("8.1", not_a_number, "it should add 0"),
    ("8.2", joint_kl, "two things"),
    ("8.2", lambda *a: (a[2], a[2]), "oth are one number"),
    ("8.2", misfit(rate), "is the rate"),
    ("8.2", misfit(lambda *a: kl(a[2], tables(*a)[0].sum(0))), "arguments swapped"),
    ("8.2", misfit(lambda *a: -split_by_code(*a)[0]), "misfit has the wrong sign"),
    ("8.2", misfit(lambda *a: kl(a[1].mean(0), a[2])), "counts the same"),
    ("8.2", misfit(data_gap), "not the images"),
    ("8.2", misfit(lambda *a: split_by_code(*a)[0] / len(a[2])), "a mean over the codes"),
    ("8.2", misfit(lambda *a: split_by_code(*a)[0] / math.log(2)), "in bits"),
    ("8.2", lambda *a: split_by_code(*a)[::-1], "misfit should come first"),
    ("8.2", misfit(lambda *a: a[0].sum() + 1), "our misfit is"),
    ("8.2", gap(lambda *a: -split_by_code(*a)[1]), "gap has the wrong sign"),
    ("8.2", gap(lambda *a: (a[2] * per_code(*a)).sum()), "not over the prior"),
    ("8.2", gap(lambda *a: per_code(*a).mean()), "very code counts the same"),
    ("8.2", gap(lambda *a: per_code(*a).sum()), "without weighing"),
    ("8.2", gap(distortion), "is the distortion"),
    ("8.2", gap(joint_kl), "still in it"),
    ("8.2", gap(swapped_gap), "q(x|z) comes first"),
    ("8.2", gap(lambda *a: joint_kl(*a) - data_gap(*a)), "is the posterior gap"),
    (
        "8.2",
        gap(lambda *a: (tables(*a)[0] * (a[1] / a[3].T).log()).sum()),
        "you took q(z|x) for q(x|z)",
    ),
    ("8.2", gap(lambda *a: split_by_code(*a)[1] + 1), "our decoder gap is"),
    ("8.3", lambda *a: best_encoder(*a).T, "turned"),
    ("8.3", lambda *a: best_encoder(*a)[0], "(X, Z)"),
    ("8.3", lambda prior, decoder: prior * decoder.T, "the joint"),
    ("8.3", lambda *a: best_encoder(*a, power=0.0), "prior is missing"),
    ("8.3", lambda *a: best_encoder(*a, power=-1.0), "divided by the prior"),
    ("8.3", lambda prior, decoder: decoder.T, "p(x|z), not p(z|x)"),
    ("8.3", lambda *a: hardest(best_encoder(*a)), "too much rate"),
    ("8.3", lambda prior, decoder: hardest(decoder.T), "too much rate"),
    ("8.3", lambda prior, decoder: prior.expand_as(decoder.T), "the distortion suffers"),
    ("8.3", lambda prior, decoder: torch.ones_like(decoder.T) / len(prior), "all codes alike"),
    ("8.3", lambda *a: best_encoder(*a, dim=0), "normalise over the codes"),
    ("8.3", lambda *a: best_encoder(*a).log(), "logarithms"),
    ("8.3", lambda prior, decoder: (prior * decoder.T).softmax(1), "softmax takes logarithms"),
    ("8.3", lambda *a: 2 * best_encoder(*a), "add up to 1"),
    ("8.3", lambda *a: best_encoder(*a).flip(1), "it should be"),
    ("8.4", lambda *a: model_joint(*a)[0], "two things"),
    ("8.4", lambda W, b, variance: (b, W), "(D + L,)"),
    (
        "8.4",
        mean(lambda W, b: torch.cat([torch.zeros(W.shape[1]), b])),
        "comes first in the pair",
    ),
    ("8.4", lambda *a: (0 * model_joint(*a)[0], model_joint(*a)[1]), "prior's mean is 0"),
    ("8.4", mean(lambda W, b: F.pad(b + W.sum(1), (0, W.shape[1]))), "at the mean of z"),
    ("8.4", mean(lambda W, b: F.pad(b, (0, W.shape[1]), value=1.0)), "mean of z is 0"),
    ("8.4", mean(lambda W, b: F.pad(2 * b, (0, W.shape[1]))), "a number in your mean"),
    ("8.4", lambda *a: model_joint(*a, cross=0.0), "share z"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: 0 * one), "is missing"),
    ("8.4", lambda *a: model_joint(*a, spread=0.0), "not only noise"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v**2 * one), "squared it again"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v**0.5 * one), "square root"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v + 0 * one), "block is diagonal"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: one), "that is given, not 1"),
    ("8.4", lambda *a: model_joint(*a, spread=a[2]), "does not multiply"),
    ("8.4", lambda *a: model_joint(*a, cross=-1.0), "wrong sign"),
    ("8.4", lambda *a: model_joint(*a, below=0.0), "symmetric"),
    ("8.4", covariance(lambda right, D: right.inverse()), "the inverse"),
    ("8.4", covariance(lambda right, D: right.flip(0, 1)), "is off"),
    (
        "8.4",
        covariance(lambda right, D: right.roll((len(right) - D,) * 2, (0, 1))),
        "comes first in your covariance",
    ),
    ("8.4", with_block("z", "z", 0.0), "that of z and z is off"),
    ("8.4", with_block("x", "z", 1.0), "that of x and z is off"),
    ("8.4", lambda *a: (model_joint(*a)[0], 2 * model_joint(*a)[1]), "four blocks"),
    ("8.6", lambda *a: alternate(*a)[0], "two things"),
    ("8.6", lambda *a: (alternate(*a)[0].T, alternate(*a)[1]), "yours is turned"),
    ("8.6", lambda *a: (alternate(*a)[0], alternate(*a)[1][-1]), "(rounds,)"),
    (
        "8.6",
        lambda *a: (
            alternate(*a)[0],
            torch.cat([cost_of(a[0], best_encoder(*a[1:3]), *a[1:3])[None], alternate(*a)[1]]),
        ),
        "(rounds,)",
    ),
    ("8.6", lambda *a: alternate(*a, encoder_of=lambda p, d: best_encoder(p, d, 0.0)), "prior is"),
    ("8.6", lambda *a: alternate(*a, encoder_of=hard_encoder), "gets everything"),
    ("8.6", lambda *a: alternate(*a, weigh=False), "counts the same"),
    ("8.6", learning_the_prior, "does your prior learn"),
    ("8.6", normalised_over_codes, "is q(x|z)"),
    ("8.6", decoders(lambda d, p, x, n: alternate(d, p, x, n - 1)[0]), "before the last"),
    ("8.6", decoders(lambda d, p, x, n: alternate(d, p, x, n + 1)[0]), "one round more"),
    ("8.6", decoders(lambda d, p, x, n: alternate(d, p, x, 1)[0]), "did you do only one"),
    ("8.6", decoders(lambda d, p, x, n: x), "that you were given"),
    ("8.6", decoders(lambda *a: 2 * alternate(*a)[0]), "must add up to 1"),
    ("8.6", decoders(lambda *a: alternate(*a)[0].roll(1, 1)), "a number in your decoder"),
    ("8.6", lambda *a: alternate(*a, cost=cost_before), "yours has the old decoder"),
    ("8.6", lambda *a: alternate(*a, cost=cost_of_the_next_encoder), "yours has the next round's"),
    ("8.6", costs(lambda c, data: c.flip(0)), "wrong order"),
    ("8.6", costs(lambda c, data: -c), "sign is turned"),
    ("8.6", costs(lambda c, data: c - entropy(data)), "the joint KL"),
    ("8.6", costs(lambda c, data: c + entropy(data)), "twice in your cost"),
    ("8.6", costs(lambda c, data: [c[-1]] * len(c)), "note each when it is reached"),
    ("8.6", costs(lambda c, data: 2 - c), "neither half of a round can raise it"),
    ("8.6", costs(lambda c, data: c + 1), "one of your costs"),
    ("8.6", lambda *a: alternate(*a, cost=rate), "our cost"),
]
