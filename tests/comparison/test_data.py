"""What a comparison accepts as data, and what it says of data that it cannot use."""

import numpy as np
import pandas as pd
import pytest
import torch

from nonlin.comparison.data import MOST_CLASSES, Data, digits, prepare
from nonlin.comparison.metrics import METRICS, metric_named
from nonlin.comparison.tables import read_table
from nonlin.errors import DataError

RNG = np.random.default_rng(0)
X, CODES = RNG.normal(size=(60, 3)), np.arange(60) % 3
VALUES = X @ [1.0, -2.0, 0.5]
TABLE = pd.DataFrame(
    {
        "size": np.where(np.arange(60) % 7 == 0, np.nan, X[:, 0]),
        "colour": np.where(np.arange(60) % 5 == 0, None, np.array(["red", "green", "blue"])[CODES]),
        "empty": np.nan,
        "flag": np.arange(60) % 2 == 0,
    }
)


def parts(data: Data) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(p.x, p.y) for p in (data.train, data.validation, data.test)]


def same(a: Data, b: Data) -> bool:
    pairs = zip(parts(a), parts(b), strict=True)
    return all(np.array_equal(x, u) and np.array_equal(y, v) for (x, y), (u, v) in pairs)


# The forms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda: (X, CODES),
        lambda: [X.tolist(), CODES.tolist()],
        lambda: (torch.tensor(X), torch.tensor(CODES)),
        lambda: lambda: (X, CODES),
        lambda: (X, pd.Series(CODES)),
        lambda: (X, CODES[:, None]),
    ],
    ids=["arrays", "lists", "tensors", "function", "series", "column"],
)
def test_every_form_of_a_pair_is_the_same_data(form):
    assert same(prepare(form()), prepare((X, CODES)))


def test_three_pairs_are_kept_apart_and_in_order():
    pairs = tuple((X[rows], VALUES[rows]) for rows in (slice(0, 30), slice(30, 40), slice(40, 60)))
    made = prepare(pairs, tabular=False)
    for (x, y), (given_x, given_y) in zip(parts(made), pairs, strict=True):
        np.testing.assert_array_equal(x, given_x.astype(np.float32))
        np.testing.assert_array_equal(y, given_y)


def test_a_single_pair_is_split_without_loss_or_overlap_and_by_class():
    made = prepare((X, CODES), tabular=False)
    rows = np.concatenate([x for x, _ in parts(made)])
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(X.astype(np.float32), axis=0))
    assert [np.bincount(y).tolist() for _, y in parts(made)] == [[12] * 3, [4] * 3, [4] * 3]


def test_a_rare_class_is_in_every_part():
    made = prepare((X, np.array(["often"] * 57 + ["seldom"] * 3)))
    assert [set(y.tolist()) for _, y in parts(made)] == [{0, 1}] * 3


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (CODES, "classification"),
        (np.array(["a", "b"])[CODES % 2], "classification"),
        (CODES == 0, "classification"),
        (pd.Series(CODES % 2).map({0: "no", 1: "yes"}).astype("category"), "classification"),
        (np.arange(60) % (MOST_CLASSES + 1), "regression"),
        (VALUES, "regression"),
        (CODES.astype(float), "regression"),
    ],
)
def test_the_task_is_read_from_the_target(y, task):
    assert prepare((X, y)).task == task


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda m: m.name)
def test_the_metric_overrides_the_task(metric):
    assert prepare((X, CODES), metric).task == metric.task


# Tables ------------------------------------------------------------------------------------------------------------


