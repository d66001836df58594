"""Right and wrong answers to assignment 07."""

from tests.answers import Answer, right, wrong

# What several answers share.
_CONV = """
def conv2d(X, W, b, padding=0, stride=1):
    {pad}
    O, C, kh, kw = W.shape
    H, V = (X.shape[2] - kh) // {stride} + 1, (X.shape[3] - kw) // {stride} + 1
    Y = np.zeros((len(X), O, H, V))
    for i in range(H):
        for j in range(V):
            window = X[:, :, i * {step} : i * {step} + kh, j * {step} : j * {step} + kw]
            Y[:, :, i, j] = {value}
    return Y
"""
_CONV_USUAL = {
    "pad": "X = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))",
    "stride": "stride",
    "step": "stride",
    "value": 'np.einsum("ncuv,ocuv->no", window, W) + b',
}

_BACK = """
def conv2d_backward(upstream, X, W, padding=0, stride=1):
    p, s = padding, {stride}
    kh, kw = W.shape[2:]
    P = {pad}
    dP, dW = np.zeros(P.shape), np.zeros(W.shape)
    for i in range(upstream.shape[2]):
        for j in range(upstream.shape[3]):
            U = {upstream}
            place = np.s_[:, :, i * s : i * s + kh, j * s : j * s + kw]
            dW {plus_w} np.einsum("no,ncuv->ocuv", U, P[place]){scale}
            dP[place] {plus_x} np.einsum("no,ocuv->ncuv", U, {kernel})
    dX = {cut}
    return {result}
"""
_BACK_USUAL = {
    "stride": "stride",
    "pad": "np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)))",
    "upstream": "upstream[:, :, i, j]",
    "plus_w": "+=",
    "plus_x": "+=",
    "scale": "",
    "kernel": "W",
    "cut": "dP[:, :, p : p + X.shape[2], p : p + X.shape[3]]",
    "result": "dX, dW, upstream.sum(axis=(0, 2, 3))",
}

_POOL_BACK = """
def max_pool_backward(upstream, X, size):
    dX = np.zeros(X.shape)
    for n, c, i, j in np.ndindex(*upstream.shape):
        block = X[n, c, i * size : (i + 1) * size, j * size : (j + 1) * size]
        out = dX[n, c, i * size : (i + 1) * size, j * size : (j + 1) * size]
        {write}
    return dX
"""

_TRAIN = """
def train_and_name(X, y, X_new, seed):
    torch.manual_seed(seed)
    net = {net}
    shape = lambda A: torch.tensor(np.asarray(A), dtype=torch.float32)[:, None]{scale}
    x, t = shape(X), torch.tensor(np.asarray(y), dtype=torch.int64)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range({epochs}):
        for rows in torch.randperm(len(x)).split(50):
            down, right = torch.randint(-{reach}, {reach} + 1, (2,)).tolist()
            batch = {batch}
            loss = nn.functional.cross_entropy(net(batch), {labels})
            optimiser.zero_grad()
            loss.backward()
            {step}
    net.eval()
    with torch.no_grad():
        {answer}
"""
_CNN = (
    "nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), "
    "nn.Linear(1568, 10))"
)
_GLOBAL = (
    "nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(), "
    "nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(), "
    "nn.Conv2d(32, 64, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10))"
)
_DENSE = "nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))"
_TRAIN_USUAL = {
    "net": _CNN,
    "scale": " / 255",
    "epochs": "10",
    "reach": "3",
    "batch": "torch.roll(x[rows], (down, right), dims=(2, 3))",
    "labels": "t[rows]",
    "step": "optimiser.step()",
    "answer": "return net(shape(X_new)).argmax(1)",
}


def _conv(**changes: str) -> str:
    return _CONV.format(**(_CONV_USUAL | changes))


def _back(**changes: str) -> str:
    return _BACK.format(**(_BACK_USUAL | changes))


def _pool_back(write: str) -> str:
    return _POOL_BACK.format(write=write)


def _train(**changes: str) -> str:
    return _TRAIN.format(**(_TRAIN_USUAL | changes))


