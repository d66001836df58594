"""Right and wrong answers to assignment 02."""

from tests.answers import right, wrong

RIGHT = {
    "standardise": [
        right(
            "two loops",
            """
            import math

            def standardise(X_train, X_new):
                out = [[0.0] * len(X_new[0]) for _ in X_new]
                for j in range(len(X_new[0])):
                    column = [row[j] for row in X_train]
                    mean = sum(column) / len(column)
                    var = sum((v - mean) ** 2 for v in column) / len(column)
                    for i in range(len(X_new)):
                        out[i][j] = (X_new[i][j] - mean) / (math.sqrt(var) if var > 0 else 1)
                return out
            """,
        ),
        right(
            "scikit-learn's scaler",
            """
            from sklearn.preprocessing import StandardScaler

            def standardise(X_train, X_new):
                return StandardScaler().fit(X_train).transform(X_new)
            """,
        ),
        right(
            "pandas",
            """
            import pandas as pd

            def standardise(X_train, X_new):
                train = pd.DataFrame(X_train)
                std = train.std(ddof=0).replace(0, 1)
                return ((pd.DataFrame(X_new) - train.mean()) / std).to_numpy()
            """,
        ),
        right(
            "PyTorch, a copy changed in place",
            """
            import torch

            def standardise(X_train, X_new):
                train, out = torch.tensor(X_train), torch.tensor(X_new)
                std = train.std(dim=0, unbiased=False)
                std[std == 0] = 1
                out -= train.mean(dim=0)
                return out / std
            """,
        ),
    ],
    "distances": [
        right(
            "two loops",
            """
            def distances(A, B):
                return [[sum((u - v) ** 2 for u, v in zip(a, b)) ** 0.5 for b in B] for a in A]
            """,
        ),
        right(
            "SciPy",
            """
            from scipy.spatial.distance import cdist

            def distances(A, B):
                return cdist(A, B)
            """,
        ),
        right(
            "expanded square, clipped",
            """
            def distances(A, B):
                squares = (A**2).sum(1)[:, None] + (B**2).sum(1) - 2 * A @ B.T
                return np.sqrt(np.maximum(squares, 0))
            """,
        ),
        right(
            "norm, one point of A at a time",
            """
            def distances(A, B):
                return np.stack([np.linalg.norm(B - a, axis=1) for a in A])
            """,
        ),
        right(
            "float32, transposed view",
            """
            def distances(A, B):
                A, B = A.astype(np.float32), B.astype(np.float32)
                return np.linalg.norm(B[:, None] - A, axis=-1).T
            """,
        ),
    ],
    "project": [
        right(
            "loops and math",
            """
            import math

            def project(a, b):
                dot = sum(u * v for u, v in zip(a, b))
                bb, aa = sum(v * v for v in b), sum(u * u for u in a)
                shadow = [dot / bb * v for v in b]
                cosine = max(-1.0, min(1.0, dot / math.sqrt(aa * bb)))
                rest = [u - v for u, v in zip(a, shadow)]
                return shadow, rest, math.degrees(math.acos(cosine))
            """,
        ),
        right(
            "unit vector and arctan2",
            """
            def project(a, b):
                u = b / np.linalg.norm(b)
                along = u @ a
                rest = a - along * u
                return [along * u, rest, np.rad2deg(np.arctan2(np.linalg.norm(rest), along))]
            """,
        ),
        right(
            "projection matrix",
            """
            def project(a, b):
                P = np.outer(b, b) / np.dot(b, b)
                c = np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))
                angle = np.arccos(np.clip(c, -1, 1)) * 180 / np.pi
                return P @ a, (np.eye(len(b)) - P) @ a, angle
            """,
        ),
        right(
            "PyTorch tensors",
            """
            import torch

            def project(a, b):
                a, b = torch.tensor(a), torch.tensor(b)
                shadow = torch.dot(a, b) / torch.dot(b, b) * b
                cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
                return shadow, a - shadow, torch.rad2deg(torch.arccos(cosine))
            """,
        ),
    ],
    "slope": [
        right(
            "polyval, highest power first",
            """
            def slope(coefficients, x, h):
                c = coefficients[::-1]
                return (np.polyval(c, x + h) - np.polyval(c, x - h)) / (h + h)
            """,
        ),
        right(
            "Horner in a loop, list",
            """
            def slope(coefficients, x, h):
                def p(v):
                    total = 0.0
                    for c in reversed(list(coefficients)):
                        total = total * v + c
                    return total
                return [0.5 * (p(v + h) - p(v - h)) / h for v in x]
            """,
        ),
        right(
            "powers as a matrix",
            """
            def slope(coefficients, x, h):
                k = np.arange(len(coefficients))
                return ((x + h)[:, None] ** k - (x - h)[:, None] ** k) @ coefficients / (2 * h)
            """,
        ),
        right(
            "NumPy's Polynomial, mean of both one-sided slopes",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return ((p(x + h) - p(x)) / h + (p(x) - p(x - h)) / h) / 2
            """,
        ),
    ],
    "chain": [
        right(
            "an array of four",
            """
            def chain(w, b, x, t):
                z = w * x + b
                dz = 2 * (z**2 - t) * 2 * z
                return np.array([2 * (z**2 - t), dz, dz * x, dz])
            """,
        ),
        right(
            "every link by name",
            """
            def chain(w, b, x, t):
                z = w * x + b
                a = z * z
                e = a - t
                dL_de, de_da, da_dz, dz_dw, dz_db = 2 * e, 1, 2 * z, x, 1
                dL_da = dL_de * de_da
                dL_dz = dL_da * da_dz
                return [dL_da, dL_dz, dL_dz * dz_dw, dL_dz * dz_db]
            """,
        ),
        right(
            "PyTorch's autograd",
            """
            import torch

            def chain(w, b, x, t):
                w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
                b = torch.tensor(b, dtype=torch.float64, requires_grad=True)
                z = w * x + b
                a = z**2
                return torch.autograd.grad((a - t) ** 2, [a, z, w, b])
            """,
        ),
        right(
            "one array",
            """
            def chain(w, b, x, t):
                z = w * x + b
                up = 4 * z**3 - 4 * t * z
                return tuple(np.array([2 * (z**2 - t), up, up * x, up]))
            """,
        ),
    ],
    "descend": [
        right(
            "an array filled row by row",
            """
            def descend(H, c, start, lr, num_steps):
                path = np.empty((num_steps + 1, len(start)))
                path[0] = start
                for k in range(num_steps):
                    path[k + 1] = path[k] - lr * (H.dot(path[k]) - c)
                return path
            """,
        ),
        right(
            "plain lists",
            """
            def descend(H, c, start, lr, num_steps):
                w, path = list(start), [list(start)]
                for _ in range(num_steps):
                    slope = [sum(h * v for h, v in zip(H[i], w)) - c[i] for i in range(len(w))]
                    w = [v - lr * g for v, g in zip(w, slope)]
                    path.append(w)
                return path
            """,
        ),
        right(
            "PyTorch's optimiser",
            """
            import torch

            def descend(H, c, start, lr, num_steps):
                H, c = torch.tensor(H), torch.tensor(c)
                w = torch.tensor(start, requires_grad=True)
                optimiser = torch.optim.SGD([w], lr=lr)
                path = [w.detach().clone()]
                for _ in range(num_steps):
                    optimiser.zero_grad()
                    (w @ H @ w / 2 - c @ w).backward()
                    optimiser.step()
                    path.append(w.detach().clone())
                return torch.stack(path)
            """,
        ),
        right(
            "in place on a copy, copies in the path",
            """
            def descend(H, c, start, lr, num_steps):
                w = start.copy()
                path = [w.copy()]
                for _ in range(num_steps):
                    w -= lr * (np.einsum("ij,j->i", H, w) - c)
                    path.append(w.copy())
                return path
            """,
        ),
    ],
}

WRONG = {
    "standardise": [
        wrong(
            "a tiny number added to the standard deviation",
            """
            def standardise(X_train, X_new):
                return (X_new - X_train.mean(axis=0)) / (X_train.std(axis=0) + 1e-12)
            """,
            says="tiny number",
        ),
        wrong(
            "a constant column set to 0",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0)
                safe = np.where(std == 0, 1, std)
                return np.where(std == 0, 0, (X_new - X_train.mean(axis=0)) / safe)
            """,
            says="set to 0",
        ),
        wrong(
            "a constant column left raw",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0)
                found = X_new.astype(float)
                for j in np.flatnonzero(std):
                    found[:, j] = (X_new[:, j] - X_train[:, j].mean()) / std[j]
                return found
            """,
            says="mean of a constant column",
        ),
        wrong(
            "statistics of the new rows",
            """
            def standardise(X_train, X_new):
                std = X_new.std(axis=0)
                return (X_new - X_new.mean(axis=0)) / np.where(std == 0, 1, std)
            """,
            says="use those of X_train",
        ),
        wrong(
            "one mean for the whole table",
            """
            def standardise(X_train, X_new):
                return (X_new - X_train.mean()) / X_train.std()
            """,
            says="each column has its own",
        ),
        wrong(
            "statistics along the rows",
            """
            def standardise(X_train, X_new):
                return (X_new - X_train.mean(axis=1)) / X_train.std(axis=1)
            """,
            says="axis=0",
        ),
        wrong(
            "divides a constant column by 0",
            """
            def standardise(X_train, X_new):
                with np.errstate(all="ignore"):
                    return (X_new - X_train.mean(axis=0)) / X_train.std(axis=0)
            """,
            says="constant",
        ),
        wrong(
            "divides by the variance",
            """
            def standardise(X_train, X_new):
                var = X_train.var(axis=0)
                return (X_new - X_train.mean(axis=0)) / np.where(var == 0, 1, var)
            """,
            says="variance",
        ),
        wrong(
            "divides by N - 1",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0, ddof=1)
                return (X_new - X_train.mean(axis=0)) / np.where(std == 0, 1, std)
            """,
            says="N - 1",
        ),
        wrong(
            "parentheses forgotten",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0)
                return X_new - X_train.mean(axis=0) / np.where(std == 0, 1, std)
            """,
            says="parentheses",
        ),
        wrong(
            "changes X_new in place",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0)
                X_new -= X_train.mean(axis=0)
                X_new /= np.where(std == 0, 1, std)
                return X_new
            """,
            says="in place|changed",
        ),
        wrong(
            "returns the training rows",
            """
            def standardise(X_train, X_new):
                std = X_train.std(axis=0)
                return (X_train - X_train.mean(axis=0)) / np.where(std == 0, 1, std)
            """,
            says="shape|row of X_new",
        ),
        wrong(
            "hard-coded to the visible examples' two and three columns",
            """
            def standardise(X_train, X_new):
                out = np.array(X_new)
                for j in range(min(3, X_new.shape[1])):
                    std = X_train[:, j].std() or 1.0
                    out[:, j] = (X_new[:, j] - X_train[:, j].mean()) / std
                return out
            """,
            says="differ",
        ),
    ],
    "distances": [
        wrong(
            "no root",
            """
            def distances(A, B):
                return ((A[:, None] - B) ** 2).sum(axis=-1)
            """,
            says="root",
        ),
        wrong(
            "absolute differences",
            """
            def distances(A, B):
                return np.abs(A[:, None] - B).sum(axis=-1)
            """,
            says="absolute",
        ),
        wrong(
            "sums over the wrong axis",
            """
            def distances(A, B):
                return np.sqrt(((A[:, None] - B) ** 2).sum(axis=1))
            """,
            says="shape",
        ),
        wrong(
            "rows and columns exchanged",
            """
            def distances(A, B):
                return np.sqrt(((B[:, None] - A) ** 2).sum(axis=-1))
            """,
            says="transposed|exchanged",
        ),
        wrong(
            "pairs row by row, no broadcasting",
            """
            def distances(A, B):
                return np.sqrt(((A - B) ** 2).sum(axis=1))
            """,
            says="broadcast|shape",
        ),
        wrong(
            "mean of the squares",
            """
            def distances(A, B):
                return np.sqrt(((A[:, None] - B) ** 2).mean(axis=-1))
            """,
            says="averaged",
        ),
        wrong(
            "difference of the lengths",
            """
            def distances(A, B):
                return np.abs(np.linalg.norm(A, axis=1)[:, None] - np.linalg.norm(B, axis=1))
            """,
            says="length",
        ),
        wrong(
            "negative under the root",
            """
            def distances(A, B):
                squares = (A**2).sum(1)[:, None] + (B**2).sum(1) - 2 * A @ B.T
                with np.errstate(invalid="ignore"):
                    return np.sqrt(squares - 1e-12)
            """,
            says="np.maximum",
        ),
        wrong(
            "only two coordinates",
            """
            def distances(A, B):
                return np.hypot(A[:, :1] - B[:, 0], A[:, -1:] - B[:, -1])
            """,
            says="differ",
        ),
    ],
    "project": [
        wrong(
            "projects b onto a",
            """
            def project(a, b):
                shadow = (a @ b) / (a @ a) * a
                cosine = a @ b / np.sqrt((a @ a) * (b @ b))
                return shadow, a - shadow, np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            """,
            says="projected onto a",
        ),
        wrong(
            "divides by the length instead of its square",
            """
            def project(a, b):
                shadow = (a @ b) / np.linalg.norm(b) * b
                cosine = a @ b / np.sqrt((a @ a) * (b @ b))
                return shadow, a - shadow, np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            """,
            says="divide by b",
        ),
        wrong(
            "shadow as a number",
            """
            def project(a, b):
                along = (a @ b) / np.linalg.norm(b)
                cosine = a @ b / np.sqrt((a @ a) * (b @ b))
                return along, a - along, np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            """,
            says="vector",
        ),
        wrong(
            "rest with the wrong sign",
            """
            def project(a, b):
                shadow = (a @ b) / (b @ b) * b
                cosine = a @ b / np.sqrt((a @ a) * (b @ b))
                return shadow, shadow - a, np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            """,
            says="sign",
        ),
        wrong(
            "angle in radians",
            """
            def project(a, b):
                shadow = (a @ b) / (b @ b) * b
                cosine = a @ b / np.sqrt((a @ a) * (b @ b))
                return shadow, a - shadow, np.arccos(np.clip(cosine, -1, 1))
            """,
            says="radians",
        ),
        wrong(
            "acute angle only",
            """
            def project(a, b):
                shadow = (a @ b) / (b @ b) * b
                cosine = np.abs(a @ b) / np.sqrt((a @ a) * (b @ b))
                return shadow, a - shadow, np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            """,
            says="acute",
        ),
        wrong(
            "nan for parallel vectors",
            """
            def project(a, b):
                shadow = (a @ b) / (b @ b) * b
                cosine = (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
                with np.errstate(invalid="ignore"):
                    return shadow, a - shadow, np.degrees(np.arccos(cosine * (1 + 1e-15)))
            """,
            says="clip",
        ),
        wrong(
            "only the shadow and the rest",
            """
            def project(a, b):
                shadow = (a @ b) / (b @ b) * b
                return shadow, a - shadow
            """,
            says="three values",
        ),
    ],
    "slope": [
        wrong(
            "forward difference",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return (p(x + h) - p(x)) / h
            """,
            says="one-sided",
        ),
        wrong(
            "divided by h",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return (p(x + h) - p(x - h)) / h
            """,
            says="2 \\* h apart",
        ),
        wrong(
            "divided by 2, times h",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return (p(x + h) - p(x - h)) / 2 * h
            """,
            says="multiplied by h",
        ),
        wrong(
            "exact derivative",
            """
            def slope(coefficients, x, h):
                return np.polynomial.Polynomial(coefficients).deriv()(x)
            """,
            says="exact derivative",
        ),
        wrong(
            "highest power first",
            """
            def slope(coefficients, x, h):
                c = coefficients
                return (np.polyval(c, x + h) - np.polyval(c, x - h)) / (2 * h)
            """,
            says="highest power first",
        ),
        wrong(
            "powers from 1",
            """
            def slope(coefficients, x, h):
                def p(v):
                    return sum(c * v ** (k + 1) for k, c in enumerate(coefficients))
                return (p(x + h) - p(x - h)) / (2 * h)
            """,
            says="x\\*\\*0",
        ),
        wrong(
            "a step of its own",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return (p(x + 1e-5) - p(x - 1e-5)) / 2e-5
            """,
            says="fixed|exact derivative",
        ),
        wrong(
            "a single point only",
            """
            def slope(coefficients, x, h):
                p = np.polynomial.Polynomial(coefficients)
                return (p(x[0] + h) - p(x[0] - h)) / (2 * h)
            """,
            says="shape",
        ),
    ],
    "chain": [
        wrong(
            "factor 2 of the last square",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = z**2 - t
                dz = da * 2 * z
                return da, dz, dz * x, dz
            """,
            says="factor 2",
        ),
        wrong(
            "a link left out",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (z**2 - t)
                return da, da, da * x, da
            """,
            says="left out",
        ),
        wrong(
            "adds along the chain",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (z**2 - t)
                dz = da + 2 * z
                return da, dz, dz + x, dz + 1
            """,
            says="multipl",
        ),
        wrong(
            "local slopes only",
            """
            def chain(w, b, x, t):
                z = w * x + b
                return 2 * (z**2 - t), 2 * z, x, 1.0
            """,
            says="slope from above",
        ),
        wrong(
            "times w instead of x",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (z**2 - t)
                dz = da * 2 * z
                return da, dz, dz * w, dz
            """,
            says="is x",
        ),
        wrong(
            "bias slope times b",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (z**2 - t)
                dz = da * 2 * z
                return da, dz, dz * x, dz * b
            """,
            says="with respect to b is 1",
        ),
        wrong(
            "slope of the square taken as 2",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (z**2 - t)
                dz = da * 2
                return da, dz, dz * x, dz
            """,
            says="not 2z",
        ),
        wrong(
            "t minus a",
            """
            def chain(w, b, x, t):
                z = w * x + b
                da = 2 * (t - z**2)
                dz = da * 2 * z
                return da, dz, dz * x, dz
            """,
            says="sign",
        ),
    ],
    "descend": [
        wrong(
            "uphill",
            """
            def descend(H, c, start, lr, num_steps):
                path = [start]
                for _ in range(num_steps):
                    path.append(path[-1] + lr * (H @ path[-1] - c))
                return np.array(path)
            """,
            says="uphill",
        ),
        wrong(
            "c left out",
            """
            def descend(H, c, start, lr, num_steps):
                path = [start]
                for _ in range(num_steps):
                    path.append(path[-1] - lr * H @ path[-1])
                return np.array(path)
            """,
            says="c is left out",
        ),
        wrong(
            "without the start",
            """
            def descend(H, c, start, lr, num_steps):
                w, path = start, []
                for _ in range(num_steps):
                    w = w - lr * (H @ w - c)
                    path.append(w)
                return np.array(path).reshape(num_steps, len(start))
            """,
            says="the start",
        ),
        wrong(
            "the same array in every row",
            """
            def descend(H, c, start, lr, num_steps):
                w = start.copy()
                path = [w]
                for _ in range(num_steps):
                    w -= lr * (H @ w - c)
                    path.append(w)
                return np.array(path)
            """,
            says="same array",
        ),
        wrong(
            "changes the start",
            """
            def descend(H, c, start, lr, num_steps):
                w, path = start, [start.copy()]
                for _ in range(num_steps):
                    w -= lr * (H @ w - c)
                    path.append(w.copy())
                return np.array(path)
            """,
            says="in place|changed",
        ),
        wrong(
            "2 H w",
            """
            def descend(H, c, start, lr, num_steps):
                path = [start]
                for _ in range(num_steps):
                    path.append(path[-1] - lr * (2 * H @ path[-1] - c))
                return np.array(path)
            """,
            says="twice",
        ),
        wrong(
            "one coordinate after the other",
            """
            def descend(H, c, start, lr, num_steps):
                path = [start]
                for _ in range(num_steps):
                    w = path[-1].copy()
                    for j in range(len(w)):
                        w[j] -= lr * (H[j] @ w - c[j])
                    path.append(w)
                return np.array(path)
            """,
            says="same old point",
        ),
        wrong(
            "entrywise product with H's diagonal",
            """
            def descend(H, c, start, lr, num_steps):
                path = [start]
                for _ in range(num_steps):
                    path.append(path[-1] - lr * (np.diag(H) * path[-1] - c))
                return np.array(path)
            """,
            says="matrix product",
        ),
        wrong(
            "gradient of the start at every step",
            """
            def descend(H, c, start, lr, num_steps):
                slope = H @ start - c
                return np.array([start - k * lr * slope for k in range(num_steps + 1)])
            """,
            says="gradient of the start",
        ),
        wrong(
            "the last point only",
            """
            def descend(H, c, start, lr, num_steps):
                w = start
                for _ in range(num_steps):
                    w = w - lr * (H @ w - c)
                return w
            """,
            says="shape",
        ),
    ],
}