def test_a_table_becomes_finite_standardised_numbers():
    made = prepare((TABLE, CODES))
    for x, _ in parts(made):
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
    # size and whether it was missing; red, green, blue and missing; False and True; nothing of the empty column
    assert made.train.x.shape[1] == 2 + 4 + 2
    np.testing.assert_allclose(made.train.x[:, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(made.train.x[:, :2].std(axis=0), 1, atol=1e-5)


def test_preprocessing_is_fitted_on_the_training_part_alone():
    pairs = [(TABLE.iloc[r], VALUES[r]) for r in (slice(0, 30), slice(30, 45), slice(45, 60))]
    there = prepare(tuple(pairs))
    pairs[2] = (TABLE.iloc[45:60].assign(size=1000.0, colour="never seen"), VALUES[45:60])
    changed = prepare(tuple(pairs))
    for a, b in zip(parts(there)[:2], parts(changed)[:2], strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    assert np.isfinite(changed.test.x).all()


def test_the_hash_changes_with_a_single_number():
    changed = X.copy()
    changed[7, 1] += 1e-3
    hashes = {prepare((x, y)).facts["sha256"] for x, y in ((X, CODES), (changed, CODES), (X, CODES[::-1]))}
    assert len(hashes) == 3
    assert prepare((X, CODES)).facts == prepare((X.copy(), CODES.copy())).facts


def test_digits_are_whole():
    made = digits()
    assert sum(len(y) for _, y in parts(made)) == 1797
    assert made.outputs == 10


# Bad input ---------------------------------------------------------------------------------------------------------

PAIRS = {
    "not data": (3, "int"),
    "four parts": ((1, 2, 3, 4), "4 parts"),
    "lengths differ": ((X, CODES[:-1]), "60 and 59"),
    "empty": ((X[:0], CODES[:0]), "no samples"),
    "one class": ((X, np.zeros(60, int)), "one class: 0"),
    "one value": ((X, np.full(60, 2.5)), "one value: 2.5"),
    "more classes than samples": ((X[:4], np.array(list("abcd"))), "4 classes: 4"),
    "rare class": ((X, np.array(["a"] * 58 + ["b"] * 2)), "'b' has 2"),
    "nan in target": ((X, np.where(np.arange(60) == 5, np.nan, VALUES)), "1 rows, the first 5"),
    "None in target": ((X, np.array([*list("ab") * 29, None, "a"], object)), "1 rows, the first 58"),
    "infinity in target": ((X, np.where(np.arange(60) == 5, np.inf, VALUES)), "row 5"),
    "text in an array": ((np.array([["a"]] * 60), CODES), "dtype <U1"),
    "complex": ((X * 1j, CODES), "complex128"),
    "ragged": (([[1.0], [1.0, 2.0]] * 30, CODES), "rows of equal length"),
    "two targets": ((X, X[:, :2]), "(60, 2)"),
    "infinity in a table": ((TABLE.assign(size=np.inf), CODES), "'size'"),
    "nothing in a table": ((TABLE[["empty"]], CODES), "no column with a value"),
    "a column twice": ((TABLE.set_axis(["a", "a", "b", "c"], axis=1), CODES), "'a'"),
    "numbers with a mistake": ((TABLE.assign(size=["12x", *map(str, range(59))]), CODES), "'12x'"),
    "other columns": (((TABLE, CODES), (TABLE, CODES), (TABLE[["size", "flag"]], CODES)), "same columns"),
    "class only in test": (((X, CODES % 2), (X, CODES), (X, CODES)), "'2'"),
}


@pytest.mark.parametrize(("data", "named"), PAIRS.values(), ids=PAIRS)
def test_bad_data_is_one_line_that_names_it(data, named):
    with pytest.raises(DataError) as caught:
        prepare(data)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_of_ones_own_gets_no_nan():
    holed = X.copy()
    holed[3, 0] = np.nan
    assert np.isfinite(prepare((holed, CODES)).train.x).all()
    with pytest.raises(DataError, match="nan"):
        prepare((holed, CODES), tabular=False)


def test_a_metric_that_does_not_fit_or_is_not_there():
    with pytest.raises(DataError, match=r"'accuracy'\?"):
        metric_named("acuracy")
    with pytest.raises(DataError, match="'r2'"):
        prepare(digits(), METRICS["r2"])
    with pytest.raises(DataError, match="not numeric: 'a'"):
        prepare((X, np.array(["a", "b"])[CODES % 2]), METRICS["r2"])


FILES = {
    "absent column": (b"size,price\n1,2\n3,4\n", "prise", "'price'?"),
    "no near column": (b"size,price\n1,2\n3,4\n", "zzz", "it has size, price"),
    "empty": (b"", "y", "empty file"),
    "header only": (b"x,y\n", "y", "no rows"),
    "target only": (b"y\n1\n2\n", "y", "no column beside"),
    "missing target": (b"x,y\n1,2\n2,\n3,4\n", "y", "line 3"),
    "not text": (b"\xff\xfe\x00\x01\x9c" * 40, "y", "not a CSV"),
    "ragged": (b"x,y\n1,2\n1,2,3,4\n", "y", "not a CSV"),
    "junk among numbers": (b"x,y\n" + b"".join(b"%d,%d\n" % (i, i) for i in range(30)) + b"4,oops\n", "y", "'oops'"),
}


@pytest.mark.parametrize(("content", "target", "named"), FILES.values(), ids=FILES)
def test_a_bad_csv_is_one_line_that_names_it(tmp_path, content, target, named):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(path, target)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_csv_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no such file: .*absent\.csv"):
        read_table(tmp_path / "absent.csv", "y")
