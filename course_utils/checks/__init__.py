"""What a test cell may call: checks that fail with a sentence that a learner can act on.

    from course_utils import checks

    with checks.task("Task 2 · sigmoid"):
        rng = checks.rng()
        checks.function(sigmoid, parameters=["z"])
        z = rng.normal(size=(5, 3))
        got = checks.call(sigmoid, z)
        checks.array(got, shape=z.shape, dtype="float", name="sigmoid(z)")
        checks.close(got, 1 / (1 + np.exp(-z)), name="sigmoid(z)")

A test cell calls the learner's functions with data and judges the data that come back: numbers,
strings, arrays and tensors of NumPy, PyTorch and TensorFlow, and lists, tuples and dictionaries of
them. Every value is copied into plain NumPy or Python objects once, before it is judged, so no
verdict rests on what the learner's objects say of themselves. The checks go in order (defined,
type, shape, kind, finite, value, gradient) and stop at the first difference. There is no grading
here: a check passes, or raises CheckFailed, or NotImplementedError where nothing is written yet.
"""

from .autograd import differentiable
from .calls import call, function
from .causality import causal
from .containers import items
from .determinism import deterministic
from .distributions import distribution
from .failures import CheckFailed
from .frameworks import frameworks_agree
from .gradients import gradient
from .invariances import (
    batch_independent,
    permutation_equivariant,
    permutation_invariant,
    shift_equivariant,
    shift_invariant,
)
from .parameters import parameter_count
from .probabilities import sums_to_one
from .results import quality, saved_result
from .seeds import rng
from .tasks import task
from .training import overfits_batch, training_step
from .values import array, at_least, at_most, close, equal, number, that

__all__ = [
    "CheckFailed",
    "array",
    "at_least",
    "at_most",
    "batch_independent",
    "call",
    "causal",
    "close",
    "deterministic",
    "differentiable",
    "distribution",
    "equal",
    "frameworks_agree",
    "function",
    "gradient",
    "items",
    "number",
    "overfits_batch",
    "parameter_count",
    "permutation_equivariant",
    "permutation_invariant",
    "quality",
    "rng",
    "saved_result",
    "shift_equivariant",
    "shift_invariant",
    "sums_to_one",
    "task",
    "that",
    "training_step",
]
