"""The book as a whole: book/ is what lessons/ say."""

import publish


class TestPages:
    def test_book_is_as_publishing_leaves_it(self):
        complaints = publish.check()
        assert not complaints, "\n" + "\n".join(complaints)
