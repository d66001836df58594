"""Right and wrong answers to assignment 05."""

from tests.answers import Answer, right, wrong

# What several answers to the last task share.
_LOOP = """
def train_clothes(X, y, seed):
    rng = np.random.default_rng(seed)
    mean, std = {scaling}
    X = (X - mean) / std
    W1 = rng.normal(size=(196, {hidden})) * {spread}
    W2 = rng.normal(size=({hidden}, 10)) * {spread}
    params = [W1, np.zeros({hidden}), W2, np.zeros(10)]
    velocity = [np.zeros_like(p) for p in params]
    for _ in range({epochs}):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 50):
            rows = order[start : start + 50]
            h = np.maximum(X[rows] @ params[0] + params[1], 0)
            z = h @ params[2] + params[3]
            p = np.exp(z - z.max(axis=1, keepdims=True))
            dz = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[{labels}]) / len(rows)
            dh = dz @ params[2].T * (h > 0)
            grads = [X[rows].T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)]
            velocity = [0.9 * v + g for v, g in zip(velocity, grads)]
            params = [p {sign} {lr} * v for p, v in zip(params, velocity)]
    W1, b1, W2, b2 = params
    {undo}
    return {{"W1": W1, "b1": b1, "W2": W2, "b2": b2}}
"""
_USUAL = {
    "scaling": "X.mean(), X.std()",
    "hidden": "100",
    "spread": "0.1",
    "epochs": "15",
    "labels": "y[rows]",
    "sign": "-",
    "lr": "0.01",
    "undo": "W1, b1 = W1 / std, b1 - mean / std * W1.sum(axis=0)",
}


def _loop(**changes: str) -> str:
    """Return a training loop, with some of its parts replaced."""
    return _LOOP.format(**(_USUAL | changes))


