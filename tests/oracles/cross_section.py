"""The cross-section risk model of a small market, from its closes, by the formulas of its documents.

usage: cross_section.py > cross_section_expected.csv        (standard library only, half a minute)

The file is committed; services/risk/tests/cross_section/oracle.rs builds the same market and compares
the Rust core with it. Both sides draw the market from the linear congruential generator of
methodology C5. Unlike the core, which solves restricted normal equations and keeps recursions, this
file lets each group but one have a column, and sums whole windows.
"""

import math
from statistics import NormalDist

NAMES, SESSIONS, SECTORS = 60, 200, 3
STYLES = ["SIZE", "BETA", "MOMENTUM", "VOLATILITY", "LIQUIDITY", "SHORT_INTEREST"]
FACTORS = ["MARKET"] + STYLES + ["sector/A", "sector/B", "sector/C"]


def market():
    """Closes and volumes by name and session (None if missing), and shares by name."""
    state = 42

    def draw():
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return state / 2**32 - 0.5

    level = [20.0 + name for name in range(NAMES)]
    closes, volumes = ([[None] * SESSIONS for _ in range(NAMES)] for _ in range(2))
    for session in range(SESSIONS):
        common = draw()
        sector = [draw() for _ in range(SECTORS)]
        for name in range(NAMES):
            beta = 0.5 + 0.02 * name
            growth = 0.03 * beta * common + 0.02 * sector[name % SECTORS] + 0.06 * draw()
            level[name] = math.floor(level[name] * (1.0 + growth) * 10000.0 + 0.5) / 10000.0
            volume = math.floor(100000.0 * (1 + name % 7) * (1.0 + draw()) + 0.5)
            missing = (name == 3 and session == 150) or (name == 5 and session < 100)
            if not missing:
                closes[name][session] = level[name]
                volumes[name][session] = float(volume)
    shares = [10000000.0 * (1 + (7 * name) % NAMES) for name in range(NAMES)]
    shares[7] = 1000000.0
    return closes, volumes, shares


def short_ratio(name, session):
    """Settlements every 15 days from day 20 on, public five days later; the float is 80 %."""
    if session < 25:
        return None
    settlement = (session - 25) // 15
    return 0.02 * (1 + name % 10) * (1.0 + 0.1 * settlement) / 0.8


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def solve(matrix, right):
    """Gauss with partial pivoting."""
    rows = [row[:] + [value] for row, value in zip(matrix, right)]
    size = len(rows)
    for at in range(size):
        best = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        for row in range(size):
            if row != at:
                factor = rows[row][at] / rows[at][at]
                rows[row] = [x - factor * y for x, y in zip(rows[row], rows[at])]
    return [rows[at][size] / rows[at][at] for at in range(size)]


def regress(y, weights, masses, groups, columns):
    """Constant, slopes and group effects; the last group is minus the others by mass."""
    total = [sum(m for m, g in zip(masses, groups) if g == group) for group in range(SECTORS)]
    used = [k for k, column in enumerate(columns) if any(column)]
    last = SECTORS - 1

    def row(at):
        own = [1.0] + [columns[k][at] for k in used]
        for group in range(last):
            share = -total[group] / total[last]
            own.append(1.0 if groups[at] == group else share if groups[at] == last else 0.0)
        return own

    design = [row(at) for at in range(len(y))]
    size = len(design[0])
    gram = [
        [sum(w * x[i] * x[j] for w, x in zip(weights, design)) for j in range(size)]
        for i in range(size)
    ]
    right = [sum(w * x[i] * v for w, x, v in zip(weights, design, y)) for i in range(size)]
    solution = solve(gram, right)
    slopes = [None] * len(columns)
    for k, value in zip(used, solution[1:]):
        slopes[k] = value
    effects = solution[1 + len(used):]
    effects.append(-sum(total[g] / total[last] * effects[g] for g in range(last)))
    return solution[0], slopes, effects


