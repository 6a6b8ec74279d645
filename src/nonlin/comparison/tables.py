"""Tables: reading a CSV or Parquet file, and turning columns of any type into numbers that a network can take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nonlin.comparison.dates import dates_of
from nonlin.comparison.extras import require
from nonlin.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".pq")
MOST_CATEGORIES = 20  # of one column; rarer values share one, so that a column of names does not become the model
NEARLY_ALL = 0.8  # a text column with this share of numbers is a column of numbers with mistakes in it


def read_table(path: str | Path, target: str) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """The features and the target column of a CSV or Parquet file. Raises DataError, naming file, column and value."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such file: {str(path)!r}: check the path")
    table = _parquet(path) if path.suffix.lower() in PARQUET else _csv(path)
    return split_off(table, target, path.name, first=1 if path.suffix.lower() in PARQUET else 2)


def split_off(table: Any, target: str, name: str = "the table", first: int = 0) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """The other columns of a table and its target column; `first` is the number of its first row in messages."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise DataError(f"a target for data that is no table: {target!r} of {type(table).__name__}: give a DataFrame")
    if target not in table.columns:
        columns = [str(column) for column in table.columns]
        known = nearest(target, columns) or "it has " + ", ".join(columns[:10]) + (", ..." if columns[10:] else "")
        raise DataError(f"no such column in {name}: {target!r}: {known}")
    if table.empty:
        raise DataError(f"no rows: {name!r}: give a table with a header and rows")
    if len(table.columns) == 1:
        raise DataError(f"no column beside the target: {target!r}: give at least one feature")
    y = table[target]
    if not isinstance(y, pd.Series):
        raise DataError(f"column name used twice: {target!r}: give each column its own name")
    if y.isna().any():
        row = int(np.flatnonzero(y.isna().to_numpy())[0]) + first
        where = "line" if first == 2 else "row"  # the lines of a CSV count as an editor counts them: the header is 1
        raise DataError(f"missing target in {target!r}: {int(y.isna().sum())} rows, the first on {where} {row}: "
                        "remove those rows")  # fmt: skip
    if dates_of(y, target) is not None or pd.api.types.is_timedelta64_dtype(y):
        raise DataError(f"target of dates: {target!r}: make it a number, such as days from a fixed day")
    return table.drop(columns=target), _numbers(y, target)


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, skipinitialspace=True)
    except pd.errors.EmptyDataError:
        raise DataError(f"empty file: {str(path)!r}: give a CSV with a header and rows") from None
    except (pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"not a CSV file: {str(path)!r} ({reason}): give comma-separated text") from None


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    require("pyarrow")
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"not a Parquet file: {str(path)!r} ({reason}): write it again") from None
    for column in table.columns:
        if table[column].dtype == object and pd.api.types.infer_dtype(table[column]) == "decimal":
            table[column] = table[column].astype(float)
    return table.reset_index(drop=True)


def _numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """The column, once it is sure that it is not numbers with a few mistakes, which pandas reads as text."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return column
    known = column.dropna()
    wrong = known[pd.to_numeric(known, errors="coerce").isna()]
    if len(known) and 0 < len(wrong) <= (1 - NEARLY_ALL) * len(known):
        row = column.index.get_loc(wrong.index[0]) if column.index.is_unique else wrong.index[0]
        raise DataError(f"column {name!r} is numbers but for {len(wrong)} values, the first in row {row}: "
                        f"{str(wrong.iloc[0])!r}: correct them or leave them empty")  # fmt: skip
    return column


@dataclass(frozen=True)
class Encoder:
    """Fitted preprocessing: numbers are filled with the median and standardised, categories become one-hot."""

    columns: tuple[str, ...] | None  # None for a plain array
    pipeline: Any

    @classmethod
    def fitted_on(cls, x: Any) -> Encoder:
        """Preprocessing fitted on the training part alone, so that nothing of the other parts leaks into it."""
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        table, columns = _table(x)
        kept = [name for name in table.columns if table[name].notna().any()]  # an empty column says nothing
        numeric = [name for name in kept if _is_number(table[name])]
        named = [name for name in kept if name not in numeric]
        numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        # An unseen category in another part is encoded as the infrequent one.
        categories = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
        )
        if not kept:
            raise DataError("no column with a value in it: the features are empty: give at least one")
        steps = [("numbers", numbers, numeric), ("categories", categories, named)]
        pipeline = ColumnTransformer([step for step in steps if step[2]])
        pipeline.fit(_typed(table[kept], numeric))
        return cls(columns, (kept, numeric, pipeline))

    def applied(self, xs: list[Any]) -> list[np.ndarray[Any, Any]]:
        """Each part as a float32 array, one row a sample."""
        import warnings

        kept, numeric, pipeline = self.pipeline
        arrays: list[np.ndarray[Any, Any]] = []
        for x in xs:
            table, columns = _table(x)
            if columns != self.columns:
                raise DataError("the parts differ in their columns: give the same columns in each part")
            with warnings.catch_warnings():
                # A category that only another part has is expected; it is encoded as "none of the known".
                warnings.filterwarnings("ignore", message="Found unknown categories")
                arrays.append(np.asarray(pipeline.transform(_typed(table[kept], numeric)), dtype=np.float32))
        return arrays


def _table(x: Any) -> tuple[pd.DataFrame, tuple[str, ...] | None]:
    import pandas as pd

    if not isinstance(x, pd.DataFrame):
        x = pd.DataFrame(x)
        columns = None
    else:
        columns = tuple(str(name) for name in x.columns)
    x = x.set_axis([str(name) for name in x.columns], axis=1)
    if not x.columns.is_unique:
        twice = x.columns[x.columns.duplicated()][0]
        raise DataError(f"column name used twice: {twice!r}: give each column its own name")
    for name in x.columns:
        _numbers(x[name], name)
        if _is_number(x[name]) and np.isinf(x[name].to_numpy(dtype=float, na_value=np.nan)).any():
            raise DataError(f"infinite value in column: {name!r}: correct it or leave it empty")
    return x, columns


def _is_number(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _typed(table: pd.DataFrame, numeric: list[str]) -> pd.DataFrame:
    """Numbers as floats, the rest as text with a category of its own for what is missing."""
    columns = {
        name: table[name].astype(float)
        if name in numeric
        else table[name].astype(object).where(table[name].notna(), "missing").astype(str)
        for name in table.columns
    }
    import pandas as pd

    return pd.DataFrame(columns, index=table.index)
