"""Right and wrong answers to assignment 06."""

from tests.answers import Answer, right, wrong

CHECKPOINT_LOAD = """

def load_checkpoint(path):
    return torch.load(path)
"""

RIGHT: dict[str, list[Answer]] = {
    "to-state-dict": [
        right(
            "from_numpy, float, contiguous",
            """
            def to_state_dict(params):
                state = {}
                for place, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    state[f"{2 * place}.weight"] = torch.from_numpy(W).t().contiguous().float()
                    state[f"{2 * place}.bias"] = torch.from_numpy(b).float()
                return state
            """,
        ),
        right(
            "a model that is built, filled and asked",
            """
            def to_state_dict(params):
                modules = []
                for W in params[::2]:
                    modules += [nn.Linear(*W.shape), nn.ReLU()]
                model = nn.Sequential(*modules[:-1])
                with torch.no_grad():
                    for own, given in zip(model.parameters(), params):
                        own.copy_(torch.as_tensor(given.T))
                return model.state_dict()
            """,
        ),
        right(
            "entry by entry",
            """
            def to_state_dict(params):
                state = {}
                for number, p in enumerate(params):
                    name = f"{number - number % 2}." + ("bias" if number % 2 else "weight")
                    if p.ndim == 2:
                        rows = [[float(p[i, j]) for i in range(len(p))] for j in range(p.shape[1])]
                        state[name] = torch.FloatTensor(rows)
                    else:
                        state[name] = torch.FloatTensor([float(value) for value in p])
                return state
            """,
        ),
        right(
            "swapped axes, an ordered dictionary",
            """
            def to_state_dict(params):
                from collections import OrderedDict

                state = OrderedDict()
                for number, p in enumerate(params):
                    kind = ("weight", "bias")[number % 2]
                    value = np.swapaxes(p, 0, -1).astype(np.float32)
                    state[f"{number // 2 * 2}.{kind}"] = torch.tensor(value)
                return state
            """,
        ),
    ],
    "to-keras": [
        right(
            "activations as layers of their own",
            """
            def to_keras(params):
                parts = [keras.Input((params[0].shape[0],))]
                for b in params[1::2]:
                    parts += [layers.Dense(len(b)), layers.ReLU()]
                model = keras.Sequential(parts[:-1])
                model.set_weights(params)
                return model
            """,
        ),
        right(
            "functional form, layer by layer",
            """
            def to_keras(params):
                inputs = x = keras.Input((len(params[0]),))
                for k in range(0, len(params), 2):
                    last = k == len(params) - 2
                    layer = layers.Dense(params[k].shape[1], activation=None if last else "relu")
                    x = layer(x)
                    layer.set_weights([params[k], params[k + 1]])
                return keras.Model(inputs, x)
            """,
        ),
        right(
            "initialisers that give the parameters",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for W, b in zip(params[::2], params[1::2]):
                    last = W is params[-2]
                    model.add(
                        layers.Dense(
                            len(b),
                            activation="linear" if last else "relu",
                            kernel_initializer=lambda shape, dtype, W=W: keras.ops.cast(W, dtype),
                            bias_initializer=lambda shape, dtype, b=b: keras.ops.cast(b, dtype),
                        )
                    )
                return model
            """,
        ),
        right(
            "a model of its own kind, in float64",
            """
            class Net(keras.Model):
                def __init__(self, params):
                    super().__init__(dtype="float64")
                    self.parts = [layers.Dense(len(b), dtype="float64") for b in params[1::2]]
                    self(np.zeros((1, params[0].shape[0])))
                    for part, W, b in zip(self.parts, params[::2], params[1::2]):
                        part.set_weights([W, b])

                def call(self, x):
                    for part in self.parts[:-1]:
                        x = keras.ops.relu(part(x))
                    return self.parts[-1](x)


            def to_keras(params):
                return Net(params)
            """,
        ),
    ],
    "batches": [
        right(
            "shuffled copies, cut afterwards",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.RandomState(seed).permutation(len(y))
                X, y = X[order], y[order]
                batches = []
                for start in range(0, len(y), batch_size):
                    pair = X[start : start + batch_size], y[start : start + batch_size]
                    if len(pair[1]) == batch_size or not drop_last:
                        batches.append(pair)
                return batches
            """,
        ),
        right(
            "PyTorch's DataLoader, tensors",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y))
                draw = torch.Generator().manual_seed(seed)
                return [
                    tuple(pair)
                    for pair in torch.utils.data.DataLoader(
                        pairs, batch_size, shuffle=True, drop_last=drop_last, generator=draw
                    )
                ]
            """,
        ),
        right(
            "Python's random, lists",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                import random

                order = list(range(len(X)))
                random.Random(seed).shuffle(order)
                batches = []
                while len(order) >= batch_size or (order and not drop_last):
                    rows, order = order[:batch_size], order[batch_size:]
                    batches.append([[X[i] for i in rows], [int(y[i]) for i in rows]])
                return batches
            """,
        ),
        right(
            "sorting by random keys, array_split at fixed places",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.argsort(np.random.default_rng(seed).random(len(X)))
                places = np.arange(batch_size, len(X), batch_size)
                parts = np.array_split(order, places)
                if drop_last:
                    parts = [rows for rows in parts if len(rows) == batch_size]
                return [(X.take(rows, axis=0), y.take(rows)) for rows in parts]
            """,
        ),
        right(
            "a pipeline of TensorFlow with a buffer for all rows",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                import tensorflow as tf

                rows = tf.data.Dataset.range(len(X)).shuffle(len(X), seed=seed)
                rows = rows.batch(batch_size, drop_remainder=drop_last)
                return [(X[r], y[r]) for r in rows.as_numpy_iterator()]
            """,
        ),
    ],
    "sgd-step": [
        right(
            "autograd.grad and a comprehension",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                loss = nn.CrossEntropyLoss()(model(X), y)
                grads = torch.autograd.grad(loss, list(model.parameters()))
                pairs = zip(model.named_parameters(), grads)
                return loss, {name: (p - lr * g).detach() for (name, p), g in pairs}
            """,
        ),
        right(
            "leaves of its own, no module",
            """
            def sgd_step(state, X, y, lr):
                leaves = {k: v.clone().requires_grad_(True) for k, v in state.items()}
                values, h = list(leaves.values()), X
                for k in range(0, len(values), 2):
                    h = h @ values[k].T + values[k + 1]
                    h = torch.relu(h) if k < len(values) - 2 else h
                loss = -h.log_softmax(dim=1)[torch.arange(len(y)), y].mean()
                loss.backward()
                return float(loss), {k: v.detach() - lr * v.grad for k, v in leaves.items()}
            """,
        ),
        right(
            "functional_call with torch.func.grad",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)

                def loss_of(params):
                    logits = torch.func.functional_call(model, params, (X,))
                    return nn.functional.nll_loss(logits.log_softmax(1), y)

                grads, loss = torch.func.grad_and_value(loss_of)(dict(state))
                return loss.item(), {name: state[name] - lr * grads[name] for name in state}
            """,
        ),
        right(
            "float64 inside, with zero_grad",
            """
            def sgd_step(state, X, y, lr):
                model = network(state).double()
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                optimiser.zero_grad()
                total = nn.functional.cross_entropy(model(X.double()), y, reduction="sum")
                (total / len(y)).backward()
                optimiser.step()
                return (total / len(y)).detach(), dict(model.state_dict())
            """,
        ),
        right(
            "all parameters at once, as one vector",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                loss = nn.functional.cross_entropy(model(X), y)
                grads = torch.autograd.grad(loss, list(model.parameters()))
                flat = torch.cat([value.flatten() for value in state.values()])
                flat = flat - lr * torch.cat([g.flatten() for g in grads])
                sizes = [value.numel() for value in state.values()]
                pieces = zip(state.items(), flat.split(sizes))
                return loss.item(), {name: part.view(old.shape) for (name, old), part in pieces}
            """,
        ),
        right(
            "a momentum that a first step does not have yet",
            """
            def sgd_step(state, X, y, lr):
                model = network(state).train()
                optimiser = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
                optimiser.zero_grad(set_to_none=False)
                loss = nn.CrossEntropyLoss()(model(X), y)
                loss.backward()
                optimiser.step()
                return loss.detach().numpy(), model.state_dict()
            """,
        ),
    ],
    "accumulated-step": [
        right(
            "sums, divided at the end",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                for X, y in parts:
                    nn.functional.cross_entropy(model(X), y, reduction="sum").backward()
                rows = sum(len(y) for _, y in parts)
                with torch.no_grad():
                    for p in model.parameters():
                        p -= lr * p.grad / rows
                return model.state_dict()
            """,
        ),
        right(
            "gradients collected in a list",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                total, rows = [torch.zeros_like(p) for p in model.parameters()], 0
                for X, y in parts:
                    loss = nn.functional.cross_entropy(model(X), y)
                    grads = torch.autograd.grad(loss, list(model.parameters()))
                    total = [t + len(y) * g for t, g in zip(total, grads)]
                    rows += len(y)
                return {n: v - lr * t / rows for (n, v), t in zip(state.items(), total)}
            """,
        ),
        right(
            "a learning rate that divides",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                rows = sum(X.shape[0] for X, y in parts)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr / rows)
                optimiser.zero_grad()
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y) * len(X)).backward()
                optimiser.step()
                return {name: value.clone() for name, value in model.state_dict().items()}
            """,
        ),
        right(
            "the losses of the pieces are added, one backward",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                total = 0.0
                for X, y in parts:
                    total = total + nn.functional.cross_entropy(model(X), y, reduction="sum")
                (total / sum(len(y) for _, y in parts)).backward()
                torch.optim.SGD(model.parameters(), lr).step()
                return model.state_dict()
            """,
        ),
    ],
    "predict": [
        right(
            "by hand, without a model",
            """
            def predict(state, p, X):
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                logits = hidden @ state["3.weight"].T + state["3.bias"]
                return torch.softmax(logits, dim=-1)
            """,
        ),
        right(
            "train(False), NumPy out",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                model = nn.Sequential(
                    nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), nn.Linear(h, len(state["3.bias"]))
                )
                model.load_state_dict(state)
                model.train(False)
                with torch.inference_mode():
                    return nn.functional.softmax(model(X), dim=1).numpy()
            """,
        ),
        right(
            "only the dropout is switched off",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                drop = nn.Dropout(p)
                parts = nn.Linear(d, h), nn.ReLU(), drop, nn.Linear(h, len(state["3.bias"]))
                model = nn.Sequential(*parts)
                model.load_state_dict(state)
                drop.eval()
                logits = model(X)
                return (logits - logits.logsumexp(dim=1, keepdim=True)).exp().detach()
            """,
        ),
        right(
            "copied tensor by tensor, evaluated, detached",
            """
            def predict(state, p, X):
                (h, d), k = state["0.weight"].shape, len(state["3.bias"])
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), nn.Linear(h, k))
                model.eval()
                for name, own in model.named_parameters():
                    own.data.copy_(state[name])
                return model(X).softmax(-1).detach()
            """,
        ),
    ],
    "checkpoint": [
        right(
            "os.makedirs, everything in one torch file",
            """
            def save_checkpoint(path, state, velocity, step):
                import os

                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                torch.save([dict(state), dict(velocity), torch.tensor(step)], path)


            def load_checkpoint(path):
                state, velocity, step = torch.load(path)
                return {"state": state, "velocity": velocity, "step": step.item()}
            """,
        ),
        right(
            "NumPy's npz with prefixes",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                arrays = {"state/" + name: value.numpy() for name, value in state.items()}
                arrays |= {"velocity/" + name: value.numpy() for name, value in velocity.items()}
                with open(path, "wb") as file:
                    np.savez(file, step=np.array(step), **arrays)


            def load_checkpoint(path):
                loaded = {"state": {}, "velocity": {}}
                with np.load(path) as file:
                    for key in file.files:
                        if key != "step":
                            kind, name = key.split("/", 1)
                            loaded[kind][name] = torch.tensor(file[key])
                    loaded["step"] = int(file["step"])
                return loaded
            """,
        ),
        right(
            "pickle",
            """
            import pickle


            def save_checkpoint(path, state, velocity, step):
                path = Path(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(pickle.dumps({"state": state, "velocity": velocity, "step": step}))


            def load_checkpoint(path):
                return pickle.loads(Path(path).read_bytes())
            """,
        ),
    ],
    "train-digits": [
        right(
            "Keras and fit",
            """
            def train_digits(X, y, seed):
                keras.utils.set_random_seed(seed)
                hidden = layers.Dense(128, activation="relu")
                model = keras.Sequential([layers.Input((784,)), hidden, layers.Dense(10)])
                loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                model.compile(optimizer="adam", loss=loss)
                model.fit(X, y, batch_size=64, epochs=8, verbose=0)
                return model.get_weights()
            """,
        ),
        right(
            "SGD with momentum and weight decay",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy(X), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
                optimiser = torch.optim.SGD(
                    model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4
                )
                for _ in range(8):
                    for rows in torch.randperm(len(X)).split(100):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                state = model.state_dict()
                return [state["0.weight"].T, state["0.bias"], state["2.weight"].T, state["2.bias"]]
            """,
        ),
        right(
            "standardised inside, folded into the first layer",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                mean, std = float(X.mean()), float(X.std())
                Z, y = (torch.from_numpy(X) - mean) / std, torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
                optimiser = torch.optim.AdamW(model.parameters(), lr=0.001)
                for _ in range(6):
                    for rows in torch.randperm(len(Z)).split(50):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(Z[rows]), y[rows]).backward()
                        optimiser.step()
                W1, b1, W2, b2 = [p.detach().numpy().T for p in model.parameters()]
                return [W1 / std, b1 - mean / std * W1.sum(axis=0), W2, b2]
            """,
        ),
    ],
}

