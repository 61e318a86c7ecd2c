"""Which of 200 random overlays have any trades, by scipy, for tests/hedge/feasibility.rs.

    pip install scipy==1.17.1 numpy==2.4.6
    python feasible.py > feasible.txt

Three alike instruments, which hold 150 names, must bring net and market exposure near zero within a
turnover, while the three worst names, ten of which are in the book, lose no more in a squeeze than before. One line per problem: seed, the turnover
allowed and the least that suffices, each as a share of gross, and whether any trades meet all limits.
Uniform draws come from a generator that both sides have.
"""

import numpy as np
from scipy.optimize import linprog

HELD, NAMES, WORST = 10, 150, 3


def draws(seed, count):
    state, found = seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        found.append(state / 2**32 - 0.5)
    return np.array(found)


def least_turnover(seed):
    u = draws(seed, 24 + 4 * NAMES)
    held = np.concatenate([2e7 * (u[:10] + 0.2), np.zeros(NAMES - HELD)])
    betas = 1.2 + u[10:20]
    instrument_betas = 1.1 + 0.2 * u[20:23]
    losses = 0.6 + u[24:24 + NAMES]
    weights = (0.5 + u[24 + NAMES:].reshape(3, NAMES)) / NAMES
    gross = np.abs(held).sum()
    turnover = gross * 10 ** (1 + 2 * u[23])
    budget = np.sort(losses * np.maximum(-held, 0))[-WORST:].sum()

    # Bought and sold of each instrument, the threshold, and the excess of each name above it.
    count = 7 + NAMES
    rows, bounds = [], []
    for of, start, within in [
        (np.ones(3), held.sum(), 0.02 * gross),
        (instrument_betas, betas @ held[:HELD], 0.01 * gross),
    ]:
        row = np.concatenate([of, -of, np.zeros(1 + NAMES)])
        rows += [row, -row]
        bounds += [within - start, within + start]
    for name in range(NAMES):
        row = np.zeros(count)
        row[:3] = -losses[name] * weights[:, name]
        row[3:6] = -row[:3]
        row[6] = row[7 + name] = -1
        rows.append(row)
        bounds.append(losses[name] * held[name])
    rows.append(np.concatenate([np.zeros(6), [WORST], np.ones(NAMES)]))
    bounds.append(budget)
    cost = np.concatenate([np.ones(6), np.zeros(1 + NAMES)])
    scaled = np.array(bounds) / gross
    found = linprog(cost, A_ub=np.array(rows), b_ub=scaled, bounds=[(0, None)] * count)
    assert found.status in (0, 2), found.message
    return turnover / gross, found.fun if found.status == 0 else np.inf


print("# seed allowed least feasible")
for seed in range(1, 201):
    allowed, least = least_turnover(seed)
    assert 1e-4 < abs(least / allowed - 1), "too near to tell"
    print(seed, f"{allowed:.6f}", f"{least:.6f}", int(least <= allowed))