RIGHT: dict[str, list[Answer]] = {
    "output-size": [
        right(
            "counts the places one by one",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                def places(n, k):
                    last = padding[0] + n + padding[1] - (dilation * (k - 1) + 1)
                    return len(range(0, last + 1, stride))

                (N, _, H, W), (O, _, kh, kw) = X_shape, W_shape
                return [N, O, places(H, kh), places(W, kw)]
            """,
        ),
        right(
            "NumPy's floor on both sides at once, an array",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                n, k = np.array(X_shape[2:]), np.array(W_shape[2:])
                room = n + sum(padding) - dilation * (k - 1) - 1
                sides = (np.floor(room / stride) + 1).astype(int)
                return np.concatenate([[X_shape[0], W_shape[0]], sides])
            """,
        ),
        right(
            "asks PyTorch",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                x, w = torch.zeros(X_shape), torch.zeros(W_shape)
                x = nn.functional.pad(x, (*padding, *padding))
                return nn.functional.conv2d(x, w, None, stride, 0, dilation).shape
            """,
        ),
        right(
            "rounded up from the other side",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                def side(n, k):
                    starts = n + padding[0] + padding[1] - dilation * (k - 1)
                    return (starts + stride - 1) // stride

                (N, _, H, W), (O, _, kh, kw) = X_shape, W_shape
                return N, O, side(H, kh), side(W, kw)
            """,
        ),
    ],
    "conv2d": [
        right(
            "PyTorch, a tensor",
            """
            def conv2d(X, W, b, padding=0, stride=1):
                X, W, b = (torch.as_tensor(a) for a in (X, W, b))
                return nn.functional.conv2d(X, W, b, stride=stride, padding=padding)
            """,
        ),
        right(
            "sliding windows and einsum, a transposed view",
            """
            def conv2d(X, W, b, padding=0, stride=1):
                p = padding
                X = np.pad(X, [(0, 0), (0, 0), (p, p), (p, p)])
                windows = np.lib.stride_tricks.sliding_window_view(X, W.shape[2:], axis=(2, 3))
                windows = windows[:, :, ::stride, ::stride]
                return (np.einsum("ncijuv,ocuv->nijo", windows, W) + b).transpose(0, 3, 1, 2)
            """,
        ),
        right(
            "im2col, float32",
            """
            def conv2d(X, W, b, padding=0, stride=1):
                p, (O, C, kh, kw) = padding, W.shape
                X = np.pad(X, [(0, 0), (0, 0), (p, p), (p, p)]).astype(np.float32)
                H, V = (X.shape[2] - kh) // stride + 1, (X.shape[3] - kw) // stride + 1
                rows = [
                    X[n, :, i * stride : i * stride + kh, j * stride : j * stride + kw].ravel()
                    for n in range(len(X)) for i in range(H) for j in range(V)
                ]
                flat = np.array(rows) @ W.reshape(O, -1).T.astype(np.float32) + b
                return flat.astype(np.float32).reshape(len(X), H, V, O).transpose(0, 3, 1, 2)
            """,
        ),
        right(
            "six loops, a list",
            """
            def conv2d(X, W, b, padding=0, stride=1):
                N, C, H, V = X.shape
                O, _, kh, kw = W.shape
                Y = []
                for n in range(N):
                    maps = []
                    for o in range(O):
                        rows = []
                        for i in range(-padding, H + padding - kh + 1, stride):
                            row = []
                            for j in range(-padding, V + padding - kw + 1, stride):
                                z = float(b[o])
                                for u in range(max(0, -i), min(kh, H - i)):
                                    for v in range(max(0, -j), min(kw, V - j)):
                                        z += float(X[n, :, i + u, j + v] @ W[o, :, u, v])
                                row.append(z)
                            rows.append(row)
                        maps.append(rows)
                    Y.append(maps)
                return Y
            """,
        ),
    ],
    "conv2d-backward": [
        right(
            "PyTorch's autograd",
            """
            def conv2d_backward(upstream, X, W, padding=0, stride=1):
                X, W = (torch.tensor(a, requires_grad=True) for a in (X, W))
                b = torch.zeros(len(W), dtype=W.dtype, requires_grad=True)
                Y = nn.functional.conv2d(X, W, b, stride=stride, padding=padding)
                Y.backward(torch.tensor(upstream))
                return X.grad, W.grad, b.grad
            """,
        ),
        right(
            "one step for each weight, a list",
            """
            def conv2d_backward(upstream, X, W, padding=0, stride=1):
                p, s, (h, v) = padding, stride, upstream.shape[2:]
                P = np.pad(X, [(0, 0), (0, 0), (p, p), (p, p)])
                dP, dW = np.zeros_like(P), np.zeros_like(W)
                for a, c in np.ndindex(W.shape[2:]):
                    place = np.s_[:, :, a : a + s * (h - 1) + 1 : s, c : c + s * (v - 1) + 1 : s]
                    dW[:, :, a, c] = np.tensordot(upstream, P[place], ([0, 2, 3], [0, 2, 3]))
                    dP[place] += np.einsum("noij,oc->ncij", upstream, W[:, :, a, c])
                inner = dP[:, :, p : dP.shape[2] - p, p : dP.shape[3] - p]
                return [inner, dW, np.einsum("noij->o", upstream)]
            """,
        ),
        right(
            "PyTorch's conv_transpose2d and its gradients, float32",
            """
            def conv2d_backward(upstream, X, W, padding=0, stride=1):
                U, X, W = (torch.tensor(a, dtype=torch.float32) for a in (upstream, X, W))
                grad = torch.nn.grad
                dX = grad.conv2d_input(X.shape, W, U, stride=stride, padding=padding)
                dW = grad.conv2d_weight(X, W.shape, U, stride=stride, padding=padding)
                return dX, dW, U.sum((0, 2, 3))
            """,
        ),
        right("the loops of Hint 3, written out", _back()),
    ],
    "max-pool": [
        right(
            "PyTorch",
            """
            def max_pool(X, size):
                return nn.functional.max_pool2d(torch.as_tensor(X), size)
            """,
        ),
        right(
            "loops, float32",
            """
            def max_pool(X, size):
                N, C, H, W = X.shape
                Y = np.empty((N, C, H // size, W // size), dtype=np.float32)
                for i in range(H // size):
                    for j in range(W // size):
                        block = X[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size]
                        Y[:, :, i, j] = block.reshape(N, C, -1).max(-1)
                return Y
            """,
        ),
        right(
            "the maximum of shifted pictures, a view",
            """
            def max_pool(X, size):
                h, w = X.shape[2] // size * size, X.shape[3] // size * size
                parts = [X[:, :, u:h:size, v:w:size] for u in range(size) for v in range(size)]
                return np.stack(parts, axis=-1).max(axis=-1)[...]
            """,
        ),
        right(
            "sliding windows, every size-th of them, a list",
            """
            def max_pool(X, size):
                windows = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(2, 3))
                return windows[:, :, ::size, ::size].max(axis=(-1, -2)).tolist()
            """,
        ),
    ],
    "max-pool-backward": [
        right(
            "PyTorch's autograd",
            """
            def max_pool_backward(upstream, X, size):
                X = torch.tensor(X, requires_grad=True)
                nn.functional.max_pool2d(X, size).backward(torch.tensor(upstream))
                return X.grad
            """,
        ),
        right(
            "loops and argmax",
            _pool_back("out[np.unravel_index(block.argmax(), block.shape)] = upstream[n, c, i, j]"),
        ),
        right(
            "a mask that keeps the first, a list",
            """
            def max_pool_backward(upstream, X, size):
                dX = np.zeros(X.shape, dtype=np.float32)
                taken = np.zeros(upstream.shape, dtype=bool)
                H, W = upstream.shape[2] * size, upstream.shape[3] * size
                Y = X[:, :, :H, :W].reshape(*X.shape[:2], H // size, size, W // size, size)
                Y = Y.max(axis=(3, 5))
                for u in range(size):
                    for v in range(size):
                        hit = (X[:, :, u:H:size, v:W:size] == Y) & ~taken
                        dX[:, :, u:H:size, v:W:size] = np.where(hit, upstream, 0)
                        taken |= hit
                return dX.tolist()
            """,
        ),
    ],
    "receptive-field": [
        right(
            "from the last layer back",
            """
            def receptive_field(layers):
                field = 1
                for k, stride, dilation in reversed(layers):
                    field = (field - 1) * stride + dilation * (k - 1) + 1
                return field
            """,
        ),
        right(
            "a sum of products in NumPy",
            """
            def receptive_field(layers):
                if not layers:
                    return 1
                k, stride, dilation = np.array(layers).T
                steps = np.concatenate([[1], np.cumprod(stride)[:-1]])
                return 1 + (dilation * (k - 1) * steps).sum()
            """,
        ),
        right(
            "the set of pixels seen",
            """
            def receptive_field(layers):
                seen = {0}
                for k, stride, dilation in reversed(layers):
                    seen = {place * stride + u * dilation for place in seen for u in range(k)}
                return max(seen) - min(seen) + 1
            """,
        ),
    ],
    "grad-cam": [
        right(
            "loop over the channels",
            """
            def grad_cam(maps, gradients):
                heat = np.zeros(maps.shape[1:])
                for A, G in zip(maps, gradients):
                    heat = heat + G.mean() * A
                heat[heat < 0] = 0
                top = heat.max()
                return heat / (top if top > 0 else 1)
            """,
        ),
        right(
            "PyTorch, float32; sums instead of means, which the scaling undoes",
            """
            def grad_cam(maps, gradients):
                A, G = (torch.tensor(a, dtype=torch.float32) for a in (maps, gradients))
                heat = torch.relu(torch.einsum("cij,cuv->ij", A, G))
                return heat / heat.max() if heat.max() > 0 else heat
            """,
        ),
        right(
            "einsum and clip, a list",
            """
            def grad_cam(maps, gradients):
                heat = np.clip(np.einsum("k,k...->...", gradients.mean((1, 2)), maps), 0, None)
                return (heat / max(heat.max(), 1e-300)).tolist()
            """,
        ),
        right(
            "a small number against the division by 0",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1), 0)
                return heat / (heat.max() + 1e-12)
            """,
        ),
        right(
            "0/0 made 0 afterwards",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1), 0)
                with np.errstate(all="ignore"):
                    return np.nan_to_num(heat / heat.max())
            """,
        ),
    ],
    "moved-digits": [
        right("the network of Hint 3, a tensor", _train()),
        right("global pooling and batch norm", _train(net=_GLOBAL)),
        right(
            "each digit moved by its own, padded and cut",
            _train(
                batch="torch.stack([nn.functional.pad(d, (3, 3, 3, 3))[:, a : a + 28, c : c + 28] "
                "for d, (a, c) in zip(x[rows], torch.randint(0, 7, (len(rows), 2)).tolist())])"
            ),
        ),
        right(
            "moves the new digits to the middle of their strokes instead",
            """
            def centre(A):
                A, out = np.asarray(A, dtype=np.float32), []
                for digit in A:
                    rows, columns = np.nonzero(digit)
                    down = 14 - (rows.min() + rows.max() + 1) // 2
                    right = 14 - (columns.min() + columns.max() + 1) // 2
                    out.append(np.roll(digit, (down, right), axis=(0, 1)))
                return np.array(out) / 255

            def train_and_name(X, y, X_new, seed):
                from sklearn.svm import SVC

                model = SVC(C=10, random_state=seed).fit(centre(X).reshape(len(X), -1), y)
                return model.predict(centre(X_new).reshape(len(X_new), -1))
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "output-size": [
        wrong(
            "forgets the first place",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="the 1 for the first place",
        ),
        wrong(
            "padding at one end",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + padding[0] - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="one end",
        ),
        wrong(
            "the chapter's 2 p with the first number",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + 2 * padding[0] - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="before the first pixel is counted twice",
        ),
        wrong(
            "the chapter's function as it stands",
            """
            def output_shape(n, k, padding=0, stride=1, dilation=1):
                return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
            """,
            says=r"keep the first line|TypeError",
        ),
        wrong(
            "the chapter's function for each side, the rim handed on",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                def output_size(n, k, padding=0, stride=1, dilation=1):
                    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1

                (N, _, H, W), (O, _, kh, kw) = X_shape, W_shape
                height = output_size(H, kh, padding, stride, dilation)
                return N, O, height, output_size(W, kw, padding, stride, dilation)
            """,
            says="TypeError.*2 \\* padding",
        ),
        wrong(
            "twice both rims",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + 2 * sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="both rims are counted twice",
        ),
        wrong(
            "PyTorch's (height, width) for padding",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                x, w = torch.zeros(X_shape), torch.zeros(W_shape)
                return nn.functional.conv2d(x, w, None, stride, padding, dilation).shape
            """,
            says="as in PyTorch",
        ),
        wrong(
            "the channels stay",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return *X_shape[:2], *sides
            """,
            says="the channels stay",
        ),
        wrong(
            "maps for each channel",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0] * W_shape[1], *sides
            """,
            says="adds up over the channels",
        ),
        wrong(
            "TensorFlow's order",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], *sides, W_shape[0]
            """,
            says="channels come last",
        ),
        wrong(
            "square pictures only",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], sides[0], sides[0]
            """,
            says="height is used for the width",
        ),
        wrong(
            "no dilation",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - k) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="dilation is not used",
        ),
        wrong(
            "span is dilation * k",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * k) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="gaps",
        ),
        wrong(
            "rounds up",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    int(np.ceil((n + sum(padding) - dilation * (k - 1) - 1) / stride)) + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="round down",
        ),
        wrong(
            "no rounding",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) / stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="whole",
        ),
        wrong(
            "adds 1 before dividing",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1)) // stride
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return X_shape[0], W_shape[0], *sides
            """,
            says="before the division",
        ),
        wrong(
            "the sides only",
            """
            def output_shape(X_shape, W_shape, padding=(0, 0), stride=1, dilation=1):
                sides = [
                    (n + sum(padding) - dilation * (k - 1) - 1) // stride + 1
                    for n, k in zip(X_shape[2:], W_shape[2:])
                ]
                return tuple(sides)
            """,
            says="shape",
        ),
    ],
    "conv2d": [
        wrong(
            "flips the kernel",
            _conv(value='np.einsum("ncuv,ocuv->no", window, W[:, :, ::-1, ::-1]) + b'),
            says="flipped",
        ),
        wrong(
            "no bias", _conv(value='np.einsum("ncuv,ocuv->no", window, W)'), says="bias is missing"
        ),
        wrong(
            "bias once per channel",
            _conv(value='np.einsum("ncuv,ocuv->no", window, W) + C * b'),
            says="once for each channel",
        ),
        wrong(
            "first channel only",
            _conv(value='np.einsum("nuv,ouv->no", window[:, 0], W[:, 0]) + b'),
            says="first channel",
        ),
        wrong(
            "mean over the window",
            _conv(value='np.einsum("ncuv,ocuv->no", window, W) / (C * kh * kw) + b'),
            says="mean over the window",
        ),
        wrong("ignores the stride", _conv(stride="1", step="1"), says="stride is ignored"),
        wrong("windows one pixel apart", _conv(step="1"), says="start at i, not"),
        wrong("ignores the padding", _conv(pad="X = X"), says="padding is ignored"),
        wrong(
            "padding on one side",
            _conv(pad="X = np.pad(X, ((0, 0), (0, 0), (padding, 0), (padding, 0)))"),
            says="one side",
        ),
        wrong(
            "pads with the border",
            _conv(
                pad="X = np.pad(X, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2), mode='edge')"
            ),
            says="repeats the border",
        ),
        wrong(
            "square kernels only",
            """
            def conv2d(X, W, b, padding=0, stride=1):
                X = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
                k = W.shape[2]
                H, V = (X.shape[2] - k) // stride + 1, (X.shape[3] - k) // stride + 1
                Y = np.zeros((len(X), len(W), H, V))
                for i in range(H):
                    for j in range(V):
                        window = X[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
                        Y[:, :, i, j] = np.einsum("ncuv,ocuv->no", window, W) + b
                return Y
            """,
            says="conv2d",
        ),
        wrong(
            "pads every axis, the channels too",
            _conv(pad="X = np.pad(X, padding)"),
            says="axis is padded",
        ),
        wrong(
            "adds up the pictures of the batch",
            _conv(value='np.einsum("ncuv,ocuv->o", window, W) + b'),
            says="pictures of the batch",
        ),
        wrong(
            "the kernel transposed",
            _conv(value='np.einsum("ncuv,ocvu->no", window, W) + b'),
            says="transposed|mismatch|not broadcast|different extents",
        ),
    ],
    "conv2d-backward": [
        wrong(
            "ignores the upstream gradient",
            _back(upstream="np.ones(upstream.shape[:2])"),
            says="upstream gradient is ignored",
        ),
        wrong("mean over the batch", _back(scale=" / len(X)"), says="divided by N"),
        wrong("only the last place", _back(plus_w="="), says="last place"),
        wrong("windows overwrite each other", _back(plus_x="="), says="overwrite"),
        wrong("the rim stays", _back(cut="dP"), says="rim"),
        wrong(
            "the kernel the wrong way round",
            _back(kernel="W[:, :, ::-1, ::-1]"),
            says="wrong way round",
        ),
        wrong("ignores the stride", _back(stride="1"), says="i \\* stride"),
        wrong(
            "cuts the rim off one end",
            _back(cut="dP[:, :, : X.shape[2], : X.shape[3]]"),
            says="wrong rim",
        ),
        wrong(
            "db as a mean",
            _back(result="dX, dW, upstream.mean(axis=(0, 2, 3))"),
            says="mean over examples and places",
        ),
        wrong(
            "the order of the results",
            _back(result="dW, dX, upstream.sum(axis=(0, 2, 3))"),
            says="dW",
        ),
        wrong(
            "dX left out",
            _back(result="np.zeros(X.shape), dW, upstream.sum(axis=(0, 2, 3))"),
            says="zero",
        ),
        wrong(
            "db for every picture",
            _back(result="dX, dW, upstream.sum(axis=(2, 3))"),
            says="db",
        ),
        wrong(
            "db written, not added",
            _back(result="dX, dW, upstream[:, :, -1, -1].sum(axis=0)"),
            says="last place",
        ),
        wrong(
            "X as it was given, without its rim",
            _back(pad="np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)), mode='edge')"),
            says="not zeros",
        ),
    ],
    "max-pool": [
        wrong(
            "overlapping windows",
            """
            def max_pool(X, size):
                windows = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(2, 3))
                return windows.max(axis=(4, 5))
            """,
            says="overlap",
        ),
        wrong(
            "the mean",
            """
            def max_pool(X, size):
                return nn.functional.avg_pool2d(torch.as_tensor(X), size).numpy()
            """,
            says="mean",
        ),
        wrong(
            "keeps blocks that are not full",
            """
            def max_pool(X, size):
                return nn.functional.max_pool2d(torch.as_tensor(X), size, ceil_mode=True).numpy()
            """,
            says="not full",
        ),
        wrong(
            "starts from zeros",
            """
            def max_pool(X, size):
                N, C, H, W = X.shape
                Y = np.zeros((N, C, H // size, W // size))
                for u in range(size):
                    for v in range(size):
                        part = X[:, :, u : H // size * size : size, v : W // size * size : size]
                        Y = np.maximum(Y, part)
                return Y
            """,
            says="negative numbers",
        ),
        wrong(
            "a reshape that mixes blocks",
            """
            def max_pool(X, size):
                N, C, H, W = X.shape
                h, w = H // size, W // size
                whole = X[:, :, : h * size, : w * size]
                return whole.reshape(N, C, h, w, size * size).max(axis=-1)
            """,
            says="mixes",
        ),
        wrong(
            "every second pixel",
            """
            def max_pool(X, size):
                h, w = X.shape[2] // size * size, X.shape[3] // size * size
                return X[:, :, :h:size, :w:size]
            """,
            says="without looking",
        ),
        wrong(
            "over the channels as well",
            """
            def max_pool(X, size):
                N, C, H, W = X.shape
                h, w = H // size, W // size
                whole = X[:, :, : h * size, : w * size]
                return whole.reshape(N, C, h, size, w, size).max(axis=(1, 3, 5))
            """,
            says="over the channels",
        ),
        wrong(
            "a stride of 2, whatever the size",
            """
            def max_pool(X, size):
                return nn.functional.max_pool2d(torch.as_tensor(X), size, stride=2).numpy()
            """,
            says="move by 2",
        ),
    ],
    "max-pool-backward": [
        wrong(
            "ignores the upstream gradient",
            _pool_back("out[np.unravel_index(block.argmax(), block.shape)] = 1.0"),
            says="ignored",
        ),
        wrong(
            "gives it to every pixel",
            _pool_back("out[:] = upstream[n, c, i, j]"),
            says="every pixel",
        ),
        wrong(
            "shares it out evenly",
            _pool_back("out[:] = upstream[n, c, i, j] / size**2"),
            says="evenly",
        ),
        wrong(
            "all equal pixels get it",
            _pool_back("out[block == block.max()] = upstream[n, c, i, j]"),
            says="equal pixels",
        ),
        wrong(
            "the last of equal pixels gets it",
            _pool_back("out.flat[np.flatnonzero(block == block.max())[-1]] = upstream[n, c, i, j]"),
            says="last of equal",
        ),
        wrong(
            "times the pixel",
            _pool_back(
                "out[np.unravel_index(block.argmax(), block.shape)] = "
                "upstream[n, c, i, j] * block.max()"
            ),
            says="multiplied by the pixel",
        ),
        wrong(
            "the first pixel gets it",
            _pool_back("out[0, 0] = upstream[n, c, i, j]"),
            says="first pixel",
        ),
        wrong(
            "in the shape of the output",
            """
            def max_pool_backward(upstream, X, size):
                return upstream * (max_pool(X, size) > 0)
            """,
            says="shape of X",
        ),
        wrong(
            "the first of equal pixels, column by column",
            _pool_back(
                "out[np.unravel_index(block.argmax(), block.shape)] = 0; "
                "out.T[np.unravel_index(block.T.argmax(), block.T.shape)] = upstream[n, c, i, j]"
            ),
            says="column by column",
        ),
    ],
    "receptive-field": [
        wrong(
            "the latest stride only",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    field += dilation * (k - 1) * step
                    step = stride
                return field
            """,
            says="latest stride",
        ),
        wrong(
            "stride before field",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    step *= stride
                    field += dilation * (k - 1) * step
                return field
            """,
            says="own stride",
        ),
        wrong(
            "no strides",
            """
            def receptive_field(layers):
                return 1 + sum(d * (k - 1) for k, s, d in layers)
            """,
            says="strides are not used",
        ),
        wrong(
            "no dilation",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    field, step = field + (k - 1) * step, step * stride
                return field
            """,
            says="dilation is not used",
        ),
        wrong(
            "adds k",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    field, step = field + dilation * k * step, step * stride
                return field
            """,
            says="k - 1",
        ),
        wrong(
            "starts at 0",
            """
            def receptive_field(layers):
                field, step = 0, 1
                for k, stride, dilation in layers:
                    field, step = field + dilation * (k - 1) * step, step * stride
                return field
            """,
            says="starts at 0",
        ),
        wrong(
            "multiplies the kernels",
            """
            def receptive_field(layers):
                return int(np.prod([k for k, s, d in layers]))
            """,
            says="multiplied",
        ),
        wrong(
            "adds the strides",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    field, step = field + dilation * (k - 1) * step, step + stride - 1
                return field
            """,
            says="strides are added",
        ),
        wrong(
            "the last layer first",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in reversed(layers):
                    field, step = field + dilation * (k - 1) * step, step * stride
                return field
            """,
            says="wrong order",
        ),
        wrong(
            "a dilated kernel of dilation * k pixels",
            """
            def receptive_field(layers):
                field, step = 1, 1
                for k, stride, dilation in layers:
                    field, step = field + (dilation * k - 1) * step, step * stride
                return field
            """,
            says="only k - 1 gaps",
        ),
    ],
    "grad-cam": [
        wrong(
            "scaled only if it is larger than 1",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1), 0)
                return heat / max(heat.max(), 1.0)
            """,
            says="not divided by its largest",
        ),
        wrong(
            "not scaled",
            """
            def grad_cam(maps, gradients):
                return np.maximum(0, np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1))
            """,
            says="not divided",
        ),
        wrong(
            "keeps the negative part",
            """
            def grad_cam(maps, gradients):
                heat = np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1)
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="negative part",
        ),
        wrong(
            "absolute value",
            """
            def grad_cam(maps, gradients):
                heat = np.abs(np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1))
                return heat / heat.max()
            """,
            says="absolute",
        ),
        wrong(
            "positive part of each channel",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, gradients.mean(axis=(1, 2))[:, None, None] * maps).sum(axis=0)
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="channel by channel",
        ),
        wrong(
            "place by place",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, (maps * gradients).sum(axis=0))
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="without the mean",
        ),
        wrong(
            "the gradients are not used",
            """
            def grad_cam(maps, gradients):
                return maps.sum(axis=0) / maps.sum(axis=0).max()
            """,
            says="gradients are not used",
        ),
        wrong(
            "divides by 0",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1))
                with np.errstate(all="ignore"):
                    return heat / heat.max()
            """,
            says=r"0/0.*return the zeros",
        ),
        wrong(
            "the largest gradient as weight",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, np.tensordot(gradients.max(axis=(1, 2)), maps, axes=1))
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="largest gradients",
        ),
        wrong(
            "scaled from the smallest to the largest value",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1))
                return (heat - heat.min()) / (heat.max() - heat.min() + 1e-12)
            """,
            says="smallest to its largest",
        ),
        wrong(
            "starts at ones",
            """
            def grad_cam(maps, gradients):
                heat = np.ones(maps.shape[1:])
                for weight, one in zip(gradients.mean(axis=(1, 2)), maps):
                    heat += weight * one
                heat = np.maximum(heat, 0)
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="starts at 1",
        ),
        wrong(
            "the mean over the channels",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, (gradients.mean(axis=0) * maps).sum(axis=0))
                return heat / heat.max() if heat.max() > 0 else heat
            """,
            says="goes over the channels",
        ),
        wrong(
            "ones where nothing is positive",
            """
            def grad_cam(maps, gradients):
                heat = np.maximum(0, np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1))
                return heat / heat.max() if heat.max() > 0 else np.ones_like(heat)
            """,
            says="all ones",
        ),
        wrong(
            "scaled before the negative part is cut",
            """
            def grad_cam(maps, gradients):
                heat = np.tensordot(gradients.mean(axis=(1, 2)), maps, axes=1)
                return np.maximum(heat / np.abs(heat).max(), 0) if heat.any() else heat
            """,
            says="largest absolute",
        ),
    ],
    "moved-digits": [
        wrong("centred digits only", _train(reach="0"), says="centred digits only"),
        wrong("a dense network, centred digits", _train(net=_DENSE, reach="0"), says="centred"),
        wrong("never steps", _train(step="pass"), says="guess"),
        wrong(
            "labels out of step with the pictures",
            _train(labels="t[: len(rows)]"),
            says="belong together",
        ),
        wrong(
            "too little training",
            _train(net=_DENSE, epochs="1"),
            says="train longer",
        ),
        wrong(
            "returns the scores",
            _train(answer="return net(shape(X_new))"),
            says="shape",
        ),
        wrong(
            "returns probabilities of the best name",
            _train(answer="return net(shape(X_new)).softmax(1).max(1).values", epochs="1"),
            says="whole",
        ),
        wrong(
            "the seed is not used",
            _train().replace("torch.manual_seed(seed)", "pass"),
            says="same seed",
        ),
        wrong(
            "moved to one side only",
            _train(batch="torch.roll(x[rows], (abs(down), abs(right)), dims=(2, 3))"),
            says="to one side",
        ),
        wrong(
            "channels and rows rolled instead of rows and columns",
            _train(batch="torch.roll(x[rows], (down, right), dims=(1, 2))"),
            says="to one side",
        ),
    ],
}
