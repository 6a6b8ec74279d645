"""What a comparison accepts as data, and what it says of data that it cannot use."""

import sys
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

from nonlin.comparison.data import MOST_CLASSES, Data, prepare
from nonlin.comparison.dates import with_dates
from nonlin.comparison.metrics import METRICS, default_metric, metric_named
from nonlin.comparison.sources import digits, read
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


def test_mixed_columns_come_from_parquet_as_from_csv(tmp_path):
    table = TABLE.assign(when=pd.Timestamp("2024-02-28") + pd.to_timedelta(CODES, "D"), y=CODES)
    table.to_csv(tmp_path / "table.csv", index=False)
    table.to_parquet(tmp_path / "table.parquet")
    assert same(*(read(tmp_path / f"table.{kind}", "y", None, True) for kind in ("csv", "parquet")))
    assert same(read(table, "y", None, True), read(tmp_path / "table.parquet", "y", None, True))


def test_what_only_parquet_has(tmp_path):
    """Days, decimals, durations, whole numbers with holes."""
    days = [date(2024, 1, 1 + i % 28) for i in range(60)]
    table = pd.DataFrame(
        {
            "day": days,
            "price": [Decimal(i) / 4 for i in range(60)],
            "wait": pd.to_timedelta(np.arange(60), "h"),
            "count": pd.array([None, *range(59)], dtype="Int64"),
            "y": CODES,
        }
    )
    table.to_parquet(tmp_path / "table.parquet")
    made = read(tmp_path / "table.parquet", "y", None, True)
    # the day's number and three phases of two waves, the price, the wait, the count and whether it was missing
    assert made.train.x.shape[1] == 7 + 1 + 1 + 2
    assert all(np.isfinite(x).all() for x, _ in parts(made))


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2023-12-31", periods=60, freq="D"),
        pd.date_range("2023-12-31", periods=60, freq="D", tz="Asia/Tokyo"),
        pd.date_range("2023-12-31", periods=60, freq="D").strftime("%Y-%m-%d"),
        pd.period_range("2023-12-31", periods=60, freq="D"),
    ],
    ids=["dates", "time zone", "text", "periods"],
)
def test_dates_are_days_and_phases(dates):
    numbers = with_dates(pd.DataFrame({"when": dates}))
    assert list(np.diff(numbers["when days"])) == [1.0] * 59
    for period in ("year", "week", "day"):
        radius = numbers[f"when {period} sin"] ** 2 + numbers[f"when {period} cos"] ** 2
        np.testing.assert_allclose(radius, 1)
    week = numbers[["when week sin", "when week cos"]].to_numpy()
    np.testing.assert_allclose(week[:-7], week[7:], atol=1e-9)


def test_a_missing_date_is_said_once():
    dates = pd.Series(pd.date_range("2024-01-01", periods=60)).where(np.arange(60) % 6 != 0)
    numbers = with_dates(pd.DataFrame({"when": dates}))
    assert numbers.isna().sum().to_dict() == {name: 10 if name == "when days" else 0 for name in numbers.columns}
    assert np.isfinite(prepare((pd.DataFrame({"when": dates}), CODES)).train.x).all()


def test_text_that_only_looks_like_dates_stays_text():
    for text in ("3/4/2021", "2021", "12-2021", "a 2021-03-04"):
        column = pd.DataFrame({"c": [text] * 60})
        assert with_dates(column).equals(column)


@pytest.mark.parametrize(("rare", "metric"), [(20, "accuracy"), (6, "balanced_accuracy")])
def test_uneven_classes_are_scored_evenly(rare, metric):
    made = prepare((X, np.where(np.arange(60) < rare, "rare", "often")))
    assert default_metric(made.task, made.imbalance).name == metric


def test_numbers_are_scored_by_r2():
    made = prepare((X, VALUES))
    assert default_metric(made.task, made.imbalance).name == "r2"


def test_a_function_by_its_name_gives_the_data(tmp_path, monkeypatch):
    (tmp_path / "data_of_mine.py").write_text("import numpy as np\ndef make(): return np.eye(60), np.arange(60) % 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = read("data_of_mine:make", None, None, False)
    assert (made.name, made.outputs) == ("data_of_mine:make", 3)


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
    "dates with a mistake": ((TABLE.assign(d=["2024-01-01"] * 59 + ["2024-13-01"]), CODES), "'2024-13-01'"),
    "a function that raises": ((lambda: 1 / 0), "raised ZeroDivisionError: division by zero (test_data.py, line"),
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


WRONG_SOURCES = {
    "no target": ("table.csv", None, "no target for the data: 'table.csv'"),
    "a misspelt set": ("mnist5", None, "'mnist5k'?"),
    "target of a function": ("module:data", "y", "target for a function: 'y'"),
    "target of arrays": ((X, CODES), "y", "a target for data that is no table: 'y' of tuple"),
    "no module": ("no_such_module:data", None, "no such module: 'no_such_module'"),
    "no name in it": ("math:pie", None, "'pi'?"),
    "no table": (TABLE, "colours", "no such column in the table: 'colours': did you mean 'colour'?"),
    "dates": (TABLE.assign(d=pd.Timestamp("2024-01-01")), "d", "target of dates: 'd'"),
}


@pytest.mark.parametrize(("data", "target", "said"), WRONG_SOURCES.values(), ids=WRONG_SOURCES)
def test_a_source_that_is_none_is_one_line_that_names_it(data, target, said):
    with pytest.raises(DataError) as caught:
        read(data, target, None, True)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", ["import no_such_package", "1 / 0", "def broken(:"])
def test_a_module_that_cannot_be_imported_is_named_with_the_reason(tmp_path, monkeypatch, code):
    (tmp_path / "broken_module.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(DataError, match=r"broken_module cannot be imported: .*(no_such_package|division|syntax)"):
        read("broken_module:data", None, None, True)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"x,y\n1,2\n")
    with pytest.raises(DataError, match=r"not a Parquet file: .*table\.parquet"):
        read(tmp_path / "table.parquet", "y", None, True)
