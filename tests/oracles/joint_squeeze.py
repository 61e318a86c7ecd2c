"""The joint loss of a short book in numpy, beside services/squeeze/tests/squeeze/joint.rs.

usage: joint_squeeze.py        (pip install numpy scipy)

Prints value at risk, its error, expected shortfall and its error at 95 % and 99 % of 200 names and a
million paths, and the processor time of 100,000 paths with these tails, the contribution of each name to
their expected shortfalls, and the number of squeezes. `NUMPY_PYTHON=python cargo bench -p squeeze --bench
joint` runs it after ours (with the argument `time` only that is done). The book and the model are those of
`tails_agree_with_numpy`: one-factor Gaussian and t copulas with a correlation of 0.3, jumps of at
least the threshold or the square-root law, an excess from a generalised Pareto distribution.
"""

import sys
import time

import numpy as np
from scipy.stats import norm, t

RHO, SCALE, SHAPE, CAP, DEGREES = 0.3, 0.2, 0.25, 10.0, 4
RUNS = 5  # as in the bench
at = np.arange(200)
value = 1e6 * (1 + at % 7)
chance = 0.005 * (1 + at % 10)
threshold = 0.15 + 0.02 * (at % 5)
volatility = 0.02 + 0.005 * (at % 4)
cover = (at % 9).astype(float)


def squeezes(paths, copula, rng):
    """Path, name and loss of each squeeze; the second half of paths has the opposite factor of the first."""
    half = rng.standard_normal(paths // 2)
    factor = np.concatenate([half, -half])
    scale, level = np.ones(paths), norm.ppf(chance)
    if copula == "t":
        half = np.sqrt(rng.chisquare(DEGREES, paths // 2) / DEGREES)
        scale, level = np.concatenate([half, half]), t.ppf(chance, DEGREES)
    latent = rng.standard_normal((paths, len(at)))
    latent *= np.sqrt(1 - RHO)
    latent += (np.sqrt(RHO) * factor)[:, None]
    path, name = np.nonzero(latent <= scale[:, None] * level)
    covered = rng.beta(2, 5, len(name))
    pressure = volatility[name] * np.sqrt(covered * cover[name])
    excess = SCALE / SHAPE * ((1 - rng.random(len(name))) ** -SHAPE - 1)
    jump = np.minimum(np.maximum(threshold[name], pressure) + excess, CAP)
    return path, name, value[name] * jump


def losses(paths, copula, rng):
    """Losses of some paths."""
    path, _, loss = squeezes(paths, copula, rng)
    return np.bincount(path, loss, paths)


def measured(paths, rng, parts=5):
    """Tails with contributions, and how many paths have so many squeezes. In parts, which numpy does faster."""
    size = paths // parts
    found = [squeezes(size, "gaussian", rng) for _ in range(parts)]
    path = np.concatenate([k * size + part[0] for k, part in enumerate(found)])
    name, loss = (np.concatenate([part[k] for part in found]) for k in (1, 2))
    whole = np.bincount(path, loss, paths)
    counts = np.bincount(np.bincount(path, minlength=paths))
    tails = []
    for confidence in [0.95, 0.99]:
        count = round((1 - confidence) * paths)
        worst = np.argpartition(whole, -count)[-count:]
        is_worst = np.zeros(paths, bool)
        is_worst[worst] = True
        kept = is_worst[path]
        shares = np.bincount(name[kept], loss[kept], len(at)) / count
        tails.append((whole[worst].min(), whole[worst].mean(), shares))
        assert np.isclose(shares.sum(), whole[worst].mean())
    return tails, counts


def tails_of_a_million(rng):
    for copula in ["gaussian", "t"]:
        runs = np.array([losses(50_000, copula, rng) for _ in range(20)])
        for confidence in [0.95, 0.99]:
            tails = np.sort(runs, axis=1)[:, -round((1 - confidence) * runs.shape[1]) :]
            found = [tails[:, 0], tails.mean(axis=1)]
            numbers = [n for f in found for n in (f.mean(), f.std(ddof=1) / len(f) ** 0.5)]
            print(copula, confidence, *(f"{n:.0f}" for n in numbers))


def spent(rng):
    measured(100_000, rng)
    start = time.process_time()
    for _ in range(RUNS):
        measured(100_000, rng)
    each = (time.process_time() - start) / RUNS
    print(f"numpy {np.__version__}, 100,000 paths with contributions: {each:.3f} s of processor time")


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    if sys.argv[1:] != ["time"]:
        tails_of_a_million(rng)
    spent(rng)
