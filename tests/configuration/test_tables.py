from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.configuration.fields import leaves
from streams.configuration.settings import Settings
from streams.configuration.tables import account_table, destination_table, settings_table


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def test_every_setting_is_a_row_with_its_environment_name_and_default() -> None:
    rows = {row[0]: row for row in cells(settings_table())[2:]}

    assert set(rows) == {f"`{'.'.join(leaf.path)}`" for leaf in leaves(Settings)}
    assert rows["`http.port`"][1:3] == ["`STREAMS_HTTP_PORT`", "`8080`"]
    assert rows["`merge`"][3].endswith("One of `newest`, `precedence`.")


@pytest.mark.parametrize("table", [settings_table, destination_table, account_table])
def test_every_row_is_whole_and_tells_a_meaning(table: Callable[[], str]) -> None:
    rows = cells(table())

    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(row[-1] for row in rows)


def test_keys_inside_lists_and_mappings_are_rows_too() -> None:
    keys = [row[0] for row in cells(destination_table())]

    assert {
        "`account.httpEndpoint`",
        "`segments[].id`",
        "`customHeaders.*.secret`",
        "`delivery.retry.capSeconds`",
    } < set(keys)
