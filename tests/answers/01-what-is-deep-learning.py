"""Right and wrong answers to assignment 01."""

from tests.answers import right, wrong

RIGHT = {
    "percent": [
        right("as written", "def percent(part, whole):\n    return 100 * part / whole"),
        right("share first", "def percent(part, whole):\n    return part / whole * 100"),
        right(
            "NumPy number",
            "def percent(part, whole):\n    return np.float64(part) / np.float64(whole) * 100",
        ),
        right(
            "divide by one percent",
            """
            def percent(part, whole):
                one_percent = whole / 100
                return part / one_percent
            """,
        ),
    ],
    "baseline-accuracy": [
        right(
            "bincount",
            """
            def baseline_accuracy(y_train, y_test):
                return (y_test == np.bincount(y_train).argmax()).mean()
            """,
        ),
        right(
            "loops and a dictionary",
            """
            def baseline_accuracy(y_train, y_test):
                counts = {}
                for label in sorted(y_train):
                    counts[label] = counts.get(label, 0) + 1
                answer = max(counts, key=counts.get)
                correct = 0
                for label in y_test:
                    if label == answer:
                        correct += 1
                return correct / len(y_test)
            """,
        ),
        right(
            "unique",
            """
            def baseline_accuracy(y_train, y_test):
                labels, counts = np.unique(y_train, return_counts=True)
                return np.count_nonzero(y_test == labels[np.argmax(counts)]) / len(y_test)
            """,
        ),
        right(
            "pandas",
            """
            import pandas as pd

            def baseline_accuracy(y_train, y_test):
                return np.float32((pd.Series(y_test) == pd.Series(y_train).mode()[0]).mean())
            """,
        ),
    ],
    "zero-or-one": [
        right(
            "ink in the middle",
            "def zero_or_one(picture):\n    return int(picture[3:5, 3:5].mean() > 0.4)",
        ),
        right(
            "a truth value",
            "def zero_or_one(picture):\n    return picture[2:6, 3:5].mean() >= 0.4",
        ),
        right(
            "middle against sides, as a float",
            """
            def zero_or_one(picture):
                middle = picture[3:5, 3:5].mean()
                sides = (picture[2:6, 1:3].mean() + picture[2:6, 5:7].mean()) / 2
                return 1.0 if middle > sides else 0.0
            """,
        ),
        right(
            "loops",
            """
            def zero_or_one(picture):
                total = 0
                for row in range(3, 5):
                    for column in range(3, 5):
                        total += picture[row][column]
                if total / 4 > 0.35:
                    return 1
                else:
                    return 0
            """,
        ),
    ],
    "asymmetry": [
        right(
            "fliplr",
            "def asymmetry(picture):\n    return np.abs(picture - np.fliplr(picture)).mean()",
        ),
        right(
            "loops",
            """
            def asymmetry(picture):
                total = 0.0
                for row in picture:
                    for j in range(len(row)):
                        total += abs(row[j] - row[len(row) - 1 - j])
                return total / (len(picture) * len(picture[0]))
            """,
        ),
        right(
            "maximum minus minimum, float32",
            """
            def asymmetry(picture):
                mirror = np.flip(picture, axis=1)
                spread = np.maximum(picture, mirror) - np.minimum(picture, mirror)
                return np.float32(spread.sum() / picture.size)
            """,
        ),
        right(
            "half the columns, twice",
            """
            def asymmetry(picture):
                half = picture.shape[1] // 2
                left, right = picture[:, :half], picture[:, ::-1][:, :half]
                return 2 * np.sum(np.abs(left - right)) / picture.size
            """,
        ),
    ],
    "choose-model": [
        right(
            "comprehensions",
            """
            def choose_model(scores, seconds, tolerance):
                means = {name: sum(v) / len(v) for name, v in scores.items()}
                best = max(means.values())
                return min((seconds[n], n) for n in means if best - means[n] <= tolerance)[1]
            """,
        ),
        right(
            "loops",
            """
            def choose_model(scores, seconds, tolerance):
                best = -float("inf")
                for name in scores:
                    best = max(best, np.mean(scores[name]))
                choice = None
                for name in scores:
                    if np.mean(scores[name]) >= best - tolerance:
                        if choice is None or seconds[name] < seconds[choice]:
                            choice = name
                return choice
            """,
        ),
        right(
            "sorted by time, first good enough",
            """
            def choose_model(scores, seconds, tolerance):
                best = max(np.mean(values) for values in scores.values())
                for name in sorted(seconds, key=seconds.get):
                    if np.mean(scores[name]) + tolerance >= best:
                        return name
            """,
        ),
        right(
            "arrays; a NumPy text",
            """
            def choose_model(scores, seconds, tolerance):
                names = np.array(list(scores))
                means = np.array([np.mean(scores[name]) for name in names])
                times = np.array([seconds[name] for name in names])
                times[means < means.max() - tolerance] = np.inf
                return names[np.argmin(times)]
            """,
        ),
    ],
}

