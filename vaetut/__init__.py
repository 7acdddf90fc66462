"""Variational autoencoders, step by step: the package behind the book.

The names in `__init__.pyi` are all that one needs; importing them changes no global state.
"""

import pkgutil

import lazy_loader

__version__ = "0.2.0"

# A name is loaded at its first use, because scikit-learn and matplotlib would double the time of
# `import vaetut`.
__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
_modules = {module.name for module in pkgutil.iter_modules(__path__)}
__all__ = [name for name in _names if name not in _modules]
