"""Right and wrong answers to assignment 10."""

from tests.answers import Answer, right, wrong

# What several answers share; the usual form of each is right.
_ATTENTION = """
def attention(Q, K, V):
    scores = {scores}
    e = np.exp(scores - {top})
    shares = e / {total}
    return {result}
"""
_ATTENTION_USUAL = {
    "scores": "Q @ K.T / np.sqrt(Q.shape[1])",
    "top": "scores.max(axis=1, keepdims=True)",
    "total": "e.sum(axis=1, keepdims=True)",
    "result": "shares @ V, shares",
}
_MASKED = """
def causal_shares(scores, lengths):
    N, T = scores.shape[:2]
    lower = {lower}
    real = {real}
    z = {hidden}
    e = np.exp(z - {top})
    return {result}
"""
_MASKED_USUAL = {
    "lower": "np.tril(np.ones((T, T), dtype=bool))",
    "real": "(np.arange(T) < lengths[:, None])[:, None, :]",
    "hidden": "np.where(lower & real, scores, -np.inf)",
    "top": "z.max(axis=-1, keepdims=True)",
    "result": "e / e.sum(axis=-1, keepdims=True)",
}
_HEADS = """
def split_heads(X, num_heads):
    N, T, d = X.shape
    h, size = num_heads, d // num_heads
    return {split}

def merge_heads(H):
    N, h, T, size = H.shape
    d = h * size
    return {merge}
"""
_HEADS_USUAL = {
    "split": "X.reshape(N, T, h, size).transpose(0, 2, 1, 3)",
    "merge": "H.transpose(0, 2, 1, 3).reshape(N, T, d)",
}
_ROTATE = """
def rotate(X, base=10000.0):
    T, d = X.shape[1:]
    i, t = np.arange(d // 2), {places}
    angles = {angles}
    c, s = np.cos(angles), np.sin(angles)
    a, b = {pairs}
    return {result}
"""
_ROTATE_USUAL = {
    "places": "np.arange(T)[:, None]",
    "angles": "t * base ** (-2 * i / d)",
    "pairs": "X[..., : d // 2], X[..., d // 2 :]",
    "result": "np.concatenate([a * c - b * s, a * s + b * c], axis=-1)",
}
_BLOCK = """
def pre_norm_block(x, p, num_heads):
    F = nn.functional
    norm = lambda z: F.layer_norm(z, z.shape[-1:])
    split = lambda z: z.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    h = {first}
    q, k, v = (split(h @ p[name]) for name in {names})
    mixed = F.scaled_dot_product_attention(q, k, v, {options})
    x = {sum1} + {merged} @ p["Wo"]
    {between}
    return {sum2}{relu}({second} @ p["W1"]) @ p["W2"]
"""
_BLOCK_USUAL = {
    "first": "norm(x)",
    "names": '("Wq", "Wk", "Wv")',
    "options": "is_causal=True",
    "sum1": "x",
    "merged": "mixed.transpose(1, 2).flatten(2)",
    "between": "pass",
    "sum2": "x + ",
    "relu": "torch.relu",
    "second": "norm(x)",
}
_NATS = """
def bigram_nats(train, text, K, alpha):
    counts = np.zeros((K, K))
    {count}
    p = (counts + {alpha}) / {total}
    return {result}
"""
_NATS_USUAL = {
    "count": "np.add.at(counts, (train[:-1], train[1:]), 1)",
    "alpha": "alpha",
    "total": "(counts.sum(axis=1, keepdims=True) + alpha * K)",
    "result": "-np.log(p[text[:-1], text[1:]]).mean()",
}
_LOOK = """
def train_and_answer(questions, answers, new, seed):
    {seed}
    q, a, n = (torch.tensor(np.array(z), dtype=torch.int64) for z in (questions, answers, new))
    token, out = nn.Embedding(10, 32), nn.Linear(32, 10)
    place = nn.Parameter(torch.randn(8, 32))
    attention = {attention}
    def net(digits):
        x = token(digits) + {place}
        return {scores}
    weights = [place, *token.parameters(), *out.parameters(), *attention.parameters()]
    optimiser = torch.optim.Adam(weights, lr=0.005)
    for _ in range({epochs}):
        for rows in torch.randperm(len(q)).split(100):
            loss = nn.functional.cross_entropy(net(q[rows]).flatten(0, 1), {target}.flatten())
            {zero}
            loss.backward()
            {step}
    with torch.no_grad():
        return {answer}
"""
_LOOK_USUAL = {
    "seed": "torch.manual_seed(seed)",
    "attention": "nn.MultiheadAttention(32, 1, batch_first=True)",
    "place": "place",
    "scores": "out(attention(x, x, x)[0])",
    "epochs": "20",
    "target": "a[rows]",
    "zero": "optimiser.zero_grad()",
    "step": "optimiser.step()",
    "answer": "net(n).argmax(-1)",
}


