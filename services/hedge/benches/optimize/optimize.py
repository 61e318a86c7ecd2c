"""Solves the problems of the bench with cvxpy in factor form, and prints times and objectives.

    pip install cvxpy==1.9.3 numpy==2.4.6 clarabel==0.11.1
    python services/hedge/benches/optimize/optimize.py

Draws come in the order of problem.rs. For each problem: the objective, the processor time of a first
solve with cvxpy's own work, and the solver's own word on its time.
"""

import pathlib
import sys
import time

import cvxpy as cp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "oracle"))
from qp import Draws  # noqa: E402

POSITIONS, FACTORS = 500, 20


def book(instruments):
    draws = Draws(1)
    rows = []
    for index in range(POSITIONS + instruments):
        exposures = [1 + 0.6 * draws.one()] + [draws.one() for _ in range(FACTORS - 1)]
        held = impact = short = 0.0
        if index < POSITIONS:
            held = 4e5 * (draws.one() + 0.1)
        else:
            impact = 1e-11 * (1 + draws.one())
            short = 2e-5 * (1 + draws.one())
        rows.append((exposures, held, impact, short))
    exposures, held, impact, short = (np.array(column) for column in zip(*rows))
    return exposures, held, impact[POSITIONS:], short[POSITIONS:]


def covariance():
    volatility = np.array([0.01] + [0.004] * (FACTORS - 1))
    correlation = np.full((FACTORS, FACTORS), 0.1)
    np.fill_diagonal(correlation, 1)
    return correlation * np.outer(volatility, volatility)


def scenarios(exposures, held):
    draws = Draws(2)

    def shock(size):
        u = 2 * draws.one()
        return 4 * size * u * u * u

    days = np.array([[shock(0.01 if k == 0 else 0.004) for k in range(FACTORS)] for _ in range(500)])
    returns = np.array([[day @ e + shock(0.004) for day in days] for e in exposures])
    pnl = held @ returns
    traded = returns[POSITIONS:]
    return pnl - pnl.mean(), (traded - traded.mean(axis=1, keepdims=True))


def problem(instruments, tail=False, count=None):
    exposures, held, impact, short = book(instruments)
    hedge = exposures[POSITIONS:]
    gross = np.abs(held).sum()
    x = cp.Variable(instruments)
    cost = 2e-4 * cp.norm1(x) + 0.5 * cp.sum(cp.multiply(impact, cp.square(x)))
    cost += 10 * (short @ cp.neg(x))
    total = exposures.T @ held + hedge.T @ x
    constraints = [
        cp.norm1(x) <= 0.5 * gross,
        gross + cp.norm1(x) <= 1.5 * gross,
        cp.abs(held.sum() + cp.sum(x)) <= 0.2 * gross,
        cp.abs(total[0]) <= 1e6,
        cp.abs(total[1]) <= 1e6,
        cp.abs(total[2]) <= 2e6,
        cp.abs(total[3]) <= 2e6,
        cp.abs(x) <= 0.02 * 5e8,
        cp.abs(x) <= 8e6,
        -0.05 * total[0] >= -1e5,
        x[0] == 0,
    ]
    if tail:
        pnl, returns = scenarios(exposures, held)
        alpha = cp.Variable()
        loss = -(pnl + returns.T @ x)
        risk = alpha + cp.sum(cp.pos(loss - alpha)) / (0.05 * len(pnl))
    else:
        root = np.linalg.cholesky(covariance())
        specific = 0.015**2 * (held[:POSITIONS] ** 2).sum()
        variance = cp.sum_squares(root.T @ total) + 0.004**2 * cp.sum_squares(x) + specific
        risk = 1e-6 * 10 * variance
    if count is not None:
        z = cp.Variable(instruments, boolean=True)
        constraints += [cp.sum(z) <= count, cp.abs(x) <= 8e6 * z]
    return cp.Problem(cp.Minimize(risk + cost), constraints)


def report(name, solved, solver):
    start = time.process_time()
    options = {"scip_params": {"limits/gap": 0.01}} if solver == "SCIP" else {}
    solved.solve(solver=solver, **options)
    whole = time.process_time() - start
    alone = solved.solver_stats.solve_time
    alone = "" if alone is None else f", solver {1e3 * alone:.1f} ms"
    print(f"{name}: objective {solved.value:.6f}, {1e3 * whole:.1f} ms{alone}")


if __name__ == "__main__":
    print("cvxpy", cp.__version__)
    report("50 instruments", problem(50), "CLARABEL")
    report("200 instruments", problem(200), "CLARABEL")
    report("tail of 500 scenarios, 50 instruments", problem(50, tail=True), "CLARABEL")
    if "SCIP" in cp.installed_solvers():
        report("5 of 50 instruments", problem(50, count=5), "SCIP")