WRONG: dict[str, list[Answer]] = {
    "to-state-dict": [
        wrong(
            "no transpose",
            """
            def to_state_dict(params):
                kinds = ("weight", "bias")
                names = [f"{n // 2 * 2}.{kinds[n % 2]}" for n in range(len(params))]
                return {n: torch.tensor(p, dtype=torch.float32) for n, p in zip(names, params)}
            """,
            says="transpose",
        ),
        wrong(
            "no transpose where the shape fits",
            """
            def to_state_dict(params):
                state = {}
                for n, p in enumerate(params):
                    p = p.T if p.ndim == 2 and p.shape[0] != p.shape[1] else p
                    name = f"{n // 2 * 2}." + ("bias" if n % 2 else "weight")
                    state[name] = torch.tensor(p, dtype=torch.float32)
                return state
            """,
            says="transpose is missing",
        ),
        wrong(
            "reshape instead of transpose",
            """
            def to_state_dict(params):
                state = {}
                for k, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    W = W.reshape(W.shape[1], W.shape[0])
                    state[f"{2 * k}.weight"] = torch.tensor(W, dtype=torch.float32)
                    state[f"{2 * k}.bias"] = torch.tensor(b, dtype=torch.float32)
                return state
            """,
            says="reshape",
        ),
        wrong(
            "the ReLU layers are not counted",
            """
            def to_state_dict(params):
                state = {}
                for k, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    state[f"{k}.weight"] = torch.tensor(W.T, dtype=torch.float32)
                    state[f"{k}.bias"] = torch.tensor(b, dtype=torch.float32)
                return state
            """,
            says="ReLU",
        ),
        wrong(
            "float64 stays float64",
            """
            def to_state_dict(params):
                state = {}
                for k, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    state[f"{2 * k}.weight"] = torch.tensor(W.T)
                    state[f"{2 * k}.bias"] = torch.tensor(b)
                return state
            """,
            says="float32",
        ),
        wrong(
            "NumPy arrays in the dictionary",
            """
            def to_state_dict(params):
                state = {}
                for k, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    state[f"{2 * k}.weight"] = W.T.astype(np.float32)
                    state[f"{2 * k}.bias"] = b.astype(np.float32)
                return state
            """,
            says="tensor",
        ),
        wrong(
            "biases as columns",
            """
            def to_state_dict(params):
                state = {}
                for k, (W, b) in enumerate(zip(params[::2], params[1::2])):
                    state[f"{2 * k}.weight"] = torch.tensor(W.T, dtype=torch.float32)
                    state[f"{2 * k}.bias"] = torch.tensor(b, dtype=torch.float32)[:, None]
                return state
            """,
            says="one number per neuron",
        ),
        wrong(
            "the first two layers, whatever is given",
            """
            def to_state_dict(params):
                W1, b1, W2, b2 = params[:4]
                state = {"0.weight": W1.T, "0.bias": b1, "2.weight": W2.T, "2.bias": b2}
                return {n: torch.tensor(p, dtype=torch.float32) for n, p in state.items()}
            """,
            says=r'no "4\.weight"|not enough values',
        ),
        wrong(
            "the names of a model that holds a Sequential",
            """
            class Net(nn.Module):
                def __init__(self, params):
                    super().__init__()
                    parts = []
                    for W in params[::2]:
                        parts += [nn.Linear(*W.shape), nn.ReLU()]
                    self.layers = nn.Sequential(*parts[:-1])


            def to_state_dict(params):
                model = Net(params)
                with torch.no_grad():
                    for own, given in zip(model.parameters(), params):
                        own.copy_(torch.tensor(given.T))
                return model.state_dict()
            """,
            says="nothing stands before the number",
        ),
    ],
    "to-keras": [
        wrong(
            "softmax in the last layer",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for b in params[1:-1:2]:
                    model.add(layers.Dense(len(b), activation="relu"))
                model.add(layers.Dense(len(params[-1]), activation="softmax"))
                model.set_weights(params)
                return model
            """,
            says="softmax",
        ),
        wrong(
            "ReLU on the last layer, too",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for b in params[1::2]:
                    model.add(layers.Dense(len(b), activation="relu"))
                model.set_weights(params)
                return model
            """,
            says="last layer has a ReLU",
        ),
        wrong(
            "no activation at all",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for b in params[1::2]:
                    model.add(layers.Dense(len(b)))
                model.set_weights(params)
                return model
            """,
            says="ReLU between|sign",
        ),
        wrong(
            "the parameters are never set",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for b in params[1:-1:2]:
                    model.add(layers.Dense(len(b), activation="relu"))
                model.add(layers.Dense(len(params[-1])))
                return model
            """,
            says="set_weights",
        ),
        wrong(
            "PyTorch's layout for Keras",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for b in params[1:-1:2]:
                    model.add(layers.Dense(len(b), activation="relu"))
                model.add(layers.Dense(len(params[-1])))
                model.set_weights([p.T for p in params])
                return model
            """,
            says="shape",
        ),
        wrong(
            "layers without biases",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for W in params[:-2:2]:
                    model.add(layers.Dense(W.shape[1], activation="relu", use_bias=False))
                model.add(layers.Dense(params[-2].shape[1], use_bias=False))
                model.set_weights(params[::2])
                return model
            """,
            says="biases",
        ),
        wrong(
            "the number of inputs taken as the number of neurons",
            """
            def to_keras(params):
                model = keras.Sequential([layers.Input((params[0].shape[0],))])
                for W in params[:-2:2]:
                    model.add(layers.Dense(W.shape[0], activation="relu"))
                model.add(layers.Dense(params[-2].shape[0]))
                model.set_weights(params)
                return model
            """,
            says="shape",
        ),
        wrong(
            "a dropout layer that is always on",
            """
            def to_keras(params):
                inputs = x = keras.Input((params[0].shape[0],))
                for b in params[1:-1:2]:
                    x = layers.Dense(len(b), activation="relu")(x)
                x = layers.Dropout(0.5)(x, training=True)
                model = keras.Model(inputs, layers.Dense(len(params[-1]))(x))
                model.set_weights(params)
                return model
            """,
            says="dropout",
        ),
        wrong(
            "the model is not built when the weights are set",
            """
            def to_keras(params):
                model = keras.Sequential()
                for b in params[1:-1:2]:
                    model.add(layers.Dense(len(b), activation="relu"))
                model.add(layers.Dense(len(params[-1])))
                model.set_weights(params)
                return model
            """,
            says=r"not built.*keras\.Input",
        ),
    ],
    "batches": [
        wrong(
            "not shuffled",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                starts = range(0, end, batch_size)
                return [(X[s : s + batch_size], y[s : s + batch_size]) for s in starts]
            """,
            says="shuffle",
        ),
        wrong(
            "inputs and labels shuffled apart",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                rng = np.random.default_rng(seed)
                X, y = rng.permutation(X), rng.permutation(y)
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                starts = range(0, end, batch_size)
                return [(X[s : s + batch_size], y[s : s + batch_size]) for s in starts]
            """,
            says="shuffled apart",
        ),
        wrong(
            "only the inputs are shuffled",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                X = X[np.random.default_rng(seed).permutation(len(X))]
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                starts = range(0, end, batch_size)
                return [(X[s : s + batch_size], y[s : s + batch_size]) for s in starts]
            """,
            says="one order for both",
        ),
        wrong(
            "the short batch is always dropped",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng(seed).permutation(len(X))
                order = order[: len(X) // batch_size * batch_size].reshape(-1, batch_size)
                return [(X[rows], y[rows]) for rows in order]
            """,
            says="dropped although",
        ),
        wrong(
            "drop_last is ignored",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng(seed).permutation(len(X))
                parts = [order[s : s + batch_size] for s in range(0, len(X), batch_size)]
                return [(X[rows], y[rows]) for rows in parts]
            """,
            says="kept although",
        ),
        wrong(
            "drawn with replacement",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng(seed).integers(len(X), size=len(X))
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                parts = [order[s : s + batch_size] for s in range(0, end, batch_size)]
                return [(X[rows], y[rows]) for rows in parts]
            """,
            says="twice|replacement",
        ),
        wrong(
            "whole batches are shuffled",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                end = len(X) - len(X) % batch_size
                starts = np.random.default_rng(seed).permutation(np.arange(0, end, batch_size))
                starts = [*starts[::-1], *([end] if end < len(X) and not drop_last else [])]
                if starts == sorted(starts):
                    starts = [*starts[1:], starts[0]] if end == len(X) else [
                        *starts[-2::-1], starts[-1]
                    ]
                return [(X[s : s + batch_size], y[s : s + batch_size]) for s in starts]
            """,
            says="whole batches|shuffle",
        ),
        wrong(
            "the seed is not used",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng(0).permutation(len(X))
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                parts = [order[s : s + batch_size] for s in range(0, end, batch_size)]
                return [(X[rows], y[rows]) for rows in parts]
            """,
            says="seed",
        ),
        wrong(
            "another order at each call",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng().permutation(len(X))
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                parts = [order[s : s + batch_size] for s in range(0, end, batch_size)]
                return [(X[rows], y[rows]) for rows in parts]
            """,
            says="same seed",
        ),
        wrong(
            "shuffles the caller's arrays",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                np.random.default_rng(seed).shuffle(X)
                np.random.default_rng(seed).shuffle(y)
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                starts = range(0, end, batch_size)
                return [(X[s : s + batch_size], y[s : s + batch_size]) for s in starts]
            """,
            says="in place",
        ),
        wrong(
            "a generator",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                order = np.random.default_rng(seed).permutation(len(X))
                for start in range(0, len(X), batch_size):
                    rows = order[start : start + batch_size]
                    if len(rows) == batch_size or not drop_last:
                        yield X[rows], y[rows]
            """,
            says="list",
        ),
        wrong(
            "all batches are shuffled, the short one too",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                parts = np.split(np.arange(len(X)), range(batch_size, len(X), batch_size))
                if drop_last and len(parts[-1]) < batch_size:
                    parts.pop()
                order = np.random.default_rng(seed).permutation(len(parts))
                return [(X[parts[k]], y[parts[k]]) for k in order]
            """,
            says="shuffled after they had been cut|order +shuffled",
        ),
        wrong(
            "the rows are shuffled inside of their batch",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                draw = np.random.default_rng(seed)
                end = len(X) - len(X) % batch_size if drop_last else len(X)
                parts = [np.arange(s, min(s + batch_size, end)) for s in range(0, end, batch_size)]
                parts = [draw.permutation(rows) for rows in parts]
                return [(X[rows], y[rows]) for rows in parts]
            """,
            says="inside of their batch",
        ),
        wrong(
            "a pipeline of TensorFlow with a small buffer",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                import tensorflow as tf

                rows = tf.data.Dataset.range(len(X)).shuffle(batch_size, seed=seed)
                rows = rows.batch(batch_size, drop_remainder=drop_last)
                return [(X[r], y[r]) for r in rows.as_numpy_iterator()]
            """,
            says="small buffer",
        ),
        wrong(
            "batched, then shuffled, as a pipeline in the wrong order",
            """
            def epoch_batches(X, y, batch_size, seed, drop_last=False):
                import tensorflow as tf

                rows = tf.data.Dataset.range(len(X)).batch(batch_size, drop_remainder=drop_last)
                rows = rows.shuffle(len(X), seed=seed)
                return [(X[r], y[r]) for r in rows.as_numpy_iterator()]
            """,
            says="then cut",
        ),
    ],
    "sgd-step": [
        wrong(
            "softmax before cross_entropy",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                loss = nn.functional.cross_entropy(model(X).softmax(dim=1), y)
                loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="softmax",
        ),
        wrong(
            "the sum instead of the mean",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                loss = nn.functional.cross_entropy(model(X), y, reduction="sum")
                loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="sum",
        ),
        wrong(
            "no step",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                return loss.item(), model.state_dict()
            """,
            says=r"optimiser\.step",
        ),
        wrong(
            "zero_grad between backward and step",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.zero_grad()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="nothing was changed",
        ),
        wrong(
            "uphill",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr, maximize=True)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="uphill",
        ),
        wrong(
            "backward twice, so the gradient is added up",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for _ in range(2):
                    loss = nn.functional.cross_entropy(model(X), y)
                    loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="added up twice",
        ),
        wrong(
            "the loss after the step",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                nn.functional.cross_entropy(model(X), y).backward()
                optimiser.step()
                loss = nn.functional.cross_entropy(model(X), y)
                return loss.item(), model.state_dict()
            """,
            says="after the step",
        ),
        wrong(
            "changes the state that was given",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                for name, p in model.named_parameters():
                    state[name] -= lr * p.grad
                return loss.item(), state
            """,
            says="in place",
        ),
        wrong(
            "default learning rate",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="learning rate is missing",
        ),
        wrong(
            "Adam, out of habit",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.Adam(model.parameters(), lr=lr)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.step()
                return loss.item(), model.state_dict()
            """,
            says="Adam",
        ),
        wrong(
            "the model is given back, not its state",
            """
            def sgd_step(state, X, y, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.step()
                return loss.item(), list(model.parameters())
            """,
            says="dictionary",
        ),
    ],
    "accumulated-step": [
        wrong(
            "all pieces count alike",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y) / len(parts)).backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="alike",
        ),
        wrong(
            "no division",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for X, y in parts:
                    nn.functional.cross_entropy(model(X), y).backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="without a division|factor 2",
        ),
        wrong(
            "zero_grad in the loop",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    optimiser.zero_grad()
                    (nn.functional.cross_entropy(model(X), y) * len(y) / rows).backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="zero_grad",
        ),
        wrong(
            "a step after every piece",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for X, y in parts:
                    optimiser.zero_grad()
                    nn.functional.cross_entropy(model(X), y).backward()
                    optimiser.step()
                return model.state_dict()
            """,
            says="after every piece",
        ),
        wrong(
            "backward on the last loss alone",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for X, y in parts:
                    loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="last piece",
        ),
        wrong(
            "sums that are not divided by the rows",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                for X, y in parts:
                    nn.functional.cross_entropy(model(X), y, reduction="sum").backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="sums|divide",
        ),
        wrong(
            "step forgotten",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y) * len(y) / rows).backward()
                return model.state_dict()
            """,
            says=r"optimiser\.step",
        ),
        wrong(
            "all pieces at once",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                X, y = (torch.cat(tensors) for tensors in zip(*parts))
                nn.functional.cross_entropy(model(X), y).backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="one piece at a time",
        ),
        wrong(
            "a step after every piece, weighed by its rows",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    optimiser.zero_grad()
                    (nn.functional.cross_entropy(model(X), y) * len(y) / rows).backward()
                    optimiser.step()
                return model.state_dict()
            """,
            says="after every piece.*n / N are right",
        ),
        wrong(
            "a step after every piece, weighed by its rows, no zero_grad",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y) * len(y) / rows).backward()
                    optimiser.step()
                return model.state_dict()
            """,
            says="after every piece.*without zero_grad",
        ),
        wrong(
            "a step after every piece, no zero_grad",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y)).backward()
                    optimiser.step()
                return model.state_dict()
            """,
            says="after every piece.*without zero_grad",
        ),
        wrong(
            "a step after every piece, divided by their number",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    optimiser.zero_grad()
                    (nn.functional.cross_entropy(model(X), y) / len(parts)).backward()
                    optimiser.step()
                return model.state_dict()
            """,
            says="after every piece.*by its rows",
        ),
        wrong(
            "each mean divided by all rows",
            """
            def accumulated_step(state, parts, lr):
                model = network(state)
                optimiser = torch.optim.SGD(model.parameters(), lr=lr)
                rows = sum(len(y) for _, y in parts)
                for X, y in parts:
                    (nn.functional.cross_entropy(model(X), y) / rows).backward()
                optimiser.step()
                return model.state_dict()
            """,
            says="times its own n",
        ),
    ],
    "predict": [
        wrong(
            "dropout is left on",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                parts = nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last
                model = nn.Sequential(*parts)
                model.load_state_dict(state)
                return model(X).softmax(dim=1)
            """,
            says="dropout is still on",
        ),
        wrong(
            "no_grad taken for eval",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                parts = nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last
                model = nn.Sequential(*parts)
                model.load_state_dict(state)
                with torch.no_grad():
                    return model(X).softmax(dim=1)
            """,
            says="evaluation mode",
        ),
        wrong(
            "a fixed seed hides the dropout",
            """
            def predict(state, p, X):
                torch.manual_seed(0)
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                hidden = nn.functional.dropout(hidden, p, training=True)
                return (hidden @ state["3.weight"].T + state["3.bias"]).softmax(dim=1)
            """,
            says="dropout does nothing",
        ),
        wrong(
            "logits",
            """
            def predict(state, p, X):
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                return hidden @ state["3.weight"].T + state["3.bias"]
            """,
            says="logits",
        ),
        wrong(
            "softmax over the examples",
            """
            def predict(state, p, X):
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                return (hidden @ state["3.weight"].T + state["3.bias"]).softmax(dim=0)
            """,
            says="over the examples",
        ),
        wrong(
            "scaled again by 1 - p",
            """
            def predict(state, p, X):
                hidden = (1 - p) * torch.relu(X @ state["0.weight"].T + state["0.bias"])
                return (hidden @ state["3.weight"].T + state["3.bias"]).softmax(dim=1)
            """,
            says="1 − p",
        ),
        wrong(
            "classes instead of probabilities",
            """
            def predict(state, p, X):
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                return (hidden @ state["3.weight"].T + state["3.bias"]).argmax(dim=1)
            """,
            says="one probability per example and class",
        ),
        wrong(
            "the record is kept",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last)
                model.load_state_dict(state)
                model.eval()
                return model(X).softmax(dim=1)
            """,
            says="no_grad",
        ),
        wrong(
            "the state is never loaded",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last)
                model.eval()
                with torch.no_grad():
                    return model(X).softmax(dim=1)
            """,
            says="load_state_dict",
        ),
        wrong(
            "never loaded, hidden by a seed",
            """
            def predict(state, p, X):
                torch.manual_seed(0)
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last)
                model.eval()
                with torch.no_grad():
                    return model(X).softmax(dim=1)
            """,
            says="load_state_dict",
        ),
        wrong(
            "no dropout layer, and strict=False against the error",
            """
            def predict(state, p, X):
                (h, d), k = state["0.weight"].shape, len(state["3.bias"])
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, k))
                model.load_state_dict(state, strict=False)
                model.eval()
                with torch.no_grad():
                    return model(X).softmax(dim=1)
            """,
            says="strict=False",
        ),
        wrong(
            "eval without parentheses",
            """
            def predict(state, p, X):
                h, d = state["0.weight"].shape
                last = nn.Linear(h, len(state["3.bias"]))
                model = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(p), last)
                model.load_state_dict(state)
                model.eval
                with torch.no_grad():
                    return model(X).softmax(dim=1)
            """,
            says="dropout is still on",
        ),
        wrong(
            "log-probabilities",
            """
            def predict(state, p, X):
                hidden = torch.relu(X @ state["0.weight"].T + state["0.bias"])
                return (hidden @ state["3.weight"].T + state["3.bias"]).log_softmax(dim=1)
            """,
            says="log-probabilities",
        ),
    ],
    "checkpoint": [
        wrong(
            "the velocity is not saved",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                torch.save({"state": state, "step": step}, path)


            def load_checkpoint(path):
                loaded = torch.load(path)
                velocity = {n: torch.zeros_like(v) for n, v in loaded["state"].items()}
                return loaded | {"velocity": velocity}
            """,
            says="velocity is all zeros",
        ),
        wrong(
            "only the parameters come back",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                torch.save(state, path)


            def load_checkpoint(path):
                return torch.load(path)
            """,
            says='key "state"',
        ),
        wrong(
            "the folder is not made",
            """
            def save_checkpoint(path, state, velocity, step):
                torch.save({"state": state, "velocity": velocity, "step": step}, path)

            """
            + CHECKPOINT_LOAD.replace("\n", "\n            "),
            says="directory",
        ),
        wrong(
            "one file for all",
            """
            def save_checkpoint(path, state, velocity, step):
                import tempfile

                file = Path(tempfile.gettempdir()) / "build-deep-always-the-same.pt"
                torch.save({"state": state, "velocity": velocity, "step": step}, file)


            def load_checkpoint(path):
                import tempfile

                return torch.load(Path(tempfile.gettempdir()) / "build-deep-always-the-same.pt")
            """,
            says="another checkpoint",
        ),
        wrong(
            "float16 to save space",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                small = {name: value.half() for name, value in state.items()}
                torch.save({"state": small, "velocity": velocity, "step": step}, path)


            def load_checkpoint(path):
                return torch.load(path)
            """,
            says="rounded",
        ),
        wrong(
            "float64 becomes float32",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                both = [{n: v.float() for n, v in part.items()} for part in (state, velocity)]
                torch.save({"state": both[0], "velocity": both[1], "step": step}, path)


            def load_checkpoint(path):
                return torch.load(path)
            """,
            says="rounded",
        ),
        wrong(
            "the step begins again at 0",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                torch.save({"state": state, "velocity": velocity}, path)


            def load_checkpoint(path):
                return torch.load(path) | {"step": 0}
            """,
            says="step",
        ),
        wrong(
            "an existing file is kept",
            """
            def save_checkpoint(path, state, velocity, step):
                if not Path(path).exists():
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    torch.save({"state": state, "velocity": velocity, "step": step}, path)


            def load_checkpoint(path):
                return torch.load(path)
            """,
            says="another checkpoint",
        ),
        wrong(
            "state and velocity exchanged",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                torch.save([velocity, state, step], path)


            def load_checkpoint(path):
                state, velocity, step = torch.load(path)
                return {"state": state, "velocity": velocity, "step": step}
            """,
            says="exchanged",
        ),
        wrong(
            "the whole optimiser's words for the keys",
            """
            def save_checkpoint(path, state, velocity, step):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                names = "model_state_dict", "optimizer_state_dict", "epoch"
                torch.save(dict(zip(names, (state, velocity, step))), path)


            def load_checkpoint(path):
                return torch.load(path)
            """,
            says='key "state"',
        ),
    ],
    "train-digits": [
        wrong(
            "never trained",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="guess",
        ),
        wrong(
            "PyTorch's layout is returned",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                return [p.detach().numpy() for p in model.parameters()]
            """,
            says="transpose",
        ),
        wrong(
            "a learning rate that is far too small",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy(X), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
                for _ in range(3):
                    for rows in torch.randperm(len(X)).split(50):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="train longer or faster",
        ),
        wrong(
            "each pixel standardised, and parameters for those inputs returned",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy((X - X.mean(0)) / (X.std(0) + 0.01)), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
                for _ in range(6):
                    for rows in torch.randperm(len(X)).split(50):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="another scale",
        ),
        wrong(
            "labels shuffled apart from the pictures",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy(X), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
                optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
                for _ in range(3):
                    X, y = X[torch.randperm(len(X))], y[torch.randperm(len(y))]
                    for start in range(0, len(X), 100):
                        optimiser.zero_grad()
                        logits = model(X[start : start + 100])
                        nn.functional.cross_entropy(logits, y[start : start + 100]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="paired",
        ),
        wrong(
            "only the weights are returned",
            """
            def train_digits(X, y, seed):
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                return [model[0].weight.detach().numpy().T, model[2].weight.detach().numpy().T]
            """,
            says="four arrays",
        ),
        wrong(
            "zero_grad forgotten with a large rate",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy(X), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
                optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
                for _ in range(2):
                    for rows in torch.randperm(len(X)).split(50):
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="accuracy|digits",
        ),
        wrong(
            "the rows are drawn with the seed, the start weights without",
            """
            def train_digits(X, y, seed):
                model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
                optimiser = torch.optim.Adam(model.parameters(), lr=0.002)
                for epoch in range(5):
                    for X_batch, y_batch in epoch_batches(X, y, 50, seed + epoch):
                        optimiser.zero_grad()
                        logits = model(torch.from_numpy(X_batch))
                        nn.functional.cross_entropy(logits, torch.from_numpy(y_batch)).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="before the model is made",
        ),
        wrong(
            "z-scored with MNIST's mean, not folded: good enough by luck",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy((X - 0.1307) / 0.3081), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
                for _ in range(8):
                    for rows in torch.randperm(len(X)).split(64):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="another scale",
        ),
        wrong(
            "scaled to −1 to 1, not folded",
            """
            def train_digits(X, y, seed):
                torch.manual_seed(seed)
                X, y = torch.from_numpy(2 * X - 1), torch.from_numpy(y)
                model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
                optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
                for _ in range(8):
                    for rows in torch.randperm(len(X)).split(64):
                        optimiser.zero_grad()
                        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                        optimiser.step()
                return [p.detach().numpy().T for p in model.parameters()]
            """,
            says="another scale",
        ),
        wrong(
            "Keras with its default loss on logits",
            """
            def train_digits(X, y, seed):
                keras.utils.set_random_seed(seed)
                hidden = layers.Dense(128, activation="relu")
                model = keras.Sequential([layers.Input((784,)), hidden, layers.Dense(10)])
                model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
                model.fit(X, y, batch_size=64, epochs=3, verbose=0)
                return model.get_weights()
            """,
            says="from_logits|guess",
        ),
    ],
}
