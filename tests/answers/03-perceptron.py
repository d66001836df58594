"""Right and wrong answers to assignment 03."""

from tests.answers import right, wrong

RIGHT = {
    "neurons": [
        right(
            "three loops",
            """
            def neurons(X, W, b):
                answers = []
                for x in X:
                    row = []
                    for k in range(len(b)):
                        z = b[k]
                        for j in range(len(x)):
                            z += x[j] * W[j][k]
                        row.append(1 if z >= 0 else 0)
                    answers.append(row)
                return answers
            """,
        ),
        right(
            "einsum, booleans",
            """
            def neurons(X, W, b):
                return np.einsum("nd,dk->nk", X, W) + b >= 0
            """,
        ),
        right(
            "appended one, heaviside, float32",
            """
            def neurons(X, W, b):
                X1 = np.hstack([X, np.ones((len(X), 1))])
                z = X1 @ np.vstack([W, b])
                return np.heaviside(z, 1.0).astype(np.float32)
            """,
        ),
        right(
            "PyTorch, one neuron at a time",
            """
            import torch

            def neurons(X, W, b):
                X, W, b = (torch.as_tensor(a) for a in (X, W, b))
                return torch.stack([(X @ W[:, k] + b[k] >= 0).int() for k in range(len(b))], dim=1)
            """,
        ),
        right(
            "transposed view",
            """
            def neurons(X, W, b):
                return (1 - (W.T @ X.T + b[:, None] < 0)).T
            """,
        ),
    ],
    "perceptron-epoch": [
        right(
            "plain lists and loops",
            """
            def perceptron_epoch(X, s, w, b, order):
                w = [float(v) for v in w]
                count = 0
                for i in order:
                    z = b + sum(v * x for v, x in zip(w, X[i]))
                    if s[i] * z > 0:
                        continue
                    w = [v + s[i] * x for v, x in zip(w, X[i])]
                    b = b + s[i]
                    count += 1
                return w, b, count
            """,
        ),
        right(
            "copy, then in place",
            """
            def perceptron_epoch(X, s, w, b, order):
                w, b, mistakes = np.array(w, dtype=float), float(b), 0.0
                for x, t in zip(X[order], s[order]):
                    if not t * (np.dot(w, x) + b) > 0:
                        w += t * x
                        b += t
                        mistakes += 1
                return [w, b, mistakes]
            """,
        ),
        right(
            "appended one, integer errors",
            """
            def perceptron_epoch(X, s, w, b, order):
                X1 = np.column_stack([X, np.ones(len(X))])
                v = np.append(w, b)
                wrong = []
                for i in order:
                    missed = int(np.sign(X1[i] @ v) != s[i])
                    v = v + missed * s[i] * X1[i]
                    wrong.append(missed)
                return v[:-1], v[-1], np.sum(wrong)
            """,
        ),
        right(
            "PyTorch tensors",
            """
            import torch

            def perceptron_epoch(X, s, w, b, order):
                X, s = torch.as_tensor(X), torch.as_tensor(s)
                w, b = torch.as_tensor(w).clone(), torch.tensor(float(b))
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b, mistakes = w + s[i] * X[i], b + s[i], mistakes + 1
                return w, b, mistakes
            """,
        ),
    ],
    "margin-and-bound": [
        right(
            "loops and math",
            """
            import math

            def margin_and_bound(X, s, w, b):
                length = math.sqrt(sum(v * v for v in w) + b * b)
                gamma, radius = math.inf, 0.0
                for x, sign in zip(X, s):
                    gamma = min(gamma, sign * (sum(u * v for u, v in zip(x, w)) + b) / length)
                    radius = max(radius, math.sqrt(sum(u * u for u in x) + 1))
                if gamma <= 0:
                    return gamma, math.inf
                return gamma, (radius / gamma) ** 2
            """,
        ),
        right(
            "appended one, unit vector",
            """
            def margin_and_bound(X, s, w, b):
                X1 = np.c_[X, np.ones(len(X))]
                u = np.append(w, b) / np.linalg.norm(np.append(w, b))
                gamma = (s * (X1 @ u)).min()
                R = np.linalg.norm(X1, axis=1).max()
                return np.array(gamma), np.inf if gamma <= 0 else R**2 / gamma**2
            """,
        ),
        right(
            "float32 in a list",
            """
            def margin_and_bound(X, s, w, b):
                v = np.float32(np.sqrt(np.dot(w, w) + b * b))
                margins = np.float32(s * (np.matmul(X, w) + b)) / v
                gamma = margins[np.argmin(margins)]
                R2 = np.float32(np.einsum("nd,nd->n", X, X).max() + 1)
                return [gamma, float("inf") if gamma <= 0 else R2 / (gamma * gamma)]
            """,
        ),
    ],
    "weighted-cross-entropy": [
        right(
            "by cases, stable by sign",
            """
            import math

            def weighted_cross_entropy(z, y, pos_weight=1.0):
                total = 0.0
                for a, t in zip(z, y):
                    a = -a if t == 1 else a
                    loss = a + math.log1p(math.exp(-a)) if a > 0 else math.log1p(math.exp(a))
                    total += pos_weight * loss if t == 1 else loss
                return total / len(z)
            """,
        ),
        right(
            "PyTorch's own",
            """
            import torch

            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return torch.nn.functional.binary_cross_entropy_with_logits(
                    torch.as_tensor(z), torch.as_tensor(y).double(),
                    pos_weight=torch.tensor(pos_weight),
                )
            """,
        ),
        right(
            "max and log1p",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                weights = 1 + (pos_weight - 1) * y
                each = weights * (np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)  - z * y)
                return each.sum() / each.size
            """,
        ),
        right(
            "scipy's log of the sigmoid",
            """
            from scipy.special import log_expit

            def weighted_cross_entropy(z, y, pos_weight=1.0):
                y = np.asarray(y, dtype=bool)
                return -(pos_weight * log_expit(z[y]).sum() + log_expit(-z[~y]).sum()) / len(z)
            """,
        ),
    ],
    "loss-gradient": [
        right(
            "one example at a time",
            """
            import math

            def loss_gradient(X, y, w, b, pos_weight=1.0):
                dw, db = np.zeros(len(w)), 0.0
                for x, t in zip(X, y):
                    z = float(x @ w + b)
                    p = 1 / (1 + math.exp(-z)) if z > -30 else math.exp(max(z, -700))
                    slope = pos_weight * (p - 1) if t == 1 else p
                    dw = dw + slope * x
                    db = db + slope
                return dw / len(X), db / len(X)
            """,
        ),
        right(
            "PyTorch's autograd",
            """
            import torch

            def loss_gradient(X, y, w, b, pos_weight=1.0):
                w = torch.tensor(w, requires_grad=True)
                b = torch.tensor(float(b), dtype=torch.float64, requires_grad=True)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    torch.as_tensor(X) @ w + b, torch.as_tensor(y).double(),
                    pos_weight=torch.tensor(float(pos_weight), dtype=torch.float64),
                )
                loss.backward()
                return w.grad, b.grad
            """,
        ),
        right(
            "appended one, scipy's sigmoid, einsum",
            """
            from scipy.special import expit

            def loss_gradient(X, y, w, b, pos_weight=1.0):
                X1 = np.column_stack([X, np.ones(len(y))])
                p = expit(X1 @ np.append(w, b))
                weights = np.where(y == 1, pos_weight, 1)
                g = np.einsum("n,nd->d", weights * (p - y), X1) / len(y)
                return list(g[:-1]), g[-1]
            """,
        ),
        right(
            "plain sigmoid, whose overflow is harmless here",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = 1 / (1 + np.exp(-(X @ w + b)))
                error = (1 - y) * p - pos_weight * y * (1 - p)
                return (error[:, None] * X).mean(axis=0), error.mean()
            """,
        ),
    ],
    "screen": [
        right(
            "scikit-learn's pipeline",
            """
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            def screen(X_train, y_train, X_new):
                model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
                return model.fit(X_train, y_train).predict(X_new)
            """,
        ),
        right(
            "plain loss, lower threshold, list of bools",
            """
            def screen(X_train, y_train, X_new):
                centre, spread = np.mean(X_train, axis=0), np.std(X_train, axis=0, ddof=1)
                A, B = (X_train - centre) / spread, (X_new - centre) / spread
                w, b = np.zeros(A.shape[1]), 0.0
                for _ in range(400):
                    dw, db = loss_gradient(A, y_train, w, b)
                    w, b = w - 0.3 * dw, b - 0.3 * db
                p = 1 / (1 + np.exp(-(B @ w + b)))
                return [bool(v >= 0.2) for v in p]
            """,
        ),
        right(
            "averaged perceptron, seeded",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X, s = (X_train - mean) / std, 2 * y_train - 1
                rng = np.random.default_rng(0)
                w, b = np.zeros(X.shape[1]), 0.0
                w_sum, b_sum = w, b
                for _ in range(30):
                    w, b, _ = perceptron_epoch(X, s, w, b, rng.permutation(len(X)))
                    w_sum, b_sum = w_sum + w, b_sum + b
                z = (X_new - mean) / std @ w_sum + b_sum
                return (z >= -0.2 * np.abs((X @ w_sum + b_sum)).mean()).astype(float)
            """,
        ),
        right(
            "PyTorch, range scaling, Adam",
            """
            import torch

            def screen(X_train, y_train, X_new):
                torch.manual_seed(0)
                low, high = X_train.min(axis=0), X_train.max(axis=0)
                X = torch.tensor((X_train - low) / (high - low))
                y = torch.tensor(y_train, dtype=torch.float64)
                layer = torch.nn.Linear(X.shape[1], 1, dtype=torch.float64)
                loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
                optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
                for _ in range(300):
                    optimizer.zero_grad()
                    loss(layer(X)[:, 0], y).backward()
                    optimizer.step()
                with torch.no_grad():
                    return (layer(torch.tensor((X_new - low) / (high - low)))[:, 0] >= 0).int()
            """,
        ),
    ],
}

WRONG = {
    "neurons": [
        wrong(
            "zero answered with no",
            """
            def neurons(X, W, b):
                return np.where(X @ W + b > 0, 1, 0)
            """,
            says="exactly 0",
        ),
        wrong(
            "logits, no step",
            """
            def neurons(X, W, b):
                return X @ W + b
            """,
            says="without the step",
        ),
        wrong(
            "bias forgotten",
            """
            def neurons(X, W, b):
                return (X @ W >= 0).astype(int)
            """,
            says="bias is left out",
        ),
        wrong(
            "bias as a threshold",
            """
            def neurons(X, W, b):
                return (X @ W >= b).astype(int)
            """,
            says="subtracted",
        ),
        wrong(
            "rows of W as neurons",
            """
            def neurons(X, W, b):
                return (X @ W.T + b >= 0).astype(int)
            """,
            says="transposed",
        ),
        wrong(
            "signs instead of 0 and 1",
            """
            def neurons(X, W, b):
                return np.where(X @ W + b >= 0, 1, -1)
            """,
            says="−1 and \\+1",
        ),
        wrong(
            "one bias an example",
            """
            def neurons(X, W, b):
                z = X @ W
                return (z + np.resize(b, len(X))[:, None] >= 0).astype(int)
            """,
            says="along the examples",
        ),
        wrong(
            "only the first example",
            """
            def neurons(X, W, b):
                return (X[0] @ W + b >= 0).astype(int)
            """,
            says="shape",
        ),
        wrong(
            "hard-coded to the visible example",
            """
            def neurons(X, W, b):
                return np.array([[1, 0], [0, 1], [0, 1]])
            """,
            says="shape",
        ),
        wrong(
            "changes the examples in place",
            """
            def neurons(X, W, b):
                X *= 1.5
                return (X @ W + 1.5 * b >= 0).astype(int)
            """,
            says="in place",
        ),
    ],
    "perceptron-epoch": [
        wrong(
            "a logit of 0 counts as right",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) < 0:
                        w, b, mistakes = w + s[i] * X[i], b + s[i], mistakes + 1
                return w, b, mistakes
            """,
            says="exactly 0",
        ),
        wrong(
            "bias never corrected",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, mistakes = w + s[i] * X[i], mistakes + 1
                return w, b, mistakes
            """,
            says="bias is not corrected",
        ),
        wrong(
            "one batch with the old weights",
            """
            def perceptron_epoch(X, s, w, b, order):
                missed = s * (X @ w + b) <= 0
                return w + (s * missed) @ X, b + (s * missed).sum(), missed.sum()
            """,
            says="weights of the start",
        ),
        wrong(
            "learns from every example",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    mistakes += 1
                    w, b = w + s[i] * X[i], b + s[i]
                return w, b, mistakes
            """,
            says="right or wrong",
        ),
        wrong(
            "subtracts",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b, mistakes = w - s[i] * X[i], b - s[i], mistakes + 1
                return w, b, mistakes
            """,
            says="wrong sign",
        ),
        wrong(
            "ignores the order",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in range(len(X)):
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b, mistakes = w + s[i] * X[i], b + s[i], mistakes + 1
                return w, b, mistakes
            """,
            says="in `order`",
        ),
        wrong(
            "labels 0 and 1, as in the chapter",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    error = s[i] - (1 if X[i] @ w + b >= 0 else 0)
                    if error != 0:
                        w, b, mistakes = w + error * X[i], b + error, mistakes + 1
                return w, b, mistakes
            """,
            says="0 and 1",
        ),
        wrong(
            "changes the caller's weights",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w += s[i] * X[i]
                        b += s[i]
                        mistakes += 1
                return w, b, mistakes
            """,
            says="in place",
        ),
        wrong(
            "counts the right answers",
            """
            def perceptron_epoch(X, s, w, b, order):
                right = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b = w + s[i] * X[i], b + s[i]
                    else:
                        right += 1
                return w, b, right
            """,
            says="right answers are counted",
        ),
        wrong(
            "forgets to return the count",
            """
            def perceptron_epoch(X, s, w, b, order):
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b = w + s[i] * X[i], b + s[i]
                return w, b
            """,
            says="three values",
        ),
        wrong(
            "returns inside the loop",
            """
            def perceptron_epoch(X, s, w, b, order):
                mistakes = 0
                for i in order:
                    if s[i] * (X[i] @ w + b) <= 0:
                        w, b, mistakes = w + s[i] * X[i], b + s[i], mistakes + 1
                    return w, b, mistakes
            """,
            says="first visit",
        ),
    ],
    "margin-and-bound": [
        wrong(
            "bias not in the length",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b)) / np.linalg.norm(w)
                R2 = np.max(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="bias is left out of the length",
        ),
        wrong(
            "no division by the length",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b))
                R2 = np.max(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="not divided by the length",
        ),
        wrong(
            "mean distance",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.mean(s * (X @ w + b)) / np.sqrt(w @ w + b**2)
                R2 = np.max(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="mean is taken",
        ),
        wrong(
            "ratio not squared",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b)) / np.sqrt(w @ w + b**2)
                R = np.sqrt(np.max(np.sum(X**2, axis=1) + 1))
                return margin, R / margin if margin > 0 else np.inf
            """,
            says="not squared",
        ),
        wrong(
            "no appended 1 in R",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b)) / np.sqrt(w @ w + b**2)
                R2 = np.max(np.sum(X**2, axis=1))
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="appended 1",
        ),
        wrong(
            "a bound for a line on the wrong side",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b)) / np.sqrt(w @ w + b**2)
                R2 = np.max(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2
            """,
            says="promises nothing",
        ),
        wrong(
            "absolute distances",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(np.abs(X @ w + b)) / np.sqrt(w @ w + b**2)
                R2 = np.max(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="wrong side",
        ),
        wrong(
            "division by a margin of zero",
            """
            def margin_and_bound(X, s, w, b):
                margin = float(np.min(s * (X @ w + b)) / np.sqrt(w @ w + b**2))
                R2 = float(np.max(np.sum(X**2, axis=1) + 1))
                return margin, R2 / margin**2 if margin >= 0 else np.inf
            """,
            says="ZeroDivisionError",
        ),
        wrong(
            "nearest example in place of the farthest",
            """
            def margin_and_bound(X, s, w, b):
                margin = np.min(s * (X @ w + b)) / np.sqrt(w @ w + b**2)
                R2 = np.min(np.sum(X**2, axis=1) + 1)
                return margin, R2 / margin**2 if margin > 0 else np.inf
            """,
            says="farthest",
        ),
    ],
    "weighted-cross-entropy": [
        wrong(
            "logarithm of the sigmoid",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                p = 1 / (1 + np.exp(-z))
                return -np.mean(pos_weight * y * np.log(p) + (1 - y) * np.log(1 - p))
            """,
            says="not finite",
        ),
        wrong(
            "clipped probabilities",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                p = np.clip(1 / (1 + np.exp(-z)), 1e-12, 1 - 1e-12)
                return -np.mean(pos_weight * y * np.log(p) + (1 - y) * np.log(1 - p))
            """,
            says="clipping",
        ),
        wrong(
            "sum over the examples",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                each = pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
                return each.sum()
            """,
            says="not divided by N",
        ),
        wrong(
            "divided by the weights",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                weights = np.where(y == 1, pos_weight, 1.0)
                return np.average(np.logaddexp(0, z) - y * z, weights=weights)
            """,
            says="sum of the weights",
        ),
        wrong(
            "weight on the zeros",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return np.mean(y * np.logaddexp(0, -z) + pos_weight * (1 - y) * np.logaddexp(0, z))
            """,
            says="with label 0; it belongs",
        ),
        wrong(
            "weight on all",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return pos_weight * np.mean(np.logaddexp(0, z) - y * z)
            """,
            says="all examples",
        ),
        wrong(
            "weight ignored",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return np.mean(np.logaddexp(0, z) - y * z)
            """,
            says="ignored",
        ),
        wrong(
            "labels swapped",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return np.mean(pos_weight * y * np.logaddexp(0, z) + (1 - y) * np.logaddexp(0, -z))
            """,
            says="swapped",
        ),
        wrong(
            "likelihood without the minus sign",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return -np.mean(pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
            """,
            says="minus sign",
        ),
        wrong(
            "second term forgotten",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return np.mean(pos_weight * y * np.logaddexp(0, -z))
            """,
            says="label 0 is missing",
        ),
        wrong(
            "stable on one side only",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return np.mean(
                    pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.log(1 + np.exp(z))
                )
            """,
            says="not finite",
        ),
        wrong(
            "one loss per example",
            """
            def weighted_cross_entropy(z, y, pos_weight=1.0):
                return pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
            """,
            says="single number",
        ),
    ],
    "loss-gradient": [
        wrong(
            "sum over the examples",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = np.exp(-np.logaddexp(0, -(X @ w + b)))
                error = np.where(y == 1, pos_weight * (p - 1), p)
                return X.T @ error, error.sum()
            """,
            says="not divided by N",
        ),
        wrong(
            "step direction instead of the gradient",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = np.exp(-np.logaddexp(0, -(X @ w + b)))
                error = np.where(y == 1, pos_weight * (1 - p), -p)
                return X.T @ error / len(X), error.mean()
            """,
            says="sign",
        ),
        wrong(
            "weight ignored",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                error = np.exp(-np.logaddexp(0, -(X @ w + b))) - y
                return X.T @ error / len(X), error.mean()
            """,
            says="ignored",
        ),
        wrong(
            "weight on all",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                error = pos_weight * (np.exp(-np.logaddexp(0, -(X @ w + b))) - y)
                return X.T @ error / len(X), error.mean()
            """,
            says="all examples",
        ),
        wrong(
            "weight on the label",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                error = np.exp(-np.logaddexp(0, -(X @ w + b))) - pos_weight * y
                return X.T @ error / len(X), error.mean()
            """,
            says="multiplies y",
        ),
        wrong(
            "perceptron's answer in place of p",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = (X @ w + b >= 0).astype(float)
                error = np.where(y == 1, pos_weight * (p - 1), p)
                return X.T @ error / len(X), error.mean()
            """,
            says="step's answer",
        ),
        wrong(
            "slope of a squared error",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = np.exp(-np.logaddexp(0, -(X @ w + b)))
                error = np.where(y == 1, pos_weight * (p - 1), p) * p * (1 - p)
                return X.T @ error / len(X), error.mean()
            """,
            says="squared error",
        ),
        wrong(
            "db is a sum",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = np.exp(-np.logaddexp(0, -(X @ w + b)))
                error = np.where(y == 1, pos_weight * (p - 1), p)
                return X.T @ error / len(X), error.sum()
            """,
            says="only dw",
        ),
        wrong(
            "one slope per example",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                p = np.exp(-np.logaddexp(0, -(X @ w + b)))
                error = np.where(y == 1, pos_weight * (p - 1), p)
                return error[:, None] * X, error
            """,
            says="shape",
        ),
        wrong(
            "overflowing form of the sigmoid",
            """
            def loss_gradient(X, y, w, b, pos_weight=1.0):
                z = X @ w + b
                p = np.exp(z) / (1 + np.exp(z))
                error = np.where(y == 1, pos_weight * (p - 1), p)
                return X.T @ error / len(X), error.mean()
            """,
            says="nan",
        ),
    ],
    "screen": [
        wrong(
            "raw units",
            """
            def screen(X_train, y_train, X_new):
                w, b = np.zeros(X_train.shape[1]), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X_train, y_train, w, b)
                    w, b = w - 1e-5 * dw, b - 1e-5 * db
                return np.where(X_new @ w + b >= 0, 1, 0)
            """,
            says="other units",
        ),
        wrong(
            "new rows standardised by themselves",
            """
            def screen(X_train, y_train, X_new):
                X = (X_train - X_train.mean(axis=0)) / X_train.std(axis=0)
                w, b = np.zeros(X.shape[1]), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w - 0.1 * dw, b - 0.1 * db
                X_new = (X_new - X_new.mean(axis=0)) / (X_new.std(axis=0) + 1e-12)
                return np.where(X_new @ w + b >= 0, 1, 0)
            """,
            says="asked at the same time",
        ),
        wrong(
            "everyone is healthy",
            """
            def screen(X_train, y_train, X_new):
                return np.zeros(len(X_new), dtype=int)
            """,
            says="cancers are missed",
        ),
        wrong(
            "everyone is called back",
            """
            def screen(X_train, y_train, X_new):
                return np.ones(len(X_new), dtype=int)
            """,
            says="called back",
        ),
        wrong(
            "probabilities, no threshold",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X = (X_train - mean) / std
                w, b = np.zeros(X.shape[1]), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w - 0.1 * dw, b - 0.1 * db
                return 1 / (1 + np.exp(-((X_new - mean) / std @ w + b)))
            """,
            says="threshold",
        ),
        wrong(
            "steps uphill",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X = (X_train - mean) / std
                w, b = np.zeros(X.shape[1]), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w + 0.1 * dw, b + 0.1 * db
                return np.where((X_new - mean) / std @ w + b >= 0, 1, 0)
            """,
            says="cancers are missed",
        ),
        wrong(
            "answers for the training rows",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X = (X_train - mean) / std
                w, b = np.zeros(X.shape[1]), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w - 0.1 * dw, b - 0.1 * db
                return np.where(X @ w + b >= 0, 1, 0)
            """,
            says="one answer for each new row",
        ),
        wrong(
            "random start, not seeded",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X = (X_train - mean) / std
                w, b = np.random.default_rng().normal(size=X.shape[1]), 0.0
                for _ in range(10):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w - 0.1 * dw, b - 0.1 * db
                return np.where((X_new - mean) / std @ w + b >= 0, 1, 0)
            """,
            says="asked twice",
        ),
        wrong(
            "only for thirty features",
            """
            def screen(X_train, y_train, X_new):
                mean, std = X_train.mean(axis=0), X_train.std(axis=0)
                X = (X_train - mean) / std
                w, b = np.zeros(30), 0.0
                for _ in range(300):
                    dw, db = loss_gradient(X, y_train, w, b, 5.0)
                    w, b = w - 0.1 * dw, b - 0.1 * db
                return np.where((X_new - mean) / std @ w + b >= 0, 1, 0)
            """,
            says="shape|features",
        ),
    ],
}
