"""200 random hedging problems and their solutions by cvxpy, for tests/hedge/oracle.rs.

    pip install cvxpy==1.9.3 numpy==2.4.6 clarabel==0.11.1
    python qp.py > qp.txt

The problems are written out in dense form, with the covariance of names by names that the crate never
forms, so that only the mathematics is shared. Uniform draws come from a generator that both sides have;
every draw of a problem is used in the order below. One line per problem: seed, objective, trades, and
the multipliers of the constraints (not negative, for the limits in the order of `constraints`).
"""

import cvxpy as cp
import numpy as np


class Draws:
    def __init__(self, seed):
        self.state = seed

    def one(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state / 2**32 - 0.5

    def many(self, *shape):
        return np.array([self.one() for _ in range(int(np.prod(shape)))]).reshape(shape)


def solve(seed):
    draws = Draws(seed)
    lines = 4 + seed % 9  # Positions and instruments.
    fixed = seed % 3  # The first lines do not trade.
    factors = 2 + seed % 4
    exposures = 2 * draws.many(lines, factors)
    root = 0.04 * draws.many(factors, factors)
    covariance = root @ root.T
    specific = 1e-4 * (0.6 + draws.many(lines))
    held = 200 * draws.many(lines)
    held[lines // 2:] = 0
    buy = 1e-3 * (0.5 + draws.many(lines))
    sell = 1e-3 * (0.5 + draws.many(lines))
    impact = 1e-5 * (0.5 + draws.many(lines))
    long_carry = 1e-5 * draws.many(lines)
    short_carry = 1e-5 * (1.5 + draws.many(lines))
    betas = 1 + draws.many(lines)
    stress = 0.2 * draws.many(lines)
    aversion, horizon = 0.02, 1 + seed % 20

    # No matrix of names by names in the crate; one here.
    sigma = exposures @ covariance @ exposures.T + np.diag(specific)
    x = cp.Variable(lines)
    p = held + x
    cost = buy @ cp.pos(x) + sell @ cp.neg(x) + 0.5 * cp.sum(cp.multiply(impact, cp.square(x)))
    # long·p⁺ + short·p⁻, also where long is an income.
    both = long_carry + short_carry
    carry = long_carry[fixed:] @ p[fixed:] + both[fixed:] @ cp.neg(p[fixed:])
    risk = cp.sum_squares(np.linalg.cholesky(sigma).T @ p)
    objective = aversion * horizon * risk + cost + horizon * carry

    gross = np.abs(held).sum()
    constraints = [
        cp.sum(cp.abs(p)) <= 1.4 * gross,
        cp.sum(cp.abs(x)) <= 0.97 * gross,
        cp.sum(p) <= 0.1 * gross,
        -cp.sum(p) <= 0.1 * gross,
        betas @ p <= 0.15 * gross,
        -(betas @ p) <= 0.15 * gross,
        exposures[:, 0] @ p <= 0.3 * gross,
        -(stress @ p) <= 0.05 * gross,
        x[lines - 1] <= 0.2 * gross,
        -x[lines - 1] <= 0.1 * gross,
    ]
    frozen = [x[i] == 0 for i in range(fixed)]
    problem = cp.Problem(cp.Minimize(objective), constraints + frozen)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    if problem.status == "infeasible":
        return [seed, "infeasible"]
    assert problem.status == "optimal", (seed, problem.status)
    multipliers = [float(c.dual_value) for c in constraints]
    return [seed, problem.value, *x.value, *multipliers]


if __name__ == "__main__":
    print("# cvxpy", cp.__version__)
    for seed in range(1, 201):
        row = solve(seed)
        print(*(v if isinstance(v, (int, str)) else f"{v:.12g}" for v in row))