class World:
    def __init__(self):
        self.closes, self.volumes, self.shares = market()
        pairs = range(1, SESSIONS)
        self.returns = [
            [None] + [c[t] / c[t - 1] - 1 if c[t] and c[t - 1] else None for t in pairs]
            for c in self.closes
        ]
        self.sector = [None if name == 9 else name % SECTORS for name in range(NAMES)]

    def cap(self, name, session):
        close = self.closes[name][session]
        return close * self.shares[name] if close else None

    def market_return(self, session):
        known = [
            (self.cap(n, session - 1), self.returns[n][session])
            for n in range(NAMES)
            if self.returns[n][session] is not None
        ]
        return sum(c * r for c, r in known) / sum(c for c, _ in known)

    def characteristics(self, name, session):
        """By style, None if unknown. The window is the year up to the session: here, everything."""
        window = range(1, session + 1)
        own = [t for t in window if self.returns[name][t] is not None]
        r = self.returns[name]
        found = [None] * len(STYLES)
        cap = self.cap(name, session)
        found[0] = math.log(cap) if cap else None
        if len(own) >= 60:
            # The market has no return on the first session: no caps before it are on the panel.
            weight = {t: 0.5 ** ((session - t) / 63) for t in own if t > 1}
            total = sum(weight.values())
            mean = lambda f: sum(w * f(t) for t, w in weight.items()) / total
            m, y = mean(lambda t: self.m[t]), mean(lambda t: r[t])
            mm = mean(lambda t: (self.m[t] - m) ** 2)
            beta = mean(lambda t: (self.m[t] - m) * (r[t] - y)) / mm
            residual = mean(lambda t: (r[t] - y - beta * (self.m[t] - m)) ** 2)
            found[1], found[3] = beta, 0.5 * math.log(residual)
        early = [t for t in own if t <= session - 21]
        if len(early) >= 60:
            found[2] = sum(math.log1p(r[t]) for t in early)
        # The first session has no return and is not on the panel.
        quarter = range(max(1, session - 62), session + 1)
        traded = [self.closes[name][t] * self.volumes[name][t] for t in quarter if self.closes[name][t]]
        if len(traded) >= 21 and cap:
            found[4] = math.log(sum(traded) / len(traded) / cap)
        found[5] = short_ratio(name, session)
        return found

    def exposures(self, session):
        """Exposures by name (0 if unknown), the universe, and what is unknown."""
        values = [self.characteristics(name, session) for name in range(NAMES)]
        caps = [self.cap(name, session) for name in range(NAMES)]
        universe = [
            n for n in range(NAMES)
            if self.sector[n] is not None and caps[n] and caps[n] >= 1e8 and values[n][1] is not None
        ]
        exposures = [[0.0] * len(STYLES) for _ in range(NAMES)]
        for k in range(len(STYLES)):
            known = [n for n in universe if values[n][k] is not None]
            if len(known) < 2:
                continue
            centre = median([values[n][k] for n in known])
            reach = 3 * 1.482602218505602 * median([abs(values[n][k] - centre) for n in known])
            clip = lambda x: min(max(x, centre - reach), centre + reach)
            clipped = [clip(values[n][k]) for n in known]
            total = sum(caps[n] for n in known)
            mean = sum(caps[n] * x for n, x in zip(known, clipped)) / total
            plain = sum(clipped) / len(clipped)
            deviation = math.sqrt(sum((x - plain) ** 2 for x in clipped) / len(clipped))
            for n in range(NAMES):
                if values[n][k] is not None:
                    exposures[n][k] = (clip(values[n][k]) - mean) / deviation
        return exposures, universe, caps

    def run(self):
        self.m = [None] + [self.market_return(t) for t in range(1, SESSIONS)]
        factors = {name: {} for name in FACTORS}
        residuals = [{} for _ in range(NAMES)]
        for t in range(1, SESSIONS):
            exposures, universe, caps = self.exposures(t - 1)
            members = [n for n in universe if self.returns[n][t] is not None]
            if len(members) < 50:
                continue
            constant, slopes, effects = regress(
                [self.returns[n][t] for n in members],
                [math.sqrt(caps[n]) for n in members],
                [caps[n] for n in members],
                [self.sector[n] for n in members],
                [[exposures[n][k] for n in members] for k in range(len(STYLES))],
            )
            for name, value in zip(FACTORS, [constant] + slopes + effects):
                if value is not None:
                    factors[name][t] = value
            for n in range(NAMES):
                if self.returns[n][t] is not None and caps[n]:
                    styles = sum(x * (b or 0.0) for x, b in zip(exposures[n], slopes))
                    group = 0.0 if self.sector[n] is None else effects[self.sector[n]]
                    residuals[n][t] = self.returns[n][t] - constant - styles - group
        return factors, residuals


