"""The contract of a file system that a store can lie on: whatever fsspec opens. See `nas.testing.store` for how it is used."""

from pathlib import Path

import pytest

from nas.files import Files


class FilesContract:
    """What `nas.files.Files` needs of every file system."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> Files:
        """Files under an empty root. To be overridden."""
        raise NotImplementedError("override the fixture `files`")

    def test_what_is_written_is_read(self, files: Files) -> None:
        files.write("a/b/c", b"hello")
        assert (files.read("a/b/c"), files.size("a/b/c")) == (b"hello", 5)
        assert ((files / "a").names(), (files / "a" / "b").read("c")) == (["b"], b"hello")

    def test_a_file_is_replaced(self, files: Files) -> None:
        files.write("a", b"old and long")
        files.write("a", b"new")
        assert (files.read("a"), files.size("a"), files.names()) == (b"new", 3, ["a"])

    def test_an_empty_file_is_a_file(self, files: Files) -> None:
        files.write("a", b"")
        assert (files.read("a"), files.size("a")) == (b"", 0)

    def test_what_is_not_there_has_no_size_and_no_names(self, files: Files) -> None:
        assert (files.size("a"), files.names(), (files / "a").names()) == (None, [], [])
        with pytest.raises(FileNotFoundError):
            files.read("a")

    def test_a_folder_has_no_size(self, files: Files) -> None:
        files.write("a/b", b"x")
        assert files.size("a") is None

    def test_files_and_folders_are_removed_also_twice(self, files: Files) -> None:
        for name in ("a/b", "a/c/d", "e", "f"):
            files.write(name, b"x")
        for name in ("a", "e", "a", "never"):
            files.remove(name)
        assert files.names() == ["f"]
