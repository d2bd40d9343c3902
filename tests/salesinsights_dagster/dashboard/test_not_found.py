"""What an address answers that does not exist."""

import json
import urllib.request
from urllib.error import HTTPError

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect


def test_an_address_that_does_not_exist_shows_the_way_to_the_pages(dashboard: str, page: Page) -> None:
    answer = page.goto(f"{dashboard}/prodcut?theme=dark")

    expect(page.get_by_text("There is no page at this address")).to_be_visible()
    assert answer is not None
    assert answer.status == 404
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name="Product").click()
    expect(page).to_have_url(f"{dashboard}/product")


def test_an_address_of_the_api_that_does_not_exist_answers_in_json(dashboard: str) -> None:
    with pytest.raises(HTTPError, match="404") as refused:
        urllib.request.urlopen(f"{dashboard}/api/top-product")

    assert json.load(refused.value) == {"detail": "no such address: /openapi.json lists them"}