def _attention(**changes: str) -> str:
    return _ATTENTION.format(**(_ATTENTION_USUAL | changes))


def _masked(**changes: str) -> str:
    return _MASKED.format(**(_MASKED_USUAL | changes))


def _heads(**changes: str) -> str:
    return _HEADS.format(**(_HEADS_USUAL | changes))


def _rotate(**changes: str) -> str:
    return _ROTATE.format(**(_ROTATE_USUAL | changes))


def _block(**changes: str) -> str:
    return _BLOCK.format(**(_BLOCK_USUAL | changes))


def _nats(**changes: str) -> str:
    return _NATS.format(**(_NATS_USUAL | changes))


def _look(**changes: str) -> str:
    return _LOOK.format(**(_LOOK_USUAL | changes))


RIGHT: dict[str, list[Answer]] = {
    "attention": [
        right(
            "PyTorch, tensors",
            """
            def attention(Q, K, V):
                Q, K, V = (torch.as_tensor(z) for z in (Q, K, V))
                shares = (Q @ K.T / Q.shape[1] ** 0.5).softmax(dim=1)
                return shares @ V, shares
            """,
        ),
        right(
            "loops, lists",
            """
            def attention(Q, K, V):
                answers, shares = [], []
                for q in Q:
                    scores = [float(q @ k) / len(q) ** 0.5 for k in K]
                    top = max(scores)
                    e = [np.exp(s - top) for s in scores]
                    shares.append([x / sum(e) for x in e])
                    answers.append(sum(w * v for w, v in zip(shares[-1], V)).tolist())
                return answers, shares
            """,
        ),
        right(
            "einsum, scaled before the product, logarithm of the sum",
            """
            def attention(Q, K, V):
                scores = np.einsum("td,sd->ts", Q * Q.shape[1] ** -0.5, K)
                shares = np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])
                return np.einsum("ts,sm->tm", shares, V), shares
            """,
        ),
    ],
    "masked": [
        right(
            "PyTorch, a tensor",
            """
            def causal_shares(scores, lengths):
                T = scores.shape[1]
                mask = torch.ones(T, T, dtype=torch.bool).tril()
                mask = mask & (torch.arange(T) < torch.as_tensor(lengths)[:, None])[:, None]
                return torch.as_tensor(scores).masked_fill(~mask, -torch.inf).softmax(-1)
            """,
        ),
        right(
            "row by row",
            """
            def causal_shares(scores, lengths):
                out = np.zeros(scores.shape)
                for n, length in enumerate(lengths):
                    for i in range(scores.shape[1]):
                        seen = min(i + 1, int(length))
                        z = scores[n, i, :seen]
                        e = np.exp(z - z.max())
                        out[n, i, :seen] = e / e.sum()
                return out
            """,
        ),
        right(
            "a mask of minus infinity that is added",
            """
            def causal_shares(scores, lengths):
                T = scores.shape[1]
                j = np.arange(T)
                late = j[None, None, :] > np.minimum(j[None, :, None], lengths[:, None, None] - 1)
                z = scores + np.where(late, -np.inf, 0.0)
                return np.exp(z - np.logaddexp.reduce(z, axis=-1, keepdims=True))
            """,
        ),
    ],
    "heads": [
        right(
            "slices, stacked",
            _heads(
                split="np.stack([X[:, :, i * size : (i + 1) * size] for i in range(h)], axis=1)",
                merge="np.concatenate([H[:, i] for i in range(h)], axis=2)",
            ),
        ),
        right(
            "PyTorch, tensors that are views",
            """
            def split_heads(X, num_heads):
                return torch.as_tensor(X).unflatten(-1, (num_heads, -1)).transpose(1, 2)

            def merge_heads(H):
                return torch.as_tensor(H).transpose(1, 2).flatten(2)
            """,
        ),
        right(
            "lists, word by word",
            """
            def split_heads(X, num_heads):
                size = X.shape[2] // num_heads
                cut = lambda s, i: [w[i * size : (i + 1) * size].tolist() for w in s]
                return [[cut(s, i) for i in range(num_heads)] for s in X]

            def merge_heads(H):
                N, h, T, size = H.shape
                out = np.zeros((N, T, h * size))
                for n, i, t in np.ndindex(N, h, T):
                    out[n, t, i * size : (i + 1) * size] = H[n, i, t]
                return out
            """,
        ),
        right(
            "swapaxes and split",
            _heads(
                split="np.array(np.split(X, h, axis=-1)).swapaxes(0, 1)",
                merge="H.swapaxes(1, 2).reshape(N, T, -1)",
            ),
        ),
    ],
    "rotary": [
        right(
            "complex numbers",
            """
            def rotate(X, base=10000.0):
                T, d = X.shape[1:]
                z = X[..., : d // 2] + 1j * X[..., d // 2 :]
                z = z * np.exp(1j * np.arange(T)[:, None] * base ** (-np.arange(0, d, 2) / d))
                return np.concatenate([z.real, z.imag], axis=-1)
            """,
        ),
        right(
            "PyTorch, float32",
            """
            def rotate(X, base=10000.0):
                T, d = X.shape[1:]
                X = torch.as_tensor(X, dtype=torch.float32)
                angles = torch.arange(T)[:, None] * base ** (-torch.arange(0, d, 2) / d)
                a, b = X.chunk(2, dim=-1)
                c, s = angles.cos(), angles.sin()
                return torch.cat([a * c - b * s, b * c + a * s], -1)
            """,
        ),
        right(
            "a matrix for each pair and place",
            """
            def rotate(X, base=10000.0):
                out, (N, T, d) = np.array(X), X.shape
                for t in range(T):
                    for i in range(d // 2):
                        w = t / base ** (2 * i / d)
                        turn = np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]])
                        out[:, t, [i, i + d // 2]] = X[:, t, [i, i + d // 2]] @ turn.T
                return out
            """,
        ),
    ],
    "block": [
        right(
            "by hand, without nn.functional",
            """
            def pre_norm_block(x, p, num_heads):
                def norm(z):
                    spread = (z.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
                    return (z - z.mean(-1, keepdim=True)) / spread
                N, T, d = x.shape
                split = lambda z: z.view(N, T, num_heads, -1).permute(0, 2, 1, 3)
                q, k, v = (split(norm(x) @ p[w]) for w in ("Wq", "Wk", "Wv"))
                scores = q @ k.mT / (d // num_heads) ** 0.5
                scores = scores + torch.triu(torch.full((T, T), -torch.inf), 1)
                mixed = (scores.softmax(-1) @ v).permute(0, 2, 1, 3).reshape(N, T, d)
                x = x + mixed @ p["Wo"]
                return x + (norm(x) @ p["W1"]).clamp(min=0) @ p["W2"]
            """,
        ),
        right(
            "head by head",
            """
            def pre_norm_block(x, p, num_heads):
                norm = nn.LayerNorm(x.shape[-1], elementwise_affine=False)
                T, size = x.shape[1], x.shape[2] // num_heads
                h, parts = norm(x), []
                for i in range(num_heads):
                    part = slice(i * size, (i + 1) * size)
                    q, k, v = (h @ p[w][:, part] for w in ("Wq", "Wk", "Wv"))
                    late = torch.ones(T, T, dtype=torch.bool).triu(1)
                    scores = (q @ k.transpose(1, 2) / size**0.5).masked_fill(late, -torch.inf)
                    parts.append(scores.softmax(-1) @ v)
                y = x + torch.cat(parts, -1) @ p["Wo"]
                return y + nn.functional.relu(norm(y) @ p["W1"]) @ p["W2"]
            """,
        ),
        right(
            "a mask that is handed over, one product for q, k and v",
            """
            def pre_norm_block(x, p, num_heads):
                F, T = nn.functional, x.shape[1]
                h = F.layer_norm(x, (x.shape[-1],), eps=1e-5)
                qkv = h @ torch.cat([p["Wq"], p["Wk"], p["Wv"]], dim=1)
                parts = qkv.chunk(3, dim=-1)
                q, k, v = (z.unflatten(-1, (num_heads, -1)).transpose(1, 2) for z in parts)
                mask = torch.tril(torch.ones(T, T, dtype=torch.bool))
                mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
                x = torch.add(x, mixed.transpose(1, 2).flatten(2) @ p["Wo"])
                return F.relu(F.layer_norm(x, (x.shape[-1],)) @ p["W1"]) @ p["W2"] + x
            """,
        ),
    ],
    "nats": [
        right(
            "dictionaries and loops",
            """
            def bigram_nats(train, text, K, alpha):
                from collections import Counter
                train, text = [int(c) for c in train], [int(c) for c in text]
                pairs, firsts = Counter(zip(train, train[1:])), Counter(train[:-1])
                total = 0.0
                for b, c in zip(text, text[1:]):
                    total -= np.log((pairs[b, c] + alpha) / (firsts[b] + alpha * K))
                return total / (len(text) - 1)
            """,
        ),
        right(
            "one number for each pair, bincount, a NumPy number",
            _nats(
                count="pairs = train[:-1] * K + train[1:]\n    "
                "counts = np.bincount(pairs, minlength=K * K).reshape(K, K)",
            ),
        ),
        right(
            "one-hot matrices, a tensor",
            """
            def bigram_nats(train, text, K, alpha):
                hot = torch.eye(K, dtype=torch.float64)[torch.as_tensor(train)]
                counts = hot[:-1].T @ hot[1:] + alpha
                logs = (counts / counts.sum(1, keepdim=True)).log()
                return -logs[text[:-1], text[1:]].mean()
            """,
        ),
    ],
    "order": [
        right("plain layers", _look()),
        right(
            "two heads and a sum around the attention",
            _look(
                attention="nn.MultiheadAttention(32, 2, batch_first=True)",
                scores="out(x + attention(x, x, x)[0])",
                epochs="30",
            ),
        ),
        right(
            "attention by hand, learned queries for the eight places",
            """
            def train_and_answer(questions, answers, new, seed):
                torch.manual_seed(seed)
                q, a, n = (torch.tensor(np.array(z)).long() for z in (questions, answers, new))
                ask, offer = (nn.Parameter(torch.randn(8, 16)) for _ in range(2))
                value = nn.Parameter(torch.randn(10, 10))
                optimiser = torch.optim.Adam([ask, offer, value], lr=0.02)
                net = lambda z: (ask @ offer.T / 4).softmax(1) @ value[z]
                for _ in range(30):
                    for rows in torch.randperm(len(q)).split(100):
                        optimiser.zero_grad()
                        scores = net(q[rows]).flatten(0, 1)
                        nn.functional.cross_entropy(scores, a[rows].flatten()).backward()
                        optimiser.step()
                return net(n).argmax(-1).detach().numpy().astype(np.int32)
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "attention": [
        wrong("no scaling", _attention(scores="Q @ K.T"), says="root of d"),
        wrong(
            "divided by d", _attention(scores="Q @ K.T / Q.shape[1]"), says="by d, not by its root"
        ),
        wrong(
            "root of the number of keys",
            _attention(scores="Q @ K.T / np.sqrt(len(K))"),
            says="number of keys",
        ),
        wrong(
            "root of the length of the values",
            _attention(scores="Q @ K.T / np.sqrt(V.shape[1])"),
            says="length of a value|overflow",
        ),
        wrong(
            "softmax over the columns",
            _attention(total="e.sum(axis=0)", top="scores.max(axis=0)"),
            says="wrong axis",
        ),
        wrong(
            "softmax over the whole table",
            _attention(total="e.sum()", top="scores.max()"),
            says="whole table",
        ),
        wrong(
            "overflow with large scores", _attention(top="0"), says="NaN|not finite|nan|infinite"
        ),
        wrong(
            "the two results exchanged",
            _attention(result="shares, shares @ V"),
            says="answers first, then the shares",
        ),
        wrong("the shares are not returned", _attention(result="shares @ V"), says="2 results"),
        wrong(
            "only as many queries as keys",
            _attention(
                scores="(Q[:len(K)] @ K.T)[: len(Q)] / np.sqrt(Q.shape[1])",
                result="(shares @ V)[:1], shares",
            ),
            says="shape",
        ),
    ],
    "masked": [
        wrong(
            "mask after the softmax",
            _masked(hidden="scores", result="e / e.sum(axis=-1, keepdims=True) * (lower & real)"),
            says="after the softmax",
        ),
        wrong(
            "filling not masked",
            _masked(hidden="np.where(lower, scores, -np.inf) + 0 * real"),
            says="filling is not masked",
        ),
        wrong(
            "future not masked",
            _masked(hidden="np.where(real, scores, -np.inf)"),
            says="no mask|future is not masked",
        ),
        wrong(
            "triangle one place too large",
            _masked(lower="np.tril(np.ones((T, T), dtype=bool), 1)"),
            says="sees the next one",
        ),
        wrong(
            "upper triangle",
            _masked(
                lower="np.triu(np.ones((T, T), dtype=bool))",
                top="np.maximum(z.max(axis=-1, keepdims=True), -1e9)",
                result="e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-300)",
            ),
            says="upper one",
        ),
        wrong(
            "may not see itself",
            _masked(
                lower="np.tril(np.ones((T, T), dtype=bool), -1)",
                top="np.maximum(z.max(axis=-1, keepdims=True), -1e9)",
                result="e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-300)",
            ),
            says="not see itself",
        ),
        wrong(
            "rows of filling instead of columns",
            _masked(
                real="(np.arange(T) < lengths[:, None])[:, :, None]",
                top="np.maximum(z.max(axis=-1, keepdims=True), -1e9)",
                result="e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-300)",
            ),
            says="rows of filling",
        ),
        wrong(
            "rows of filling instead of columns, left empty",
            _masked(real="(np.arange(T) < lengths[:, None])[:, :, None]"),
            says="rows of filling are masked instead of columns",
        ),
        wrong(
            "may not see itself, row 0 left empty",
            _masked(lower="np.tril(np.ones((T, T), dtype=bool), -1)"),
            says="A word may see itself",
        ),
        wrong(
            "softmax over the columns",
            _masked(
                top="np.maximum(z.max(axis=1, keepdims=True), -1e9)",
                result="e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)",
            ),
            says="wrong axis: each row",
        ),
        wrong("overflow with large scores", _masked(top="0"), says="NaN|not finite|infinite"),
        wrong(
            "one word of filling too many",
            _masked(real="(np.arange(T) <= lengths[:, None])[:, None, :]"),
            says="one word of filling",
        ),
        wrong(
            "zero instead of minus infinity",
            _masked(hidden="np.where(lower & real, scores, 0)"),
            says="minus infinity",
        ),
        wrong(
            "scores multiplied by the mask",
            _masked(hidden="scores * (lower & real)"),
            says="minus infinity",
        ),
        wrong(
            "changes its input",
            """
            def causal_shares(scores, lengths):
                T = scores.shape[1]
                real = (np.arange(T) < lengths[:, None])[:, None]
                scores[~(np.tril(np.ones((T, T), dtype=bool)) & real)] = -np.inf
                e = np.exp(scores - scores.max(-1, keepdims=True))
                return e / e.sum(-1, keepdims=True)
            """,
            says="in place|changed its argument",
        ),
    ],
    "heads": [
        wrong("split by one reshape", _heads(split="X.reshape(N, h, T, size)"), says="mixed"),
        wrong(
            "both by one reshape: the round trip works",
            _heads(split="X.reshape(N, h, T, size)", merge="H.reshape(N, T, d)"),
            says="mixed",
        ),
        wrong("merged by one reshape", _heads(merge="H.reshape(N, T, d)"), says="mixed"),
        wrong(
            "no exchange of axes",
            _heads(split="X.reshape(N, T, h, size)", merge="H.reshape(N, h, d)"),
            says="shape",
        ),
        wrong(
            "every h-th number",
            _heads(split="X.reshape(N, T, size, h).transpose(0, 3, 1, 2)"),
            says="every h-th",
        ),
        wrong(
            "merged so that heads take turns",
            _heads(merge="H.transpose(0, 2, 3, 1).reshape(N, T, d)"),
            says="take turns",
        ),
        wrong(
            "size and heads exchanged",
            _heads(split="X.reshape(N, T, size, h).transpose(0, 2, 1, 3)"),
            says="shape|every|index",
        ),
    ],
    "rotary": [
        wrong(
            "neighbours as pairs",
            _rotate(
                pairs="X[..., ::2], X[..., 1::2]",
                result="np.stack([a * c - b * s, a * s + b * c], axis=-1).reshape(X.shape)",
            ),
            says="neighbours",
        ),
        wrong(
            "the other way round",
            _rotate(result="np.concatenate([a * c + b * s, b * c - a * s], axis=-1)"),
            says="other way round",
        ),
        wrong(
            "places from 1", _rotate(places="np.arange(1, T + 1)[:, None]"), says="counted from 1"
        ),
        wrong("exponent without the 2", _rotate(angles="t * base ** (-i / d)"), says="lacks the 2"),
        wrong(
            "d / 2 below the fraction",
            _rotate(angles="t * base ** (-2 * i / (d / 2))"),
            says="has d / 2 below",
        ),
        wrong(
            "another default",
            _rotate().replace("base=10000.0", "base=1000.0"),
            says="without base, the base is 10000",
        ),
        wrong("positive exponent", _rotate(angles="t * base ** (2 * i / d)"), says="positive"),
        wrong("base not used", _rotate(angles="t * 10000.0 ** (-2 * i / d)"), says="always 10000"),
        wrong("one speed for all", _rotate(angles="t * np.ones(d // 2)"), says="same speed"),
        wrong(
            "no minus sign",
            _rotate(result="np.concatenate([a * c + b * s, a * s + b * c], axis=-1)"),
            says="same sign",
        ),
        wrong(
            "sine and cosine exchanged",
            _rotate(result="np.concatenate([a * s - b * c, a * c + b * s], axis=-1)"),
            says="exchanged|index",
        ),
    ],
    "block": [
        wrong(
            "norms after the sums",
            _block(
                first="x", sum1="x", between="x = norm(x)", second="x", sum2="norm(x + "
            ).replace('@ p["W2"]\n', '@ p["W2"])\n'),
            says="after the sums",
        ),
        wrong("no second norm", _block(second="x"), says="no norm before the dense"),
        wrong("no norms", _block(first="x", second="x"), says="no norms"),
        wrong("no sums", _block(sum1="0", sum2=""), says="sums are missing"),
        wrong(
            "added to the normalised x",
            _block(sum1="h", between="x = norm(x)", second="x"),
            says="normalised x",
        ),
        wrong("no causal mask", _block(options="is_causal=False"), says="no causal mask"),
        wrong("one head", _block().replace("(num_heads, -1)", "(1, -1)"), says="one head"),
        wrong("no ReLU", _block(relu=""), says="ReLU is missing"),
        wrong(
            "scaled by the root of d",
            _block(options="is_causal=True, scale=x.shape[-1] ** -0.5"),
            says="root of d",
        ),
        wrong("not scaled", _block(options="is_causal=True, scale=1.0"), says="not divided"),
        wrong(
            "GELU, as in the chapter", _block(relu="nn.functional.gelu"), says="GELU stands where"
        ),
        wrong("Wo forgotten", _block().replace(' @ p["Wo"]', ""), says="Wo is missing"),
        wrong(
            "queries, keys and values with transposed weights",
            _block().replace("h @ p[name]", "h @ p[name].T"),
            says="weights are transposed",
        ),
        wrong("keys and queries exchanged", _block(names='("Wk", "Wq", "Wv")'), says="exchanged"),
        wrong(
            "heads merged without a transpose",
            _block(merged="mixed.reshape(x.shape)"),
            says="index",
        ),
    ],
    "nats": [
        wrong("bits", _nats(result="-np.log2(p[text[:-1], text[1:]]).mean()"), says="bits"),
        wrong(
            "the sum",
            _nats(result="-np.log(p[text[:-1], text[1:]]).sum()"),
            says="sum, not the mean",
        ),
        wrong(
            "divided by M",
            _nats(result="-np.log(p[text[:-1], text[1:]]).sum() / len(text)"),
            says="M - 1",
        ),
        wrong(
            "perplexity",
            _nats(result="np.exp(-np.log(p[text[:-1], text[1:]]).mean())"),
            says="perplexity",
        ),
        wrong(
            "repeated pairs once",
            _nats(count="counts[train[:-1], train[1:]] += 1"),
            says="counted once",
        ),
        wrong(
            "rows and columns exchanged",
            _nats(count="np.add.at(counts, (train[1:], train[:-1]), 1)"),
            says="exchanged",
        ),
        wrong(
            "columns instead of rows below the fraction",
            _nats(total="(counts.sum(axis=0)[:, None] + alpha * K)"),
            says="sum of column b",
        ),
        wrong(
            "the last character counted as a first one",
            _nats(total="(np.bincount(train, minlength=K)[:, None] + alpha * K)"),
            says="last character of the training text",
        ),
        wrong(
            "counts in the text itself",
            _nats(count="np.add.at(counts, (text[:-1], text[1:]), 1)"),
            says="text that is measured",
        ),
        wrong(
            "the whole table adds up to 1",
            _nats(total="(counts + alpha).sum()"),
            says="each row should",
        ),
        wrong(
            "alpha always 1",
            _nats(alpha="1", total="(counts.sum(axis=1, keepdims=True) + K)"),
            says="always 1",
        ),
        wrong(
            "alpha once below",
            _nats(total="(counts.sum(axis=1, keepdims=True) + alpha)"),
            says="K times",
        ),
        wrong(
            "mean before the logarithm",
            _nats(result="-np.log(p[text[:-1], text[1:]].mean())"),
            says="logarithm after",
        ),
        wrong(
            "the sign",
            _nats(result="np.log(p[text[:-1], text[1:]]).mean()"),
            says="at least 0|negative|-",
        ),
    ],
    "order": [
        wrong("no positions", _look(place="0", epochs="20"), says="does not know the places"),
        wrong(
            "a causal mask",
            _look(
                scores="out(attention(x, x, x, attn_mask=torch.ones(8, 8).triu(1).bool())[0])",
                epochs="30",
            ),
            says="does a mask hide what comes later",
        ),
        wrong("the scores come back", _look(answer="net(n)"), says="Take the argmax"),
        wrong("the question comes back", _look(target="q[rows]"), says="questions themselves"),
        wrong("no optimiser step", _look(step="pass", epochs="3"), says="know the places"),
        wrong(
            "a softmax before the loss, and few epochs",
            _look(scores="out(attention(x, x, x)[0]).softmax(-1)", epochs="2"),
            says="learn",
        ),
        wrong(
            "a learning rate far too small",
            _look(epochs="10").replace("lr=0.005", "lr=1e-5"),
            says="train longer|places",
        ),
        wrong(
            "attention over the batch",
            _look(attention="nn.MultiheadAttention(32, 1, batch_first=False)", epochs="20"),
            says="places|learn",
        ),
        wrong(
            "no seed, and the answers are drawn",
            _look(
                seed="torch.seed()",
                epochs="20 if len(questions) > 500 else 2",
                answer="net(n).softmax(-1).flatten(0, 1).multinomial(1).view(n.shape)",
            ),
            says="seed|share of right",
        ),
        wrong(
            "the inverse order",
            """
            def train_and_answer(questions, answers, new, seed):
                same = [(answers[:, [i]] == questions).mean(axis=0) for i in range(8)]
                return np.asarray(new)[:, np.argsort(np.argmax(same, axis=1))]
            """,
            says="turned round|learn|places",
        ),
    ],
}
