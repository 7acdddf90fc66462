"""A doctor for variational autoencoders: `diagnose` measures the faults that people's models have.

`interface` turns what the reader brings into a `Subject` that can be run with known noise;
`formula` reads what the loss amounts to; `faults` and `symptoms` are the checks, and `catalogue`
says what each finding means and what to change.
"""

from .catalogue import FAULTS, NOTES, SYMPTOMS, Entry, Finding
from .examination import Diagnosis, diagnose

__all__ = ["FAULTS", "NOTES", "SYMPTOMS", "Diagnosis", "Entry", "Finding", "diagnose"]
