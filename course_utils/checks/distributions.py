"""A check on random numbers: do they follow the distribution that was asked for?

The tests bound the chance of a false alarm for every number of draws, not only for many:

- the Dvoretzky–Kiefer–Wolfowitz inequality with Massart's constant, on the distance between the
  empirical and the wanted distribution function (P. Massart, Annals of Probability 18(3), 1990);
- for a normal distribution also its mean, and its variance by the tails of the chi-squared
  distribution (B. Laurent and P. Massart, Annals of Statistics 28(5), 2000, Lemma 1);
- for chances, the Chernoff bound in its Kullback–Leibler form (W. Hoeffding, Journal of the
  American Statistical Association 58(301), 1963, Theorem 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .failures import fail, quoted, sentence
from .values import _at, _number, array

LEAST = 200  # numbers; with fewer, hardly anything could be told
Cdf = Callable[[np.ndarray], np.ndarray]
Test = Callable[[np.ndarray, float], str]  # numbers, chance of a false alarm → what is wrong


def distribution(
    sample: Any,
    kind: str,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = 0.0,
    high: float = 1.0,
    p: float | Sequence[float] = 0.5,
    name: str = "the sample",
    why: str = "",
    suspects: Mapping[str, Mapping[str, Any]] | None = None,
    alpha: float = 1e-9,
) -> None:
    """Check that independent random numbers follow a distribution, with a bound on false alarms.

    `sample` has any shape and at least 200 entries (some thousands tell finer differences).
    `kind` is "normal" (`mean`, `std`), "uniform" (`low`, `high`), "bernoulli" (0 or 1, `p` the
    chance of 1) or "categorical" (0 … K−1, `p` their K chances). Correct numbers fail with a
    probability of at most `alpha`; so does a sample of which every row is the same. The tests are
    the Dvoretzky–Kiefer–Wolfowitz inequality (Massart 1990), for a normal distribution also mean
    and variance (Laurent and Massart 2000), for chances the Chernoff bound (Hoeffding 1963).
    `suspects` maps words to the parameters that would show that misconception, as in
    {"the root is missing": {"std": 0.02}}. Raises CheckFailed.

    >>> z = np.random.default_rng(0).normal(0, 0.1, size=(50, 40))
    >>> distribution(z, "normal", std=0.1, name="W")
    >>> distribution(z, "normal", std=0.1**0.5, name="W")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `W` is not normal with mean 0 and standard deviation \
