"""Right and wrong answers to assignment 09."""

from tests.answers import Answer, right, wrong

# What several answers share: a usual answer with places that an answer may change.
_FORWARD = """
def rnn_forward(X, W_x, W_h, b, h0):
    h, states = {start}, []
    for t in {steps}:
        h = {step}
        states.append(h)
    return {result}
"""
_FORWARD_USUAL = {
    "start": "h0",
    "steps": "range(X.shape[1])",
    "step": "np.tanh(X[:, t] @ W_x + h @ W_h + b)",
    "result": "np.stack(states, axis=1)",
}

_BACKWARD = """
def rnn_backward(upstream, X, states, h0, W_h):
    N, T, H = states.shape
    dW_x, dW_h, db = np.zeros((X.shape[2], H)), np.zeros((H, H)), np.zeros(H)
    back = np.zeros((N, H))
    for t in reversed(range(T)):
        delta = (upstream[:, t] + back) * ({slope})
        before = {before}
        dW_x {add} X[:, t].T @ delta
        dW_h {add} before.T @ delta
        db {add} delta.sum(axis=0)
        back = {back}
    return {result}
"""
_BACKWARD_USUAL = {
    "slope": "1 - states[:, t] ** 2",
    "before": "states[:, t - 1] if t > 0 else h0",
    "add": "+=",
    "back": "delta @ W_h.T",
    "result": "dW_x, dW_h, db, back",
}

_CLIP = """
def clip_gradients(grads, limit):
    length = {length}
    factor = {factor}
    return {result}
"""
_CLIP_USUAL = {
    "length": "float(np.sqrt(sum((g ** 2).sum() for g in grads)))",
    "factor": "min(1.0, limit / length) if length > 0 else 1.0",
    "result": "[factor * g for g in grads], length",
}

_LSTM = """
def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    sums = {sums}
    {order} = np.split(sums, 4, axis=1)
    new_c = {new_c}
    new_h = {new_h}
    return {result}
"""
_LSTM_USUAL = {
    "sums": "x @ W_ih.T + h @ W_hh.T + b_ih + b_hh",
    "order": "i, f, g, o",
    "new_c": "sigmoid(f) * c + sigmoid(i) * np.tanh(g)",
    "new_h": "sigmoid(o) * np.tanh(new_c)",
    "result": "new_h, new_c",
}

_COVER = """
def interval_coverage(past_errors, new_errors, level):
    n, H = past_errors.shape
    k = {k}
    ordered = {ordered}
    half_width = ordered[k - 1] if k <= n else {too_few}
    return half_width, {coverage}
"""
_COVER_USUAL = {
    "k": "int(np.ceil((n + 1) * level))",
    "ordered": "np.sort(np.abs(past_errors), axis=0)",
    "too_few": "np.full(H, np.inf)",
    "coverage": "float((np.abs(new_errors) <= half_width).mean())",
}

_TUNES = """
class Model(nn.Module):
    def __init__(self, K):
        super().__init__()
        self.embed = nn.Embedding(K, 24)
        self.rnn = nn.{kind}
        self.readout = nn.Linear({width}, K)
        self.dropout = nn.Dropout({dropout})

    def forward(self, letters):
        states = self.rnn(self.embed(letters))[0]
        return self.readout(self.dropout({states}))


def train_tune_model(text, signs, seed):
    torch.manual_seed(seed)
    model = Model(len(signs))
    letters = torch.tensor([signs.index(letter) for letter in text])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range({steps}):
        pieces = letters[torch.randint(len(letters) - 34, (24, 1)) + torch.arange(34)]
        logits = model({given})
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), {target}.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        {step}
    return model{mode}


def next_letters(model, text, signs):
    letters = torch.tensor([[signs.index(letter) for letter in text]])
    with torch.no_grad():
        logits = model(letters)[0]
        return {answer}
"""
_TUNES_USUAL = {
    "kind": "LSTM(24, 64, batch_first=True)",
    "width": "64",
    "dropout": "0.0",
    "states": "states",
    "steps": "120",
    "given": "pieces[:, :-1]",
    "target": "pieces[:, 1:]",
    "step": "optimiser.step()",
    "mode": "",
    "answer": "torch.softmax(logits, dim=1).numpy()",
}


def _forward(**changes: str) -> str:
    return _FORWARD.format(**(_FORWARD_USUAL | changes))


