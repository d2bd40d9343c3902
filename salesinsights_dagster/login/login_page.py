"""The page to log in on. It loads nothing and runs no script, so whoever is not known is served no more than this.

Add here: what it says. Not here: what its form leads to (`user_login`, `oidc`).
"""

from html import escape
from urllib.parse import quote

from starlette.responses import HTMLResponse

from salesinsights_dagster.login.rules import LOGIN, PROVIDER

_PAGE = """<!DOCTYPE html>
<html lang="en-US">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · SalesInsights</title>
<style>
:root {{ color-scheme: light dark; --back: #f5f6fa; --card: #fff; --text: #20242f; --bad: #952222; }}
@media (prefers-color-scheme: dark) {{ :root {{ --back: #0f1117; --card: #181b24; --text: #e6e8ef; --bad: #f59a9a; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
        font: 16px/1.5 Inter, system-ui, sans-serif; }}
main {{ background: var(--card); border-radius: 14px; padding: 28px; width: min(320px, 100vw - 88px); }}
h1 {{ font-size: 1.25rem; margin: 0 0 12px; }}
label {{ display: block; margin-top: 12px; }}
input, button, a {{ width: 100%; box-sizing: border-box; font: inherit; border-radius: 8px; }}
input {{ padding: 8px; border: 1px solid #848b9b; }}
button, a {{ display: block; margin-top: 20px; padding: 10px; border: 0; background: #5a50e0; color: #fff;
             text-align: center; text-decoration: none; }}
:focus-visible {{ outline: 3px solid #848b9b; outline-offset: 2px; }}
p {{ color: var(--bad); margin: 0; }}
</style>
</head>
<body><main><h1>SalesInsights</h1>{said}{body}</main></body>
</html>
"""

_FORM = """<form method="post" action="{action}">
<input type="hidden" name="next" value="{next}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" required autofocus value="{name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Log in</button>
</form>"""

_HEADERS = {"cache-control": "no-store"}


def ask_password(then: str, said: str = "", name: str = "", status: int = 200) -> HTMLResponse:
    """The form for name and password; `then` is where it leads, `said` what was wrong before."""
    return _page(_FORM.format(action=LOGIN, next=escape(then), name=escape(name)), said, status)


def ask_provider(then: str, said: str = "", status: int = 200) -> HTMLResponse:
    """The link to the provider."""
    return _page(f'<a href="{PROVIDER}/start?next={quote(then, safe="")}">Log in</a>', said, status)


def own_place(then: str) -> str:
    """Where to go after the login: a place of ours, or the first page."""
    is_ours = then.startswith("/") and not then.startswith("//") and "\\" not in then and then.isprintable()
    return then if is_ours else "/"


def _page(body: str, said: str, status: int) -> HTMLResponse:
    alert = f'<p role="alert">{escape(said)}</p>' if said else ""
    return HTMLResponse(_PAGE.format(said=alert, body=body), status, _HEADERS)
