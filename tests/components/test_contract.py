"""Contracts of tables, in the words of ODCS."""

from __future__ import annotations

import pytest

from components.contract import Column, Table


def test_a_table_has_each_column_once() -> None:
    columns = (Column(name="id", logicalType="integer"), Column(name="id", logicalType="string"))
    with pytest.raises(ValueError, match="column `id` stands twice"):
        Table(name="orders", properties=columns)
    assert Table(name="orders", properties=columns[:1]).properties[0].required is False
