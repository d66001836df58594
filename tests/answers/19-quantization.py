"""Right and wrong answers to assignment 19."""

from tests.answers import Answer, right, wrong

_AFFINE = """
def affine(x, bits=8):
    low, high = {low}, {high}
    scale = (high - low) / {steps}
    qmin = {qmin}
    zero = int({zero})
    q = {q}
    return q.astype(np.int64), scale, zero
"""
_AFFINE_USUAL = {
    "low": "min(x.min(), 0.0)",
    "high": "max(x.max(), 0.0)",
    "steps": "(2**bits - 1)",
    "qmin": "-(2 ** (bits - 1))",
    "zero": "np.round(qmin - low / scale)",
    "q": "np.clip(np.round(x / scale) + zero, qmin, qmin + 2**bits - 1)",
}

_CHANNEL = """
def per_channel(W, bits=8):
    top = 2 ** (bits - 1) - 1
    rows = W.reshape(len(W), -1)
    largest = {largest}
    scales = {scales}
    q = {q}
    return q.reshape(W.shape), scales
"""
_CHANNEL_USUAL = {
    "largest": "np.abs(rows).max(axis=1)",
    "scales": "np.where(largest > 0, largest / top, 1.0)",
    "q": "np.round(rows / scales[:, None])",
}

_LIMIT = """
def best_limit(x, bits):
    top, largest = 2 ** (bits - 1) - 1, {largest}
    best, least = None, np.inf
    for limit in {limits}:
        q = {q}
        error = {error}
        if error < least:
            best, least = limit, error
    return {result}
"""
_LIMIT_USUAL = {
    "largest": "np.abs(x).max()",
    "limits": "largest * np.arange(1, 101) / 100",
    "q": "np.clip(np.round(x * top / limit), -top, top)",
    "error": "((q * limit / top - x) ** 2).mean()",
    "result": "best",
}

_LINEAR = """
def integer_linear(q_x, zero_x, q_w, bias, multiplier, shift, zero_y, relu=False):
    x, w, m = q_x.astype(np.int64), q_w.astype(np.int64), multiplier.astype(np.int64)
    acc = {acc}
    y = {y}
    return {out}
"""
_LINEAR_USUAL = {
    "acc": "(x - zero_x) @ w.T + bias",
    "y": "((acc * m + (1 << (shift - 1))) >> shift) + zero_y",
    "out": "np.clip(y, zero_y if relu else -128, 127)",
}

_THROUGH = """
def fake_quantize(w, scale, bits):
    Q = 2 ** (bits - 1) - 1
    v = w / scale
    return {forward}

def fake_quantize_backward(upstream, w, scale, bits):
    Q = 2 ** (bits - 1) - 1
    v = w / scale
    inside = np.abs(v) <= Q
    dw = {dw}
    ds = {ds}
    return dw, ds
"""
_THROUGH_USUAL = {
    "forward": "scale * np.round(np.clip(v, -Q, Q))",
    "dw": "upstream * inside",
    "ds": "np.sum(upstream * np.where(inside, np.round(v) - v, np.sign(v) * Q))",
}

_BLOCKS = """
def pack_blocks(codes, scales):
    head = scales.astype("{order}").reshape(-1, 1).view(np.uint8)
    body = {body}
    return {data}

def read_blocks(data):
    rows = data.reshape(-1, 18)
    d = rows[:, :2].copy().view("<f2").astype(np.float64)
    codes = {codes}
    return {weights}
"""
_BLOCKS_USUAL = {
    "order": "<f2",
    "body": "codes[:, :16] + 16 * codes[:, 16:]",
    "data": "np.concatenate([head, body], axis=1).ravel().astype(np.uint8)",
    "codes": "np.concatenate([rows[:, 2:] % 16, rows[:, 2:] // 16], axis=1)",
    "weights": "d * (codes.astype(float) - 8)",
}


def _affine(**changes: str) -> str:
    return _AFFINE.format(**(_AFFINE_USUAL | changes))


def _channel(**changes: str) -> str:
    return _CHANNEL.format(**(_CHANNEL_USUAL | changes))


def _limit(**changes: str) -> str:
    return _LIMIT.format(**(_LIMIT_USUAL | changes))


def _linear(**changes: str) -> str:
    return _LINEAR.format(**(_LINEAR_USUAL | changes))


def _through(**changes: str) -> str:
    return _THROUGH.format(**(_THROUGH_USUAL | changes))


def _blocks(**changes: str) -> str:
    return _BLOCKS.format(**(_BLOCKS_USUAL | changes))


