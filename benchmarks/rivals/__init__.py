"""Others that train ARTICLE's network, each at its best, and what they are compared with.

Each is a module with

- `NAME`, as the book says it, and `PACKAGES`, whose versions stand in the record,
- `SETTINGS`: what to try on this machine (`tuning.py`), as arguments of `epoch`,
- `epoch(images, **setting)`: a callable that trains for an epoch of the images, a NumPy array
  (N, 784), and returns its mean training cost, in nats per image. The first call starts from fresh
  weights, and may compile.

The work is always the same: layers 784-500-500-20 and back, softplus, Xavier-uniform weights,
batches of 100 in random order, Adam with a rate of 1e-3, the cross-entropy summed over pixels plus
the formula for the KL, one draw of z. Two more have `epoch`, but nothing to tune: `ours`, which is
`vaetut.train`, and `example`, another network.
"""

MODULES = "loader", "pythae", "keras", "jax"