def long_run(values, end, half_life, lags):
    """Variance forecast for session `end` from values by session; None before 60 of them."""
    if sum(1 for t in values if t < end) < 60:
        return None
    weight = lambda t: 0.5 ** ((end - 1 - t) / half_life)
    total = sum(weight(t) for t in values if t < end)
    scaled = {t: math.sqrt(weight(t)) * x for t, x in values.items() if t < end}
    result = 0.0
    for lag in range(lags + 1):
        products = sum(x * scaled[t - lag] for t, x in scaled.items() if t - lag in scaled)
        result += (1.0 if lag == 0 else 2.0) * (1 - lag / (lags + 1)) * products
    return result / total


def regime(squares):
    """Root of the mean of squares by session weighted by age, half-life 42, four half-lives."""
    kept = {t: x for t, x in squares.items() if t >= SESSIONS - 168}
    weights = {t: 0.5 ** ((SESSIONS - 1 - t) / 42) for t in kept}
    return math.sqrt(sum(weights[t] * x for t, x in kept.items()) / sum(weights.values()))


def philox(counter, key):
    for _ in range(10):
        even, odd = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            odd >> 32 ^ counter[1] ^ key[0], odd & 0xFFFFFFFF,
            even >> 32 ^ counter[3] ^ key[1], even & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def normals(name):
    """Draws of the stream of a name: FNV-1a of it, seed 1."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 % 2**64
    index, normal = 0, NormalDist()
    while True:
        words = philox([index % 2**32, index >> 32, stream % 2**32, stream >> 32], [1, 0])
        for low, high in (words[:2], words[2:]):
            yield normal.inv_cdf((((high << 32 | low) >> 12) + 0.5) / 2**52)
        index += 1


def eigen(matrix):
    """Eigenvalues, largest first, and eigenvectors, by Jacobi rotations."""
    size = len(matrix)
    a = [row[:] for row in matrix]
    v = [[float(i == j) for j in range(size)] for i in range(size)]
    for _ in range(60):
        off = sum(a[i][j] ** 2 for i in range(size) for j in range(i))
        if off <= 1e-30 * sum(a[i][i] ** 2 for i in range(size)):
            break
        for p in range(size):
            for q in range(p + 1, size):
                if a[p][q] == 0.0:
                    continue
                theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = math.copysign(1.0, theta) / (abs(theta) + math.hypot(theta, 1.0))
                c = 1 / math.hypot(t, 1.0)
                s = t * c
                for row in a:
                    row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
                for m in (a, v):
                    m[p], m[q] = (
                        [c * x - s * y for x, y in zip(m[p], m[q])],
                        [s * x + c * y for x, y in zip(m[p], m[q])],
                    )
    order = sorted(range(size), key=lambda k: -a[k][k])
    return [a[k][k] for k in order], [v[k] for k in order]


def rebuilt(values, vectors):
    size = len(values)
    return [
        [sum(l * v[i] * v[j] for l, v in zip(values, vectors)) for j in range(size)]
        for i in range(size)
    ]


def times(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def adjusted(matrix, sessions):
    """Eigenvalues corrected with 256 simulated histories, and the matrix with them."""
    size = len(matrix)
    values, vectors = eigen(matrix)
    root = rebuilt([math.sqrt(value) for value in values], vectors)
    weights = [0.5 ** ((sessions - 1 - t) / 504) for t in range(sessions)]
    total = sum(weights)
    draws = [normals(name) for name in FACTORS]
    ratios = [0.0] * size
    for _ in range(256):
        z = [[next(draw) for _ in range(sessions)] for draw in draws]
        white = [
            [sum(w * x * y for w, x, y in zip(weights, z[i], z[j])) / total for j in range(size)]
            for i in range(size)
        ]
        found, directions = eigen(times(times(root, white), root))
        for k, (value, u) in enumerate(zip(found, directions)):
            truth = sum(u[i] * matrix[i][j] * u[j] for i in range(size) for j in range(size))
            ratios[k] += truth / value
    biases = [math.sqrt(ratio / 256) for ratio in ratios]
    scaled = [value * (1.4 * (b - 1) + 1) ** 2 for value, b in zip(values, biases)]
    return biases, rebuilt(scaled, vectors)


def factor_covariance(factors):
    size = len(FACTORS)
    series = [factors[name] for name in FACTORS]
    variances = [long_run(x, SESSIONS, 84, 5) for x in series]

    def entry(i, j):
        both = [t for t in series[i] if t in series[j]]
        weight = lambda t: 0.5 ** ((SESSIONS - 1 - t) / 504)
        total = sum(weight(t) for t in both)
        result = 0.0
        for lag in range(3):
            for x, y in ((series[i], series[j]), (series[j], series[i]))[: 1 if lag == 0 else 2]:
                result += (1 - lag / 3) * sum(
                    math.sqrt(weight(t) * weight(t - lag)) * x[t] * y[t - lag]
                    for t in x
                    if t - lag in y
                )
        return result / total

    raw = [[entry(i, j) for j in range(size)] for i in range(size)]
    plain = [
        [
            raw[i][j] / math.sqrt(raw[i][i] * raw[j][j]) * math.sqrt(variances[i] * variances[j])
            for j in range(size)
        ]
        for i in range(size)
    ]
    # The first session has no return, and the second no exposures before it.
    biases, matrix = adjusted(plain, SESSIONS - 2)
    squares = {}
    for t in range(1, SESSIONS):
        known = [(x[t], long_run(x, t, 84, 5)) for x in series if t in x]
        known = [x * x / v for x, v in known if v]
        if known:
            squares[t] = sum(known) / len(known)
    scale = regime(squares)
    return [[scale**2 * x for x in row] for row in matrix], biases, scale


def specific(world, residuals):
    exposures, universe, caps = world.exposures(SESSIONS - 1)
    own = [long_run(x, SESSIONS, 84, 5) for x in residuals]
    own = [math.sqrt(v) if v else None for v in own]
    # 180 residuals are a full history, or nine tenths of the longest where none is so long.
    enough = min(180, max(len(r) for r in residuals) * 9 // 10)

    def own_weight(n):
        if own[n] is None:
            return 0.0
        if len(residuals[n]) >= enough:
            return 1.0
        return (len(residuals[n]) - 60) / max(1, enough - 60)

    weight = [own_weight(n) for n in range(NAMES)]
    full = [n for n in universe if weight[n] >= 1]
    roots = [math.sqrt(caps[n]) for n in full]
    if len(full) >= 2 * len(FACTORS):
        constant, slopes, effects = regress(
            [math.log(own[n]) for n in full],
            roots,
            [caps[n] for n in full],
            [world.sector[n] for n in full],
            [[exposures[n][k] for n in full] for k in range(len(STYLES))],
        )

        def like(n):
            group = 0.0 if world.sector[n] is None else effects[world.sector[n]]
            return math.exp(constant + group + sum(x * b for x, b in zip(exposures[n], slopes)))

        level = sum(r * own[n] for r, n in zip(roots, full)) / sum(r * like(n) for r, n in zip(roots, full))
    else:
        known = [sigma for sigma in own if sigma]
        level, like = sum(known) / len(known), lambda n: 1.0
    sigma = [
        weight[n] * own[n] + (1 - weight[n]) * level * like(n) if own[n] else level * like(n)
        for n in range(NAMES)
    ]
    order = sorted(range(NAMES), key=lambda n: caps[n])
    for decile in range(10):
        group = order[decile * NAMES // 10:(decile + 1) * NAMES // 10]
        mean = sum(caps[n] * sigma[n] for n in group) / sum(caps[n] for n in group)
        spread = math.sqrt(sum((sigma[n] - mean) ** 2 for n in group) / len(group))
        for n in group:
            away = 0.1 * abs(sigma[n] - mean)
            share = away / (spread + away)
            sigma[n] = share * mean + (1 - share) * sigma[n]
    squares = {}
    for t in range(1, SESSIONS):
        known = []
        for n in universe:
            variance = long_run(residuals[n], t, 84, 5) if t in residuals[n] else None
            if variance:
                known.append((math.sqrt(caps[n]), min(residuals[n][t] ** 2 / variance, 100.0)))
        if known:
            squares[t] = sum(w * x for w, x in known) / sum(w for w, _ in known)
    scale = regime(squares)
    return exposures, weight, [(scale * s) ** 2 for s in sigma], scale


def main():
    world = World()
    factors, residuals = world.run()
    matrix, biases, factor_regime = factor_covariance(factors)
    exposures, weights, variances, specific_regime = specific(world, residuals)
    print(f"regimes,{factor_regime!r},{specific_regime!r}")
    print("biases," + ",".join(map(repr, biases)))
    for name, row in zip(FACTORS, matrix):
        print(f"covariance {name}," + ",".join(map(repr, row)))
    for name in FACTORS:
        print(f"returns {name}," + ",".join(repr(factors[name].get(t, 0.0)) for t in range(1, SESSIONS)))
    for n in range(NAMES):
        print(f"name N{n:02},{weights[n]!r},{variances[n]!r}," + ",".join(map(repr, exposures[n])))


main()
