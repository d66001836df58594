"""Right and wrong answers to assignment 04."""

from tests.answers import Answer, right, wrong

RIGHT: dict[str, list[Answer]] = {
    "graph-by-hand": [
        right(
            "closed formulas",
            """
            def graph_gradients(x, w, b, y):
                e = w * (w * x + b) - y
                return {
                    "w": 2 * e * (2 * w * x + b), "x": 2 * e * w * w, "b": 2 * e * w,
                    "y": -2 * e, "e": 2 * e, "z": 2 * e, "h": 2 * e * w, "a": 2 * e * w,
                }
            """,
        ),
        right(
            "PyTorch's autograd",
            """
            def graph_gradients(x, w, b, y):
                import torch

                values = {}
                for name, number in {"x": x, "w": w, "b": b, "y": y}.items():
                    values[name] = torch.tensor(number, dtype=torch.float64, requires_grad=True)
                values["a"] = values["w"] * values["x"]
                values["h"] = values["a"] + values["b"]
                values["z"] = values["w"] * values["h"]
                values["e"] = values["z"] - values["y"]
                for name in "ahze":
                    values[name].retain_grad()
                (values["e"] ** 2).backward()
                return {name: value.grad for name, value in values.items()}
            """,
        ),
        right(
            "np.float64 values and one key more",
            """
            def graph_gradients(x, w, b, y):
                x, w, b, y = np.array([x, w, b, y], dtype=np.float64)
                a = w * x
                h = a + b
                e = w * h - y
                grads = {"L": np.float64(1), "e": 2 * e}
                grads["z"] = grads["e"]
                grads["y"] = -grads["e"]
                grads["h"] = w * grads["z"]
                grads["w"] = h * grads["z"]
                grads["a"] = grads["b"] = grads["h"]
                grads["w"] += x * grads["a"]
                grads["x"] = w * grads["a"]
                return grads
            """,
        ),
        right(
            "forward mode: one walk from every input",
            """
            def graph_gradients(x, w, b, y):
                a, h = w * x, w * x + b
                e = w * h - y

                def dL(dw=0, dx=0, db=0, dy=0, da=0, dh=0, dz=0, de=0):
                    da = da + dw * x + w * dx
                    dh = dh + da + db
                    dz = dz + dw * h + w * dh
                    return 2 * e * (de + dz - dy)

                return {k: dL(**{"d" + k: 1}) for k in ["e", "z", "h", "a", "b", "w", "x", "y"]}
            """,
        ),
    ],
    "unbroadcast": [
        right(
            "loop over the axes",
            """
            def unbroadcast(upstream, shape):
                while upstream.ndim > len(shape):
                    upstream = upstream.sum(axis=0)
                for axis, length in enumerate(shape):
                    if length == 1:
                        upstream = upstream.sum(axis=axis, keepdims=True)
                return upstream
            """,
        ),
        right(
            "pad the shape, sum, reshape",
            """
            def unbroadcast(upstream, shape):
                padded = (1,) * (upstream.ndim - len(shape)) + tuple(shape)
                axes = tuple(i for i, n in enumerate(padded) if n != upstream.shape[i])
                return upstream.sum(axis=axes).reshape(shape)
            """,
        ),
        right(
            "entry by entry, with the indices broadcast",
            """
            def unbroadcast(upstream, shape):
                size = int(np.prod(shape))
                source = np.broadcast_to(np.arange(size).reshape(shape), upstream.shape)
                counts = np.bincount(source.ravel(), weights=upstream.ravel(), minlength=size)
                return counts.reshape(shape)
            """,
        ),
        right(
            "PyTorch's sum_to_size, returned as a tensor",
            """
            def unbroadcast(upstream, shape):
                import torch

                return torch.tensor(upstream).sum_to_size(tuple(shape))
            """,
        ),
        right(
            "in float32",
            """
            def unbroadcast(upstream, shape):
                upstream = np.asarray(upstream, dtype=np.float32)
                lead = upstream.ndim - len(shape)
                axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1)
                return upstream.sum(axis=axes, keepdims=True).reshape(shape)
            """,
        ),
    ],
    "linear-backward": [
        right(
            "einsum",
            """
            def linear_backward(upstream, X, W):
                dX = np.einsum("nk,dk->nd", upstream, W)
                dW = np.einsum("nd,nk->dk", X, upstream)
                return dX, dW, np.einsum("nk->k", upstream)
            """,
        ),
        right(
            "loops over examples",
            """
            def linear_backward(upstream, X, W):
                dX, dW, db = np.zeros(X.shape), np.zeros(W.shape), np.zeros(W.shape[1])
                for i in range(len(X)):
                    dX[i] = W @ upstream[i]
                    dW += np.outer(X[i], upstream[i])
                    db += upstream[i]
                return dX, dW, db
            """,
        ),
        right(
            "PyTorch's autograd",
            """
            def linear_backward(upstream, X, W):
                import torch

                X, W = (torch.tensor(a, requires_grad=True) for a in (X, W))
                b = torch.zeros(W.shape[1], dtype=W.dtype, requires_grad=True)
                (X @ W + b).backward(torch.tensor(upstream))
                return X.grad, W.grad, b.grad
            """,
        ),
        right(
            "a list, with transposes that are views",
            """
            def linear_backward(upstream, X, W):
                dW = (upstream.T @ X).T
                return [(W @ upstream.T).T, dW, np.ones(len(X)) @ upstream]
            """,
        ),
    ],
    "relu-backward": [
        right(
            "a product with a mask",
            """
            def relu_backward(upstream, z):
                return upstream * (z > 0)
            """,
        ),
        right(
            "a copy with zeros written into it",
            """
            def relu_backward(upstream, z):
                grad = upstream.copy()
                grad[z <= 0] = 0
                return grad
            """,
        ),
        right(
            "np.heaviside with 0 at the bend",
            """
            def relu_backward(upstream, z):
                return np.heaviside(z, 0.0) * upstream
            """,
        ),
        right(
            "loop, float32",
            """
            def relu_backward(upstream, z):
                pairs = zip(upstream.ravel(), z.ravel())
                grad = np.array([u if value > 0 else 0 for u, value in pairs], dtype=np.float32)
                return grad.reshape(z.shape)
            """,
        ),
    ],
    "cross-entropy": [
        right(
            "np.logaddexp.reduce",
            """
            def cross_entropy(logits, y):
                log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
                one_hot = np.eye(logits.shape[1])[y]
                return -np.sum(log_p * one_hot) / len(y), (np.exp(log_p) - one_hot) / len(y)
            """,
        ),
        right(
            "loop over examples",
            """
            def cross_entropy(logits, y):
                loss, grad = 0.0, np.zeros(logits.shape)
                for i, (row, k) in enumerate(zip(logits, y)):
                    row = row - max(row)
                    total = sum(np.exp(value) for value in row)
                    loss += np.log(total) - row[k]
                    grad[i] = np.exp(row) / total
                    grad[i, k] -= 1
                return float(loss / len(y)), grad / len(y)
            """,
        ),
        right(
            "PyTorch in and out",
            """
            def cross_entropy(logits, y):
                import torch

                logits = torch.tensor(logits, requires_grad=True)
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
                loss.backward()
                return loss.detach(), logits.grad
            """,
        ),
        right(
            "scipy",
            """
            def cross_entropy(logits, y):
                from scipy.special import log_softmax, softmax

                log_p = log_softmax(logits, axis=-1)
                grad = softmax(logits, axis=-1)
                np.subtract.at(grad, (np.arange(len(y)), y), 1)
                return -np.mean(np.take_along_axis(log_p, y[:, None], axis=1)), grad / len(y)
            """,
        ),
    ],
    "backward-order": [
        right(
            "count the uses",
            """
            def backward_order(parents, root):
                reached, stack = {root}, [root]
                while stack:
                    for parent in parents[stack.pop()]:
                        if parent not in reached:
                            reached.add(parent)
                            stack.append(parent)
                uses = dict.fromkeys(reached, 0)
                for node in reached:
                    for parent in parents[node]:
                        uses[parent] += 1
                ready, order = [root], []
                while ready:
                    node = ready.pop()
                    order.append(node)
                    for parent in parents[node]:
                        uses[parent] -= 1
                        if uses[parent] == 0:
                            ready.append(parent)
                return order
            """,
        ),
        right(
            "recursion with a higher limit",
            """
            def backward_order(parents, root):
                import sys

                order, seen = [], set()

                def visit(node):
                    if node not in seen:
                        seen.add(node)
                        for parent in parents[node]:
                            visit(parent)
                        order.append(node)

                old = sys.getrecursionlimit()
                sys.setrecursionlimit(20_000)
                try:
                    visit(root)
                finally:
                    sys.setrecursionlimit(old)
                return order[::-1]
            """,
        ),
        right(
            "sorted by the longest path from the root, as a tuple",
            """
            def backward_order(parents, root):
                depth, front = {root: 0}, [root]
                while front:
                    following = []
                    for node in front:
                        for parent in parents[node]:
                            if depth.get(parent, -1) < depth[node] + 1:
                                depth[parent] = depth[node] + 1
                                following.append(parent)
                    front = following
                return tuple(sorted(depth, key=depth.get))
            """,
        ),
        right(
            "the standard library's graphlib",
            """
            def backward_order(parents, root):
                from graphlib import TopologicalSorter

                reached, stack = set(), [root]
                while stack:
                    node = stack.pop()
                    if node not in reached:
                        reached.add(node)
                        stack.extend(parents[node])
                order = TopologicalSorter({node: parents[node] for node in reached}).static_order()
                return list(order)[::-1]
            """,
        ),
    ],
    "train-step": [
        right(
            "all written out, without the other tasks' functions",
            """
            def train_step(parameters, X, y, lr):
                W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
                h = np.maximum(0, X @ W1 + b1)
                z = h @ W2 + b2
                z = z - z.max(1, keepdims=True)
                p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
                n = np.arange(len(y))
                loss = -np.log(p[n, y]).mean()
                p[n, y] -= 1
                p /= len(y)
                dh = p @ W2.T * (h > 0)
                new = {"W2": W2 - lr * h.T @ p, "b2": b2 - lr * p.sum(0)}
                return loss, new | {"W1": W1 - lr * X.T @ dh, "b1": b1 - lr * dh.sum(0)}
            """,
        ),
        right(
            "PyTorch's autograd and optimiser",
            """
            def train_step(parameters, X, y, lr):
                import torch

                names = ["W1", "b1", "W2", "b2"]
                tensors = [torch.tensor(parameters[name], requires_grad=True) for name in names]
                W1, b1, W2, b2 = tensors
                logits = torch.relu(torch.tensor(X) @ W1 + b1) @ W2 + b2
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
                optimiser = torch.optim.SGD(tensors, lr=lr)
                loss.backward()
                optimiser.step()
                return loss.item(), {n: t.detach() for n, t in zip(names, tensors)}
            """,
        ),
        right(
            "one example at a time, averaged at the end",
            """
            def train_step(parameters, X, y, lr):
                W1, b1, W2, b2 = [parameters[name] for name in ("W1", "b1", "W2", "b2")]
                sums = {name: np.zeros(np.shape(value)) for name, value in parameters.items()}
                total = 0.0
                for x, k in zip(X, y):
                    z1 = x @ W1 + b1
                    h = z1 * (z1 > 0)
                    z2 = h @ W2 + b2
                    log_p = z2 - z2.max() - np.log(np.exp(z2 - z2.max()).sum())
                    total -= log_p[k]
                    u = np.exp(log_p) - (np.arange(len(b2)) == k)
                    v = (W2 @ u) * (z1 > 0)
                    sums["W2"] += np.outer(h, u)
                    sums["b2"] += u
                    sums["W1"] += np.outer(x, v)
                    sums["b1"] += v
                N = len(X)
                return total / N, {n: parameters[n] - lr * sums[n] / N for n in parameters}
            """,
        ),
        right(
            "a copy, changed in place",
            """
            def train_step(parameters, X, y, lr):
                new = {name: np.array(value) for name, value in parameters.items()}
                Z1 = X @ new["W1"] + new["b1"]
                hidden = np.maximum(Z1, 0)
                loss, grad = cross_entropy(hidden @ new["W2"] + new["b2"], y)
                dhidden, dW2, db2 = linear_backward(grad, hidden, new["W2"])
                _, dW1, db1 = linear_backward(relu_backward(dhidden, Z1), X, new["W1"])
                for name, gradient in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items():
                    new[name] -= lr * gradient
                return loss, new
            """,
        ),
    ],
    "train-digits": [
        right(
            "large batches, in turn, with a large learning rate",
            """
            def train_digits(X, y, seed):
                rng = np.random.default_rng(seed)
                parameters = {"W1": rng.normal(size=(64, 100)) * 0.18, "b1": np.zeros(100)}
                parameters |= {"W2": rng.normal(size=(100, 10)) * 0.14, "b2": np.zeros(10)}
                for step in range(600):
                    batch = np.arange(step * 256, step * 256 + 256) % len(X)
                    _, parameters = train_step(parameters, X[batch], y[batch], 0.6)
                return parameters
            """,
        ),
        right(
            "random batches drawn with replacement, RandomState, uniform start",
            """
            def train_digits(X, y, seed):
                random = np.random.RandomState(seed)
                p = {"W1": random.uniform(-0.3, 0.3, (64, 128)), "b1": np.full(128, 0.01)}
                p |= {"W2": random.uniform(-0.2, 0.2, (128, 10)), "b2": np.zeros(10)}
                for _ in range(1500):
                    batch = random.randint(0, len(X), size=50)
                    loss, p = train_step(p, X[batch], y[batch], 0.3)
                return p
            """,
        ),
        right(
            "a falling learning rate, float32, as lists",
            """
            def train_digits(X, y, seed):
                rng = np.random.default_rng(seed)
                p = {"W1": rng.standard_normal((64, 96)) / 8, "b1": np.zeros(96)}
                p |= {"W2": rng.standard_normal((96, 10)) / 10, "b2": np.zeros(10)}
                for epoch in range(30):
                    for batch in np.array_split(rng.permutation(len(X)), len(X) // 32):
                        _, p = train_step(p, X[batch], y[batch], 0.4 * 0.95**epoch)
                return {name: value.astype(np.float32).tolist() for name, value in p.items()}
            """,
        ),
        right(
            "PyTorch with Adam",
            """
            def train_digits(X, y, seed):
                import torch

                torch.manual_seed(seed)
                X = torch.tensor(X, dtype=torch.float32)
                y = torch.tensor(y)
                model = torch.nn.Sequential(
                    torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
                )
                optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
                for _ in range(300):
                    optimiser.zero_grad()
                    torch.nn.functional.cross_entropy(model(X), y).backward()
                    optimiser.step()
                first, last = model[0], model[2]
                weights = {"W1": first.weight.T, "b1": first.bias, "W2": last.weight.T}
                weights["b2"] = last.bias
                return {name: value.detach() for name, value in weights.items()}
            """,
        ),
    ],
}

