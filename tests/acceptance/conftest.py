"""A browser for what people see, as the page's own tests have it."""

from tests.web.conftest import browser, built_page

__all__ = ["browser", "built_page"]
