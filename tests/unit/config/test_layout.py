"""Where embedded services live."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from config.embedded.layout import SOCKET_PATH_MAX, SYSTEM_HOME, layout_for

SEGMENT = st.text(alphabet=st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(parts=st.lists(SEGMENT, max_size=8), as_root=st.booleans())
def test_a_socket_path_always_fits_its_address(parts: list[str], as_root: bool) -> None:
    layout = layout_for(Path("/", *parts), as_root=as_root)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", "valkey.sock"):
        assert len(os.fsencode(layout.sockets / name)) <= SOCKET_PATH_MAX


def test_an_ordinary_user_keeps_everything_in_the_data_folder() -> None:
    layout = layout_for(Path("/home/ada/drumbeat/var"), as_root=False)
    assert layout.home == Path("/home/ada/drumbeat/var")
    assert layout.sockets == Path("/home/ada/drumbeat/var/run")


def test_root_keeps_each_data_folder_apart_under_the_system_folder() -> None:
    one, two = layout_for(Path("/root/a/var"), as_root=True), layout_for(Path("/root/b/var"), as_root=True)
    assert one.home.parent == two.home.parent == SYSTEM_HOME
    assert one.home != two.home
    assert layout_for(Path("/root/a/var"), as_root=True) == one
