"""The public names and where each lives: read by type checkers, and by `lazy_loader` at import."""

from . import (
    cli as cli,
    data as data,
    distributions as distributions,
    doctor as doctor,
    estimator as estimator,
    evaluation as evaluation,
    exercises as exercises,
    grading as grading,
    history as history,
    imputation as imputation,
    likelihoods as likelihoods,
    model as model,
    networks as networks,
    objective as objective,
    parts as parts,
    plotting as plotting,
    pretrained as pretrained,
    priors as priors,
    recipe as recipe,
    refinement as refinement,
    training as training,
    web as web,
)
from .data import (
    binarize as binarize,
    load_dataset as load_dataset,
    load_mnist as load_mnist,
)
from .distributions import (
    Normal as Normal,
    reparameterize as reparameterize,
)
from .doctor import (
    Diagnosis as Diagnosis,
    diagnose as diagnose,
)
from .estimator import VariationalAutoencoder as VariationalAutoencoder
from .evaluation import (
    AggregatePosterior as AggregatePosterior,
    Report as Report,
    aggregate_posterior as aggregate_posterior,
    evaluate as evaluate,
)
from .history import History as History
from .imputation import (
    Imputation as Imputation,
    impute as impute,
)
from .likelihoods import (
    Bernoulli as Bernoulli,
    Binomial as Binomial,
    Categorical as Categorical,
    DiscretizedLogistic as DiscretizedLogistic,
    Gaussian as Gaussian,
    Likelihood as Likelihood,
    Mixed as Mixed,
    NegativeBinomial as NegativeBinomial,
    Observed as Observed,
    Poisson as Poisson,
    bernoulli_log_likelihood as bernoulli_log_likelihood,
    gaussian_log_likelihood as gaussian_log_likelihood,
)
from .model import VAE as VAE
from .networks import (
    ConvDecoder as ConvDecoder,
    ConvEncoder as ConvEncoder,
    Decoder as Decoder,
    Encoder as Encoder,
)
from .objective import (
    Elbo as Elbo,
    elbo as elbo,
    importance_weighted_bound as importance_weighted_bound,
    kl_standard_normal as kl_standard_normal,
)
from .pretrained import (
    list_pretrained as list_pretrained,
    load_card as load_card,
    load_model as load_model,
    load_pretrained as load_pretrained,
    save_model as save_model,
)
from .priors import (
    Mixture as Mixture,
    Prior as Prior,
    StandardNormal as StandardNormal,
    VampPrior as VampPrior,
    kl_per_dimension as kl_per_dimension,
)
from .recipe import (
    ARTICLE as ARTICLE,
    FAST as FAST,
    Recipe as Recipe,
)
from .refinement import refine_posterior as refine_posterior
from .training import train as train

__version__: str
__all__: list[str]