def _backward(**changes: str) -> str:
    return _BACKWARD.format(**(_BACKWARD_USUAL | changes))


def _clip(**changes: str) -> str:
    return _CLIP.format(**(_CLIP_USUAL | changes))


def _lstm(**changes: str) -> str:
    return _LSTM.format(**(_LSTM_USUAL | changes))


def _cover(**changes: str) -> str:
    return _COVER.format(**(_COVER_USUAL | changes))


def _tunes(**changes: str) -> str:
    return _TUNES.format(**(_TUNES_USUAL | changes))


RIGHT: dict[str, list[Answer]] = {
    "rnn-forward": [
        right(
            "an array that is filled, all inputs multiplied at once",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                pre = np.einsum("ntd,dh->nth", X, W_x) + b
                states = np.empty(pre.shape)
                for t in range(pre.shape[1]):
                    states[:, t] = np.tanh(pre[:, t] + (h0 if t == 0 else states[:, t - 1]) @ W_h)
                return states
            """,
        ),
        right(
            "PyTorch's layer, float64",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                rnn = nn.RNN(X.shape[2], len(b), batch_first=True).double()
                weights = [np.asarray(w).T.copy() for w in (W_x, W_h, b, 0 * b)]
                with torch.no_grad():
                    for parameter, value in zip(rnn.parameters(), weights):
                        parameter.copy_(torch.tensor(value))
                    return rnn(torch.tensor(X), torch.tensor(h0)[None])[0]
            """,
        ),
        right(
            "sequence by sequence, in lists",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                result = []
                for sequence, h in zip(X, h0):
                    states = []
                    for x in sequence:
                        h = np.tanh(np.dot(x, W_x) + np.dot(h, W_h) + b)
                        states.append(h)
                    result.append(states)
                return result
            """,
        ),
        right(
            "a helper of one's own with the name run",
            """
            def run(x, h, W_x, W_h, b):
                return np.tanh(x @ W_x + h @ W_h + b)


            def rnn_forward(X, W_x, W_h, b, h0):
                states = [h0]
                for t in range(X.shape[1]):
                    states.append(run(X[:, t], states[-1], W_x, W_h, b))
                return np.stack(states[1:], axis=1)
            """,
        ),
        right(
            "recursion, float32",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                def after(t):
                    if t < 0:
                        return h0.astype(np.float32)
                    return np.tanh(X[:, t] @ W_x + after(t - 1) @ W_h + b).astype(np.float32)

                return np.array([after(t) for t in range(X.shape[1])]).swapaxes(0, 1)
            """,
        ),
    ],
    "rnn-backward": [
        right(
            "deltas first, then three sums with einsum",
            """
            def rnn_backward(upstream, X, states, h0, W_h):
                deltas, back = np.zeros(states.shape), 0
                for t in range(states.shape[1] - 1, -1, -1):
                    deltas[:, t] = (upstream[:, t] + back) * (1 - states[:, t] ** 2)
                    back = deltas[:, t] @ W_h.T
                before = np.concatenate([h0[:, None], states[:, :-1]], axis=1)
                return (
                    np.einsum("ntd,nth->dh", X, deltas),
                    np.einsum("ntg,nth->gh", before, deltas),
                    deltas.sum(axis=(0, 1)),
                    back,
                )
            """,
        ),
        right(
            "autograd, with the input part as a leaf",
            """
            def rnn_backward(upstream, X, states, h0, W_h):
                U, x, W, start = (
                    torch.tensor(np.asarray(a, dtype=np.float64)) for a in (upstream, X, W_h, h0)
                )
                before = np.concatenate([h0[:, None], states[:, :-1]], axis=1)
                pre = torch.tensor(np.arctanh(states) - before @ W_h)  # x W_x + b, found backwards
                W.requires_grad_()
                start.requires_grad_()
                pre.requires_grad_()
                h, total = start, 0.0
                for t in range(x.shape[1]):
                    h = torch.tanh(pre[:, t] + h @ W)
                    total = total + (U[:, t] * h).sum()
                total.backward()
                dW_x = torch.einsum("ntd,nth->dh", x, pre.grad)
                return dW_x, W.grad, pre.grad.sum(dim=(0, 1)), start.grad
            """,
        ),
        right(
            "sequence by sequence, outer products, a list",
            """
            def rnn_backward(upstream, X, states, h0, W_h):
                D, H = X.shape[2], W_h.shape[0]
                dW_x, dW_h, db, dh0 = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H), []
                for n in range(len(X)):
                    back = np.zeros(H)
                    for t in range(X.shape[1])[::-1]:
                        h = states[n, t]
                        delta = (upstream[n, t] + back) * (1 + h) * (1 - h)
                        dW_x = dW_x + np.outer(X[n, t], delta)
                        dW_h = dW_h + np.outer(states[n, t - 1] if t else h0[n], delta)
                        db = db + delta
                        back = W_h @ delta
                    dh0.append(back)
                return [dW_x, dW_h, db, dh0]
            """,
        ),
    ],
    "clip": [
        right(
            "one long vector",
            """
            def clip_gradients(grads, limit):
                length = np.linalg.norm(np.concatenate([np.ravel(g) for g in grads]))
                if length > limit:
                    return [g / length * limit for g in grads], length
                return [g.copy() for g in grads], length
            """,
        ),
        right(
            "the length of the lengths",
            """
            def clip_gradients(grads, limit):
                length = float(np.linalg.norm([np.linalg.norm(g) for g in grads]))
                return tuple(g * (limit / max(length, limit)) for g in grads), length
            """,
        ),
        right(
            "PyTorch's own, on copies",
            """
            def clip_gradients(grads, limit):
                parameters = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
                for p, g in zip(parameters, grads):
                    p.grad = torch.tensor(np.asarray(g, dtype=np.float64))
                length = nn.utils.clip_grad_norm_(parameters, limit)
                return [p.grad for p in parameters], length
            """,
        ),
    ],
    "lstm-step": [
        right(
            "slices, and tanh for the sigmoid",
            """
            def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
                H = h.shape[1]
                s = np.concatenate([x, h], axis=1) @ np.concatenate([W_ih, W_hh], axis=1).T
                s = s + (b_ih + b_hh)
                gate = lambda z: 0.5 + 0.5 * np.tanh(z / 2)
                c = gate(s[:, H : 2 * H]) * c + gate(s[:, :H]) * np.tanh(s[:, 2 * H : 3 * H])
                return gate(s[:, 3 * H :]) * np.tanh(c), c
            """,
        ),
        right(
            "PyTorch's cell",
            """
            def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
                cell = nn.LSTMCell(x.shape[1], h.shape[1]).double()
                with torch.no_grad():
                    for parameter, value in zip(cell.parameters(), (W_ih, W_hh, b_ih, b_hh)):
                        parameter.copy_(torch.tensor(value))
                    return cell(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
            """,
        ),
        right(
            "helpers of one's own with the names sigmoid and step",
            """
            def sigmoid(numbers, sign=-1):
                return 1 / (1 + np.exp(sign * numbers))


            def step(i, f, g, o, kept):
                kept = sigmoid(f) * kept + sigmoid(i) * np.tanh(g)
                return sigmoid(o) * np.tanh(kept), kept


            def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
                sums = x @ W_ih.T + h @ W_hh.T + b_ih + b_hh
                return step(*np.split(sums, 4, axis=1), c)
            """,
        ),
        right(
            "four small products, float32",
            """
            def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
                parts = []
                for k in range(4):
                    rows = slice(k * h.shape[1], (k + 1) * h.shape[1])
                    parts.append(x @ W_ih[rows].T + b_ih[rows] + h @ W_hh[rows].T + b_hh[rows])
                i, f, o = (1 / (1 + np.exp(-parts[k])) for k in (0, 1, 3))
                c = np.float32(f * c + i * np.tanh(parts[2]))
                return np.float32(o * np.tanh(c)), c
            """,
        ),
    ],
    "seasonal-naive": [
        right(
            "the remainder as an index",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.asarray(y)[origin - season + np.arange(ahead) % season]
            """,
        ),
        right(
            "tiles, cut off",
            """
            def seasonal_naive(y, origin, season, ahead):
                last = y[:origin][-season:]
                return np.tile(last, -(-ahead // season))[:ahead]
            """,
        ),
        right(
            "a list that grows by looking at itself",
            """
            def seasonal_naive(y, origin, season, ahead):
                known = list(y[:origin])
                for _ in range(ahead):
                    known.append(known[-season])
                return known[origin:]
            """,
        ),
    ],
    "interval-coverage": [
        right(
            "np.partition, column by column",
            """
            def interval_coverage(past_errors, new_errors, level):
                n = len(past_errors)
                k = int(np.ceil((n + 1) * level))
                widths = [
                    np.partition(np.abs(column), k - 1)[k - 1] if k <= n else float("inf")
                    for column in past_errors.T
                ]
                inside = sum(abs(e) <= w for row in new_errors for e, w in zip(row, widths))
                return widths, inside / new_errors.size
            """,
        ),
        right(
            "an infinite error put behind the others",
            """
            def interval_coverage(past_errors, new_errors, level):
                ordered = np.sort(np.abs(past_errors), axis=0)
                ordered = np.vstack([ordered, np.full((1, ordered.shape[1]), np.inf)])
                half_width = ordered[int(np.ceil(len(ordered) * level)) - 1]
                return half_width, np.mean(np.abs(new_errors) <= half_width)
            """,
        ),
        right(
            "PyTorch's kthvalue",
            """
            def interval_coverage(past_errors, new_errors, level):
                past, new = torch.tensor(past_errors).abs(), torch.tensor(new_errors).abs()
                k = int(np.ceil((len(past) + 1) * level))
                if k > len(past):
                    half_width = torch.full((past.shape[1],), torch.inf, dtype=past.dtype)
                else:
                    half_width = past.kthvalue(k, dim=0).values
                return half_width, (new <= half_width).double().mean()
            """,
        ),
    ],
    "tune-model": [
        right("a GRU", _tunes(kind="GRU(24, 64, batch_first=True)")),
        right(
            "two layers of an RNN with dropout, switched off for the answer",
            _tunes(
                kind="RNN(24, 80, batch_first=True)",
                width="80",
                dropout="0.05",
                steps="200",
                mode=".eval()",
            ),
        ),
        right(
            "time first, a list of layers, probabilities by hand",
            """
            def train_tune_model(text, signs, seed):
                generator = torch.Generator().manual_seed(seed)
                torch.manual_seed(seed)
                places = {letter: place for place, letter in enumerate(signs)}
                letters = torch.tensor([places[letter] for letter in text])
                model = [nn.Linear(len(signs), 24), nn.LSTM(24, 64), nn.Linear(64, len(signs))]
                parameters = [p for layer in model for p in layer.parameters()]
                optimiser = torch.optim.RMSprop(parameters, lr=0.008)
                for _ in range(160):
                    starts = torch.randint(len(letters) - 34, (24,), generator=generator)
                    piece = torch.stack([letters[s : s + 34] for s in starts], dim=1)  # (34, 24)
                    loss = -torch.log_softmax(_scores(model, piece[:-1]), dim=2)
                    loss = loss.gather(2, piece[1:, :, None]).mean()
                    optimiser.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(parameters, 1.0)
                    optimiser.step()
                return model


            def _scores(model, piece):
                one_hot = nn.functional.one_hot(piece, model[0].in_features).float()
                return model[2](model[1](model[0](one_hot))[0])


            def next_letters(model, text, signs):
                piece = torch.tensor([signs.index(letter) for letter in text])[:, None]
                scores = _scores(model, piece)[:, 0].detach().numpy().astype(np.float64)
                p = np.exp(scores - scores.max(axis=1, keepdims=True))
                return p / p.sum(axis=1, keepdims=True)
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "rnn-forward": [
        wrong("starts from zeros", _forward(start="np.zeros(h0.shape)"), says="h0 is not used"),
        wrong(
            "does not carry the state on",
            _forward(step="np.tanh(X[:, t] @ W_x + h0 @ W_h + b)"),
            says="every step starts from h0",
        ),
        wrong(
            "W_h transposed",
            _forward(step="np.tanh(X[:, t] @ W_x + h @ W_h.T + b)"),
            says="W_h is transposed",
        ),
        wrong("no bias", _forward(step="np.tanh(X[:, t] @ W_x + h @ W_h)"), says="bias is missing"),
        wrong("no tanh", _forward(step="X[:, t] @ W_x + h @ W_h + b"), says="the tanh is missing"),
        wrong(
            "a sigmoid",
            _forward(step="1 / (1 + np.exp(-(X[:, t] @ W_x + h @ W_h + b)))"),
            says="a sigmoid",
        ),
        wrong("only the last state", _forward(result="h"), says="only the last state"),
        wrong(
            "time first", _forward(result="np.stack(states)"), says="time is the first axis|shape"
        ),
        wrong(
            "h0 among the states",
            _forward(result="np.stack([h0, *states], axis=1)"),
            says="h0 is among the states",
        ),
        wrong(
            "reads from the end",
            _forward(steps="reversed(range(X.shape[1]))"),
            says="from the last to the first",
        ),
        wrong(
            "writes into h0",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                states = []
                for t in range(X.shape[1]):
                    h0[:] = np.tanh(X[:, t] @ W_x + h0 @ W_h + b)
                    states.append(h0.copy())
                return np.stack(states, axis=1)
            """,
            says="chang|modif",
        ),
        wrong(
            "the same array for every step",
            """
            def rnn_forward(X, W_x, W_h, b, h0):
                h, states = h0.copy(), []
                for t in range(X.shape[1]):
                    h[:] = np.tanh(X[:, t] @ W_x + h @ W_h + b)
                    states.append(h)
                return np.stack(states, axis=1)
            """,
            says="the last state is given for every step",
        ),
    ],
    "rnn-backward": [
        wrong("nothing flows back", _backward(back="0 * delta"), says="does not flow back"),
        wrong("W_h not transposed", _backward(back="delta @ W_h"), says="not transposed"),
        wrong("goes back past W_h", _backward(back="delta"), says="goes back without W_h"),
        wrong("no slope", _backward(slope="1"), says="slope 1 - h² of the tanh is missing"),
        wrong(
            "the sigmoid's slope",
            _backward(slope="states[:, t] * (1 - states[:, t])"),
            says="sigmoid",
        ),
        wrong(
            "tanh of the tanh",
            _backward(slope="1 - np.tanh(states[:, t]) ** 2"),
            says="h is the tanh already",
        ),
        wrong("the square forgotten", _backward(slope="1 - states[:, t]"), says="square"),
        wrong(
            "the first step from zero",
            _backward(before="states[:, t - 1] if t > 0 else 0 * h0"),
            says="to start from zero",
        ),
        wrong(
            "the last state before the first, by index -1",
            _backward(before="states[:, t - 1]"),
            says="the LAST state",
        ),
        wrong("the state after the step", _backward(before="states[:, t]"), says="the one before"),
        wrong("replaces instead of adding", _backward(add="="), says="add"),
        wrong(
            "only the last step's upstream",
            _backward().replace("upstream[:, t]", "upstream[:, t] * (t == T - 1)"),
            says="last step alone",
        ),
        wrong(
            "a mean over the sequences",
            _backward(result="dW_x / N, dW_h / N, db / N, back / N"),
            says="mean over the sequences|dW_h",
        ),
        wrong(
            "a mean over the steps",
            _backward(result="dW_x / T, dW_h / T, db / T, back"),
            says="mean over the steps",
        ),
        wrong(
            "dh0 is the last delta",
            _backward(result="dW_x, dW_h, db, delta"),
            says="must still go back through W_h",
        ),
        wrong("forgets dh0", _backward(result="dW_x, dW_h, db"), says="four things"),
    ],
    "clip": [
        wrong(
            "each array by itself",
            _clip(
                result="[g * min(1, limit / max(np.linalg.norm(g), 1e-12)) for g in grads], length"
            ),
            says="by its own length",
        ),
        wrong(
            "each entry",
            _clip(result="[np.clip(g, -limit, limit) for g in grads], length"),
            says="changes the direction",
        ),
        wrong(
            "makes short ones longer",
            _clip(factor="limit / length if length else 1.0"),
            says="made longer",
        ),
        wrong("clips nothing", _clip(factor="1.0"), says="nothing is clipped"),
        wrong(
            "scales to 1",
            _clip(factor="1 / length if length > limit else 1.0"),
            says="to length 1",
        ),
        wrong(
            "the length after clipping",
            _clip(result="[factor * g for g in grads], factor * length"),
            says="after clipping",
        ),
        wrong(
            "the root forgotten",
            _clip(length="float(sum((g ** 2).sum() for g in grads))"),
            says="root is missing",
        ),
        wrong(
            "adds the lengths",
            _clip(length="float(sum(np.linalg.norm(g) for g in grads))"),
            says="lengths of the arrays are added",
        ),
        wrong(
            "throws long gradients away",
            _clip(factor="1.0 if length <= limit else 0.0"),
            says="become zero",
        ),
        wrong(
            "writes into the gradients",
            """
            def clip_gradients(grads, limit):
                length = float(np.sqrt(sum((g ** 2).sum() for g in grads)))
                if length > limit:
                    for g in grads:
                        g *= limit / length
                return grads, length
            """,
            says="chang|modif",
        ),
    ],
    "lstm-step": [
        wrong("order i, f, o, g", _lstm(order="i, f, o, g"), says="i, f, o, g"),
        wrong("order f, i, g, o", _lstm(order="f, i, g, o"), says="f, i, g, o"),
        wrong(
            "sigmoid for the candidate",
            _lstm(new_c="sigmoid(f) * c + sigmoid(i) * sigmoid(g)"),
            says="candidate goes through a sigmoid",
        ),
        wrong(
            "tanh for the gates",
            _lstm(
                new_c="np.tanh(f) * c + np.tanh(i) * np.tanh(g)",
                new_h="np.tanh(o) * np.tanh(new_c)",
            ),
            says="gates go through a tanh",
        ),
        wrong("shows the old cell", _lstm(new_h="sigmoid(o) * np.tanh(c)"), says="OLD cell state"),
        wrong("no tanh around the cell", _lstm(new_h="sigmoid(o) * new_c"), says="tanh around"),
        wrong(
            "one bias forgotten",
            _lstm(sums="x @ W_ih.T + h @ W_hh.T + b_ih"),
            says="b_hh is missing",
        ),
        wrong(
            "the form of PyTorch's layer",
            _lstm(result="new_h, (new_h, new_c)"),
            says="as nn.LSTM does",
        ),
        wrong("h and c exchanged", _lstm(result="new_c, new_h"), says="exchanged"),
        wrong(
            "couples the gates as a GRU does",
            _lstm(new_c="sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)"),
            says="coupled",
        ),
        wrong("forgets to keep", _lstm(new_c="sigmoid(i) * np.tanh(g)"), says="f \\* c is missing"),
        wrong(
            "c in place of h",
            _lstm(sums="x @ W_ih.T + c @ W_hh.T + b_ih + b_hh"),
            says="takes the place of h",
        ),
        wrong(
            "writes into c",
            """
            def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh):
                sums = x @ W_ih.T + h @ W_hh.T + b_ih + b_hh
                i, f, g, o = np.split(sums, 4, axis=1)
                c *= 1 / (1 + np.exp(-f))
                c += np.tanh(g) / (1 + np.exp(-i))
                return np.tanh(c) / (1 + np.exp(-o)), c
            """,
            says="chang|modif",
        ),
    ],
    "seasonal-naive": [
        wrong(
            "the last value",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.full(ahead, y[origin - 1])
            """,
            says="last value is repeated",
        ),
        wrong(
            "looks behind the origin when it is longer than a season",
            """
            def seasonal_naive(y, origin, season, ahead):
                return y[origin - season + np.arange(ahead)]
            """,
            says="longer than a season",
        ),
        wrong(
            "the first season",
            """
            def seasonal_naive(y, origin, season, ahead):
                return y[np.arange(ahead) % season]
            """,
            says="first season",
        ),
        wrong(
            "the end of the series",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.resize(y[-season:], ahead)
            """,
            says="from the end of y",
        ),
        wrong(
            "one place too late",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.array([y[origin - season + 1 + j % season] for j in range(ahead)])
            """,
            says="one place too late|has stopped|IndexError",
        ),
        wrong(
            "the future itself",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.resize(y[origin : origin + ahead], ahead)
            """,
            says="future itself",
        ),
        wrong(
            "turned round",
            """
            def seasonal_naive(y, origin, season, ahead):
                return np.array([y[origin - 1 - j % season] for j in range(ahead)])
            """,
            says="turned round",
        ),
        wrong(
            "places counted from the start of the series",
            """
            def seasonal_naive(y, origin, season, ahead):
                last = y[origin - season : origin]
                return np.array([last[(origin + j) % season] for j in range(ahead)])
            """,
            says="count them from the origin",
        ),
        wrong(
            "one season only",
            """
            def seasonal_naive(y, origin, season, ahead):
                return y[origin - season : origin][:ahead]
            """,
            says="shape",
        ),
    ],
    "interval-coverage": [
        wrong(
            "signed errors", _cover(ordered="np.sort(past_errors, axis=0)"), says="sign of the past"
        ),
        wrong("rounds k down", _cover(k="int((n + 1) * level)"), says="rounded down"),
        wrong(
            "rounds down and adds one",
            _cover(k="int((n + 1) * level) + 1"),
            says="a whole k is raised",
        ),
        wrong("forgets the + 1", _cover(k="int(np.ceil(n * level))"), says=r"\+ 1 is missing"),
        wrong(
            "NumPy's quantile",
            """
            def interval_coverage(past_errors, new_errors, level):
                half_width = np.quantile(np.abs(past_errors), level, axis=0)
                return half_width, float((np.abs(new_errors) <= half_width).mean())
            """,
            says="interpolated|k = ",
        ),
        wrong(
            "one width for all",
            _cover(
                ordered="np.sort(np.abs(past_errors).ravel())[H - 1 :: H][:, None] * np.ones(H)"
            ),
            says="every entry is the same|one width for all",
        ),
        wrong(
            "the largest when there are too few",
            _cover(too_few="np.abs(past_errors).max(axis=0)"),
            says="infinite",
        ),
        wrong(
            "widths from the new errors",
            _cover(ordered="np.sort(np.abs(new_errors), axis=0)"),
            says="NEW errors|stopped|error",
        ),
        wrong(
            "coverage of the past",
            _cover(coverage="float((np.abs(past_errors) <= half_width).mean())"),
            says="PAST",
        ),
        wrong("the level itself", _cover(coverage="level"), says="promised level"),
        wrong(
            "signed new errors",
            _cover(coverage="float((new_errors <= half_width).mean())"),
            says="sign of the new",
        ),
        wrong(
            "all columns at once",
            _cover(coverage="float((np.abs(new_errors) <= half_width).all(axis=1).mean())"),
            says="every column",
        ),
        wrong(
            "counted from 0",
            _cover().replace("ordered[k - 1]", "ordered[min(k, n - 1)]"),
            says="counted from 0",
        ),
    ],
    "tune-model": [
        wrong(
            "the target is the letter itself",
            _tunes(target="pieces[:, :-1]", steps="60"),
            says="NEXT letter",
        ),
        wrong(
            "the target is two letters on",
            _tunes(given="pieces[:, :-2]", target="pieces[:, 2:]"),
            says="not two",
        ),
        wrong(
            "no step",
            _tunes(step="pass", steps="2"),
            says="has not learned",
        ),
        wrong(
            "no softmax", _tunes(answer="logits.numpy()", steps="2"), says="must be probabilities"
        ),
        wrong(
            "softmax over the letters of the text",
            _tunes(answer="torch.softmax(logits, dim=0).numpy()", steps="2"),
            says="wrong axis",
        ),
        wrong(
            "reads in both directions",
            _tunes(
                kind="LSTM(24, 32, batch_first=True, bidirectional=True)",
                steps="2",
            ),
            says="sees the future",
        ),
        wrong("dropout in the answer", _tunes(dropout="0.5", steps="2"), says=r"call eval\(\)"),
        wrong(
            "the state is not used",
            _tunes(states="0 * states", steps="20"),
            says="Every row is the same",
        ),
        wrong(
            "log-probabilities",
            _tunes(answer="torch.log_softmax(logits, dim=1).numpy()", steps="2"),
            says="must be probabilities",
        ),
        wrong(
            "how frequent the letters are, and a letter back",
            """
            def train_tune_model(text, signs, seed):
                counts = np.ones((len(signs), len(signs)))
                for first, second in zip(text, text[1:]):
                    counts[signs.index(first), signs.index(second)] += 1
                return counts / counts.sum(axis=1, keepdims=True)


            def next_letters(model, text, signs):
                return np.asarray(model)[[signs.index(letter) for letter in text]]
            """,
            says="Train longer",
        ),
        wrong(
            "one row short",
            _tunes(answer="torch.softmax(logits[:-1], dim=1).numpy()", steps="2"),
            says="shape",
        ),
    ],
}
