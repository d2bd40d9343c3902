"""What a figure means: a heading with its definition beside it, which shows on hover, on focus and on a tap.

Add here: how a definition is shown. Not here: what it says (`customer_terms`).
"""

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

ABOUT_STYLE = """
.si-defined { display: flex; align-items: center; gap: 6px; min-width: 0; }
.si-about { display: inline-flex; }
.si-about > button { width: 18px; height: 18px; border-radius: 50%; border: 1px solid currentColor; background: none;
                     font: italic 600 12px/1 Georgia, serif; color: #5f6678; cursor: help; padding: 0; flex: none; }
.body--dark .si-about > button { color: #98a0b3; }
.si-about > button:focus-visible { outline: 3px solid #4f46d9; outline-offset: 2px; }
.body--dark .si-about > button:focus-visible { outline-color: #aaa4ff; }
.si-about > .si-tip { display: none; position: absolute; z-index: 20; left: 10px; right: 10px; top: 46px;
                      padding: 10px 12px; border-radius: 10px; background: #20242f; color: #ffffff;
                      font-size: .85rem; line-height: 1.4; font-weight: 400; max-width: 34rem;
                      box-shadow: 0 6px 24px rgba(0, 0, 0, .3); }
.body--dark .si-about > .si-tip { background: #e9ebf2; color: #14161d; }
.si-about:hover > .si-tip, .si-about:focus-within > .si-tip { display: block; }
.si-card:has(.si-about) { position: relative; }
.si-card:has(.si-about:hover), .si-card:has(.si-about:focus-within) { z-index: 10; }
"""


def defined_heading(title: str, about: str, classes: str = "", level: int = 2) -> TextElement:
    """A heading of a card; `about` says what is meant. Escape hides it again."""
    with ui.element("div").classes("si-defined"):
        named = TextElement(tag=f"h{level}", text=title).classes(classes)
        with ui.element("span").classes("si-about"):
            button = ui.element("button").props("type=button")
            button.props["aria-label"] = f"What is meant: {title}"
            with button:
                TextElement(tag="span", text="i").props("aria-hidden=true")
            button.on("keydown.escape", js_handler="(event) => event.currentTarget.blur()")
            tip = ui.label(about).classes("si-tip").props("role=tooltip")
            button.props(f"aria-describedby={tip.html_id}")
    return named