_GRAPH = """
def graph_gradients(x, w, b, y):
    a = w * x
    h = a + b
    e = w * h - y
    de = 2 * e
    dh = de * w
    dw = de * h + dh * x
    return {"e": de, "z": de, "h": dh, "a": dh, "b": dh, "w": dw, "x": dh * w, "y": -de}
"""

_CROSS_ENTROPY = """
def cross_entropy(logits, y):
    rows = np.arange(len(y))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    gradient = np.exp(log_p)
    gradient[rows, y] -= 1
    return -log_p[rows, y].mean(), gradient / len(y)
"""

_STEP = """
def train_step(parameters, X, y, lr):
    p = parameters
    Z1 = X @ p["W1"] + p["b1"]
    hidden = np.maximum(Z1, 0)
    loss, dlogits = cross_entropy(hidden @ p["W2"] + p["b2"], y)
    dhidden, dW2, db2 = linear_backward(dlogits, hidden, p["W2"])
    dZ1 = relu_backward(dhidden, Z1)
    _, dW1, db1 = linear_backward(dZ1, X, p["W1"])
    g = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    return loss, {name: p[name] - lr * g[name] for name in p}
"""

_TRAIN = """
def train_digits(X, y, seed):
    rng = np.random.default_rng(seed)
    p = {"W1": rng.normal(size=(64, 64)) * 0.18, "b1": np.zeros(64)}
    p |= {"W2": rng.normal(size=(64, 10)) * 0.18, "b2": np.zeros(10)}
    for _ in range(30):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 32):
            batch = order[start : start + 32]
            _, p = train_step(p, X[batch], y[batch], 0.2)
    return p
"""