0.316228: their standard deviation is 0.10002, expected 0.316228. It looks as if the variance \
was given where the standard deviation belongs, the root is missing.
    """
    given = {"mean": mean, "std": std, "low": low, "high": high, "p": p}
    if kind not in _TESTS:
        raise ValueError(f"kind is {kind!r}; choose one of {', '.join(_TESTS)}.")
    found = array(sample, name=name)
    if found.dtype.kind not in "fib":
        fail(f"{quoted(name)} does not hold real numbers.")
    drawn = found.astype(np.float64)
    asked = _asked(kind, given)
    if drawn.size < LEAST:
        fail(
            sentence(
                f"{quoted(name)} has {drawn.size} numbers, too few to tell a distribution: at "
                f"least {LEAST} are needed",
                why,
            )
        )
    likeliest = max(_chances(p)) if kind in ("bernoulli", "categorical") else 2.0**-8
    if repeated := _repeated(drawn, likeliest, alpha / 2):
        fail(
            sentence(f"{quoted(name)} repeats itself: {repeated}", why),
            "It looks as if it was drawn once and copied: give the whole shape as `size`.",
        )
    if not (wrong := _TESTS[kind](drawn.ravel(), alpha / 2, **given)):
        return
    suspicion = ""
    for said, other in (suspects or {}).items():
        if not _TESTS[kind](drawn.ravel(), alpha / 2, **{**given, **other}):
            suspicion = said.strip().rstrip(".")
            break
    suspicion = suspicion or _SUSPECTS[kind](drawn.ravel(), alpha / 2, given)
    fail(
        sentence(f"{quoted(name)} is not {asked}: {wrong}", why),
        f"It looks as if {suspicion}." if suspicion else "",
    )


def _asked(kind: str, given: Mapping[str, Any]) -> str:
    """Write the distribution that is asked for."""
    if kind == "normal":
        return (
            f"normal with mean {_number(given['mean'])} and standard deviation "
            f"{_number(given['std'])}"
        )
    if kind == "uniform":
        return f"uniform from {_number(given['low'])} to {_number(given['high'])}"
    chances = _chances(given["p"])
    if kind == "bernoulli":
        return f"1 with probability {_number(chances[1])} and else 0"
    shown = ", ".join(_number(chance) for chance in chances[:8])
    return f"drawn with the probabilities ({shown}{', …' if len(chances) > 8 else ''})"


def _chances(p: Any) -> list[float]:
    """Return the chances of 0, 1, …"""
    found = np.asarray(p, dtype=np.float64).ravel()
    chances = [1 - float(found[0]), float(found[0])] if found.size == 1 else found.tolist()
    if min(chances) < 0 or abs(sum(chances) - 1) > 1e-6:
        raise ValueError(f"p is {p!r}; the chances must be from 0 to 1 and add up to 1.")
    return [float(chance) for chance in chances]


def _repeated(drawn: np.ndarray, likeliest: float, alpha: float) -> str:
    """Say along which axis every line is the same, where chance does not explain it.

    All of R lines of m independent entries agree with a probability of at most q^((R − 1)·m),
    where q is the probability of the likeliest value.
    """
    if np.ptp(drawn) == 0 and (drawn.size - 1) * math.log(max(likeliest, 1e-300)) < math.log(alpha):
        return f"all {drawn.size} numbers are {_number(float(drawn.flat[0]))}"
    for axis in range(drawn.ndim if drawn.ndim > 1 else 0):
        lines = np.moveaxis(drawn, axis, 0).reshape(drawn.shape[axis], -1)
        free = (len(lines) - 1) * lines.shape[1]
        if (
            free
            and free * math.log(max(likeliest, 1e-300)) < math.log(alpha)
            and (lines == lines[0]).all()
        ):
            return f"all {len(lines)} lines along axis {axis} are the same"
    return ""


# --- tests -----------------------------------------------------------------------------------


def _distance(drawn: np.ndarray, cdf: Cdf, alpha: float) -> str:
    """Test the distance between the distribution functions (Massart 1990)."""
    n = drawn.size
    values, counts = np.unique(drawn, return_counts=True)
    wanted, above = cdf(values), np.cumsum(counts) / n
    below = above - counts / n
    distances = np.maximum(np.abs(above - wanted), np.abs(below - wanted))
    allowed = math.sqrt(math.log(2 / alpha) / (2 * n))
    worst = int(np.argmax(distances))
    if distances[worst] <= allowed:
        return ""
    return (
        f"{above[worst]:.1%} of its {n} numbers are at most {_number(float(values[worst]))}, "
        f"expected {wanted[worst]:.1%}"
    )


def _normal_cdf(mean: float, std: float) -> Cdf:
    def cdf(x: np.ndarray) -> np.ndarray:
        scaled = (x - mean) / (std * math.sqrt(2))
        return np.array([0.5 * (1 + math.erf(value)) for value in scaled])

    return cdf


def _normal(drawn: np.ndarray, alpha: float, mean: float, std: float, **_: Any) -> str:
    n, share = drawn.size, math.log(2 * 3 / alpha)
    middle = float(drawn.mean())
    if abs(middle - mean) > std * math.sqrt(2 * share / n):
        return f"the mean of its {n} numbers is {_number(middle)}, expected {_number(mean)}"
    with np.errstate(over="ignore"):
        squares = float((((drawn - mean) / std) ** 2).sum())
    spread = 2 * math.sqrt(n * share)
    if not n - spread <= squares <= n + spread + 2 * share:
        return f"their standard deviation is {_number(float(drawn.std()))}, expected {_number(std)}"
    return _distance(drawn, _normal_cdf(mean, std), alpha / 3)


def _uniform(drawn: np.ndarray, alpha: float, low: float, high: float, **_: Any) -> str:
    slack = 1e-6 * max(abs(low), abs(high))
    outside = (drawn < low - slack) | (drawn > high + slack)
    if outside.any():
        place = int(np.argmax(outside))
        return (
            f"{_number(float(drawn[place]))} is outside, and so are {int(outside.sum())} of its "
            f"{drawn.size} numbers"
        )
    return _distance(drawn, lambda x: np.clip((x - low) / (high - low), 0, 1), alpha)


def _categorical(drawn: np.ndarray, alpha: float, p: Any, **_: Any) -> str:
    chances = _chances(p)
    odd = (drawn != np.round(drawn)) | (drawn < 0) | (drawn >= len(chances))
    if odd.any():
        place = int(np.argmax(odd))
        return (
            f"{_number(float(drawn[place]))}{_at((place,))} (of the flat array) is none of "
            f"0 … {len(chances) - 1}"
        )
    allowed = math.log(2 * len(chances) / alpha) / drawn.size
    for value, chance in enumerate(chances):
        share = float((drawn == value).mean())
        if _divergence(share, chance) > allowed:
            return f"{share:.1%} of its {drawn.size} numbers are {value}, expected {chance:.1%}"
    return ""


def _divergence(q: float, p: float) -> float:
    """Return the Kullback–Leibler divergence of a coin with chance q from one with chance p."""
    total = 0.0
    for mine, theirs in ((q, p), (1 - q, 1 - p)):
        if mine > 0:
            if theirs <= 0:
                return math.inf
            total += mine * math.log(mine / theirs)
    return total


_TESTS: dict[str, Callable[..., str]] = {
    "normal": _normal,
    "uniform": _uniform,
    "bernoulli": _categorical,
    "categorical": _categorical,
}

# --- what a wrong sample looks like ------------------------------------------------------------


def _first(drawn: np.ndarray, alpha: float, cases: Sequence[tuple[str, str, Any]]) -> str:
    for said, kind, given in cases:
        if not _TESTS[kind](drawn, alpha, **given):
            return said
    return ""


def _of_normal(drawn: np.ndarray, alpha: float, given: Mapping[str, Any]) -> str:
    mean, std = float(given["mean"]), float(given["std"])

    def normal(m: float, s: float) -> tuple[str, dict[str, float]]:
        return "normal", {"mean": m, "std": s}

    def uniform(half: float) -> tuple[str, dict[str, float]]:
        return "uniform", {"low": mean - half, "high": mean + half}

    cases = [
        (
            "the variance was given where the standard deviation belongs, the root is missing",
            *normal(mean, std**2),
        ),
        ("a square root is taken of the standard deviation", *normal(mean, std**0.5)),
        ("the shift by the mean is missing", *normal(0.0, std)),
        ("the factor std is missing: the numbers are not scaled", *normal(mean, 1.0)),
        ("neither scaled nor shifted: these are standard normal numbers", *normal(0.0, 1.0)),
        ("a factor 2 is too many", *normal(mean, 2 * std)),
        ("a factor 2 is missing", *normal(mean, std / 2)),
        ("the sign of the mean is flipped", *normal(-mean, std)),
        ("it is uniform, between mean − std and mean + std", *uniform(std)),
        ("it is uniform, with the right mean and standard deviation", *uniform(std * 3**0.5)),
        ("it is uniform from 0 to 1", "uniform", {"low": 0.0, "high": 1.0}),
    ]
    if found := _first(drawn, alpha, cases):
        return found
    if mean == 0 and drawn.min() >= 0:
        return "the sign is lost: no number is negative"
    return ""


def _of_uniform(drawn: np.ndarray, alpha: float, given: Mapping[str, Any]) -> str:
    low, high = float(given["low"]), float(given["high"])
    middle, width = (low + high) / 2, high - low

    def uniform(a: float, b: float) -> tuple[str, dict[str, float]]:
        return "uniform", {"low": a, "high": b}

    cases: list[tuple[str, str, Any]] = [
        ("it is uniform from 0 to 1: it is neither scaled nor shifted", *uniform(0.0, 1.0)),
        ("the shift is missing: it goes from 0 to the width", *uniform(0.0, width)),
        ("only the upper half is drawn", *uniform(middle, high)),
        ("it is twice as wide", *uniform(middle - width, middle + width)),
        ("it is half as wide", *uniform(middle - width / 4, middle + width / 4)),
        ("the numbers are rounded to whole ones", "categorical", {"p": [0.5, 0.5]}),
    ]
    for said, std in (
        ("it is normal, with the same standard deviation", width / 12**0.5),
        ("it is normal, with half of the width as its standard deviation", width / 2),
        ("it is normal with standard deviation 1", 1.0),
    ):
        cases.append((said, "normal", {"mean": middle, "std": std}))
    return _first(drawn, alpha, cases)


def _of_chances(drawn: np.ndarray, alpha: float, given: Mapping[str, Any]) -> str:
    chances = np.array(_chances(given["p"]))
    whole = bool((drawn == np.round(drawn)).all())
    if whole and drawn.min() >= 1 and drawn.max() == len(chances):
        return "it counts from 1 instead of from 0: off by one"
    if not whole and drawn.min() >= 0 and drawn.max() <= 1:
        return "these are the random numbers themselves: compare them with p"
    if whole and np.ptp(drawn) == 0 and drawn[0] == np.argmax(chances):
        return "the likeliest is always taken (argmax): nothing is drawn"
    cases = [("all are equally likely: the probabilities are not used", np.ones_like(chances))]
    if len(chances) == 2:
        cases.insert(0, ("the two are swapped: p is the chance of 1", chances[::-1]))
    else:
        cases.append(("the probabilities are used in the reverse order", chances[::-1]))
    cases += [
        ("the probabilities are squared", chances**2),
        ("the square root of the probabilities is used", chances**0.5),
    ]
    return _first(
        drawn, alpha, [(said, "categorical", {"p": list(p / p.sum())}) for said, p in cases]
    )


_SUSPECTS: dict[str, Callable[[np.ndarray, float, Mapping[str, Any]], str]] = {
    "normal": _of_normal,
    "uniform": _of_uniform,
    "bernoulli": _of_chances,
    "categorical": _of_chances,
}