RIGHT: dict[str, list[Answer]] = {
    "momentum-step": [
        right(
            "zeros first, a copy of the state",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                new = dict(state)
                if "v" not in new:
                    new["v"] = np.zeros_like(grad)
                new["v"] = new["v"] * beta + grad
                return w - new["v"] * lr, new
            """,
        ),
        right(
            "PyTorch's SGD",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                import torch

                p = torch.tensor(w, requires_grad=True)
                p.grad = torch.tensor(grad)
                optimiser = torch.optim.SGD([p], lr=lr, momentum=beta)
                if state:
                    optimiser.state[p]["momentum_buffer"] = torch.tensor(state["v"])
                optimiser.step()
                return p.detach(), {"v": optimiser.state[p]["momentum_buffer"]}
            """,
        ),
        right(
            "float32, a list, extra keys",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = np.asarray(beta * np.asarray(state.get("v", 0.0)) + grad, dtype=np.float32)
                return [np.asarray(w - lr * v), {"v": v, "lr": lr}]
            """,
        ),
    ],
    "adam-step": [
        right(
            "the correction folded into the rate",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state["t"] + 1 if state else 1
                m = (1 - beta1) * grad + (beta1 * state["m"] if state else 0)
                s = (1 - beta2) * grad * grad + (beta2 * state["s"] if state else 0)
                root = np.sqrt(1 - beta2**t)
                step = lr * root / (1 - beta1**t) * m / (np.sqrt(s) + eps * root)
                return w - step, {"t": t, "m": m, "s": s}
            """,
        ),
        right(
            "moves towards the new values",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                zero = np.zeros(np.shape(w))
                t, m, s = (state.get(key, start) for key, start in zip("tms", (0, zero, zero)))
                m = m + (1 - beta1) * (grad - m)
                s = s + (1 - beta2) * (np.square(grad) - s)
                t += 1
                m_hat = np.divide(m, 1 - np.power(beta1, t))
                s_hat = np.divide(s, 1 - np.power(beta2, t))
                return w - lr * m_hat / (s_hat**0.5 + eps), dict(t=np.int64(t), m=m, s=s)
            """,
        ),
        right(
            "PyTorch's Adam",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                import torch

                p = torch.tensor(w, requires_grad=True)
                p.grad = torch.tensor(grad)
                optimiser = torch.optim.Adam([p], lr=lr, betas=(beta1, beta2), eps=eps)
                if state:
                    optimiser.state[p] = {
                        "step": torch.tensor(float(state["t"])),
                        "exp_avg": torch.tensor(state["m"]),
                        "exp_avg_sq": torch.tensor(state["s"]),
                    }
                optimiser.step()
                found = optimiser.state[p]
                new = {"t": int(found["step"]), "m": found["exp_avg"], "s": found["exp_avg_sq"]}
                return p.detach(), new
            """,
        ),
    ],
    "schedule": [
        right(
            "math, one expression",
            """
            import math

            def learning_rate(step, num_steps, warmup, peak):
                rise = peak * (step + 1) / max(warmup, 1)
                turn = math.pi * (step - warmup) / (num_steps - warmup)
                return rise if step < warmup else peak * (1 + math.cos(turn)) / 2
            """,
        ),
        right(
            "cos squared of the half angle",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step >= warmup:
                    f = (step - warmup) / (num_steps - warmup)
                    return np.float64(peak) * np.cos(np.pi * f / 2) ** 2
                return np.float32((1 + step) * peak / warmup)
            """,
        ),
        right(
            "the whole curve, then one entry",
            """
            def learning_rate(step, num_steps, warmup, peak):
                rise = np.arange(1, warmup + 1) / warmup if warmup else np.zeros(0)
                fall = (1 + np.cos(np.linspace(0, np.pi, num_steps - warmup + 1)[:-1])) / 2
                return peak * np.concatenate([rise, fall])[step]
            """,
        ),
    ],
    "he-start": [
        right(
            "scale given to normal, float32",
            """
            def he_start(sizes, seed):
                rng, layers = np.random.default_rng(seed), []
                for i in range(len(sizes) - 1):
                    W = rng.normal(0, (2 / sizes[i]) ** 0.5, size=(sizes[i], sizes[i + 1]))
                    layers.append((W.astype(np.float32), np.zeros(sizes[i + 1], np.float32)))
                return layers
            """,
        ),
        right(
            "the older generator, last layer first",
            """
            def he_start(sizes, seed):
                rng = np.random.RandomState(seed)
                layers = []
                for n_in, n_out in list(zip(sizes, sizes[1:]))[::-1]:
                    W = rng.randn(n_out, n_in).T * np.sqrt(2 / n_in)
                    layers.insert(0, [W, [0.0] * n_out])
                return tuple(layers)
            """,
        ),
        right(
            "PyTorch's kaiming_normal_",
            """
            def he_start(sizes, seed):
                import torch

                generator, layers = torch.Generator().manual_seed(seed), []
                for n_in, n_out in zip(sizes, sizes[1:]):
                    W = torch.empty(n_out, n_in)
                    torch.nn.init.kaiming_normal_(W, nonlinearity="relu", generator=generator)
                    layers.append((W.T, torch.zeros(n_out)))
                return layers
            """,
        ),
        right(
            "normal numbers by Box and Muller",
            """
            def he_start(sizes, seed):
                rng, layers = np.random.default_rng([seed, 7]), []
                for n_in, n_out in zip(sizes, sizes[1:]):
                    u, v = 1 - rng.random((n_in, n_out)), rng.random((n_in, n_out))
                    W = np.sqrt(-4 * np.log(u) / n_in) * np.cos(2 * np.pi * v)
                    layers.append((W, np.zeros(n_out, dtype=int)))
                return layers
            """,
        ),
    ],
    "batch-norm": [
        right(
            "column by column",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                out, means, variances = np.empty_like(Z), running_mean.copy(), running_var.copy()
                for k in range(Z.shape[1]):
                    mean, var = running_mean[k], running_var[k]
                    if training:
                        mean = sum(Z[:, k]) / len(Z)
                        var = sum((Z[:, k] - mean) ** 2) / len(Z)
                        means[k] += rate * (mean - means[k])
                        variances[k] += rate * (var - variances[k])
                    out[:, k] = gamma[k] * (Z[:, k] - mean) * (var + eps) ** -0.5 + beta[k]
                return out, means, variances
            """,
        ),
        right(
            "PyTorch, with its variance put right",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                import torch

                Z, gamma, beta, mean, var = (
                    torch.tensor(a) for a in (Z, gamma, beta, running_mean, running_var)
                )
                out = torch.nn.functional.batch_norm(
                    Z, mean.clone(), var.clone(), gamma, beta, training, rate, eps
                )
                if training:
                    mean = mean + rate * (Z.mean(0) - mean)
                    var = var + rate * (Z.var(0, unbiased=False) - var)
                return out, mean, var
            """,
        ),
        right(
            "mean of squares less square of mean, a list",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    mean = np.ones(len(Z)) @ Z / len(Z)
                    var = np.einsum("nk,nk->k", Z, Z) / len(Z) - mean**2
                scale = gamma / np.sqrt(var + eps)
                share = rate * bool(training)
                return [
                    Z * scale + (beta - mean * scale),
                    running_mean + share * (mean - running_mean),
                    running_var + share * (var - running_var),
                ]
            """,
        ),
    ],
    "dropout": [
        right(
            "np.where",
            """
            def dropout(h, uniform, p, training):
                return np.where(uniform < p, 0, h / (1 - p)) if training else +h

            def dropout_backward(upstream, uniform, p, training):
                return np.where(uniform < p, 0, upstream / (1 - p)) if training else +upstream
            """,
        ),
        right(
            "one function for both ways, float32",
            """
            def dropout(h, uniform, p, training):
                out = np.array(h, dtype=np.float32)
                if training:
                    out[uniform < p] = 0
                    out /= 1 - p
                return out

            dropout_backward = dropout
            """,
        ),
        right(
            "PyTorch's autograd on the way back",
            """
            def dropout(h, uniform, p, training):
                import torch

                h, uniform = torch.as_tensor(h), torch.as_tensor(uniform)
                return h.masked_fill(uniform < p, 0.0) / (1 - p) if training else h.clone()

            def dropout_backward(upstream, uniform, p, training):
                import torch

                h = torch.zeros(upstream.shape, dtype=torch.float64, requires_grad=True)
                dropout(h, uniform, p, training).backward(torch.as_tensor(upstream))
                return h.grad
            """,
        ),
        right(
            "loop over the values; a view when nothing is dropped",
            """
            def dropout(h, uniform, p, training):
                if not training:
                    return h
                pairs = zip(h.ravel(), uniform.ravel())
                return np.array([x / (1 - p) if u >= p else 0.0 for x, u in pairs]).reshape(h.shape)

            def dropout_backward(upstream, uniform, p, training):
                return dropout(upstream, uniform, p, training)
            """,
        ),
    ],
    "early-stop": [
        right(
            "count the epochs without a new best",
            """
            def early_stop(val_losses, patience):
                best, best_epoch, waited = float("inf"), 0, 0
                for epoch, loss in enumerate(val_losses):
                    waited += 1
                    if loss < best:
                        best, best_epoch, waited = loss, epoch, 0
                    if waited >= patience:
                        break
                return best_epoch, epoch
            """,
        ),
        right(
            "running minimum in NumPy",
            """
            def early_stop(val_losses, patience):
                losses = np.asarray(val_losses)
                for last in range(len(losses)):
                    best = int(np.argmin(losses[: last + 1]))
                    if last - best >= patience:
                        return np.array([best, last])
                return np.array([best, last])
            """,
        ),
        right(
            "while loop, a list of np.int64",
            """
            def early_stop(val_losses, patience):
                best = epoch = np.int64(0)
                while epoch - best < patience and epoch + 1 < len(val_losses):
                    epoch = epoch + 1
                    if val_losses[epoch] < val_losses[best]:
                        best = epoch
                return [best, epoch]
            """,
        ),
    ],
    "train-clothes": [
        right("momentum, scaled by one mean and spread", _loop()),
        right(
            "a mean for each pixel",
            _loop(
                scaling="X.mean(axis=0), X.std()",
                undo="b1 = b1 - (mean / std) @ W1; W1 = W1 / std",
            ),
        ),
        right("inputs from 0 to 1", _loop(scaling="0.0, 255.0", lr="0.02", epochs="25")),
        right(
            "PyTorch, float32",
            """
            def train_clothes(X, y, seed):
                import torch

                torch.manual_seed(seed)
                mean, std = float(X.mean()), float(X.std())
                X = torch.tensor((X - mean) / std, dtype=torch.float32)
                y = torch.tensor(np.asarray(y, dtype=np.int64))
                net = torch.nn.Sequential(
                    torch.nn.Linear(196, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
                )
                optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
                for _ in range(12):
                    for rows in torch.randperm(len(X)).split(50):
                        optimiser.zero_grad()
                        torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
                        optimiser.step()
                W1, b1, W2, b2 = (p.detach() for p in net.parameters())
                b1 = b1 - mean / std * W1.sum(dim=1)
                return {"W1": W1.T / std, "b1": b1, "W2": W2.T, "b2": b2}
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "momentum-step": [
        wrong(
            "running mean of gradients",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = beta * state.get("v", 0) + (1 - beta) * grad
                return w - lr * v, {"v": v}
            """,
            says="1 − beta",
        ),
        wrong(
            "the state is forgotten",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = beta * 0 + grad
                return w - lr * v, {"v": v}
            """,
            says="not kept",
        ),
        wrong(
            "the rate inside the velocity",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = beta * state.get("v", 0) + lr * grad
                return w - v, {"v": v}
            """,
            says="learning rate is in the velocity",
        ),
        wrong(
            "the step uses the old velocity",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                old = state.get("v", 0 * grad)
                return w - lr * old, {"v": beta * old + grad}
            """,
            says="old velocity",
        ),
        wrong(
            "uphill",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = beta * state.get("v", 0) + grad
                return w + lr * v, {"v": v}
            """,
            says="uphill",
        ),
        wrong(
            "changes the velocity in place",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                state["v"] = beta * state.get("v", 0) + grad
                return w - lr * state["v"], state
            """,
            says="in place",
        ),
        wrong(
            "beta written as 0.9",
            """
            def momentum_step(w, grad, state, lr, beta=0.9):
                v = 0.9 * state.get("v", 0) + grad
                return w - lr * v, {"v": v}
            """,
            says="v after step 2",
        ),
    ],
    "adam-step": [
        wrong(
            "no bias correction",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
                return w - lr * m / (np.sqrt(s) + eps), {"t": t, "m": m, "s": s}
            """,
            says="bias correction is missing",
        ),
        wrong(
            "only m corrected",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
                m_hat = m / (1 - beta1**t)
                return w - lr * m_hat / (np.sqrt(s) + eps), {"t": t, "m": m, "s": s}
            """,
            says="only m is corrected",
        ),
        wrong(
            "stores the corrected means",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = (beta1 * state.get("m", 0) + (1 - beta1) * grad) / (1 - beta1**t)
                s = (beta2 * state.get("s", 0) + (1 - beta2) * grad**2) / (1 - beta2**t)
                return w - lr * m / (np.sqrt(s) + eps), {"t": t, "m": m, "s": s}
            """,
            says="corrected mean is stored",
        ),
        wrong(
            "eps inside the root",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
                m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
                return w - lr * m_hat / np.sqrt(s_hat + eps), {"t": t, "m": m, "s": s}
            """,
            says="inside the root",
        ),
        wrong(
            "no root",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
                m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
                return w - lr * m_hat / (s_hat + eps), {"t": t, "m": m, "s": s}
            """,
            says="root is missing",
        ),
        wrong(
            "the gradient is not squared",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = state.get("t", 0) + 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad
                m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
                return w - lr * m_hat / (np.sqrt(np.abs(s_hat)) + eps), {"t": t, "m": m, "s": s}
            """,
            says="not squared",
        ),
        wrong(
            "t stays 1",
            """
            def adam_step(w, grad, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
                t = 1
                m = beta1 * state.get("m", 0) + (1 - beta1) * grad
                s = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
                m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
                return w - lr * m_hat / (np.sqrt(s_hat) + eps), {"t": t, "m": m, "s": s}
            """,
            says="t after step 2",
        ),
    ],
    "schedule": [
        wrong(
            "the rise starts at 0",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step < warmup:
                    return peak * step / warmup
                f = (step - warmup) / (num_steps - warmup)
                return 0.5 * peak * (1 + np.cos(np.pi * f))
            """,
            says="rise starts at 0",
        ),
        wrong(
            "no warm-up",
            """
            def learning_rate(step, num_steps, warmup, peak):
                f = max(step - warmup, 0) / (num_steps - warmup)
                return 0.5 * peak * (1 + np.cos(np.pi * f))
            """,
            says="warm-up is missing",
        ),
        wrong(
            "the cosine over the whole run",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step < warmup:
                    return peak * (step + 1) / warmup
                return 0.5 * peak * (1 + np.cos(np.pi * step / num_steps))
            """,
            says="does not subtract the warm-up",
        ),
        wrong(
            "linear fall",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step < warmup:
                    return peak * (step + 1) / warmup
                return peak * (num_steps - step) / (num_steps - warmup)
            """,
            says="linear",
        ),
        wrong(
            "one half is missing",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step < warmup:
                    return peak * (step + 1) / warmup
                f = (step - warmup) / (num_steps - warmup)
                return peak * (1 + np.cos(np.pi * f))
            """,
            says="one half",
        ),
        wrong(
            "zero at the last step",
            """
            def learning_rate(step, num_steps, warmup, peak):
                if step < warmup:
                    return peak * (step + 1) / warmup
                f = (step - warmup) / (num_steps - 1 - warmup)
                return 0.5 * peak * (1 + np.cos(np.pi * f))
            """,
            says="last step is taken as the end",
        ),
        wrong(
            "divides by the warm-up even if it is 0",
            """
            def learning_rate(step, num_steps, warmup, peak):
                rise = (step + 1) / warmup
                f = (step - warmup) / (num_steps - warmup)
                return peak * rise if step < warmup else 0.5 * peak * (1 + np.cos(np.pi * f))
            """,
            says="division|ZeroDivision",
        ),
    ],
    "he-start": [
        wrong(
            "Xavier",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.normal(size=(a, b)) * np.sqrt(2 / (a + b)), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="Xavier",
        ),
        wrong(
            "n_out",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.normal(size=(a, b)) * np.sqrt(2 / b), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="n_out",
        ),
        wrong(
            "1 / n_in",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.normal(size=(a, b)) / np.sqrt(a), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="the 2 that makes up",
        ),
        wrong(
            "variance given as spread",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.normal(0, 2 / a, size=(a, b)), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="root is missing",
        ),
        wrong(
            "uniform numbers of the right spread",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.uniform(-1, 1, size=(a, b)) * np.sqrt(6 / a), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="uniform",
        ),
        wrong(
            "the seed is not used",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(0)
                return [
                    (rng.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="use `seed`",
        ),
        wrong(
            "a generator for each layer",
            """
            def he_start(sizes, seed):
                layers = []
                for a, b in zip(sizes, sizes[1:]):
                    rng = np.random.default_rng(seed)
                    layers.append((rng.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b)))
                return layers
            """,
            says="same numbers",
        ),
        wrong(
            "zeros",
            """
            def he_start(sizes, seed):
                return [(np.zeros((a, b)), np.zeros(b)) for a, b in zip(sizes, sizes[1:])]
            """,
            says="all equal",
        ),
        wrong(
            "random biases",
            """
            def he_start(sizes, seed):
                rng = np.random.default_rng(seed)
                return [
                    (rng.normal(size=(a, b)) * np.sqrt(2 / a), rng.normal(size=b))
                    for a, b in zip(sizes, sizes[1:])
                ]
            """,
            says="biases start at 0",
        ),
    ],
    "batch-norm": [
        wrong(
            "batch statistics in both modes",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                out = gamma * (Z - Z.mean(axis=0)) / np.sqrt(Z.var(axis=0) + eps) + beta
                if training:
                    running_mean = (1 - rate) * running_mean + rate * Z.mean(axis=0)
                    running_var = (1 - rate) * running_var + rate * Z.var(axis=0)
                return out, running_mean, running_var
            """,
            says="although training is False",
        ),
        wrong(
            "layer norm",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    running_mean = (1 - rate) * running_mean + rate * Z.mean(axis=0)
                    running_var = (1 - rate) * running_var + rate * Z.var(axis=0)
                    mean, var = Z.mean(axis=1, keepdims=True), Z.var(axis=1, keepdims=True)
                out = gamma * (Z - mean) / np.sqrt(var + eps) + beta
                return out, running_mean, running_var
            """,
            says="layer norm",
        ),
        wrong(
            "N - 1",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    mean, var = Z.mean(axis=0), Z.var(axis=0, ddof=1)
                    running_mean = (1 - rate) * running_mean + rate * mean
                    running_var = (1 - rate) * running_var + rate * var
                out = gamma * (Z - mean) / np.sqrt(var + eps) + beta
                return out, running_mean, running_var
            """,
            says="N − 1",
        ),
        wrong(
            "PyTorch's running variance",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                import torch

                mean, var = torch.tensor(running_mean), torch.tensor(running_var)
                out = torch.nn.functional.batch_norm(
                    torch.tensor(Z), mean, var, torch.tensor(gamma), torch.tensor(beta),
                    training, rate, eps,
                )
                return out, mean, var
            """,
            says="divided by N − 1",
        ),
        wrong(
            "the root is missing",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    mean, var = Z.mean(axis=0), Z.var(axis=0)
                    running_mean = (1 - rate) * running_mean + rate * mean
                    running_var = (1 - rate) * running_var + rate * var
                out = gamma * (Z - mean) / (var + eps) + beta
                return out, running_mean, running_var
            """,
            says="root is missing",
        ),
        wrong(
            "rate and 1 - rate exchanged",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    mean, var = Z.mean(axis=0), Z.var(axis=0)
                    running_mean = rate * running_mean + (1 - rate) * mean
                    running_var = rate * running_var + (1 - rate) * var
                out = gamma * (Z - mean) / np.sqrt(var + eps) + beta
                return out, running_mean, running_var
            """,
            says="exchanged",
        ),
        wrong(
            "updates the averages in both modes",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                m, v = (Z.mean(axis=0), Z.var(axis=0)) if training else (running_mean, running_var)
                out = gamma * (Z - m) / np.sqrt(v + eps) + beta
                new_mean = (1 - rate) * running_mean + rate * Z.mean(axis=0)
                return out, new_mean, (1 - rate) * running_var + rate * Z.var(axis=0)
            """,
            says="updated although",
        ),
        wrong(
            "gamma and beta unused",
            """
            def batch_norm(
                Z, gamma, beta, running_mean, running_var, training, rate=0.1, eps=1e-5
            ):
                mean, var = running_mean, running_var
                if training:
                    mean, var = Z.mean(axis=0), Z.var(axis=0)
                    running_mean = (1 - rate) * running_mean + rate * mean
                    running_var = (1 - rate) * running_var + rate * var
                return (Z - mean) / np.sqrt(var + eps), running_mean, running_var
            """,
            says="gamma and beta",
        ),
    ],
    "dropout": [
        wrong(
            "another edge on the way back",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p) if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform > p) / (1 - p) if training else upstream.copy()
            """,
            says="uniform == p is dropped",
        ),
        wrong(
            "no factor",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform >= p) if training else upstream.copy()
            """,
            says="factor 1 / .* is missing",
        ),
        wrong(
            "the older form, scaled in the test",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p) if training else h * (1 - p)

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform >= p) / (1 - p) if training else upstream.copy()
            """,
            says="scaled by 1 − p",
        ),
        wrong(
            "left on after training",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p)

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform >= p) / (1 - p)
            """,
            says="still on",
        ),
        wrong(
            "p is the share to keep",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform < p) / p if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform < p) / p if training else upstream.copy()
            """,
            says="share to keep",
        ),
        wrong(
            "no mask on the way back",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p) if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return upstream / (1 - p) if training else upstream.copy()
            """,
            says="mask is missing",
        ),
        wrong(
            "the upstream gradient is ignored",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p) if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return (uniform >= p) / (1 - p) if training else upstream.copy()
            """,
            says="upstream gradient is ignored",
        ),
        wrong(
            "no factor on the way back",
            """
            def dropout(h, uniform, p, training):
                return h * (uniform >= p) / (1 - p) if training else h.copy()

            def dropout_backward(upstream, uniform, p, training):
                return upstream * (uniform >= p) if training else upstream.copy()
            """,
            says="missing on the way back",
        ),
        wrong(
            "writes into h",
            """
            def dropout(h, uniform, p, training):
                if training:
                    h[uniform < p] = 0
                    h /= 1 - p
                return h

            dropout_backward = dropout
            """,
            says="in place",
        ),
        wrong(
            "own random numbers",
            """
            def dropout(h, uniform, p, training):
                kept = np.random.default_rng(0).random(h.shape) >= p
                return h * kept / (1 - p) if training else h.copy()

            dropout_backward = dropout
            """,
            says="uniform < p",
        ),
    ],
    "early-stop": [
        wrong(
            "the two exchanged where nothing stops",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch - best == patience:
                        return best, epoch
                return len(val_losses) - 1, best
            """,
            says="in the wrong order",
        ),
        wrong(
            "the best of the whole list",
            """
            def early_stop(val_losses, patience):
                return int(np.argmin(val_losses)), len(val_losses) - 1
            """,
            says="nothing stops|after the stop",
        ),
        wrong(
            "keeps the last epoch",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch - best == patience:
                        return epoch, epoch
                return len(val_losses) - 1, len(val_losses) - 1
            """,
            says="weights of the last epoch",
        ),
        wrong(
            "one epoch too long",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch - best > patience:
                        return best, epoch
                return best, len(val_losses) - 1
            """,
            says="too long",
        ),
        wrong(
            "compares with the epoch before",
            """
            def early_stop(val_losses, patience):
                best = waited = 0
                for epoch in range(1, len(val_losses)):
                    if val_losses[epoch] < val_losses[epoch - 1]:
                        best, waited = epoch, 0
                    else:
                        waited += 1
                        if waited == patience:
                            return best, epoch
                return best, len(val_losses) - 1
            """,
            says="epoch before",
        ),
        wrong(
            "an equal loss is a new best",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss <= val_losses[best]:
                        best = epoch
                    elif epoch - best == patience:
                        return best, epoch
                return best, len(val_losses) - 1
            """,
            says="equal to the best",
        ),
        wrong(
            "counts from 1",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch - best == patience:
                        return best + 1, epoch + 1
                return best + 1, len(val_losses)
            """,
            says="counted from 1",
        ),
        wrong(
            "wrong order",
            """
            def early_stop(val_losses, patience):
                best = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch - best == patience:
                        return epoch, best
                return len(val_losses) - 1, best
            """,
            says="wrong order",
        ),
        wrong(
            "the count of bad epochs is never reset",
            """
            def early_stop(val_losses, patience):
                best = bad = 0
                for epoch, loss in enumerate(val_losses):
                    if loss < val_losses[best]:
                        best = epoch
                    elif epoch:
                        bad += 1
                        if bad == patience:
                            return best, epoch
                return best, len(val_losses) - 1
            """,
            says="set back to 0",
        ),
    ],
    "train-clothes": [
        wrong("returns parameters for scaled pixels", _loop(undo=""), says="raw ones"),
        wrong("labels of the wrong rows", _loop(labels="y[: len(rows)]"), says="guess"),
        wrong("uphill", _loop(sign="+"), says="finite|guess|nan|inf"),
        wrong("starts at zero", _loop(spread="0.0"), says="guess"),
        wrong("hardly trained", _loop(epochs="1", lr="0.0003"), says="train longer|guess"),
        wrong("one hidden neuron", _loop(hidden="1"), says="either|guess"),
        wrong(
            "the transposed matrices of PyTorch",
            _loop(undo="W1, b1 = W1 / std, b1 - mean / std * W1.sum(axis=0); W1 = W1.T"),
            says="shape",
        ),
        wrong(
            "a generator without the seed",
            _loop().replace("default_rng(seed)", "default_rng()"),
            says="does not get the seed",
        ),
    ],
}