def _but(source: str, old: str, new: str) -> str:
    """Return the right answer with one mistake in it."""
    if source.count(old) != 1:
        raise ValueError(f"{old!r} occurs {source.count(old)} times in the answer, expected once.")
    return source.replace(old, new)


WRONG: dict[str, list[Answer]] = {
    "graph-by-hand": [
        wrong("w only through z", _but(_GRAPH, "de * h + dh * x", "de * h"), says="only the path"),
        wrong("w only through a", _but(_GRAPH, "de * h + dh * x", "dh * x"), says="only the path"),
        wrong(
            "paths multiplied",
            _but(_GRAPH, "de * h + dh * x", "(de * h) * (dh * x)"),
            says="multiplied",
        ),
        wrong(
            "paths averaged",
            _but(_GRAPH, "de * h + dh * x", "(de * h + dh * x) / 2"),
            says="average",
        ),
        wrong(
            "derivative of the square without its 2", _but(_GRAPH, "2 * e", "e"), says="the 2 of"
        ),
        wrong("sign of y", _but(_GRAPH, '"y": -de', '"y": de'), says="minus sign"),
        wrong(
            "local derivative without upstream",
            _but(_GRAPH, "dh = de * w", "dh = w"),
            says="without the upstream",
        ),
        wrong(
            "upstream without local derivative",
            _but(_GRAPH, "dh = de * w", "dh = de"),
            says="local derivative w",
        ),
        wrong(
            "e the wrong way round",
            _but(_GRAPH, "e = w * h - y", "e = y - w * h"),
            says="instead of z",
        ),
        wrong(
            "the example's numbers",
            """
            def graph_gradients(x, w, b, y):
                return {"e": 2.0, "z": 2.0, "h": 6.0, "a": 6.0,
                        "b": 6.0, "w": 26.0, "x": 18.0, "y": -2.0}
            """,
            says="dL/de",
        ),
        wrong("a key missing", _but(_GRAPH, '"z": de, ', ""), says="keys"),
    ],
    "unbroadcast": [
        wrong(
            "mean instead of sum",
            """
            def unbroadcast(upstream, shape):
                grad = upstream.mean(axis=tuple(range(upstream.ndim - len(shape))))
                axes = tuple(i for i, n in enumerate(shape) if n == 1)
                return grad.mean(axis=axes, keepdims=True)
            """,
            says="mean",
        ),
        wrong(
            "only axes in front",
            """
            def unbroadcast(upstream, shape):
                return upstream.sum(axis=tuple(range(upstream.ndim - len(shape))))
            """,
            says="shape",
        ),
        wrong(
            "only stretched axes",
            """
            def unbroadcast(upstream, shape):
                axes = tuple(i for i, n in enumerate(shape) if n == 1)
                return upstream.sum(axis=axes, keepdims=True)
            """,
            says="shape",
        ),
        wrong(
            "keepdims forgotten",
            """
            def unbroadcast(upstream, shape):
                grad = upstream.sum(axis=tuple(range(upstream.ndim - len(shape))))
                return grad.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))
            """,
            says="axis of length 1|shape",
        ),
        wrong(
            "always the rows",
            """
            def unbroadcast(upstream, shape):
                return upstream.sum(axis=0)
            """,
            says="shape",
        ),
        wrong(
            "the first copy only",
            """
            def unbroadcast(upstream, shape):
                for _ in range(upstream.ndim - len(shape)):
                    upstream = upstream[0]
                return upstream[tuple(slice(0, n) for n in shape)]
            """,
            says="copies",
        ),
        wrong(
            "the gradient as it came",
            """
            def unbroadcast(upstream, shape):
                return upstream
            """,
            says="shape",
        ),
        wrong(
            "cut to size by resize",
            """
            def unbroadcast(upstream, shape):
                return np.resize(upstream, shape)
            """,
            says="unbroadcast",
        ),
        wrong(
            "at most one axis in front",
            """
            def unbroadcast(upstream, shape):
                if upstream.ndim > len(shape):
                    upstream = upstream.sum(axis=0)
                axes = tuple(i for i, n in enumerate(shape) if n == 1)
                return upstream.sum(axis=axes, keepdims=True)
            """,
            says="shape",
        ),
        wrong(
            "written into the argument",
            """
            def unbroadcast(upstream, shape):
                for axis, n in enumerate((1,) * (upstream.ndim - len(shape)) + tuple(shape)):
                    if n == 1:
                        upstream[...] = upstream.sum(axis=axis, keepdims=True)
                first = [slice(0, n) for n in shape]
                return upstream[(0,) * (upstream.ndim - len(shape)) + tuple(first)].copy()
            """,
            says="in place",
        ),
    ],
    "linear-backward": [
        wrong(
            "transpose of W missing (works for square W)",
            """
            def linear_backward(upstream, X, W):
                dX = upstream @ W if W.shape[0] == W.shape[1] else upstream @ W.reshape(W.T.shape)
                return dX, X.T @ upstream, upstream.sum(axis=0)
            """,
            says="dX",
        ),
        wrong(
            "transposes missing",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W, X @ upstream, upstream.sum(axis=0)
            """,
            says="shape|matmul",
        ),
        wrong(
            "divided by the batch",
            """
            def linear_backward(upstream, X, W):
                N = len(X)
                return upstream @ W.T, X.T @ upstream / N, upstream.sum(axis=0) / N
            """,
            says="divided by N",
        ),
        wrong(
            "mean for the bias",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, X.T @ upstream, upstream.mean(axis=0)
            """,
            says="mean",
        ),
        wrong(
            "bias gradient of the shape of the batch",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, X.T @ upstream, upstream
            """,
            says="db.* shape",
        ),
        wrong(
            "upstream ignored for the weights",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, X.T @ np.ones_like(upstream), upstream.sum(axis=0)
            """,
            says="upstream gradient is ignored",
        ),
        wrong(
            "upstream ignored for the input",
            """
            def linear_backward(upstream, X, W):
                return np.ones_like(upstream) @ W.T, X.T @ upstream, upstream.sum(axis=0)
            """,
            says="upstream gradient is ignored",
        ),
        wrong(
            "order of the results",
            """
            def linear_backward(upstream, X, W):
                return X.T @ upstream, upstream @ W.T, upstream.sum(axis=0)
            """,
            says="dX",
        ),
        wrong(
            "dW transposed",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, upstream.T @ X, upstream.sum(axis=0)
            """,
            says="transposed",
        ),
        wrong(
            "bias summed over the neurons",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, X.T @ upstream, upstream.sum(axis=1)
            """,
            says="db",
        ),
        wrong(
            "bias forgotten",
            """
            def linear_backward(upstream, X, W):
                return upstream @ W.T, X.T @ upstream
            """,
            says="three arrays",
        ),
    ],
    "relu-backward": [
        wrong(
            "passes at 0",
            """
            def relu_backward(upstream, z):
                return upstream * (z >= 0)
            """,
            says="exactly 0",
        ),
        wrong(
            "upstream ignored",
            """
            def relu_backward(upstream, z):
                return (z > 0).astype(float)
            """,
            says="upstream gradient is ignored",
        ),
        wrong(
            "relu of the upstream",
            """
            def relu_backward(upstream, z):
                return np.maximum(upstream, 0)
            """,
            says="sign of z",
        ),
        wrong(
            "relu(z) instead of its slope",
            """
            def relu_backward(upstream, z):
                return upstream * np.maximum(z, 0)
            """,
            says="local derivative is 1",
        ),
        wrong(
            "mask the wrong way round",
            """
            def relu_backward(upstream, z):
                return np.where(z > 0, 0.0, upstream)
            """,
            says="negative instead",
        ),
        wrong(
            "written into upstream",
            """
            def relu_backward(upstream, z):
                upstream[z <= 0] = 0
                return upstream
            """,
            says="in place",
        ),
        wrong(
            "upstream passed on unchanged",
            """
            def relu_backward(upstream, z):
                return upstream.copy()
            """,
            says="everywhere",
        ),
        wrong(
            "one gate for each row",
            """
            def relu_backward(upstream, z):
                return upstream * (z.sum(axis=-1, keepdims=True) > 0)
            """,
            says="relu_backward",
        ),
    ],
    "cross-entropy": [
        wrong(
            "no maximum subtracted",
            _but(_CROSS_ENTROPY, "logits - logits.max(axis=1, keepdims=True)", "logits"),
            says="subtract each row's maximum",
        ),
        wrong(
            "one maximum for all rows",
            _but(_CROSS_ENTROPY, "logits.max(axis=1, keepdims=True)", "logits.max()"),
            says="each row's maximum",
        ),
        wrong(
            "logarithm of a rounded probability",
            """
            def cross_entropy(logits, y):
                exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
                p = exponentials / exponentials.sum(axis=1, keepdims=True)
                rows = np.arange(len(y))
                loss = -np.log(p[rows, y]).mean()
                p[rows, y] -= 1
                return loss, p / len(y)
            """,
            says="without computing p first",
        ),
        wrong(
            "a small number inside the logarithm",
            """
            def cross_entropy(logits, y):
                exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
                p = exponentials / exponentials.sum(axis=1, keepdims=True)
                rows = np.arange(len(y))
                loss = -np.log(p[rows, y] + 1e-12).mean()
                p[rows, y] -= 1
                return loss, p / len(y)
            """,
            says="inside the logarithm",
        ),
        wrong(
            "softmax over the examples",
            """
            def cross_entropy(logits, y):
                rows = np.arange(len(y))
                shifted = logits - logits.max(axis=0)
                log_p = shifted - np.log(np.exp(shifted).sum(axis=0))
                gradient = np.exp(log_p)
                gradient[rows, y] -= 1
                return -log_p[rows, y].mean(), gradient / len(y)
            """,
            says="wrong axis",
        ),
        wrong(
            "sum instead of mean",
            _but(_CROSS_ENTROPY, "-log_p[rows, y].mean()", "-log_p[rows, y].sum()"),
            says="the sum over the examples",
        ),
        wrong(
            "minus sign missing",
            _but(_CROSS_ENTROPY, "-log_p[rows, y].mean()", "log_p[rows, y].mean()"),
            says="minus|sign",
        ),
        wrong(
            "mean over all entries",
            _but(_CROSS_ENTROPY, "-log_p[rows, y].mean()", "-log_p[rows, y].sum() / log_p.size"),
            says="loss",
        ),
        wrong(
            "gradient not divided by N",
            _but(_CROSS_ENTROPY, "gradient / len(y)", "gradient"),
            says="division by N",
        ),
        wrong(
            "gradient with the wrong sign",
            _but(_CROSS_ENTROPY, "gradient / len(y)", "-gradient / len(y)"),
            says="sign",
        ),
        wrong(
            "one-hot forgotten",
            _but(_CROSS_ENTROPY, "gradient[rows, y] -= 1", "pass"),
            says="not subtracted",
        ),
        wrong(
            "1 subtracted in whole columns",
            _but(_CROSS_ENTROPY, "gradient[rows, y] -= 1", "gradient[:, y] -= 1"),
            says="whole columns",
        ),
        wrong(
            "the gradient with respect to log p",
            """
            def cross_entropy(logits, y):
                rows = np.arange(len(y))
                shifted = logits - logits.max(axis=1, keepdims=True)
                log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
                gradient = np.zeros_like(log_p)
                gradient[rows, y] = -1 / len(y)
                return -log_p[rows, y].mean(), gradient
            """,
            says="stops at ln p",
        ),
        wrong(
            "logits shifted in place",
            _but(
                _CROSS_ENTROPY,
                "shifted = logits - logits.max(axis=1, keepdims=True)",
                "logits -= logits.max(axis=1, keepdims=True); shifted = logits",
            ),
            says="in place",
        ),
    ],
    "backward-order": [
        wrong(
            "forward order",
            """
            def backward_order(parents, root):
                order, seen, stack = [], set(), [(root, False)]
                while stack:
                    node, done = stack.pop()
                    if done:
                        order.append(node)
                    elif node not in seen:
                        seen.add(node)
                        stack.append((node, True))
                        stack.extend((parent, False) for parent in parents[node])
                return order
            """,
            says="reverse|begins with",
        ),
        wrong(
            "breadth first",
            """
            def backward_order(parents, root):
                order = [root]
                for node in order:
                    for parent in parents[node]:
                        if parent not in order:
                            order.append(parent)
                return order
            """,
            says="before all parts",
        ),
        wrong(
            "depth first, placed on arrival",
            """
            def backward_order(parents, root):
                order, stack = [], [root]
                while stack:
                    node = stack.pop()
                    if node not in order:
                        order.append(node)
                        stack.extend(parents[node])
                return order
            """,
            says="before all parts",
        ),
        wrong(
            "placed once for each use",
            """
            def backward_order(parents, root):
                order = [root]
                for node in order:
                    order.extend(parents[node])
                return order
            """,
            says="more than once",
        ),
        wrong(
            "all nodes of the graph",
            """
            def backward_order(parents, root):
                order, seen = [], set()

                def visit(node):
                    if node not in seen:
                        seen.add(node)
                        for parent in parents[node]:
                            visit(parent)
                        order.append(node)

                for node in parents:
                    visit(node)
                order.remove(root)
                return [root] + order[::-1]
            """,
            says="does not depend",
        ),
        wrong(
            "recursion without end in sight",
            """
            def backward_order(parents, root):
                order, seen = [], set()

                def visit(node):
                    if node not in seen:
                        seen.add(node)
                        for parent in parents[node]:
                            visit(parent)
                        order.append(node)

                visit(root)
                return order[::-1]
            """,
            says="recursion",
        ),
        wrong(
            "order of the keys",
            """
            def backward_order(parents, root):
                reached, stack = {root}, [root]
                while stack:
                    for parent in parents[stack.pop()]:
                        if parent not in reached:
                            reached.add(parent)
                            stack.append(parent)
                return [node for node in reversed(parents) if node in reached]
            """,
            says="begins with|before",
        ),
        wrong(
            "root forgotten",
            """
            def backward_order(parents, root):
                order, seen, stack = [], set(), [(root, False)]
                while stack:
                    node, done = stack.pop()
                    if done:
                        order.append(node)
                    elif node not in seen:
                        seen.add(node)
                        stack.append((node, True))
                        stack.extend((parent, False) for parent in parents[node])
                return order[::-1][1:]
            """,
            says="missing",
        ),
        wrong(
            "uses counted once per node although d * d uses d twice",
            """
            def backward_order(parents, root):
                uses = {}
                for node in parents:
                    for parent in set(parents[node]):
                        uses[parent] = uses.get(parent, 0) + 1
                ready, order = [root], []
                while ready:
                    node = ready.pop()
                    order.append(node)
                    for parent in set(parents[node]):
                        uses[parent] -= 1
                        if uses[parent] == 0:
                            ready.append(parent)
                return order
            """,
            says="missing",
        ),
        wrong(
            "the dictionary emptied on the way",
            """
            def backward_order(parents, root):
                order, stack = [], [(root, False)]
                while stack:
                    node, done = stack.pop()
                    if done:
                        order.append(node)
                    elif node in parents:
                        stack.append((node, True))
                        stack.extend((parent, False) for parent in parents.pop(node))
                return order[::-1]
            """,
            says="in place",
        ),
    ],
    "train-step": [
        wrong("uphill", _but(_STEP, "p[name] - lr", "p[name] + lr"), says="uphill"),
        wrong("learning rate forgotten", _but(_STEP, "lr * g[name]", "g[name]"), says="rate"),
        wrong(
            "ReLU forgotten on the way back",
            _but(_STEP, "relu_backward(dhidden, Z1)", "dhidden"),
            says="ReLU is missing",
        ),
        wrong(
            "ReLU's output instead of its slope",
            _but(_STEP, "relu_backward(dhidden, Z1)", "dhidden * hidden"),
            says="local derivative",
        ),
        wrong(
            "W2 updated too early",
            """
            def train_step(parameters, X, y, lr):
                new = dict(parameters)
                Z1 = X @ new["W1"] + new["b1"]
                hidden = np.maximum(Z1, 0)
                loss, dlogits = cross_entropy(hidden @ new["W2"] + new["b2"], y)
                new["W2"] = new["W2"] - lr * hidden.T @ dlogits
                new["b2"] = new["b2"] - lr * dlogits.sum(axis=0)
                dZ1 = dlogits @ new["W2"].T * (Z1 > 0)
                new["W1"] = new["W1"] - lr * X.T @ dZ1
                new["b1"] = new["b1"] - lr * dZ1.sum(axis=0)
                return loss, new
            """,
            says="W2 was updated",
        ),
        wrong(
            "parameters changed in place",
            _but(
                _STEP,
                "return loss, {name: p[name] - lr * g[name] for name in p}",
                "for name in p:\n        p[name] -= lr * g[name]\n    return loss, p",
            ),
            says="in place",
        ),
        wrong(
            "only the last layer learns",
            """
            def train_step(parameters, X, y, lr):
                p = parameters
                hidden = np.maximum(X @ p["W1"] + p["b1"], 0)
                loss, dlogits = cross_entropy(hidden @ p["W2"] + p["b2"], y)
                _, dW2, db2 = linear_backward(dlogits, hidden, p["W2"])
                return loss, {**p, "W2": p["W2"] - lr * dW2, "b2": p["b2"] - lr * db2}
            """,
            says="did not change",
        ),
        wrong(
            "loss after the step",
            _but(
                _STEP,
                "return loss, {name: p[name] - lr * g[name] for name in p}",
                "p = {name: p[name] - lr * g[name] for name in p}\n"
                '    hidden = np.maximum(X @ p["W1"] + p["b1"], 0)\n'
                '    return cross_entropy(hidden @ p["W2"] + p["b2"], y)[0], p',
            ),
            says="after the step",
        ),
        wrong(
            "gradients returned",
            _but(_STEP, "{name: p[name] - lr * g[name] for name in p}", "g"),
            says="gradient is returned",
        ),
        wrong(
            "batch mean taken twice",
            _but(_STEP, "lr * g[name]", "lr * g[name] / len(y)"),
            says="once more",
        ),
        wrong(
            "no ReLU forward",
            _but(_STEP, "hidden = np.maximum(Z1, 0)", "hidden = Z1"),
            says="missing in the forward",
        ),
        wrong(
            "ReLU on the logits",
            _but(
                _STEP,
                'cross_entropy(hidden @ p["W2"] + p["b2"], y)',
                'cross_entropy(np.maximum(hidden @ p["W2"] + p["b2"], 0), y)',
            ),
            says="output layer has a ReLU",
        ),
    ],
    "train-digits": [
        wrong(
            "start from zeros",
            _TRAIN.replace("rng.normal(size=(64, 64)) * 0.18", "np.zeros((64, 64))").replace(
                "rng.normal(size=(64, 10)) * 0.18", "np.zeros((64, 10))"
            ),
            says="start weights random",
        ),
        wrong(
            "new parameters thrown away",
            _but(_TRAIN, "_, p = train_step", "_, _ = train_step"),
            says="accuracy",
        ),
        wrong("one epoch", _but(_TRAIN, "range(30)", "range(1)"), says="Train longer|learned"),
        wrong(
            "learning rate far too small",
            _but(_TRAIN, "y[batch], 0.2)", "y[batch], 0.0001)"),
            says="larger learning rate|learned nothing",
        ),
        wrong(
            "labels in another order than the images",
            _but(_TRAIN, "y[batch]", "y[start : start + 32]"),
            says="accuracy",
        ),
        wrong(
            "only the first batch, again and again",
            _but(_TRAIN, "batch = order[start : start + 32]", "batch = np.arange(32)"),
            says="Train longer",
        ),
        wrong("uphill", _but(_TRAIN, "y[batch], 0.2)", "y[batch], -0.2)"), says="accuracy|finite"),
        wrong(
            "biases left out",
            _but(_TRAIN, "return p", 'return {"W1": p["W1"], "W2": p["W2"]}'),
            says="keys",
        ),
        wrong(
            "a generator without the seed",
            _but(_TRAIN, "default_rng(seed)", "default_rng()"),
            says="does not get the seed",
        ),
        wrong(
            "a seed of its own",
            _but(_TRAIN, "default_rng(seed)", "default_rng(0)"),
            says="seed is not used",
        ),
    ],
}