RIGHT: dict[str, list[Answer]] = {
    "affine": [
        right("floats that are whole numbers", _affine(q=_AFFINE_USUAL["q"] + " * 1.0")),
        right(
            "0 put beside the numbers",
            _affine(low="np.append(x, 0).min()", high="np.append(x, 0).max()"),
        ),
        right(
            "one number at a time",
            """
            def affine(x, bits=8):
                numbers = [float(n) for n in x.ravel()]
                low, high = min([0.0, *numbers]), max([0.0, *numbers])
                scale, qmin = (high - low) / (2**bits - 1), -(2**bits) // 2
                zero = round(qmin - low / scale)
                codes = [min(max(round(n / scale) + zero, qmin), -qmin - 1) for n in numbers]
                return np.array(codes).reshape(x.shape), scale, zero
            """,
        ),
        right(
            "in PyTorch",
            """
            def affine(x, bits=8):
                x = torch.tensor(x, dtype=torch.float64)
                low, high = min(x.min().item(), 0), max(x.max().item(), 0)
                scale, half = (high - low) / (2**bits - 1), 2 ** (bits - 1)
                zero = int(np.rint(-half - low / scale))
                return (torch.round(x / scale) + zero).clamp(-half, half - 1).int(), scale, zero
            """,
        ),
    ],
    "per-channel": [
        right("as usual, floats", _channel()),
        right(
            "channel by channel, lists",
            """
            def per_channel(W, bits=8):
                top, q, scales = 2 ** (bits - 1) - 1, [], []
                for channel in W:
                    largest = max(channel.max(), -channel.min())
                    scales.append(largest / top if largest else 1)
                    q.append(np.rint(channel / scales[-1]).astype(int))
                return np.stack(q), scales
            """,
        ),
        right(
            "axes kept, no reshape",
            """
            def per_channel(W, bits=8):
                axes = tuple(range(1, W.ndim))
                scales = np.abs(W).max(axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
                scales[scales == 0] = 1
                return np.round(W / scales).astype(np.int8), scales.ravel()
            """,
        ),
    ],
    "calibrate": [
        right("a loop", _limit()),
        right("the sum instead of the mean", _limit(error="((q * limit / top - x) ** 2).sum()")),
        right(
            "all limits at once",
            """
            def best_limit(x, bits):
                top = 2 ** (bits - 1) - 1
                limits = np.linspace(0.01, 1, 100) * np.abs(x).max()
                scale = limits[:, None] / top
                back = np.clip(np.round(x.ravel() / scale), -top, top) * scale
                return limits[np.square(back - x.ravel()).mean(axis=1).argmin()]
            """,
        ),
    ],
    "integer-linear": [
        right("as usual", _linear()),
        right(
            "the zero point taken out of the sum", _linear(acc="x @ w.T - zero_x * w.sum(1) + bias")
        ),
        right(
            "division that rounds down",
            _linear(y="(acc * m + 2 ** (shift - 1)) // 2**shift + zero_y"),
        ),
        right(
            "Python's integers",
            """
            def integer_linear(q_x, zero_x, q_w, bias, multiplier, shift, zero_y, relu=False):
                rows, low = [], zero_y if relu else -128
                for x in q_x.tolist():
                    row = []
                    for w, b, m in zip(q_w.tolist(), bias.tolist(), multiplier.tolist()):
                        acc = b + sum((a - zero_x) * c for a, c in zip(x, w))
                        y = ((acc * m + 2 ** (shift - 1)) >> shift) + zero_y
                        row.append(min(max(y, low), 127))
                    rows.append(row)
                return np.array(rows, dtype=np.int8)
            """,
        ),
    ],
    "straight-through": [
        right("as usual", _through()),
        right(
            "rounded, then clipped",
            _through(forward="scale * np.clip(np.round(v), -Q, Q)"),
        ),
        right(
            "by autograd",
            """
            def fake(w, scale, bits):
                top = 2 ** (bits - 1) - 1
                v = (w / scale).clamp(-top, top)
                return (v + (v.round() - v).detach()) * scale

            def fake_quantize(w, scale, bits):
                return fake(torch.tensor(w), torch.tensor(scale), bits).numpy()

            def fake_quantize_backward(upstream, w, scale, bits):
                w = torch.tensor(w, requires_grad=True)
                scale = torch.tensor(scale, dtype=w.dtype, requires_grad=True)
                fake(w, scale, bits).backward(torch.tensor(upstream))
                return w.grad.numpy(), scale.grad.item()
            """,
        ),
    ],
    "blocks": [
        right("as usual", _blocks()),
        right(
            "with struct",
            """
            import struct

            def pack_blocks(codes, scales):
                data = b""
                for row, d in zip(codes.tolist(), scales.tolist()):
                    pairs = [a | b << 4 for a, b in zip(row[:16], row[16:])]
                    data += struct.pack("<e16B", d, *pairs)
                return np.frombuffer(data, np.uint8)

            def read_blocks(data):
                rows = []
                for d, *pairs in struct.iter_unpack("<e16B", data.tobytes()):
                    codes = [byte & 15 for byte in pairs] + [byte >> 4 for byte in pairs]
                    rows.append([d * (code - 8) for code in codes])
                return np.array(rows)
            """,
        ),
        right(
            "with a dtype for a block",
            """
            BLOCK = np.dtype([("d", "<f2"), ("codes", "u1", 16)])

            def pack_blocks(codes, scales):
                blocks = np.zeros(len(codes), BLOCK)
                blocks["d"], blocks["codes"] = scales, codes[:, :16] + 16 * codes[:, 16:]
                return blocks.view(np.uint8)

            def read_blocks(data):
                blocks = data.view(BLOCK)
                codes = np.hstack([blocks["codes"] & 15, blocks["codes"] >> 4])
                return blocks["d"][:, None] * (codes.astype(np.float32) - 8)
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "affine": [
        wrong("0 may lie outside", _affine(low="x.min()", high="x.max()"), says="not widened"),
        wrong(
            "divides by the number of marks",
            _affine(steps="2**bits"),
            says="divided by 2\\*\\*bits",
        ),
        wrong("always eight bits", _affine(steps="255"), says="8 bits"),
        wrong("zero point cut off", _affine(zero="qmin - low // scale - 1"), says="zero point"),
        wrong("zero point by int", _affine(zero="qmin - low / scale"), says="cut off instead"),
        wrong("not clipped", _affine(q="np.round(x / scale) + zero"), says="not clipped to qmin"),
        wrong("begins at 0", _affine(qmin="0"), says="begin at 0"),
        wrong(
            "cuts instead of rounding",
            _affine(q="np.clip(np.trunc(x / scale) + zero, qmin, qmin + 2**bits - 1)"),
            says="it is cut off",
        ),
        wrong(
            "zero point subtracted",
            _affine(q="np.clip(np.round(x / scale) - zero, qmin, qmin + 2**bits - 1)"),
            says="subtracted",
        ),
        wrong(
            "symmetric",
            _affine(low="-np.abs(x).max()", high="np.abs(x).max()", steps="(2**bits - 2)"),
            says="symmetric",
        ),
    ],
    "per-channel": [
        wrong(
            "one ruler for all",
            _channel(largest="np.full(len(W), np.abs(W).max())"),
            says="whole tensor",
        ),
        wrong("sign kept", _channel(largest="rows.max(axis=1)"), says="sign"),
        wrong(
            "divides by 2**(bits - 1)",
            _channel(scales="np.where(largest > 0, largest / (top + 1), 1.0)"),
            says="top is taken as",
        ),
        wrong(
            "input channels",
            _channel(largest="np.abs(W.reshape(len(W), -1)).max(axis=0)"),
            says="row",
        ),
        wrong("cuts", _channel(q="np.trunc(rows / scales[:, None])"), says="cut off"),
        wrong("stays a float", _channel(q="rows / scales[:, None]"), says="round"),
        wrong(
            "zeros divided by zero",
            _channel(scales="largest / top"),
            says="channel of zeros got the scale 0",
        ),
    ],
    "calibrate": [
        wrong("the whole range", _limit(limits="[largest]"), says="nothing is calibrated"),
        wrong("not clipped", _limit(q="np.round(x * top / limit)"), says="not clipped"),
        wrong("absolute error", _limit(error="np.abs(q * limit / top - x).mean()"), says="squared"),
        wrong(
            "only numbers inside",
            _limit(
                error="np.mean(((q * limit / top - x)[np.abs(x) <= limit]) ** 2) "
                "if (np.abs(x) <= limit).any() else np.inf"
            ),
            says="left out",
        ),
        wrong("returns the scale", _limit(result="best / top"), says="scale"),
        wrong("returns the share", _limit(result="best / largest"), says="share"),
        wrong("sign kept", _limit(largest="abs(x.max())"), says="sign"),
        wrong(
            "ends before 100",
            _limit(limits="largest * np.arange(1, 100) / 100"),
            says="k goes up to 100",
        ),
        wrong(
            "39 limits",
            _limit(limits="largest * np.linspace(0.05, 1, 39)"),
            says="39 shares",
        ),
        wrong(
            "a mark too many",
            _limit(q="np.clip(np.round(x * top / limit), -top - 1, top)"),
            says="mark too many",
        ),
        wrong(
            "top too large",
            _limit(
                q="np.clip(np.round(x * (top + 1) / limit), -top - 1, top + 1)",
                error="((q * limit / (top + 1) - x) ** 2).mean()",
            ),
            says="top is taken",
        ),
        wrong("ten limits", _limit(limits="largest * np.arange(1, 11) / 10"), says="100"),
    ],
    "integer-linear": [
        wrong("no zero point", _linear(acc="x @ w.T + bias"), says="not subtracted"),
        wrong("zero point added", _linear(acc="(x + zero_x) @ w.T + bias"), says="added"),
        wrong(
            "subtracts in int8",
            _linear(acc="(q_x - np.int8(zero_x)).astype(int) @ w.T + bias"),
            says="wraps around",
        ),
        wrong("no half", _linear(y="((acc * m) >> shift) + zero_y"), says="half"),
        wrong(
            "to the even",
            _linear(y="np.rint(acc * m / 2**shift).astype(int) + zero_y"),
            says="even",
        ),
        wrong("no bias", _linear(acc="(x - zero_x) @ w.T"), says="bias"),
        wrong(
            "no zero point at the end",
            _linear(y="((acc * m + (1 << (shift - 1))) >> shift)"),
            says="output",
        ),
        wrong("wraps at the end", _linear(out="y.astype(np.int8)"), says="wrap"),
        wrong("ReLU at 0", _linear(out="np.clip(y, 0 if relu else -128, 127)"), says="ReLU"),
        wrong("no ReLU", _linear(out="np.clip(y, -128, 127)"), says="ReLU is ignored"),
        wrong(
            "clips before the zero point",
            _linear(
                y="np.clip((acc * m + (1 << (shift - 1))) >> shift, 0 if relu else -128, 127)",
                out="y + zero_y",
            ),
            says="clipped before",
        ),
    ],
    "straight-through": [
        wrong("not clipped", _through(forward="scale * np.round(v)"), says="clipped"),
        wrong("integers", _through(forward="np.round(np.clip(v, -Q, Q))"), says="multiply"),
        wrong(
            "one mark more below",
            _through(forward="scale * np.round(np.clip(v, -Q - 1, Q))"),
            says="symmetric",
        ),
        wrong("true derivative", _through(dw="0 * upstream"), says="true derivative"),
        wrong(
            "compares w",
            _through(dw="upstream * (np.abs(w) <= Q)"),
            says="w is compared with Q",
        ),
        wrong("gradient outside", _through(dw="upstream"), says="beyond"),
        wrong("ignores upstream", _through(dw="inside * 1.0"), says="upstream"),
        wrong(
            "mean for the scale",
            _through(ds="np.mean(upstream * np.where(inside, np.round(v) - v, np.sign(v) * Q))"),
            says="mean",
        ),
        wrong(
            "outside left out",
            _through(ds="np.sum(upstream * inside * (np.round(v) - v))"),
            says="left out",
        ),
        wrong(
            "sign outside missing",
            _through(ds="np.sum(upstream * np.where(inside, np.round(v) - v, Q))"),
            says="sign",
        ),
    ],
    "blocks": [
        wrong(
            "halves exchanged", _blocks(body="16 * codes[:, :16] + codes[:, 16:]"), says="exchanged"
        ),
        wrong(
            "neighbours", _blocks(body="codes[:, 0::2] + 16 * codes[:, 1::2]"), says="neighbours"
        ),
        wrong("big-endian scale", _blocks(order=">f2"), says="high byte"),
        wrong(
            "scale behind",
            _blocks(data="np.concatenate([body, head], axis=1).ravel().astype(np.uint8)"),
            says="behind",
        ),
        wrong("8 not subtracted", _blocks(weights="d * codes"), says="8 is not"),
        wrong("wraps", _blocks(weights="d * (codes.astype(np.uint8) - np.uint8(8))"), says="wraps"),
        wrong(
            "reads pairs in turns",
            _blocks(
                codes="np.stack([rows[:, 2:] % 16, rows[:, 2:] // 16], axis=2).reshape(-1, 32)"
            ),
            says="turns",
        ),
        wrong(
            "first scale for all",
            _blocks(weights="d[0] * (codes.astype(float) - 8)"),
            says="first block",
        ),
    ],
}
