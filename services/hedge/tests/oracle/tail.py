"""Random hedges by CVaR and their solutions by cvxpy, for tests/hedge/tail_oracle.rs.

    pip install cvxpy==1.9.3 numpy==2.4.6 clarabel==0.11.1
    python tail.py > tail.txt

The program of Rockafellar and Uryasev over all scenarios at once, where the crate adds scenarios as they
matter. One line per problem: seed, number of scenarios, instruments, confidence, objective, multipliers
of the upper and lower limit on the sum of trades, trades. Draws as in qp.py.
"""

import cvxpy as cp
import numpy as np

from qp import Draws


def solve(seed):
    draws = Draws(seed)
    count, instruments = 40 + 10 * (seed % 17), 2 + seed % 8
    confidence = [0.8, 0.9, 0.95, 0.975][seed % 4]
    book = 4000 * draws.many(count) ** 3
    returns = 0.4 * draws.many(instruments, count) ** 3
    # Instruments that move with the book.
    returns += 1e-4 * np.outer(draws.many(instruments), book)
    costs = 0.002 * (0.5 + draws.many(instruments))
    pnl = book - book.mean()
    returns = returns - returns.mean(axis=1, keepdims=True)
    x, alpha = cp.Variable(instruments), cp.Variable()
    loss = -(pnl + returns.T @ x)
    cvar = alpha + cp.sum(cp.pos(loss - alpha)) / ((1 - confidence) * count)
    limits = [cp.sum(x) <= 500, -cp.sum(x) <= 100]
    ranges = [x <= 3000, x >= -3000]
    problem = cp.Problem(cp.Minimize(2 * cvar + costs @ cp.abs(x)), limits + ranges)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert problem.status == "optimal", (seed, problem.status)
    multipliers = [float(c.dual_value) for c in limits]
    return [seed, count, instruments, confidence, problem.value, *multipliers, *x.value]


if __name__ == "__main__":
    print("# cvxpy", cp.__version__)
    for seed in range(1, 61):
        print(*(v if isinstance(v, int) else f"{v:.12g}" for v in solve(seed)))
