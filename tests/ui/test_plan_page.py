"""The page Planning in a browser: a plan is of the figures in its fields, or it is said what is wrong with them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from compare_pages import enter
from feedback_store.database import Database
from rounds.planning import ASSUMABLE

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


def test_a_figure_that_is_not_allowed_is_told_beside_its_field_and_dims_the_plan(
    study: Database, served: Callable, page
):
    address = served(study)
    enter(page, address)
    page.goto(f"{address.split('/login')[0]}/plan")
    labels = page.locator(".tm-plan-card", has_text="Labels to train on").locator(".tm-big")
    labels.wait_for()
    page.get_by_text("Assumptions", exact=True).click()
    plan = page.locator(".tm-remote", has=labels)
    field = {"ties": "Share of ties", "skips": "Share of skips", "seconds": "Seconds a judgment",
             "accuracy": "Accuracy of the reward", "agreement": "Agreement of two people"}  # fmt: skip
    inputs = {name: page.get_by_label(field[name], exact=True) for name in ASSUMABLE}
    ends = {name: tuple(float(each.get_attribute(end)) for end in ("min", "max")) for name, each in inputs.items()}
    assert ends == ASSUMABLE
    before = labels.inner_text()
    inputs["skips"].fill("0.95")
    expect(page.locator(".tm-field", has=inputs["skips"])).to_contain_text("not allowed. From 0 to 0.9.")
    expect(plan).to_have_attribute("data-stale", "")
    page.get_by_role("button", name="Reckon").click()
    expect(inputs["skips"]).to_be_focused()
    inputs["skips"].fill("0.125")
    expect(labels).not_to_have_text(before)
    expect(plan).not_to_have_attribute("data-stale", re.compile(""))
    expect(page.locator(".tm-field", has=inputs["skips"])).not_to_contain_text("not allowed")
    assert "skips=0.125" in page.url
    page.get_by_label("People", exact=True).fill("")
    expect(plan).to_have_attribute("data-stale", "")