WRONG = {
    "percent": [
        wrong("share", "def percent(part, whole):\n    return part / whole", says="hundredths"),
        wrong(
            "exchanged",
            "def percent(part, whole):\n    return 100 * whole / part",
            says="exchanged",
        ),
        wrong(
            "print instead of return",
            "def percent(part, whole):\n    print(100 * part / whole)",
            says="returned nothing",
        ),
        wrong(
            "whole division",
            "def percent(part, whole):\n    return 100 * (part // whole)",
            says="//",
        ),
        wrong(
            "hard-coded to the example",
            "def percent(part, whole):\n    return 75.0",
            says="expected",
        ),
        wrong(
            "rounded",
            "def percent(part, whole):\n    return round(100 * part / whole)",
            says="round",
        ),
        wrong(
            "cut at 100",
            "def percent(part, whole):\n    return min(100, 100 * part / whole)",
            says="cut at 100",
        ),
        wrong(
            "a text",
            "def percent(part, whole):\n    return f'{100 * part / whole} %'",
            says="a text",
        ),
        wrong(
            "what is missing",
            "def percent(part, whole):\n    return 100 * (whole - part) / whole",
            says="missing",
        ),
    ],
    "baseline-accuracy": [
        wrong(
            "the largest training label",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_test == y_train.max())
            """,
            says="or the largest",
        ),
        wrong(
            "the first training label",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_test == y_train[0])
            """,
            says="first or the last",
        ),
        wrong(
            "answer chosen on the test",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_test == np.bincount(y_test).argmax())
            """,
            says="only the training labels",
        ),
        wrong(
            "judged on the training labels",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_train == np.bincount(y_train).argmax())
            """,
            says="judge on y_test",
        ),
        wrong(
            "returns the label",
            "def baseline_accuracy(y_train, y_test):\n    return np.bincount(y_train).argmax()",
            says="answer itself",
        ),
        wrong(
            "a count",
            """
            def baseline_accuracy(y_train, y_test):
                return np.sum(y_test == np.bincount(y_train).argmax())
            """,
            says="number of right answers",
        ),
        wrong(
            "percent",
            """
            def baseline_accuracy(y_train, y_test):
                return 100 * np.mean(y_test == np.bincount(y_train).argmax())
            """,
            says="percent",
        ),
        wrong(
            "share of wrong answers",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_test != np.bincount(y_train).argmax())
            """,
            says="share of wrong",
        ),
        wrong(
            "divided by the training rows",
            """
            def baseline_accuracy(y_train, y_test):
                return np.sum(y_test == np.bincount(y_train).argmax()) / len(y_train)
            """,
            says="number of training rows",
        ),
        wrong(
            "largest label on a tie",
            """
            def baseline_accuracy(y_train, y_test):
                counts = np.bincount(y_train)
                return np.mean(y_test == len(counts) - 1 - counts[::-1].argmax())
            """,
            says="smallest",
        ),
        wrong(
            "largest label instead of the most frequent",
            """
            def baseline_accuracy(y_train, y_test):
                return np.mean(y_test == y_train.argmax())
            """,
            says="most frequent",
        ),
    ],
    "zero-or-one": [
        wrong("always 1", "def zero_or_one(picture):\n    return 1", says="same answer"),
        wrong(
            "exchanged",
            "def zero_or_one(picture):\n    return 0 if picture[3:5, 3:5].mean() > 0.4 else 1",
            says="exchanged",
        ),
        wrong(
            "returns the measure, not the answer",
            "def zero_or_one(picture):\n    return picture[3:5, 3:5].mean()",
            says="0 or 1",
        ),
        wrong(
            "one answer for each pixel",
            "def zero_or_one(picture):\n    return picture[3:5, 3:5] > 0.4",
            says="one for the whole picture",
        ),
        wrong(
            "total ink does not tell",
            "def zero_or_one(picture):\n    return 1 if picture.mean() > 0.3 else 0",
            says="middle of a 0",
        ),
        wrong(
            "the corner holds no ink",
            "def zero_or_one(picture):\n    return 1 if picture[0, 0] > 0 else 0",
            says="same answer|middle of a 0",
        ),
        wrong(
            "limit for pixels from 0 to 16",
            "def zero_or_one(picture):\n    return 1 if picture[3:5, 3:5].mean() > 8 else 0",
            says="same answer",
        ),
        wrong(
            "print instead of return",
            "def zero_or_one(picture):\n    print(int(picture[3:5, 3:5].mean() > 0.4))",
            says="returned nothing",
        ),
        wrong(
            "guesses",
            "def zero_or_one(picture):\n    return np.random.default_rng().integers(0, 2)",
            says="middle of a 0|guessing",
        ),
    ],
    "asymmetry": [
        wrong(
            "only half of the columns",
            """
            def asymmetry(picture):
                half = picture.shape[1] // 2
                return np.mean(np.abs(picture[:, :half] - picture[:, ::-1][:, :half]))
            """,
            says="compare each pixel",
        ),
        wrong(
            "top and bottom",
            "def asymmetry(picture):\n    return np.mean(np.abs(picture - picture[::-1]))",
            says="top and bottom",
        ),
        wrong(
            "signs cancel",
            "def asymmetry(picture):\n    return np.mean(picture - picture[:, ::-1])",
            says="signs",
        ),
        wrong(
            "sum",
            "def asymmetry(picture):\n    return np.sum(np.abs(picture - picture[:, ::-1]))",
            says="mean",
        ),
        wrong(
            "squares",
            "def asymmetry(picture):\n    return np.mean((picture - picture[:, ::-1]) ** 2)",
            says="squared",
        ),
        wrong(
            "turned by 180 degrees",
            "def asymmetry(picture):\n    return np.mean(np.abs(picture - picture[::-1, ::-1]))",
            says="180",
        ),
        wrong(
            "half the differences",
            """
            def asymmetry(picture):
                half = picture.shape[1] // 2
                difference = picture[:, :half] - picture[:, ::-1][:, :half]
                return np.abs(difference).sum() / picture.size
            """,
            says="one half",
        ),
        wrong(
            "a row of numbers",
            """
            def asymmetry(picture):
                return np.mean(np.abs(picture - picture[:, ::-1]), axis=1)
            """,
            says="one number",
        ),
        wrong(
            "works for squares only",
            """
            def asymmetry(picture):
                H, W = picture.shape
                return np.mean(np.abs(picture - picture[:, ::-1])) * H / W
            """,
            says="expected",
        ),
        wrong(
            "overwrites the picture",
            """
            def asymmetry(picture):
                picture -= picture[:, ::-1].copy()
                return np.mean(np.abs(picture))
            """,
            says="changed|in place|copy",
        ),
        wrong(
            "transposed: square pictures only",
            "def asymmetry(picture):\n    return np.mean(np.abs(picture - picture.T))",
            says="shape|broadcast",
        ),
    ],
    "choose-model": [
        wrong(
            "best score, whatever it costs",
            """
            def choose_model(scores, seconds, tolerance):
                return max(scores, key=lambda name: np.mean(scores[name]))
            """,
            says="whatever it costs",
        ),
        wrong(
            "fastest of all",
            """
            def choose_model(scores, seconds, tolerance):
                return min(seconds, key=seconds.get)
            """,
            says="good enough or not",
        ),
        wrong(
            "best single run",
            """
            def choose_model(scores, seconds, tolerance):
                best = {name: max(values) for name, values in scores.items()}
                good = [n for n in best if best[n] >= max(best.values()) - tolerance]
                return min(good, key=seconds.get)
            """,
            says="means",
        ),
        wrong(
            "first run only",
            """
            def choose_model(scores, seconds, tolerance):
                first = {name: values[0] for name, values in scores.items()}
                good = [n for n in first if first[n] >= max(first.values()) - tolerance]
                return min(good, key=seconds.get)
            """,
            says="first run",
        ),
        wrong(
            "slowest of the good",
            """
            def choose_model(scores, seconds, tolerance):
                means = {name: np.mean(values) for name, values in scores.items()}
                good = [n for n in means if means[n] >= max(means.values()) - tolerance]
                return max(good, key=seconds.get)
            """,
            says="slowest",
        ),
        wrong(
            "returns the time",
            """
            def choose_model(scores, seconds, tolerance):
                means = {name: np.mean(values) for name, values in scores.items()}
                good = [n for n in means if means[n] >= max(means.values()) - tolerance]
                return min(seconds[n] for n in good)
            """,
            says="name",
        ),
        wrong(
            "score per second",
            """
            def choose_model(scores, seconds, tolerance):
                return max(scores, key=lambda name: np.mean(scores[name]) / seconds[name])
            """,
            says="good enough",
        ),
        wrong(
            "hard-coded to the example",
            "def choose_model(scores, seconds, tolerance):\n    return 'small'",
            says="expected",
        ),
    ],
}
